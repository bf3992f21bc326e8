"""The batch: as many single environments, whatever shares the work; what it hands out; copies of it."""

import copy
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicenv.alphabet import N_ACTIONS, action_of
from musicenv.env import MelodyEnv
from musicenv.pages import KEPT, Pages
from musicenv.reference import block_of
from musicenv.vector import MelodyVectorEnv

DRAWN: dict[str, Any] = {"metre": "all", "key": ["C", "Em"]}


@pytest.mark.parametrize("prior", [None, "lstm"])
@pytest.mark.parametrize(("n", "threads", "tasks"), [(3, 1, DRAWN), (3, 1, {}), (5, 2, {}), (24, 2, {}), (300, 2, {})])
def test_a_batch_is_as_many_single_environments(prior: str | None, n: int, threads: int, tasks: dict[str, Any]) -> None:
    """Step for step: observations, rewards, masks and terms, through several pieces and drawn metres; compared are the
    first and the last three."""
    options: dict[str, Any] = {"prior": prior, "bars": 2, **tasks}
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
            assert reward == pytest.approx(rewards[i], rel=1e-6, abs=1e-5)
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


@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=30), st.integers(0, 3))
def test_pages_are_written_again_only_when_nobody_holds_any_of_them(held: list[tuple[int, bool]], longest: int) -> None:
    """Whether an array or a view of it is held; compiled code finds each page where it lies."""
    pages = Pages((3,), (3,), (3, 2), (3, 4), (3, 5))
    kept: list[tuple[Any, Any]] = []
    for number, (which, viewed) in enumerate(held):
        block, page = pages.turn()
        assert (block == block_of(page)).all()
        for array in page:
            array[...] = number % 2
        array = page[which][1:] if viewed else page[which]
        kept = [*kept, (array, array.copy())][-longest:] if longest else []
        del page, array
        assert all((array == as_it_was).all() for array, as_it_was in kept)


def test_who_drops_what_a_step_handed_out_gets_it_again() -> None:
    env = MelodyVectorEnv(2, prior=None)
    env.reset(seed=0)
    places = {env.step(np.array([35, 45]))[0].ctypes.data for _ in range(20)}
    assert len(places) <= KEPT


@pytest.mark.parametrize("make", [MelodyEnv, partial(MelodyVectorEnv, 2)])
def test_a_copy_goes_its_own_way_from_where_it_was_made(make: Any) -> None:
    env = make()
    actions = np.array([35, 45]) if isinstance(env, MelodyVectorEnv) else np.int64(35)
    env.reset(seed=0)
    env.step(actions)
    copied, before = copy.deepcopy(env), env.batch.melody(0)
    first, again = copied.step(actions)[0], copied.step(actions)[0]
    assert (env.batch.melody(0).pitch == before.pitch).all(), "nothing happens where it was copied from"
    assert (env.step(actions)[0] == first).all()
    assert (env.step(actions)[0] == again).all()
