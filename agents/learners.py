"""Learners by name: whoever can be trained on a task within a budget, and then composes.

Those that do not begin as the prior see its log-probabilities and hidden state all the same, as all do.  Their
settings are the libraries' defaults but for the number of pieces side by side; where their update is of so many
notes, it stays so.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
import torch
from sb3_contrib import QRDQN, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO

from agents.budget import Budget, Meter, Used, learn
from agents.cloning import clone
from agents.compose import Agent, Floats, masked
from agents.expert import Expert, ExpertSettings
from agents.policy import PriorPolicy, policy_agent
from agents.sequence_tutor import PRESETS, RULES, UPDATES, Preset, SequenceTutor, tutor_agent
from agents.training import Learning, Settings, build, environment, schedule
from mcts.search import OutOfTimeError
from musicenv.alphabet import N_DURATIONS, N_PITCHES
from musicenv.observation import composed_at, layout

Learner = Callable[[Settings, Budget], tuple[Agent, Used]]
"""Trains for the task in the settings, with their seed; the budget is kept."""

EPSILON: Final = 0.05
"""Share of random notes that DQN and QR-DQN play after training, as at its end (Mnih et al. 2015): without any, all
their pieces would be one."""
QUANTILES: Final = 50
"""Of QR-DQN; its own 200 for each of 310 notes would take most of the time."""


def settled(log_probs: Floats, legal: npt.NDArray[np.bool_]) -> Floats:
    """Log-probabilities (n, A) of the notes that will sound, where the durations ``legal`` (n, N_DURATIONS) fit: those
    of others go to the note that the environment puts in their place (the longest legal duration that is shorter, else
    the shortest legal one).

    Pitches that a mask forbids keep their probability, for the environment plays them: in counterpoint they cost what
    the hard rules say.
    """
    below = np.maximum.accumulate(np.where(legal, np.arange(N_DURATIONS), -1), axis=1)
    goes = np.where(below >= 0, below, legal.argmax(axis=1)[:, None])
    p = np.exp(log_probs, dtype=np.float64).reshape(len(goes), -1, N_DURATIONS)
    out = np.zeros_like(p)
    for d in range(N_DURATIONS):
        out[np.arange(len(goes)), :, goes[:, d]] += p[:, :, d]
    with np.errstate(divide="ignore"):
        log_p = np.log(out.reshape(len(goes), -1))
    return masked(log_p.astype(np.float32), np.tile(legal, N_PITCHES).astype(np.int8))


def _fitting(observations: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """(n, N_DURATIONS) which durations are legal, as observations have it."""
    return np.asarray(observations[:, layout()["legal"]] > 0.5)


def _agent(log_probs_of: Callable[[torch.Tensor], torch.Tensor]) -> Agent:
    """An agent from what gives the log-probabilities of all notes, legal or not."""

    def agent(batch: Any) -> Any:
        with torch.no_grad():
            return settled(log_probs_of(torch.from_numpy(batch.observations)).numpy(), _fitting(batch.observations))

    return agent


def _categorical(policy: Any, observations: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = policy.get_distribution(observations).distribution.logits
    return logits


def _epsilon_greedy(values: torch.Tensor) -> torch.Tensor:
    actions = values.shape[1]
    best = torch.nn.functional.one_hot(values.argmax(dim=1), actions)
    return torch.log((1 - EPSILON) * best + EPSILON / actions)


def _recurrent(policy: Any) -> Agent:
    """An agent with a memory of the pieces that it is composing; a piece that has less behind it than before is new."""
    at = composed_at(layout())
    memory: dict[str, Any] = {}

    def agent(batch: Any) -> Any:
        observations = torch.from_numpy(batch.observations)
        composed = observations[:, at].clone()
        if memory.get("rows") != batch.n:
            state = torch.zeros(policy.lstm_actor.num_layers, batch.n, policy.lstm_actor.hidden_size)
            memory.update(rows=batch.n, state=(state, state), composed=torch.full((batch.n,), 2.0))
        begins = (composed <= memory["composed"]).float()
        with torch.no_grad():
            distribution, memory["state"] = policy.get_distribution(observations, memory["state"], begins)
        memory["composed"] = composed
        return settled(distribution.distribution.logits.numpy(), _fitting(batch.observations))

    return agent


SMALL: Final[dict[str, Any]] = {
    "envs": 64,
    "rollout": 32,
    "minibatch": 512,
    "learning_rate": 7e-4,
    "gae_lambda": 0.95,
    "value_scale": 20.0,
}
"""Of those who begin as the prior: 2,048 notes between two updates, so that 300,000 notes are 146 updates and not 18 as
with ``Settings``, which are for a budget of millions; more and smaller steps, and a critic that is of use sooner."""


HELD: Final[dict[str, Any]] = {
    **SMALL,
    "gae_lambda": 0.9,
    "window": 6,
    "epochs": 1,
    "coefficient": 1.0,
    "ent_coef": 0.15,
}
"""The same where PPO is held near the prior: its policy changes so little that notes of the last six rollouts are still
of use, and entropy that is paid for keeps variety."""
VARIED: Final[dict[str, Any]] = {
    **HELD,
    "learning_rate": 1.4e-3,
    "gamma": 0.975,
    "gae_lambda": 0.7,
    "target_kl": 3.5,
    "incline": 0.8,
    "cutoff": 0.004,
    "ent_coef": 0.11,
    "bonus": 28.0,
}
"""Where pieces are to stay as varied as real tunes: a discount lets those that end well be of any kind, the incline
lets them begin as they like, entropy is paid for, and what that makes of notes that hardly ever come is cut off.  A
bonus smaller than the one that is paid makes the other rewards count for more.  For melodies."""


def _common(settings: Settings) -> dict[str, Any]:
    return {"seed": settings.seed, "device": "cpu"}


def prior_ppo(settings: Settings, budget: Budget, **changes: Any) -> tuple[Agent, Used]:
    """PPO from the prior, held at ``settings.target_kl`` from it, with HELD but for ``changes`` of Settings."""
    trained = build(replace(settings, **{**HELD, **changes}))
    used = learn(trained.model, trained.env, budget)
    return policy_agent(trained.model.policy), used


def expert(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """Expert iteration; steps are notes, those that its searches try among them.

    It ends within a round of simulations of its budget; what it was composing then is left unlearned.
    """
    shared = {field.name: getattr(settings, field.name) for field in fields(Learning) if field.name != "envs"}
    asked = ExpertSettings(**shared)
    if budget.steps != 0 and budget.seconds != 0:
        Expert(replace(asked, envs=2)).iterate()  # compiles
    learner, meter = Expert(asked), Meter(budget)

    def watch() -> None:
        meter.steps = learner.notes
        if meter.left == 0.0:
            raise OutOfTimeError

    with suppress(OutOfTimeError):
        while meter.left > 0.0:
            learner.iterate(meter.left, watch)
            watch()
    return policy_agent(learner.policy), Used(meter.steps, meter.seconds)


def tutor(rule: str, preset: Preset, settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """One of the Sequence Tutor's RULES."""
    env = environment(replace(settings, envs=UPDATES * preset.steps_per_update))
    model = SequenceTutor(env, rule, preset, settings.seed)
    used = learn(model, env, budget)
    return tutor_agent(model), used


