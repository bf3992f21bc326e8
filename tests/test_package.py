"""The packages keep to themselves: importing does nothing that was not asked for."""

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("musicenv", "rewards", "agents", "mcts", "experiments")

IMPORT = """
import json, random, sys, threading, warnings
import gymnasium, numpy
before = set(gymnasium.registry), set(sys.modules), random.getstate(), str(numpy.random.get_state())
filters = list(warnings.filters)
import {package}
print(json.dumps(dict(
    registered=sorted(set(gymnasium.registry) - before[0]),
    loaded=sorted({{name.split(".")[0] for name in set(sys.modules) - before[1]}}),
    random=(random.getstate(), str(numpy.random.get_state())) == before[2:],
    filters=warnings.filters == filters,
    threads=threading.active_count(),
)))
"""


def run(code, folder, **environment):
    """What ``code`` prints in a fresh Python whose working folder is empty."""
    (folder / "work").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder / "work",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_registers_ids_and_does_nothing_else(package, tmp_path):
    seen = json.loads(run(IMPORT.format(package=package), tmp_path, MUSICENV_CACHE=str(tmp_path / "cache")))
    assert seen["random"], "it drew random numbers"
    assert seen["filters"], "it changed the warnings that are shown"
    assert seen["threads"] == 1
    assert not list((tmp_path / "work").iterdir())
    if package == "musicenv":
        from musicenv import IDS

        assert seen["registered"] == sorted(IDS)
        assert seen["loaded"] == ["musicenv"], "importing musicenv loads what only some of its users need"
        assert not (tmp_path / "cache").exists()
    else:
        assert seen["registered"] == (["Melody-v0"] if "musicenv" in seen["loaded"] else [])


def test_composing_needs_no_library_of_scores_or_corpora(tmp_path):
    code = """
import sys, gymnasium
env = gymnasium.make("musicenv:Melody-v0", bars=1, prior=None, reward="theory")
env.reset(seed=0)
done = False
while not done:
    mask = env.unwrapped.action_masks()
    _, _, done, _, _ = env.step(int(mask.nonzero()[0][-1]))
print([name for name in ("music21", "symusic", "verovio", "PIL", "matplotlib") if name in sys.modules])
"""
    assert run(code, tmp_path).strip() == "[]"


def as_numbers(version):
    return tuple(map(int, version.split(".")))


def test_what_is_installed_is_within_the_stated_bounds_and_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *chain.from_iterable(extras.values())]
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    for requirement in wanted:
        name, bound = re.fullmatch(r"([\w-]+)(?:\[\w+\])?>=([\d.]+).*", requirement).groups()
        pinned = pins[name.lower().replace("_", "-")]
        assert as_numbers(bound) <= as_numbers(pinned), f"pyproject.toml does not allow the {name} of constraints.txt"
        if requirement not in extras["bench"]:  # which `make bench` alone installs
            assert as_numbers(bound) <= as_numbers(metadata.version(name).split("+")[0])


def test_the_weights_travel_with_the_package():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    endings = {pattern.removeprefix("*") for pattern in data} | {".py", ".typed"}
    inside = [name for name in tracked if name.split("/")[0] in PACKAGES]
    assert {f"rewards/priors/weights/{name}.safetensors" for name in ("lstm", "judge")} <= set(inside)
    assert not [name for name in inside if Path(name).suffix not in endings]
