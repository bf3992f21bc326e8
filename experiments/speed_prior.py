"""The prior by itself, and the environment beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from experiments.speed_figures import Figure, Preset
from experiments.speed_players import Actions, playing, tunes
from experiments.timing import interleaved
from musicenv.hearing import prior_inputs
from musicenv.vector import MelodyVectorEnv
from rewards.priors import load_prior
from rewards.priors.features import N_FEATURES
from rewards.priors.kernel import step_rows
from rewards.priors.stepping import UNTOLD

Features = npt.NDArray[np.int16]


def _inputs(env: MelodyVectorEnv, played: Actions, seed: int) -> Features:
    """(T, n, N_FEATURES) what the prior reads after each of the T notes ``played`` (T, n)."""
    features = np.zeros((*played.shape, N_FEATURES), dtype=np.int16)
    env.reset(seed=seed)
    for heard, actions in zip(features, played, strict=True):
        env.step(actions)
        prior_inputs(env.batch.block, np.arange(env.num_envs), heard)
    return features


def with_environment(preset: Preset, seed: int) -> list[Figure]:
    """The environment with the LSTM beside the LSTM's step alone."""
    found = []
    prior = load_prior()
    for n in (1, 64, 256, 1024):
        env, played = MelodyVectorEnv(n, prior=prior), tunes(n, seed)
        state, features = prior.state(n), _inputs(env, played[:64], seed)

        def bare(steps: int, state: Any = state, features: Features = features) -> None:
            for k in range(steps):
                prior.step(state, features[k % len(features)])

        runs = {"bare": bare, "env": playing(env, played)}
        cost = interleaved(runs, preset.seconds)
        found.append(Figure(f"{n}: environment / bare LSTM step", cost["bare"] / cost["env"], "", 0.9))
        found += [Figure(f"{n}: {name}", n / cost[name], "notes/s") for name in runs]
    return found


def compiled_or_not(preset: Preset, seed: int) -> list[Figure]:
    """The prior's step of so many rows in one compiled call and with torch's products, of which the prior itself takes
    the first up to ``SMALL_BATCH``."""
    found = []
    prior = load_prior()
    for n in (1, 4, 16, 64, 256):
        features = _inputs(MelodyVectorEnv(n, prior=prior), tunes(n, seed)[:64], seed)
        state, rows = prior.state(n), np.arange(n)
        after: Any = state.memory, state.log_probs, state.entropy, UNTOLD, 0

        def compiled(steps: int, features: Features = features, rows: Any = rows, after: Any = after) -> None:
            for k in range(steps):
                step_rows(prior.block, features[k % len(features)], rows, *after)

        def products(steps: int, features: Features = features, rows: Any = rows, state: Any = state) -> None:
            for k in range(steps):
                prior.step_many(state, features[k % len(features)], rows, UNTOLD, 0)

        cost = interleaved({"compiled": compiled, "torch": products}, preset.seconds / 4)
        found.append(Figure(f"{n}: compiled / torch", cost["torch"] / cost["compiled"]))
        found += [Figure(f"{n}: {name}", n / taken, "notes/s") for name, taken in cost.items()]
    return found
