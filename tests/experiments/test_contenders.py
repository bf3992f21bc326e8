"""Who takes part in the benchmark, and how what was learned is played."""

from dataclasses import replace

import numpy as np
import pytest

from agents.budget import Budget, Used
from agents.compose import masked, prior, uniform
from agents.training import environment
from experiments import contenders
from experiments.challenges import TASKS
from experiments.contenders import contender
from musicenv.alphabet import action_of


def test_agents_are_found_by_name_and_by_module():
    assert contender("prior_best_of_4").tries == 4
    assert contender("prior_ppo").learns
    assert not contender("agents.compose:uniform").learns
    assert uniform.__name__ == "uniform"
    with pytest.raises(ValueError, match="'nobody' is not known; choose uniform, prior"):
        contender("nobody")
    with pytest.raises(ValueError, match=r"agents\.compose has no 'nobody'"):
        contender("agents.compose:nobody")
    with pytest.raises(ValueError, match="is a str; give a Contender or an agent's function"):
        contender("agents.compose:__doc__")


def test_what_was_learned_is_played_at_a_temperature_and_by_a_share_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = TASKS["melody"].learned
    batch = environment(replace(settings, envs=3)).batch
    batch.reset([np.random.default_rng(i) for i in range(3)])
    while batch.masks.all():
        batch.step(np.full(3, action_of(60, 9)))
    batch.listen(np.arange(3))
    log_p = masked(batch.log_probs, batch.masks)
    learned = masked(log_p + np.random.default_rng(0).normal(size=log_p.shape).astype(np.float32), batch.masks)
    monkeypatch.setattr(contenders, "_learned_once", lambda *_: (lambda _: learned, Used(0, 0.0)))

    def played(temperature: float, share: float) -> np.ndarray:
        return np.exp(contenders._cooled(temperature, share, settings, Budget(steps=0))[0](batch))

    np.testing.assert_allclose(played(1.0, 1.0), np.exp(learned), atol=1e-6)
    np.testing.assert_allclose(played(0.5, 1e-6), np.exp(prior(0.5)(batch)), atol=1e-4)
    between = played(1.0, 0.5)
    np.testing.assert_allclose(between, np.exp(masked(0.5 * (learned + log_p), batch.masks)), atol=1e-6)
    cold = played(0.02, 0.5)
    assert (cold.argmax(axis=1) == between.argmax(axis=1)).all()
    assert (cold.max(axis=1) > between.max(axis=1)).all()
