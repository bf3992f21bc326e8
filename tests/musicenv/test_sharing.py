"""Threads that share a step: each part is taken once, all is as one thread has it, and whoever leads tells errors."""

import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicenv.alphabet import N_ACTIONS, action_of
from musicenv.pages import PAGE_WORDS
from musicenv.sharing import AT_ONCE, give_up, lose, new_post, offer, offered, outcome, take, tell
from musicenv.vector import MelodyVectorEnv
from rewards.rules import RuleError, rule
from tests.musicenv.small_rules import SMALL

N = 3 * AT_ONCE + 5
PAGE = np.arange(PAGE_WORDS)


@given(st.integers(1, 2000), st.integers(0, 2), st.integers(1, 4))
def test_each_part_of_each_step_is_taken_once(n: int, helpers: int, steps: int) -> None:
    post = new_post(n)
    taken: list[list[tuple[int, int]]] = [[] for _ in range(helpers + 1)]

    def work(who: int) -> None:
        while (part := take(post, who > 0)) >= 0:
            page, actions, begins, listens = offered(post)
            taken[who].append((int(actions[0]), part))
            assert (page == PAGE).all()
            assert (actions.size, begins, listens) == (n, 1, 0)
            tell(post, part, (0, 1, 0))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(1, helpers + 1)]
    for thread in threads:
        thread.start()
    for step in range(steps):
        offer(post, PAGE, np.full(n, step), 1, 0)
        work(0)
        assert outcome(post, step == steps - 1) == (0, -(-n // AT_ONCE), 0)
    for thread in threads:
        thread.join()
    expected = [(step, part) for step in range(steps) for part in range(-(-n // AT_ONCE))]
    assert sorted(each for some in taken for each in some) == expected


def test_who_leads_waits_for_what_helpers_have_taken() -> None:
    post = new_post(N)
    offer(post, PAGE, np.zeros(N, dtype=np.int64), 1, 0)
    part = take(post, True)
    assert part == 3, "helpers begin at the end"
    told: list[tuple[int, int, int]] = []
    leader = threading.Thread(target=lambda: told.append(outcome(post, True)))
    for own in range(3):
        assert take(post, False) == own
        tell(post, own, (0, 1, 0))
    leader.start()
    time.sleep(0.02)
    assert not told
    tell(post, part, (0, 1, 0))
    leader.join()
    assert told == [(0, 4, 0)]
    assert take(post, True) == -1, "and helpers leave a post that is closed"


def test_after_an_error_nobody_waits_for_parts_that_nobody_took() -> None:
    post = new_post(N)
    offer(post, PAGE, np.zeros(N, dtype=np.int64), 1, 0)
    assert take(post, False) == 0
    assert take(post, True) == 3
    lose(post)
    give_up(post)
    offer(post, PAGE, np.zeros(N, dtype=np.int64), 1, 0)
    assert [take(post, False) for _ in range(5)] == [0, 1, 2, 3, -1]


@pytest.mark.parametrize("pause", [0.0, 0.005])
def test_a_shared_step_is_that_of_one_thread(pause: float) -> None:
    """Whether or not helpers have left between steps; pieces end at all times."""
    envs = [MelodyVectorEnv(N, SMALL, prior=None, bars=1, threads=threads) for threads in (1, 2, 4)]
    for env in envs:
        env.reset(seed=2)
    rng = np.random.default_rng(2)
    for _ in range(60):
        actions = rng.integers(N_ACTIONS, size=N)
        (seen, rewards, ended, _, infos), *others = (env.step(actions) for env in envs)
        for other in others:
            np.testing.assert_array_equal(seen, other[0])
            np.testing.assert_array_equal(rewards, other[1])
            np.testing.assert_array_equal(ended, other[2])
            np.testing.assert_array_equal(infos["terms"], other[4]["terms"])
            if ended.any():
                np.testing.assert_array_equal(*(np.stack(told["final_obs"][ended]) for told in (infos, other[4])))
        time.sleep(pause)


@rule
def no_c_sharp(melody: Any) -> float:
    return 1.0 / (melody.pitch[-1] - 61)


@pytest.mark.parametrize("where", [0, AT_ONCE - 1, 2 * AT_ONCE, N - 1])
@pytest.mark.parametrize("threads", [1, 2, 4])
def test_what_fails_in_any_thread_is_named_and_ends_nothing(where: int, threads: int) -> None:
    env = MelodyVectorEnv(N, no_c_sharp, prior=None, bars=1, threads=threads)
    c, c_sharp = action_of(60, 12), action_of(61, 12)
    env.reset(seed=0)
    for _ in range(3):
        env.step(np.full(N, c))
    for _ in range(2):
        actions = np.full(N, c)
        actions[where] = c_sharp
        with pytest.raises(RuleError, match=rf"'no_c_sharp' failed: it raised .* of piece {where}:"):
            env.step(actions)
        env.reset(seed=0)
        actions[where] = N_ACTIONS
        with pytest.raises(ValueError, match=rf"action {N_ACTIONS} is not in"):
            env.step(actions)
        env.reset(seed=0)
        assert (env.step(np.full(N, c))[1] == -1.0).all()
