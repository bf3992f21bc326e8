"""The environment as Gymnasium and SB3 see it, and the batch as many single environments."""

import os
import pickle
import shutil
import subprocess
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env
from gymnasium.wrappers.vector import DictInfoToList
from stable_baselines3.common.env_checker import check_env as sb3_check_env

import musicenv
from musicenv.alphabet import DURATIONS, N_ACTIONS, REST, action_of, note_of
from musicenv.env import MelodyEnv, draw
from musicenv.hearing import prior_inputs
from musicenv.kernel import LENGTH
from musicenv.task import METRES, TONICS
from musicenv.vector import MelodyVectorEnv
from rewards.priors.features import N_FEATURES as N_PRIOR_FEATURES
from rewards.rules import RuleError, rule
from tests.musicenv.small_rules import SMALL

IDS = [f"musicenv:{name}" for name in musicenv.IDS]


def play(env: gym.Env[Any, Any], seed: int, legal: bool = True) -> list[tuple[Any, ...]]:
    """One piece of seeded random notes: (observation, reward, terminated, info) of each step."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    out: list[tuple[Any, ...]] = []
    while True:
        choices = np.flatnonzero(info["action_mask"]) if legal else np.arange(N_ACTIONS)
        observation, reward, terminated, truncated, info = env.step(rng.choice(choices))
        out.append((observation, reward, terminated, info))
        assert not truncated
        if terminated:
            return out


VARIANTS: dict[str, list[dict[str, Any]]] = {
    "musicenv:Melody-v0": [{"prior": None, "reward": SMALL}, {"prior": "lstm", "reward": SMALL}],
    "musicenv:Counterpoint-v0": [{"species": 2}, {"species": 4, "mask": "free", "form": True}],
}
ONE_LINE: dict[str, dict[str, Any]] = {
    "musicenv:Melody-v0": {"prior": None, "reward": {"theory.cadence": 1.0}, "metre": "6/8", "key": "D dorian"},
    "musicenv:Counterpoint-v0": {"species": 1, "cantus": "fux_d", "above": False},
}
"""What makes each environment, in plain values."""


@pytest.mark.parametrize(("name", "given"), [(name, given) for name in IDS for given in VARIANTS[name]])
def test_gymnasium_and_sb3_find_nothing_to_complain_of(
    name: str, given: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not os.environ.get("DISPLAY"):  # the checker tries all ways to render
        monkeypatch.setitem(MelodyEnv.metadata, "render_modes", ["ansi", "rgb_array"])
    env = gym.make(name, **given)
    check_env(env.unwrapped)
    sb3_check_env(env.unwrapped)
    env.close()
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_a_spec_survives_json_and_pickle(name: str) -> None:
    env = gym.make(name, **ONE_LINE[name])
    assert env.spec is not None
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    pickled = gym.make(pickle.loads(pickle.dumps(env.spec)))
    first = play(env, 3)
    for other in (again, pickled):
        second = play(other, 3)
        assert all(np.array_equal(a[0], b[0]) and a[1] == b[1] for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("mode", ["ansi", "rgb_array"])
def test_a_piece_can_be_read_and_seen(mode: str) -> None:
    env = gym.make("musicenv:Melody-v0", prior=None, reward=SMALL, render_mode=mode, key="D")
    env.reset(seed=0)
    for _ in range(4):
        env.step(np.int64(action_of(60, 12)))
    picture: Any = env.render()
    if mode == "ansi":
        assert "K:D" in picture
        assert "D2D2D2D2" in picture.replace(" ", "")
    else:
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3


def test_without_a_display_a_window_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", "")
    env = gym.make("musicenv:Melody-v0", prior=None, reward=SMALL, render_mode="human")
    with pytest.raises(RuntimeError, match='it needs a display and tkinter: without them choose "rgb_array"'):
        env.reset(seed=0)


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="opening a window needs Xvfb on the PATH; there is none")
def test_a_piece_grows_in_a_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MelodyEnv.metadata, "render_fps", 1000)
    read_end, write_end = os.pipe()
    command = ["Xvfb", "-displayfd", str(write_end), "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write_end], stderr=subprocess.DEVNULL) as server:
        os.close(write_end)
        with os.fdopen(read_end) as told:
            monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
        env = MelodyEnv(prior=None, reward=SMALL, render_mode="human", bars=2)
        seen = []
        env.reset(seed=0)
        for _ in range(3):
            env.step(np.int64(action_of(60, 12)))
            assert env._window is not None
            picture = env._window._picture
            seen.append((picture.width(), picture.height(), picture.get(30, 60)))
        roll = draw(env.batch, 0, "rgb_array")
        assert {(width, height) for width, height, _ in seen} == {(roll.shape[1], roll.shape[0])}
        assert seen[-1][2] == tuple(roll[60, 30].tolist())
        env._window.close()  # as someone does by hand
        env.step(np.int64(action_of(60, 12)))
        assert env.render() is None
        env.close()
        server.terminate()


@pytest.mark.parametrize("metre", METRES)
def test_every_piece_ends_at_its_final_barline(metre: str) -> None:
    env = gym.make("musicenv:Melody-v0", prior=None, reward=SMALL, metre=metre, bars=4, pickup=6)
    for seed in range(5):
        melody = play(env, seed)[-1][3]["melody"]
        assert melody.time == melody.end == 4 * melody.bar - 6
        assert melody.onset[0] == -6
        assert (melody.onset[1:] == melody.onset[:-1] + melody.duration[:-1]).all()


def test_illegal_notes_are_shortened_to_the_longest_legal_one() -> None:
    env = gym.make("musicenv:Melody-v0", prior=None, reward=SMALL, bars=1, metre="2/4")
    env.reset(seed=0)
    _, _, terminated, _, info = env.step(np.int64(action_of(60, 48)))
    assert terminated
    assert info["melody"].duration.tolist() == [24]


def test_a_finished_piece_takes_no_more_notes() -> None:
    env = MelodyEnv(prior=None, reward=SMALL, bars=1, metre="2/4")
    env.reset(seed=0)
    env.step(np.int64(action_of(60, 24)))
    with pytest.raises(RuntimeError, match="call reset"):
        env.step(np.int64(action_of(60, 12)))


def test_a_step_needs_a_piece_that_was_begun() -> None:
    with pytest.raises(RuntimeError, match=r"call reset\(\) first"):
        MelodyEnv(prior=None, reward=SMALL).step(np.int64(3))


@pytest.mark.parametrize("actions", [[1], [1, 2, 3], [[1, 2]], [0.5, 1.5]])
def test_a_batch_takes_one_action_a_melody(actions: Any) -> None:
    env = MelodyVectorEnv(2, prior=None, reward=SMALL)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="give 2 whole numbers"):
        env.batch.step(np.array(actions))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"num_envs": 0}, "num_envs=0 is too few"),
        ({"render_mode": "film"}, "render_mode 'film' is not one of"),
        ({"max_episode_steps": 5}, "a melody ends at its final barline"),
        ({"bars": "8"}, "bars='8' is not a whole number"),
        ({"key": None}, "key=None is not understood"),
        ({"metre": []}, "metre=\\[\\] is not understood"),
        ({"opening": [60]}, "opening: 60 is not a note"),
        ({"opening": "C2 $ D2"}, "is not understood"),
        ({"tempo": 3}, "option 'tempo' is not one of"),
    ],
)
def test_what_cannot_be_made_is_said(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MelodyVectorEnv(**{"num_envs": 2, "prior": None, "reward": SMALL, **change})


def test_seeds_are_one_or_one_each() -> None:
    env = MelodyVectorEnv(2, prior=None, reward=SMALL)
    env.reset(seed=[1, 2])
    with pytest.raises(ValueError, match="reset got 1 seeds for 2 environments"):
        env.reset(seed=[1])


def test_a_refused_reset_changes_nothing() -> None:
    env = MelodyEnv(prior=None, reward=SMALL)
    env.reset(seed=0)
    with pytest.raises(ValueError, match="is outside MIDI"):
        env.reset(options={"key": "all", "opening": [(30, 12)]})
    env.reset(seed=0)
    assert play_on(env).key == 0


def test_a_shortened_note_has_the_surprisal_of_what_sounds() -> None:
    env = MelodyEnv(prior="lstm", reward=SMALL, bars=1, metre="2/4")
    env.reset(seed=0)
    expected = -env.batch.log_probs[0, action_of(60, 24)]
    info = env.step(np.int64(action_of(60, 48)))[4]
    assert info["melody"].surprisal[0] == pytest.approx(expected)


@pytest.mark.parametrize("action", [-1, N_ACTIONS])
def test_an_action_outside_the_alphabet_is_named(action: int) -> None:
    env = MelodyEnv(prior=None, reward=SMALL)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=f"action {action} is not in"):
        env.step(np.int64(action))


def test_rewards_add_up_to_the_score_of_the_piece() -> None:
    env = gym.make("musicenv:Melody-v0", prior=None, reward=SMALL)
    steps = play(env, 5)
    info = steps[-1][3]
    assert sum(reward for _, reward, _, _ in steps) == pytest.approx(info["terms"].sum())
    assert env.unwrapped.terms == ("steps_please", "notes_a_bar")  # type: ignore[attr-defined]


def test_an_opening_comes_first_in_the_key_that_sounds() -> None:
    env = MelodyEnv(prior=None, reward=SMALL, key="D", opening="D2 F2 A2")
    env.reset(seed=0)
    assert env.batch.lines.frame[0, LENGTH] == 3
    melody = env.batch.melody(0)
    assert melody.pitch.tolist() == [60, 64, 67], "tonic, third and fifth, whatever the key (F is sharp in D)"
    assert melody.duration.tolist() == [12, 12, 12]


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        ([(30, 12)], "is outside MIDI"),
        ([(60, 5)], "its duration is not one of"),
        ([(60, 3), (60, 4)], "does not fit"),
        ([(60, 48)] * 8, "fill all 8 bars"),
    ],
)
def test_an_opening_that_cannot_be_played_is_refused(opening: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        MelodyEnv(prior=None, reward=SMALL, opening=opening)


def test_reset_options_hold_until_the_next_reset() -> None:
    env = MelodyEnv(prior=None, reward=SMALL)
    env.reset(seed=0, options={"metre": "3/4", "bars": 16})
    longer = play_on(env)
    assert (longer.bar, longer.bars) == (36, 16)
    env.reset()
    assert play_on(env).bar == 48
    with pytest.raises(ValueError, match="option 'tempo' is not one of"):
        env.reset(options={"tempo": 100})


def play_on(env: MelodyEnv) -> Any:
    """Quarter notes on the tonic to the end."""
    while True:
        _, _, terminated, _, info = env.step(np.int64(action_of(60, 12)))
        if terminated:
            return info["melody"]


def test_keys_are_drawn_for_each_piece_and_repeat_with_the_seed() -> None:
    def keys() -> list[int]:
        env = MelodyEnv(prior=None, reward=SMALL, key="all", bars=1)
        env.reset(seed=4)
        out = []
        for _ in range(30):
            out.append(play_on(env).key)
            env.reset()
        return out

    assert keys() == keys()
    assert len(set(keys())) > len(TONICS) // 2


@rule
def reads_too_far(melody: Any) -> float:
    return float(melody.pitch[-3])


@rule
def not_a_number(melody: Any) -> float:
    return np.nan if len(melody.pitch) == 2 else 0.0


@rule
def divides_by_nothing(melody: Any) -> float:
    return 1.0 / (melody.pitch[-1] - melody.pitch[0])


@pytest.mark.parametrize(("bad", "note"), [(reads_too_far, 1), (not_a_number, 2), (divides_by_nothing, 1)])
def test_a_rule_that_fails_is_named_with_note_and_piece(bad: Any, note: int) -> None:
    env = MelodyEnv(prior=None, reward=bad)
    env.reset(seed=0)
    with pytest.raises(RuleError, match=rf"rule '{bad.name}' failed: .*at note {note} \(bar 1\) of piece 0: .*C2"):
        for _ in range(3):
            env.step(np.int64(action_of(60, 12)))


def test_without_a_prior_no_likelihood_can_be_rewarded() -> None:
    with pytest.raises(ValueError, match="reads the prior's likelihood, but prior=None"):
        MelodyEnv(prior=None, reward="likelihood")


def test_the_default_reward_listens_to_the_prior_where_there_is_one() -> None:
    from rewards.named import suite_of

    assert not suite_of("default", has_prior=False).needs_prior
    assert suite_of("default", has_prior=True).needs_prior


def test_rests_have_no_pitch() -> None:
    env = MelodyEnv(prior=None, reward=SMALL)
    env.reset(seed=0)
    env.step(np.int64(action_of(REST, DURATIONS[0])))
    assert note_of(0)[0] == REST
    assert env.batch.melody(0).grid[0] == REST


def test_statistics_are_read_at_most_eight_times_a_piece() -> None:
    for bars, every in ((3, 1), (8, 1), (12, 2), (64, 8)):
        env = gym.make("musicenv:Melody-v0", prior=None, reward="theory.density", bars=bars)
        env.reset(seed=0)
        values, paid = [], []
        for bar in range(1, bars + 1):
            _, _, ended, _, _ = env.step(action_of(60 + bar % 3, 48))
            values.append(env.unwrapped.batch.state.at_bar[0])  # type: ignore[attr-defined]
            paid.append(bar)
        assert [bar for bar, read in zip(paid, values, strict=True) if read] == [
            bar for bar in paid if bar % every == 0 or bar == bars
        ]
        assert ended


def test_a_lookback_finds_its_note_wherever_it_begins_to_search() -> None:
    rng, env = np.random.default_rng(0), MelodyVectorEnv(32, prior=None, metre="6/8", pickup=6)
    batch, everyone = env.batch, np.arange(32)
    features = np.empty((2, 32, N_PRIOR_FEATURES), dtype=np.int16)
    env.reset(seed=0)
    for _ in range(60):
        seen = env.step(rng.integers(N_ACTIONS, size=32))[0].copy()
        prior_inputs(batch.block, everyone, features[0])
        for _ in range(2):
            batch.state.looked_back[:] = rng.integers(200, size=batch.state.looked_back.shape)
            prior_inputs(batch.block, everyone, features[1])
            np.testing.assert_array_equal(*features)
            batch.state.looked_back[:] = rng.integers(200, size=batch.state.looked_back.shape)
            batch.observe(everyone)
            np.testing.assert_array_equal(batch.observations, seen)


def test_what_is_told_of_finished_pieces_is_made_when_it_is_asked_for() -> None:
    env = MelodyVectorEnv(4, prior=None, bars=1)
    env.reset(seed=0)
    ends = (env.step(np.full(4, action_of(60, 48)))[4] for _ in range(3))
    infos, copied, listed = ends
    pickled = pickle.loads(pickle.dumps(copied))
    for told in (infos, dict(copied), pickled, {**copied}):
        final = told["final_info"]
        assert [melody.pitch.tolist() for melody in final["melody"]] == [[60]] * 4
        assert dict(final)["terms"].shape == final["passed"].shape == (4, len(env.terms))
        assert told["final_obs"][3].shape == env.single_observation_space.shape
    assert repr(infos).count("partial") == 0
    assert infos.pop("final_obs")[0].dtype == np.float32
    rows = DictInfoToList(env)._convert_info_to_list(listed)
    assert rows[2]["final_info"]["melody"].duration.tolist() == [48]
