"""What all tests share."""

from hypothesis import settings

# No deadline: the first example may compile.  The same examples each time: a red run can be run again.
settings.register_profile("musicenv", deadline=None, derandomize=True, database=None)
settings.load_profile("musicenv")
