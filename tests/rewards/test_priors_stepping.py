"""Stepping the prior: exact, in every path, and each piece on its own."""

import copy
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from musicenv.alphabet import N_ACTIONS
from musicenv.reference import CACHE_LINE
from rewards.priors import Prior, load_prior, stepping
from rewards.priors.features import CARDINALITY, N_FEATURES
from rewards.priors.lstm import PriorNet
from rewards.priors.shape import Shape
from rewards.priors.stepping import PriorState
from rewards.priors.store import read_weights, write_weights

Vectors = npt.NDArray[np.int16]

SHAPES = {
    "two layers": Shape(width=32, hidden=32, layers=2, duration_width=8),
    "wide input": Shape(width=48, hidden=24, layers=2, duration_width=8),
    "narrow input": Shape(width=20, hidden=28, layers=2, duration_width=5),
    "one layer": Shape(width=16, hidden=40, layers=1),
    "three layers": Shape(width=16, hidden=24, layers=3),
    "no lookback": Shape(features=("last pitch", "last length", "place"), width=16, hidden=16, layers=2),
}


def random_features(pieces: int, steps: int, seed: int = 0) -> Vectors:
    values = np.random.default_rng(seed).random((pieces, steps, N_FEATURES))
    return (values * np.array(list(CARDINALITY.values()))).astype(np.int16)


def network(shape: Shape) -> tuple[PriorNet, Prior]:
    torch.manual_seed(0)
    net = PriorNet(shape).eval()
    with torch.no_grad():
        net.copy.normal_()
        net.table.mul_(2)
    return net, Prior(shape, {name: value.detach().numpy() for name, value in net.state_dict().items()})


def of_shipped(name: str) -> tuple[PriorNet, Prior]:
    shape, arrays = read_weights(name)
    net = PriorNet(shape).eval()
    net.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    return net, load_prior(name)


@pytest.mark.parametrize("small", [True, False], ids=["compiled", "torch"])
@pytest.mark.parametrize("name", [*SHAPES, "lstm", "judge"])
def test_stepping_equals_the_torch_module(name: str, small: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping, "SMALL_BATCH", 10**9 if small else 0)
    net, prior = network(SHAPES[name]) if name in SHAPES else of_shipped(name)
    features = random_features(5, 30)
    with torch.no_grad():
        head, top, _ = net.outputs(net.inputs(torch.from_numpy(features)))
        expected = net.log_probs(torch.from_numpy(features), head).numpy()
    state = prior.state(5)
    for t in range(30):
        prior.step(state, features[:, t].copy())
        np.testing.assert_allclose(state.hidden, top[:, t].numpy(), atol=1e-5)
        np.testing.assert_allclose(state.log_probs, expected[:, t], atol=1e-5, rtol=0)


