"""Distributions over notes in compiled code."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

ORDER = """
import numpy as np
from agents.distributions import normalise
x, p, power = np.linspace(-3, 3, 310, dtype=np.float32), np.empty(310, np.float32), np.empty(310, np.int32)
normalise(x, p, power)  # sums in any order, and the first to compile the exponential
from musicenv.exponential import exponential
y = np.linspace(-20, 20, 310, dtype=np.float32)
expected = np.exp(y.astype(np.float64))
exponential(y, power)
np.testing.assert_allclose(y, expected, rtol=1e-6)
assert abs(p.sum() - 1) < 1e-5
"""


BITS = """
import numpy as np
from agents.distributions import choose, restrict, surrogate
rng = np.random.default_rng(0)
seen = rng.normal(size=(64, 320)).astype(np.float32)
seen[:, :10] = seen[:, :10] > -1
prior, actions, played = np.empty((64, 310), np.float32), np.empty(64, np.int64), np.empty((2, 64), np.float32)
restrict(seen, 0, 10, 0.002, prior)
correction, level = rng.normal(size=(2, 64, 310)).astype(np.float32), rng.random(64).astype(np.float32)
choose(correction[0], prior, level, False, actions, *played)
price = np.full(64, 0.3, dtype=np.float32)
surrogate(correction[1], prior, np.arange(64), actions, played[0], seen[:, 11].copy(), 0.2, price, 0.1, 64)
print(prior.tobytes().hex(), played.tobytes().hex(), correction[1].tobytes().hex())
"""


def test_a_process_that_compiles_finds_the_bits_of_one_that_has_it_in_the_cache(tmp_path: Path) -> None:
    """So that a run on a fresh machine is the run that anybody repeats there."""
    environment = {**os.environ, "MUSICENV_CACHE": str(tmp_path)}
    run = partial(subprocess.run, [sys.executable, "-c", BITS], check=True, env=environment, capture_output=True)
    assert run().stdout == run().stdout != b""


def test_the_exponential_is_exact_whoever_compiles_it_first(tmp_path: Path) -> None:
    """Not with its caller's leave to change the order of sums, which would undo its rounding."""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ORDER], check=True, env=environment)
