"""Distributions over notes in compiled code."""

import os
import subprocess
import sys
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


def test_the_exponential_is_exact_whoever_compiles_it_first(tmp_path: Path) -> None:
    """Not with its caller's leave to change the order of sums, which would undo its rounding."""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ORDER], check=True, env=environment)
