"""What states of counterpoint are worth, as it was learned, and beams that go by it."""

from itertools import count

import numpy as np
import pytest

from agents.assignment import assignment
from agents.compose import prior
from mcts.merged_beam import beam_search
from mcts.planners import PLANNERS, Budget, places_for, plan
from mcts.values import FEATURES, FILE, N_FEATURES, N_WEIGHTS, UNKNOWN, all_cases, value_of, weights_for
from musicenv.counterpoint.sets import known_tasks, regret, rules_hash
from musicenv.counterpoint.solver import solve
from musicenv.counterpoint.space import new_space
from musicenv.counterpoint.tasks import cantus_firmi, counterpoint, made_cantus_firmi
from rewards.counterpoint import SPECIES, suite


def test_values_that_ship_are_those_of_the_rules_as_they_are():
    with np.load(FILE) as found:
        assert found["rules"] == rules_hash(), "run python -m experiments.train_values again"
        assert set(found.files) == {"rules", *(f"species_{species}" for species in SPECIES)}
    for species in SPECIES:
        assert weights_for(suite(species, form=True), species).shape == (N_WEIGHTS,)


def test_nothing_is_said_where_a_suite_keeps_less_than_the_features_read():
    assert weights_for(suite(2), 2) is UNKNOWN


@pytest.mark.parametrize("species", SPECIES)
def test_each_feature_of_a_state_has_its_own_weights(species):
    task, rules = counterpoint((62, 65, 64, 65, 64, 62), "D dorian", species), suite(species, form=True)
    solution, space = solve(task, rules), new_space(task, rules)
    cases = np.empty((solution.value.size, N_FEATURES), dtype=np.int64)
    all_cases(space, solution.graph.keys, cases)
    first = np.cumsum([0, *FEATURES.values()])
    assert (first[:-1] <= cases).all() and (cases < first[1:]).all()
    weights = np.arange(N_WEIGHTS, dtype=np.float32)
    for key, of_state in list(zip(solution.graph.keys, cases, strict=True))[:: max(len(cases) // 50, 1)]:
        assert value_of(space, key, weights, np.empty(N_FEATURES, dtype=np.int64)) == of_state.sum()


@pytest.mark.parametrize("species", SPECIES)
def test_a_beam_that_knows_values_loses_less_than_one_four_times_as_wide_that_does_not(species):
    regrets = {"knows": [], "does not": []}
    for known in [each for each in known_tasks("form").values() if each.species == species][::3]:
        weights = weights_for(known.suite, species)
        for name, width, what in (("knows", 16, weights), ("does not", 64, UNKNOWN)):
            score, line = beam_search(known.task, known.suite, width, weights=what)
            assert len(line) and score <= known.optimum
            regrets[name].append(regret(score, known))
    assert np.mean(regrets["knows"]) < np.mean(regrets["does not"])


def test_values_do_not_keep_a_wide_beam_from_the_optimum():
    known = known_tasks("form")["fux_e-1-below"]
    assert beam_search(known.task, known.suite, 4096, weights=weights_for(known.suite, 1))[0] == known.optimum


def test_no_cantus_that_is_learned_from_is_a_textbook_s():
    textbooks = {tuple(np.subtract(each.pitches, each.pitches[-1]).tolist()) for each in cantus_firmi().values()}
    assert not textbooks & {tuple(np.subtract(line, line[-1]).tolist()) for line, _ in made_cantus_firmi()}


def test_the_planner_plays_what_the_beam_found_in_the_environment():
    assigned = assignment("counterpoint:fux_d,fux_e-2-both")
    found = plan(assigned.batch(places_for(4)), prior(), PLANNERS["value-beam"], Budget(128), 4, seed=0)
    best = {beam_search(task, assigned.suite, 16, weights=weights_for(assigned.suite, 2))[0] for task in assigned.tasks}
    assert set(found.returns) <= best
    ticks = count()  # a round of four pieces each: widths 1, 2, 4, 8, 16
    rounds, clock = Budget(8, seconds=5 * 4), lambda: float(next(ticks))
    longer = plan(assigned.batch(4), prior(), PLANNERS["value-beam"], rounds, 4, seed=0, clock=clock)
    assert (longer.returns >= found.returns).all()
