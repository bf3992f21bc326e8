"""From settings to a model that can be trained, resumed or asked to compose."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from agents.assignment import MELODY, Assignment, assignment
from agents.checkpoint import restore
from agents.policy import PriorPolicy
from agents.ppo import KLController, PriorPPO
from agents.vec_env import MelodyVecEnv
from musicenv.batch import Batch
from musicenv.options import Options


@dataclass(frozen=True)
class Learning:
    """What is to be composed, for which reward, and what every learner that begins as the prior is told."""

    command: ClassVar[str] = "train_ppo or train_expert"
    """Which command takes these."""
    task: str = MELODY
    """What is composed: "melody", as the next six say, or "counterpoint:CANTUS-SPECIES-SIDE", such as
    counterpoint:fux_d-2-above or counterpoint:made-1-both (``agents.assignment``)."""
    bars: int = 8
    """Bars a piece."""
    key: str = "C major"
    """Tonic and mode: "D", "F# minor", "E dorian", "G mixolydian"; "all" draws one for each piece."""
    metre: str = "4/4"
    """2/4, 3/4, 4/4, 6/8, 9/8, or "all"."""
    style: str = "any"
    """Dance type or collection, such as "reel"; "any" leaves it open."""
    pickup: int = 0
    """Ticks before the first downbeat, 12 to the quarter."""
    opening: str = ""
    """Notes to begin with, as ABC text."""
    reward: str = "default"
    """Sum of suites and rules, such as "theory" or "default+my_rules:swing=0.5"."""
    prior: str = "lstm"
    """Name or path of the pretrained prior of melodies."""
    bonus: float | None = None
    """Reward for a piece that passes all rules at once; by default 35 for melodies, none for counterpoint."""
    target_kl: float | None = None
    """Divergence from the prior to settle at, in nats a piece; by default 8 for melodies, .4 a note in counterpoint,
    whose prior plays by what a note is paid at once."""
    learning_rate: float = 2e-3
    """Adam's step size, held for the first half of the training, then falling linearly to zero."""
    envs: int = 256
    """Pieces composed side by side."""
    seed: int = 0
    """Seed of everything random."""
    threads: int = 2
    """Threads that share the notes; what is learned does not depend on them."""

    @property
    def options(self) -> dict[str, Any]:
        """The options of the environment that differ from the defaults."""
        given = {field.name: (getattr(self, field.name), getattr(Learning, field.name)) for field in fields(Options)}
        return {name: value for name, (value, default) in given.items() if value != default}

    @property
    def assignment(self) -> Assignment:
        """What is to be composed."""
        return assignment(self.task, self.options, self.reward, self.prior or None, self.bonus)

    @property
    def nats(self) -> float:
        """``target_kl``, or its default for the task."""
        return self.assignment.nats if self.target_kl is None else self.target_kl


@dataclass(frozen=True)
class Settings(Learning):
    """What PPO from the prior is told."""

    command: ClassVar[str] = "train_ppo"
    rollout: int = 64
    """Notes a piece composes between two updates."""
    minibatch: int = 2048
    """Notes in each step of Adam, at most."""
    gamma: float = 1.0
    """Discount of rewards, a note: below 1 a note is learned more for what is paid soon after it than at the end, by
    which pieces that end well differ more."""
    gae_lambda: float = 0.98
    """Of generalised advantage estimation (Schulman et al. 2016): 1 waits for returns, less trusts the critic more."""
    value_scale: float = 1.0
    """What the critic's output is multiplied by.  A critic that has to grow to returns of some tens learns little else
    at first, and its loss leaves next to nothing of the actor's gradient where both are clipped together."""
    window: int = 1
    """Rollouts, the newest ones, that each update learns from."""
    epochs: int = 4
    """Passes through them in an update."""
    coefficient: float = 0.2
    """Of the divergence, in reward per nat, to begin with; by default near where it settles in a long training."""
    incline: float = 0.0
    """How much dearer divergence is at the beginning of a piece: a nat costs exp(incline) coefficients at its first
    note, exp(-incline) at its last (``agents.ppo``)."""
    cutoff: float = 0.0
    """Notes that the prior gives less than this are never played (epsilon sampling; ``agents.policy.prior_logits``);
    nor are those that the policy gives less, once it has learned."""
    ent_coef: float = 0.0
    """What a nat of a note's entropy is paid, in the loss alone (as in SB3): it keeps notes varied."""


