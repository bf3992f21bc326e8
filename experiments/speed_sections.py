"""What ``experiments.speed`` measures: a section is a title and a function in ``SECTIONS``."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import Any, Final

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from stable_baselines3.common.vec_env import VecEnv

from agents.training import Settings, Trained, build
from agents.vec_env import MelodyVecEnv
from experiments import speed_planners, speed_prior, speed_search
from experiments.report import real_parts
from experiments.rule_cost import nanoseconds
from experiments.speed_figures import Figure, Preset, Section
from experiments.speed_players import playing, playing_one, tunes, uniform
from experiments.timing import Run, interleaved
from musicenv.task import Task
from musicenv.vector import MelodyVectorEnv
from rewards import theory


def _pushes(n: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(0).integers(2, size=(512, n))


def vector(preset: Preset, seed: int) -> list[Figure]:
    """Steps of the native batch beside those of Gymnasium's own vector environment."""
    found = []
    for n, target in ((64, 2.0), (1024, 0.25)):
        runs = {
            "CartPoleVectorEnv": playing(CartPoleVectorEnv(num_envs=n), _pushes(n)),
            "tunes": playing(MelodyVectorEnv(n, prior=None), tunes(n, seed)),
            "random notes": playing(MelodyVectorEnv(n, prior=None), uniform(n, seed)),
            "tunes, one rule": playing(MelodyVectorEnv(n, prior=None, reward="theory.cadence"), tunes(n, seed)),
        }
        cost = interleaved(runs, preset.seconds)
        for name in list(runs)[1:]:
            goal = target if name == "tunes" else None
            found.append(Figure(f"{n}: {name} / CartPoleVectorEnv", cost["CartPoleVectorEnv"] / cost[name], "", goal))
        found += [Figure(f"{n}: {name}", n / cost[name], "steps/s") for name in runs]
    return found


def single(preset: Preset, seed: int) -> list[Figure]:
    """Steps of ``gym.make`` with its usual wrappers."""
    runs = {
        "CartPole-v1": playing_one(gym.make("CartPole-v1"), _pushes(1)[:, 0]),
        "tunes": playing_one(gym.make("musicenv:Melody-v0", prior=None), tunes(1, seed)[:, 0]),
        "random notes": playing_one(gym.make("musicenv:Melody-v0", prior=None), uniform(1, seed)[:, 0]),
    }
    cost = interleaved(runs, 2 * preset.seconds)
    goals = {"tunes": 1.5, "random notes": None}
    ratios = [Figure(f"{name} / CartPole-v1", cost["CartPole-v1"] / cost[name], "", goals[name]) for name in goals]
    return ratios + [Figure(name, 1 / cost[name], "steps/s") for name in runs]


def threads(preset: Preset, seed: int) -> list[Figure]:
    """The same batch on two threads, by the wall clock."""
    found = []
    for n, prior in ((1024, None), (4096, None), (1024, "lstm")):
        envs = {k: MelodyVectorEnv(n, prior=prior, threads=k) for k in (1, 2)}
        cost = interleaved({str(k): playing(env, tunes(n, seed)) for k, env in envs.items()}, preset.seconds, wall=True)
        what = f"{n:,} environments, {'the LSTM' if prior else 'no prior'}"
        found.append(Figure(f"{what}: two threads / one", cost["1"] / cost["2"], "", 1.7))
    return found