def _prior_maskable_ppo(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """From the prior with the settings of ``agents.training.build``, but without anything that holds it there."""
    settings = replace(settings, **SMALL)
    env = environment(settings)
    model = MaskablePPO(
        PriorPolicy,
        env,
        **schedule(settings, env),
        **_common(settings),
    )
    used = learn(model, env, budget)
    return policy_agent(cast(PriorPolicy, model.policy)), used


def _on_policy(
    algorithm: Callable[..., Any], policy: str, n_steps: int, settings: Settings, budget: Budget, **kwargs: Any
) -> tuple[Any, Used]:
    env = environment(replace(settings, envs=32))
    model = algorithm(policy, env, n_steps=n_steps, **kwargs, **_common(settings))
    return model.policy, learn(model, env, budget)


def _ppo(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    policy, used = _on_policy(PPO, "MlpPolicy", 64, settings, budget)
    return _agent(partial(_categorical, policy)), used


def _a2c(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    policy, used = _on_policy(A2C, "MlpPolicy", 5, settings, budget)
    return _agent(partial(_categorical, policy)), used


def _maskable_ppo(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    policy, used = _on_policy(MaskablePPO, "MlpPolicy", 64, settings, budget)

    def agent(batch: Any) -> Any:
        with torch.no_grad():
            return masked(_categorical(policy, torch.from_numpy(batch.observations)).numpy(), batch.masks)

    return agent, used


def _recurrent_ppo(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    """In larger minibatches than its own 128 and fewer epochs than 10, with which it learns from 35 notes a second."""
    policy, used = _on_policy(RecurrentPPO, "MlpLstmPolicy", 128, settings, budget, batch_size=1024, n_epochs=4)
    return _recurrent(policy), used


def _off_policy(algorithm: Callable[..., Any], settings: Settings, budget: Budget, **kwargs: Any) -> tuple[Any, Used]:
    """One update for each four notes, as in DQN; a replay buffer that fits into memory."""
    env = environment(replace(settings, envs=16))
    model = algorithm(
        "MlpPolicy",
        env,
        buffer_size=100_000,
        train_freq=1,
        gradient_steps=4,
        optimize_memory_usage=True,
        replay_buffer_kwargs={"handle_timeout_termination": False},
        **kwargs,
        **_common(settings),
    )
    return model.policy, learn(model, env, budget)


def _dqn(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    policy, used = _off_policy(DQN, settings, budget)
    return _agent(lambda observations: _epsilon_greedy(policy.q_net(observations))), used


def _qr_dqn(settings: Settings, budget: Budget) -> tuple[Agent, Used]:
    policy, used = _off_policy(QRDQN, settings, budget, policy_kwargs={"n_quantiles": QUANTILES})
    return _agent(lambda observations: _epsilon_greedy(policy.quantile_net(observations).mean(dim=1))), used


LEARNERS: Final[dict[str, Learner]] = {
    "prior_ppo": prior_ppo,
    "prior_ppo_varied": partial(prior_ppo, **VARIED),
    "expert": expert,
    "prior_maskable_ppo": _prior_maskable_ppo,
    **{f"tutor_{rule}_{name}": partial(tutor, rule, preset) for name, preset in PRESETS.items() for rule in RULES},
    "cloning": clone,
    "maskable_ppo": _maskable_ppo,
    "ppo": _ppo,
    "a2c": _a2c,
    "dqn": _dqn,
    "qr_dqn": _qr_dqn,
    "recurrent_ppo": _recurrent_ppo,
}
"""prior_ppo is this project's: PPO from the prior, held near it (``agents.ppo``), and prior_ppo_varied the same with
VARIED; expert the same policy taught by a tree search (``agents.expert``); prior_maskable_ppo is PPO without the hold;
tutor_* the Sequence Tutor's three learners with the paper's settings and with tuned ones; cloning learns from the
corpus alone; the others are Stable-Baselines3's and sb3-contrib's, from scratch."""
