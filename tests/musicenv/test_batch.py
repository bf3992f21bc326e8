"""The batch: as many single environments, whatever shares the work; what it hands out; copies of it."""

import copy
import sys
from types import FrameType
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import musicenv.pages
from musicenv.alphabet import N_ACTIONS, action_of
from musicenv.env import MelodyEnv
from musicenv.pages import PAGES, Pages
from musicenv.reference import block_of
from musicenv.vector import MelodyVectorEnv
from tests.musicenv.small_rules import SMALL

DRAWN: dict[str, Any] = {"metre": "all", "key": ["C", "Em"]}


@pytest.mark.parametrize("prior", [None, "lstm"])
@pytest.mark.parametrize(("n", "threads", "tasks"), [(3, 1, DRAWN), (3, 1, {}), (5, 2, {}), (24, 2, {}), (300, 2, {})])
def test_a_batch_is_as_many_single_environments(prior: str | None, n: int, threads: int, tasks: dict[str, Any]) -> None:
    """Step for step: observations, rewards, masks and terms, through several pieces and drawn metres; compared are the
    first and the last three."""
    options: dict[str, Any] = {"prior": prior, "reward": SMALL, "bars": 2, **tasks}
    seed, told = 11, sorted({0, 1, 2, n - 3, n - 2, n - 1})
    batch = gym.make_vec("musicenv:Melody-v0", num_envs=n, threads=threads, **options)
    singles = {i: gym.make("musicenv:Melody-v0", **options) for i in told}
    observations, infos = batch.reset(seed=seed)
    alone = {i: env.reset(seed=seed + i) for i, env in singles.items()}
    rng = np.random.default_rng(0)
    finished = 0
    for _ in range(60):
        for i, (observation, info) in alone.items():
            np.testing.assert_allclose(observations[i], observation, atol=1e-5)
            assert (infos["action_mask"][i] == info["action_mask"]).all()
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in infos["action_mask"]])
        observations, rewards, terminated, truncated, infos = batch.step(actions)
        assert not truncated.any()
        for i, env in singles.items():
            observation, reward, ended, _, info = env.step(actions[i])
            assert reward == pytest.approx(rewards[i], abs=1e-5)
            assert ended == terminated[i]
            if ended:
                finished += 1
                np.testing.assert_allclose(infos["final_obs"][i], observation, atol=1e-5)
                assert (infos["final_info"]["melody"][i].pitch == info["melody"].pitch).all()
                np.testing.assert_allclose(infos["final_info"]["terms"][i], info["terms"], atol=1e-5)
                observation, info = env.reset()
            alone[i] = (observation, info)
    assert finished > len(told)


@pytest.mark.parametrize(("n", "prior"), [(7, None), (7, "lstm"), (40, "lstm"), (300, "lstm")])
def test_threads_share_a_batch_without_changing_it(n: int, prior: str | None) -> None:
    envs = [gym.make_vec("musicenv:Melody-v0", num_envs=n, prior=prior, bars=2, threads=k) for k in (1, 3)]
    for env in envs:
        env.reset(seed=3)
    rng = np.random.default_rng(3)
    for _ in range(40):
        actions = rng.integers(N_ACTIONS, size=n)
        (seen, rewards, ended, _, _), (others, other_rewards, other_ended, _, _) = (env.step(actions) for env in envs)
        np.testing.assert_array_equal(seen, others)
        np.testing.assert_array_equal(rewards, other_rewards)
        np.testing.assert_array_equal(ended, other_ended)


def test_what_was_handed_out_is_never_overwritten() -> None:
    env = gym.make_vec("musicenv:Melody-v0", num_envs=3, prior=None, bars=1)
    seen, infos = env.reset(seed=0)
    kept = [(array, array.copy()) for array in (seen, infos["action_mask"], infos["terms"])]
    for _ in range(30):
        seen, rewards, ended, _, infos = env.step(np.full(3, action_of(60, 12)))
        for array in (seen, rewards, ended, infos["action_mask"], infos["terms"]):
            kept.append((array, array.copy()))
    for array, as_it_was in kept:
        np.testing.assert_array_equal(array, as_it_was)


@pytest.mark.parametrize("task", [{}, DRAWN])
def test_pieces_that_ended_are_told_as_they_were_however_late_somebody_asks(task: dict[str, Any]) -> None:
    envs = [MelodyVectorEnv(6, prior="lstm", bars=1, **task) for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
    rng = np.random.default_rng(0)
    at_once: list[list[Any]] = []
    late: list[Any] = []
    for _ in range(30):
        actions = rng.integers(N_ACTIONS, size=6)
        asked, kept = (env.step(actions)[4] for env in envs)
        if "final_info" in asked:
            at_once.append([*asked["final_info"]["melody"], *asked["final_obs"], *asked["final_info"]["terms"]])
            late.append(kept)
    assert len(late) > PAGES
    for told, infos in zip(at_once, late, strict=True):
        again = [*infos["final_info"]["melody"], *infos["final_obs"], *infos["final_info"]["terms"]]
        for one, other in zip(told, again, strict=True):
            np.testing.assert_equal(other, one)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.integers(0, 3))