def test_surprisal_in_training_is_minus_log_p() -> None:
    net, _ = network(SHAPES["two layers"])
    features = torch.from_numpy(random_features(3, 20))
    action = torch.randint(0, N_ACTIONS, (3, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        head = net.outputs(net.inputs(features))[0]
        pitch, duration = net.surprisal(features, head, action)
        log_probs = net.log_probs(features, head).gather(-1, action.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(pitch + duration, -log_probs, atol=1e-5, rtol=0)


@pytest.mark.parametrize("pieces", [1, 3, stepping.SMALL_BATCH, stepping.SMALL_BATCH + 1, 200])
def test_probabilities_sum_to_one(pieces: int) -> None:
    prior = load_prior()
    state = prior.state(pieces)
    for t in range(3):
        prior.step(state, random_features(pieces, 1, seed=t)[:, 0])
    np.testing.assert_allclose(np.exp(state.log_probs).sum(axis=1), 1, atol=1e-4)
    np.testing.assert_allclose(state.entropy, -(np.exp(state.log_probs) * state.log_probs).sum(axis=1), rtol=1e-5)
    assert state.hidden.shape == (pieces, prior.hidden_size)


def test_rows_step_alone_and_the_others_stay() -> None:
    prior = load_prior()
    features = random_features(6, 2)
    together, apart = prior.state(6), prior.state(6)
    prior.step(together, features[:, 0])
    for row in (4, 0, 5, 2, 1, 3):
        before = apart.copy()
        prior.step(apart, features[row : row + 1, 0], np.array([row]))
        others = np.arange(6) != row
        assert (apart.memory[others] == before.memory[others]).all()
        assert (apart.log_probs[others] == before.log_probs[others]).all()
    np.testing.assert_allclose(apart.log_probs, together.log_probs, atol=1e-5)


def test_a_reset_row_begins_anew() -> None:
    prior = load_prior()
    features = random_features(3, 1)[:, 0]
    state, fresh = prior.state(3), prior.state(3)
    prior.step(state, features)
    prior.reset(state, np.array([1]))
    assert (state.memory[1] == 0).all()
    assert (state.memory[0] != 0).any()
    prior.reset(state)
    prior.step(state, features)
    prior.step(fresh, features)
    assert (state.log_probs == fresh.log_probs).all()


def test_a_copied_row_goes_on_as_its_source() -> None:
    prior = load_prior()
    features = random_features(2, 2)
    state = prior.state(2)
    prior.step(state, features[:, 0])
    planner = prior.state(4)
    planner.copy_rows([1, 3], state, [0, 0])
    assert (planner.log_probs[3] == state.log_probs[0]).all()
    prior.step(planner, np.repeat(features[:1, 1], 2, axis=0), np.array([1, 3]))
    prior.step(state, features[:, 1])
    np.testing.assert_allclose(planner.log_probs[1], state.log_probs[0], atol=1e-5)
    assert (planner.log_probs[0] == planner.log_probs[2]).all()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda state: pickle.loads(pickle.dumps(state)), PriorState.copy])
def test_a_copy_of_a_state_is_stepped_by_itself(copied: Callable[[PriorState], PriorState]) -> None:
    prior, features = load_prior(), random_features(20, 2)
    state = prior.state(20)
    prior.step(state, features[:, 0])
    other = copied(state)
    prior.step(other, features[:, 1])
    assert (other.memory != state.memory).any()
    prior.step(state, features[:, 1])
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(other.arrays[name], array)


def test_steps_of_many_and_of_some_in_turns_leave_each_other_alone() -> None:
    """Rows, features and what lies between the products are written where those of the step before were."""
    prior, features = load_prior(), random_features(60, 3)
    state, some, others = prior.state(60), np.arange(5, 50, 2), prior.state(40)
    for t in range(3):
        prior.step(others, features[:40, t])
        prior.step(state, features[some, t], some)
    alone = prior.state(some.size)
    for t in range(3):
        prior.step(alone, features[some, t])
    np.testing.assert_allclose(state.log_probs[some], alone.log_probs, atol=1e-5)
    assert (np.delete(state.memory, some, axis=0) == 0).all()


_TWO_THREADS = """
import torch
from agents.training import Settings, build
torch.set_num_threads(1)
trained = build(Settings(seed=0, threads=2))
_, callback = trained.model._setup_learn(10**9, None)
trained.model.collect_rollouts(trained.env, callback, trained.model.rollout_buffer, n_rollout_steps=8)
"""


def test_threads_that_heard_end_with_the_interpreter() -> None:
    """Torch ends a process where its tensors are freed by a thread that the interpreter leaves behind (mostly)."""
    ends = [subprocess.run([sys.executable, "-c", _TWO_THREADS], capture_output=True, check=False) for _ in range(4)]
    assert [end.returncode for end in ends] == [0] * 4


_IN_A_THREAD = """
import os, threading
import numpy as np
import torch
from rewards.priors import load_prior
from rewards.priors.features import N_FEATURES
torch.set_num_threads(1)
prior, features, counted = load_prior(), np.zeros((256, N_FEATURES), dtype=np.int16), []
state = prior.state(256)
prior.step(state, features)

def hear():
    for _ in range(2):
        counted.append(len(os.listdir("/proc/self/task")))
        prior.step(state, features)

thread = threading.Thread(target=hear)
thread.start()
thread.join()
print(*counted)
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists() or os.cpu_count() == 1, reason="nowhere to count threads")
def test_hearing_in_a_thread_takes_no_more_threads_than_torch_may() -> None:
    unset = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    command = [sys.executable, "-c", _IN_A_THREAD]
    before, after = subprocess.run(command, capture_output=True, text=True, check=True, env=unset).stdout.split()
    assert before == after


def test_a_library_whose_products_depend_on_what_is_heard_together_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    prior, exact = load_prior(), torch.mm
    rows = [slice(0, 20), slice(20, 40)]
    monkeypatch.setattr(torch, "mm", lambda x, matrix: (x.double() @ matrix.double()).float())
    assert prior.hears_alike(40, rows)
    monkeypatch.setattr(torch, "mm", lambda x, matrix: exact(x, matrix) * (1.0 + 1e-6 * (len(x) < 40)))
    assert not prior.hears_alike(40, rows)


def test_features_of_another_shape_are_refused() -> None:
    prior = load_prior()
    with pytest.raises(ValueError, match="rows need"):
        prior.step(prior.state(2), random_features(3, 1)[:, 0])


@pytest.mark.bench
def test_one_note_takes_microseconds() -> None:
    """At batch 1, heads included, on a core that has nothing else to do."""
    prior = load_prior()
    state, rows = prior.state(8), np.array([3])
    features = random_features(1, 200)[0]
    best = np.inf
    for _ in range(5):
        began = time.perf_counter()
        for k in range(200):
            prior.step(state, features[k : k + 1], rows)
        best = min(best, (time.perf_counter() - began) / 200)
    assert best < 25e-6


def test_weights_survive_the_file(tmp_path: Path) -> None:
    net, _ = network(SHAPES["wide input"])
    arrays = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    path = write_weights(tmp_path / "prior.safetensors", net.shape, arrays)
    shape, read = read_weights(path)
    assert shape == net.shape
    assert read.keys() == arrays.keys()
    for name in arrays:
        np.testing.assert_allclose(read[name], arrays[name], rtol=1e-3, atol=1e-4)
    assert load_prior(path) is load_prior(str(path))


def test_shipped_priors_are_small() -> None:
    for path in stepping.weights_path("lstm").parent.glob("*.safetensors"):
        assert path.stat().st_size <= 2_000_000


def test_an_unknown_prior_is_named_with_the_remedy() -> None:
    with pytest.raises(FileNotFoundError, match=r"'lsmt' is neither a shipped one \(judge, lstm\) nor a file"):
        load_prior("lsmt")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = stepping.weights_path("judge").read_bytes()
    flipped = tmp_path / "flipped.safetensors"
    flipped.write_bytes(whole[:-1000] + bytes([whole[-1000] ^ 1]) + whole[-999:])
    with pytest.raises(ValueError, match="checksum"):
        load_prior(flipped)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut short"):
        load_prior(cut)


def test_a_prior_of_other_styles_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net, _ = network(SHAPES["one layer"])
    monkeypatch.setattr("rewards.priors.store._WORDS", "other styles")
    path = write_weights(
        tmp_path / "p.safetensors", net.shape, {k: v.detach().numpy() for k, v in net.state_dict().items()}
    )
    monkeypatch.undo()
    with pytest.raises(ValueError, match="other features, metres, modes or styles"):
        load_prior(path)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda prior: pickle.loads(pickle.dumps(prior))])
def test_a_copy_of_a_prior_finds_its_own_weights(copied: Callable[[Any], Any]) -> None:
    prior, features = load_prior(), random_features(1, 1)[:, 0]
    heard = prior.state(1)
    prior.step(heard, features)
    other = copied(prior)
    before = prior.weights.head_bias.copy()
    prior.weights.head_bias[:] = 0.0
    try:
        again = other.state(1)
        other.step(again, features)
    finally:
        prior.weights.head_bias[:] = before
    np.testing.assert_array_equal(again.log_probs, heard.log_probs)


@pytest.mark.parametrize(
    "copied", [lambda prior: prior, copy.deepcopy, lambda prior: pickle.loads(pickle.dumps(prior))]
)
def test_vectors_of_weights_do_not_lie_across_lines_of_the_cache(copied: Callable[[Any], Any]) -> None:
    """Which would cost a fifth of a step of eight rows."""
    weights = copied(load_prior()).weights
    assert [array.ctypes.data % CACHE_LINE for array in weights] == [0] * len(weights)
