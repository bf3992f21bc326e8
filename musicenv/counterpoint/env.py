"""``musicenv:Counterpoint-v0``: one line against a given one, in one of four species."""

from __future__ import annotations

from typing import Any

from musicenv.counterpoint.batch import CounterpointBatch, Mask
from musicenv.counterpoint.options import CounterpointOptions, rules
from musicenv.env import MelodyEnv
from musicenv.vector import MelodyVectorEnv
from rewards.named import Reward


class CounterpointEnv(MelodyEnv):
    """Compose a line of species counterpoint above or below a cantus firmus.

    **Observation**: as of ``MelodyEnv`` without a prior, followed by the blocks of ``counterpoint.batch.SEEN``: the
    given line around now, scale, side, species, the running summaries, and the mask as log-probabilities.

    **Action**: Discrete(310) as in ``MelodyEnv``; the species leaves one duration, the fourth two.  ``mask="viable"``
    allows the notes from which a legal line can still be completed, computed exactly; "legal" those that no hard rule
    forbids at once, which leads most random lines astray; "free" any pitch.  A mask may be ignored: each broken hard
    rule costs 100.

    **Reward**: minus the cost of each note under the rules of the species (``rewards.counterpoint``), whole numbers;
    with ``form=True`` also what the whole line lacks, at its end.  ``reward`` replaces all but the hard rules.

    **End**: ``terminated`` at the last whole note.

    **Options**: cantus, key and above (see ``CounterpointOptions``), in ``gym.make`` and in ``reset(options=)``;
    species, form, mask and reward in ``gym.make`` alone.
    """

    def __init__(
        self,
        species: int = 1,
        form: bool = False,
        mask: Mask = "viable",
        reward: Reward = None,
        render_mode: str | None = None,
        **options: Any,
    ) -> None:
        suite = rules(reward, species, form)
        wanted = CounterpointOptions(species=species).updated(options)
        self._prepare(render_mode, wanted, CounterpointBatch(1, wanted.tasks(), suite, mask))


class CounterpointVectorEnv(MelodyVectorEnv):
    """``num_envs`` counterpoints at once, as ``MelodyVectorEnv`` is to ``MelodyEnv``."""

    def __init__(
        self,
        num_envs: int = 1,
        species: int = 1,
        form: bool = False,
        mask: Mask = "viable",
        reward: Reward = None,
        render_mode: str | None = None,
        max_episode_steps: int | None = None,
        **options: Any,
    ) -> None:
        suite = rules(reward, species, form)
        wanted = CounterpointOptions(species=species).updated(options)
        self._check(num_envs, render_mode, max_episode_steps)
        self._prepare(render_mode, wanted, CounterpointBatch(num_envs, wanted.tasks(), suite, mask))