@dataclass(frozen=True)
class Trained:
    """A model with the pieces that it learns from."""

    model: PriorPPO
    env: MelodyVecEnv
    batch: Batch


def check(settings: object, **least: float) -> None:
    """ValueError, naming the field, where one of ``settings`` is given and below its least value."""
    for name, smallest in least.items():
        value = getattr(settings, name)
        if value is not None and not smallest <= value < math.inf:  # NaN fails too
            raise ValueError(f"{name}={value} is not possible; give at least {smallest:g}")


def environment(settings: Settings) -> MelodyVecEnv:
    """The pieces to learn from, seeded."""
    check(settings, envs=1, bonus=0.0, threads=1)
    env = MelodyVecEnv(settings.assignment.batch(settings.envs, settings.threads))
    env.seed(settings.seed)
    return env


def schedule(settings: Settings, env: MelodyVecEnv) -> dict[str, Any]:
    """What PPO that begins as the prior is trained with, whether or not it is held there."""
    rate = settings.learning_rate
    return {
        "learning_rate": lambda left: rate * min(1.0, 2.0 * left),
        "n_steps": settings.rollout,
        "batch_size": min(settings.minibatch, settings.envs * settings.rollout),
        "n_epochs": settings.epochs,
        "gamma": settings.gamma,
        "gae_lambda": settings.gae_lambda,
        "policy_kwargs": {
            "layout": env.batch.layout,
            "value_scale": settings.value_scale,
            "cutoff": settings.cutoff,
        },
    }


def build(settings: Settings) -> Trained:
    """The untrained model: its policy is the prior itself."""
    check(settings, rollout=2, minibatch=2, window=1, epochs=1, gae_lambda=0.0, learning_rate=0.0)
    check(settings, target_kl=0.01, coefficient=1e-3, ent_coef=0.0, value_scale=1e-3, gamma=0.0, incline=0.0)
    if settings.gamma > 1.0:
        raise ValueError(f"gamma={settings.gamma} is not possible; give at most 1")
    env = environment(settings)
    model = PriorPPO(
        PriorPolicy,
        env,
        controller=KLController(settings.nats, settings.coefficient),
        window=settings.window,
        incline=settings.incline,
        threads=settings.threads,
        ent_coef=settings.ent_coef,
        **schedule(settings, env),
        seed=settings.seed,
        device="cpu",
    )
    return Trained(model, env, env.batch)


NEWER: Final[dict[str, Any]] = {"task": MELODY, "gamma": 1.0, "incline": 0.0, "cutoff": 0.0}
"""What runs that are older than these names were told."""
S = TypeVar("S", bound=Learning)


def settings_of(folder: Path, kind: type[S]) -> S:
    """The settings, of this ``kind``, of a run folder of the command that has such."""
    try:
        arguments = json.loads((folder / "config.json").read_text(encoding="utf-8"))["arguments"]
        arguments = {**NEWER, **arguments}
        return kind(**{field.name: arguments[field.name] for field in fields(kind)})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder} is not a run folder of {kind.command}: its config.json is missing or damaged"
        ) from error


def load(folder: Path) -> Trained:
    """The trained model of a run folder of ``experiments.train_ppo``, as of its last checkpoint."""
    trained = build(settings_of(folder, Settings))
    restore(trained.model, trained.env, folder / "checkpoint.pt")
    return trained
