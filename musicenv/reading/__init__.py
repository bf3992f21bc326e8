"""Music that people bring: their files become melodies.

tune = read("my_tune.mid")
task = tune.task
env = gymnasium.make(
    "musicenv:Melody-v0", opening=opening(tune.melody, bars=2), key=task.key, metre=task.metre, pickup=task.pickup
)
"""

from musicenv.reading.files import Imported, read
from musicenv.reading.problem import ImportProblem
from musicenv.reading.uses import cantus_firmus, opening

__all__ = ["ImportProblem", "Imported", "cantus_firmus", "opening", "read"]