def test_pages_are_written_again_only_when_nobody_holds_any_of_them(held: list[tuple[int, bool]], longest: int) -> None:
    """Whether an array or a view of it is held; compiled code finds each page where it lies."""
    pages = Pages((3,), (3,), (3, 2), (3, 4), (3, 5), (3, 6))
    kept: list[Any] = []
    for which, viewed in held:
        block, page = pages.turn()
        assert (block == block_of(page)).all()
        assert not any(np.shares_memory(array, other) for array in page for other in kept)
        kept = [*kept, page[which][1:] if viewed else page[which]][-longest:] if longest else []
        del page


def test_pages_that_a_debugger_saw_are_held_all_the_same() -> None:
    """Where it looks at them it keeps the local variables of a frame, which would count as holders."""

    def trace(frame: FrameType, *_: Any) -> Any:
        assert frame.f_locals is not None
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        pages = Pages((3,), (3,), (3, 2), (3, 4), (3, 5), (3, 6))
        kept = [*pages.turn()[1]]
    finally:
        sys.settrace(before)
    for _ in range(PAGES):
        kept += pages.turn()[1]
    assert len({array.ctypes.data for array in kept}) == len(kept)


def test_pages_are_new_only_where_the_others_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    new = musicenv.pages._page
    monkeypatch.setattr(musicenv.pages, "_page", lambda shapes: made.append(0) or new(shapes))
    env = MelodyVectorEnv(2, prior=None)
    env.reset(seed=0)
    for _ in range(20):
        before = env.step(np.array([35, 45]))
    assert len(made) <= PAGES + 1, "and one for those that nobody watches"
    begun = len(made)
    all_of_them = [before, *(env.step(np.array([35, 45])) for _ in range(20))]
    assert len(made) >= begun + len(all_of_them) - PAGES


def test_a_refused_action_leaves_what_can_be_seen() -> None:
    env = MelodyEnv(prior=None)
    env.reset(seed=0)
    for action in (35, 45, 55):
        seen, *_, info = env.step(np.int64(action))
        with pytest.raises(ValueError, match="is not in 0"):
            env.step(np.int64(N_ACTIONS))
        assert (env.batch.observations[0] == seen).all()
        assert (env.action_masks() == info["action_mask"]).all()


@pytest.mark.parametrize("actions", [[3, 4], (3.0, 4.0), np.array([3, 4], dtype=np.float32), np.array([3, 9, 4])[::2]])
def test_whole_numbers_are_actions_however_they_are_kept(actions: Any) -> None:
    envs = [MelodyVectorEnv(2, prior=None) for _ in range(2)]
    for env in envs:
        env.reset(seed=0)
    assert (envs[0].step(actions)[0] == envs[1].step(np.array([3, 4]))[0]).all()
    with pytest.raises(ValueError, match="give 2 whole numbers"):
        envs[0].step(np.array([3.0, 4.5]))


MADE = {
    "single": lambda: MelodyEnv(),
    "prior and pieces that follow": lambda: MelodyVectorEnv(2, bars=1),
    "drawn metres": lambda: MelodyVectorEnv(3, prior=None, bars=1, metre="all"),
    "threads": lambda: MelodyVectorEnv(40, bars=1, threads=2),
    "counterpoint": lambda: gym.make("musicenv:Counterpoint-v0", species=1).unwrapped,
}


@pytest.mark.parametrize("name", MADE)
def test_a_copy_goes_its_own_way_from_where_it_was_made(name: str) -> None:
    env: Any = MADE[name]()
    rng = np.random.default_rng(0)

    def played(env: Any, notes: int) -> list[Any]:
        told: list[Any] = []
        for _ in range(notes):
            first = [int(np.flatnonzero(mask)[rng.integers(mask.sum())]) for mask in np.atleast_2d(env.action_masks())]
            seen, reward, ended, *_ = env.step(np.array(first) if env.batch.n > 1 else np.int64(first[0]))
            told += [seen.copy(), np.array(reward)]
            if env.batch.n == 1 and ended:
                break
        return told

    env.reset(seed=0)
    played(env, 2)
    copied, before = copy.deepcopy(env), env.batch.lines.frame.copy()
    rng = np.random.default_rng(1)
    of_copy = played(copied, 30)
    np.testing.assert_array_equal(env.batch.lines.frame, before, "nothing happens where it was copied from")
    rng = np.random.default_rng(1)
    of_original = played(env, 30)
    assert len(of_copy) == len(of_original)
    for one, other in zip(of_copy, of_original, strict=True):
        np.testing.assert_array_equal(one, other)
