"""What all tests share."""

import os

# One thread: what tests compute is small, and on a busy machine threads wait for each other.
os.environ["OMP_NUM_THREADS"] = "1"

from hypothesis import settings

# No deadline: the first example may compile.  The same examples each time: a red run can be run again.
settings.register_profile("musicenv", deadline=None, derandomize=True, database=None)
settings.load_profile("musicenv")
