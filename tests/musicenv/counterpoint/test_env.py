"""musicenv:Counterpoint-v0: masks that know where a line leads, the given line in sight, one batch for all."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from musicenv.alphabet import REST, action_of, note_of
from musicenv.counterpoint.sets import task_of
from musicenv.counterpoint.solver import solve
from musicenv.counterpoint.tasks import cantus_firmi, counterpoint, made_cantus
from rewards import counterpoint as rules
from rewards.judging import judge

ID = "musicenv:Counterpoint-v0"


def play(env, seed, chosen=None):
    """A line of random allowed notes, or of ``chosen`` actions: the melody, and what was paid in all."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    total, ended, k = 0.0, False, 0
    while not ended:
        action = chosen[k] if chosen is not None else int(rng.choice(np.flatnonzero(info["action_mask"])))
        _, reward, ended, _, info = env.step(action)
        total, k = total + reward, k + 1
    return info["melody"], total


def broken(melody, species):
    """How many hard rules a line breaks."""
    suite = rules.suite(species)
    values = judge(suite, [melody]).values[0]
    return sum(value < 0 for term, value in zip(suite, values, strict=True) if term.rule.hard)


@pytest.mark.filterwarnings("ignore:.*not within the observation space.*:UserWarning")
def test_gymnasiums_checker_is_content():
    check_env(gym.make(ID, species=1).unwrapped, skip_render_check=True)


@pytest.mark.parametrize("species", [1, 4])
def test_the_viability_mask_leads_every_line_to_a_legal_end(species):
    env = gym.make(ID, species=species, cantus=["fux_d", "fux_e"], above="both")
    for seed in range(8):
        melody, paid = play(env, seed)
        assert broken(melody, species) == 0
        assert judge(rules.suite(species), [melody]).returns[0] == paid


def test_the_mask_is_the_solvers():
    task, suite = task_of("fux_d", 1, True), rules.suite(1)
    solution = solve(task, suite)
    env = gym.make(ID, species=1, cantus="fux_d")
    _, info = env.reset(seed=0)
    line = solution.line()
    for k, action in enumerate(line):
        allowed = np.flatnonzero(info["action_mask"])
        assert allowed.tolist() == sorted(solution.regrets(solution.state(line[:k])))
        _, _, ended, _, info = env.step(action)
    assert ended


def test_the_best_line_is_paid_its_optimum():
    solution = solve(task_of("fux_d", 1, True), rules.suite(1, form=True))
    env = gym.make(ID, species=1, cantus="fux_d", form=True)
    assert play(env, 0, solution.line())[1] == solution.optimum


def test_one_step_masks_lead_most_lines_astray():
    envs = {mask: gym.make(ID, species=1, mask=mask) for mask in ("viable", "legal", "free")}
    astray = {mask: sum(broken(play(env, seed)[0], 1) > 0 for seed in range(12)) for mask, env in envs.items()}
    assert astray["viable"] == 0 < 4 <= astray["legal"] < astray["free"] == 12


def test_without_a_mask_a_broken_rule_costs():
    melody, paid = play(gym.make(ID, species=1, mask="free"), 0)
    assert paid <= -rules.FORBIDDEN * broken(melody, 1)


def test_what_is_seen_names_the_given_line():
    env = gym.make(ID, species=4, cantus="fux_e", above=False)
    observation, _ = env.reset(seed=0)
    given = observation[env.unwrapped.layout["given"]]
    shown = (given[2::2] * 12 + 70).round().tolist()[:7]
    assert given[:2].tolist() == [0, 0]  # there is no bar before the first
    assert shown == [pitch - 64 + 72 for pitch in cantus_firmi()["fux_e"].pitches[:7]]
    assert observation[env.unwrapped.layout["side"]] == 0
    assert observation[env.unwrapped.layout["species"]].tolist() == [0, 0, 0, 1]
    assert np.flatnonzero(observation[env.unwrapped.layout["scale"]]).tolist() == [0, 1, 3, 5, 7, 8, 10]


def test_vector_environment_equals_single_ones():
    single = gym.make(ID, species=1, cantus="all", above="both")
    envs = gym.make_vec(ID, num_envs=3, species=1, cantus="all", above="both")
    observations, infos = envs.reset(seed=5)
    rng = np.random.default_rng(0)
    seen, info = single.reset(seed=6)
    for _ in range(7):
        np.testing.assert_array_equal(observations[1], seen)
        np.testing.assert_array_equal(infos["action_mask"][1], info["action_mask"])
        actions = np.array([rng.choice(np.flatnonzero(mask)) for mask in infos["action_mask"]])
        observations, rewards, _, _, infos = envs.step(actions)
        seen, reward, _, _, info = single.step(actions[1])
        assert rewards[1] == reward


def test_a_cantus_of_ones_own():
    melody, _ = play(gym.make(ID, species=1, cantus=[62, 65, 64, 62], key="D dorian"), 0)
    assert melody.given[::16].tolist() == [60, 63, 62, 60]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"species": 5}, "species=5 is not one of 1, 2, 3, 4"),
        ({"cantus": "fux_q"}, "cantus 'fux_q' is not one of fux_d"),
        ({"cantus": [60, 62, 60]}, "MIDI pitches need key="),
        ({"cantus": [60, 62, 64], "key": "C"}, "it ends on MIDI 64, not on the tonic"),
        ({"cantus": [60, 63, 62, 60], "key": "C"}, "MIDI 63 is not in the scale"),
        ({"cantus": [60, 67, 60], "key": "C"}, "not reached by step"),
        ({"above": "beside"}, "above='beside' is not True, False or 'both'"),
        ({"mask": "strict"}, "mask 'strict' is not one of viable, legal, free"),
    ],
)
def test_a_mistake_is_named(options, said):
    with pytest.raises(ValueError, match=said):
        gym.make(ID, **options)


def test_the_species_is_chosen_once():
    with pytest.raises(ValueError, match="species: its rules are part of the environment"):
        gym.make(ID).reset(options={"species": 2})


def test_durations_are_those_of_the_species():
    env = gym.make(ID, species=4, mask="free")
    _, info = env.reset(seed=0)
    assert {note_of(int(a))[1] for a in np.flatnonzero(info["action_mask"])} == {24}
    _, _, _, _, info = env.step(action_of(REST, 24))
    assert {note_of(int(a))[1] for a in np.flatnonzero(info["action_mask"])} == {24, 48}


@pytest.mark.parametrize("key", ["D dorian", "E phrygian", "A minor"])
def test_made_cantus_firmi_are_such_as_textbooks_have(key):
    lines = [made_cantus(seed, key) for seed in range(6)]
    assert len(set(lines)) == 6 and made_cantus(0, key) == lines[0]
    for line in lines:
        task = counterpoint(line, key, 1)
        assert line[0] == line[-1] and line[-2] > line[-1]
        assert line.count(max(line)) == 1
        assert task.bars == 10