class IdleVecEnv(VecEnv):
    """An environment that does nothing: always the same observations, no end, no reward."""

    def __init__(self, like: MelodyVecEnv) -> None:
        super().__init__(like.num_envs, like.observation_space, like.action_space)
        self.batch = like.batch
        self._seen = like.reset()
        self._infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]

    def reset(self) -> npt.NDArray[np.float32]:
        return self._seen

    def step_async(self, actions: npt.NDArray[np.int64]) -> None:
        """Nothing."""

    def step_wait(self) -> Any:
        n = self.num_envs
        return self._seen, np.zeros(n, dtype=np.float32), np.zeros(n, dtype=np.bool_), self._infos

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Nothing."""

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        return [None] * self.num_envs

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs

    def close(self) -> None:
        """Nothing."""


def ppo(preset: Preset, seed: int) -> list[Figure]:
    """The training loop of ``train_ppo`` on its environment, on an idle one, and on two threads by the wall clock.

    Collecting notes and learning from them are measured by themselves, since the second does not see the environment.
    """
    settings = Settings(seed=seed, threads=1)

    def parts(trained: Trained, env: Any) -> tuple[Run, Run]:
        model = trained.model
        model.set_env(env)
        _, callback = model._setup_learn(10**9, None)

        def collecting(rollouts: int) -> None:
            for _ in range(rollouts):
                model.collect_rollouts(env, callback, model.rollout_buffer, n_rollout_steps=settings.rollout)

        def learning(updates: int) -> None:
            for _ in range(updates):
                model.train()

        return collecting, learning

    one, other, two = build(settings), build(settings), build(replace(settings, threads=2))
    collecting, learning = parts(one, one.env)
    runs = {"collecting": collecting, "idle": parts(other, IdleVecEnv(other.env))[0], "learning": learning}
    cost = interleaved(runs, 8 * preset.seconds)
    loop, idle = cost["collecting"] + cost["learning"], cost["idle"] + cost["learning"]
    runs = {"collecting": collecting, "learning": learning}
    runs |= dict(zip(("two collecting", "two learning"), parts(two, two.env), strict=True))
    taken = interleaved(runs, 8 * preset.seconds, wall=True)
    alone, shared = (taken[f"{who}collecting"] + taken[f"{who}learning"] for who in ("", "two "))
    notes = settings.envs * settings.rollout
    return [
        Figure("loop, one thread", notes / loop, "notes/s"),
        Figure("the same loop on an idle environment", notes / idle, "notes/s"),
        Figure("environment's share of the loop", 1 - idle / loop, "", 0.15, True),
        Figure("loop, two threads", notes / shared, "notes/s", 20_000),
        Figure("two threads / one", alone / shared),
    ]


def bars(preset: Preset, seed: int) -> list[Figure]:
    """What a note costs in longer pieces."""
    played = tunes(256, seed)
    runs = {str(k): playing(MelodyVectorEnv(256, prior=None, bars=k), played) for k in preset.bars}
    cost = interleaved(runs, preset.seconds)
    found = [Figure(f"{k} bars", 1e9 * cost[str(k)] / 256, "ns/note", at=k) for k in preset.bars]
    first, last = found[0], found[-1]
    return [*found, Figure(f"{preset.bars[-1]} bars / {preset.bars[0]}", last.value / first.value, "", 1.3, True)]


def environments(preset: Preset, seed: int) -> list[Figure]:
    """Steps a second by the number of environments, and what each takes of memory."""
    found = []
    n, seconds = 1, preset.seconds / 2
    while n <= preset.most_environments:
        env = MelodyVectorEnv(n, prior=None)
        cost = interleaved({"env": playing(env, tunes(n, seed))}, seconds)["env"]
        found.append(Figure(f"{n:,} environments", n / cost, "steps/s", at=n))
        n *= 4
    batch = env.batch
    state = sum(array.nbytes for array in batch.lines) / batch.n
    seen = (batch.observations.nbytes + batch.masks.nbytes) / batch.n
    return [
        *found,
        Figure("state of one", state, "B"),
        Figure("observation and mask of one", seen, "B"),
    ]


def rules(preset: Preset, seed: int) -> list[Figure]:
    """What each rule costs a note, on real parts."""
    statistics = [entry.statistic for entry in theory.SUITE]
    cost = nanoseconds(statistics, real_parts([Task()]), preset.repeats * 3)
    each = [
        Figure(rule.name, value, "ns/note", at=k) for k, (rule, value) in enumerate(zip(statistics, cost, strict=True))
    ]
    return [Figure("all rules", float(np.sum(cost)), "ns/note"), *sorted(each, key=lambda figure: -figure.value)]


_IMPORT = (
    "import sys, time; t = time.process_time(); import musicenv;print(time.process_time() - t, 'torch' in sys.modules)"
)
_FIRST_STEP = (
    "import time; t = time.process_time(); import gymnasium; env = gymnasium.make('musicenv:Melody-v0', prior={prior});"
    "env.reset(seed=0); env.step(0); print(time.process_time() - t, 0)"
)


def start(preset: Preset, seed: int) -> list[Figure]:
    """CPU seconds until something happens, in fresh processes with everything compiled."""

    def best(program: str) -> tuple[float, str]:
        found = []
        for _ in range(preset.repeats + 1):
            told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
            found.append((float(told.stdout.split()[0]), told.stdout.split()[1]))
        return min(found)

    taken, torch = best(_IMPORT)
    return [
        Figure("import musicenv", taken, "s", 0.5, True),
        Figure("torch imported by it", float(torch == "True"), "", 0.0, True),
        Figure("import gymnasium to first step, no prior", best(_FIRST_STEP.format(prior="None"))[0], "s", 1.0, True),
        Figure("import gymnasium to first step, LSTM", best(_FIRST_STEP.format(prior="'lstm'"))[0], "s", 1.0, True),
    ]


SECTIONS: Final = {
    "single": Section("One environment: gym.make", single),
    "vector": Section("Batches, no prior", vector),
    "prior": Section("With the prior", speed_prior.with_environment, placed=True),
    "hearing": Section("The prior alone: compiled step, or torch's products", speed_prior.compiled_or_not),
    "threads": Section("Two threads", threads, placed=True),
    "ppo": Section("PPO through the SB3 bridge", ppo, placed=True),
    "bars": Section("Cost by length", bars),
    "environments": Section("Rate by environments", environments),
    "rules": Section("Cost of the rules", rules),
    "start": Section("Start", start),
    "planners": Section("Planners without a network, on a small game", speed_planners.measure),
    "search": Section("Planners with the prior and the rules", speed_search.measure),
}
"""In the order in which they are measured."""
