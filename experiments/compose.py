"""Compose pieces with an agent, and write them to hear, see and edit.

python -m experiments.compose --agent prior --key "E dorian" --metre 6/8 --best-of 8
python -m experiments.compose --agent ppo:runs/train_ppo/... --opening my_tune.mid
python -m experiments.compose --agent mcts --simulations 64 --pieces 4
python -m experiments.compose --agent mcts --task counterpoint:fux_d-3-above
python -m experiments.compose --vary my_tune.abc --vary-by rhythm --best-of 32
python -m experiments.compose --like my_tune.mp3 --play.instrument flute
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch
from tqdm import tqdm

from agents.assignment import MELODY
from agents.compose import Pieces
from agents.named import NAMED, agent_of
from agents.training import check
from experiments.judges import figures
from experiments.pieces import Piece, available, check_formats, write_pieces
from experiments.report import describe
from experiments.runs import Run, UserError, command, print_table, start_run, user_input
from mcts.best_of import best_of
from mcts.named import planner_named
from mcts.planners import PLANNERS, Budget, places_for, plan
from musicenv.batch import Batch
from musicenv.corpus import load as load_corpus
from musicenv.melody import Melody
from musicenv.reading import opening, read
from musicenv.render import Performance
from rewards.priors import likeliest_style, load_prior
from rewards.rules import Rule, RuleError, Suite
from rewards.variation import near_contour, near_notes, near_rhythm

VARIATIONS: Final[dict[str, Callable[[Melody], Rule]]] = {
    "contour": near_contour,
    "notes": near_notes,
    "rhythm": near_rhythm,
}
"""What a variation may keep of its theme."""
AT_ONCE: Final = 256
"""Pieces composed side by side, at most."""


@dataclass(frozen=True)
class Args:
    """Compose pieces with an agent, and write them to hear, see and edit."""

    agent: str = "prior"
    """prior, uniform, ppo:RUN or expert:RUN, where RUN is a run folder of train_ppo or train_expert; or a planner that
    looks ahead with one of these: regenerate, mcts, gumbel, puct, puct-max, puct-mixed, uct, nrpa, beam, greedy,
    best-of-n, as in mcts or mcts:ppo:RUN."""
    task: str | None = None
    """melody, or counterpoint:CANTUS-SPECIES-SIDE, such as counterpoint:fux_d-2-above or counterpoint:all-1-both; with
    -plain at its end without rules of form.  The agent's own by default, else melody."""
    pieces: int = 8
    """How many pieces."""
    best_of: int = 1
    """Each piece is the best of this many by the reward."""
    simulations: int = 64
    """Of a planner: simulations a note (mcts), pieces composed (regenerate, nrpa, best-of-n), eight times the width
    (beam)."""
    seconds: float | None = None
    """Of a planner: time for all pieces; it begins again until then.  Ctrl-C ends it early; the best so far is kept."""
    children: int = 16
    """Of a tree search or a beam: how many of the likeliest notes it tries at each place."""
    leaf: Literal["sampled", "likeliest", "critic", "rules"] = "sampled"
    """Of a tree search: what a leaf is worth: the piece that the agent makes of it (drawn, or by its likeliest notes),
    what the agent's critic says, or the rewards so far."""
    key: str | None = None
    """Tonic and mode ("E dorian") or "all"; that of --opening, --vary or the agent by default, else C major."""
    metre: str | None = None
    """2/4, 3/4, 4/4, 6/8, 9/8 or "all"; by default as with the key, else 4/4."""
    bars: int | None = None
    """Bars a piece; those of --vary or the agent by default, else 8."""
    style: str | None = None
    """Dance type or collection, such as "reel"; the agent's by default, else open."""
    reward: str | None = None
    """Sum of suites and rules, as for train_ppo; "default" by default.  An agent ppo:RUN keeps its own."""
    opening: Path | None = None
    """A tune to go on from: MIDI, MusicXML, ABC, **kern or a recording."""
    opening_bars: int = 2
    """How many of its bars are kept."""
    vary: Path | None = None
    """A tune to vary, in any of these formats: the choice among --best-of pieces prefers those that are like it."""
    vary_by: Literal["contour", "notes", "rhythm"] = "contour"
    """What a variation keeps of its theme."""
    like: Path | None = None
    """An example, whose key, metre, length and pick-up are taken over, and the style that the prior hears in it."""
    vary_weight: float = 10.0
    """Reward for a piece that keeps all of it."""
    formats: tuple[str, ...] = ("midi", "musicxml", "abc", "score", "mp3")
    """Of midi, musicxml, abc, score, svg, roll, gif, mp3, wav."""
    play: Performance = field(default_factory=Performance)
    """How the pieces are played."""
    seed: int = 0
    """Seed of everything random."""
    out: Path | None = None
    """Run folder; a new one under runs/compose by default."""


def from_files(args: Args) -> tuple[dict[str, Any], Suite | None]:
    """The options that the tunes given as files set, and the terms that the choice adds to the reward."""
    options: dict[str, Any] = {}
    also = None
    if args.like is not None:
        example = read(args.like, metre=args.metre)
        _say(args.like, example.notices)
        options |= {name: getattr(example.task, name) for name in ("key", "metre", "bars", "pickup")}
        options["style"] = likeliest_style(load_prior(), example.melody, load_corpus().melodies("train", "tunes"))
        print(f"{args.like.name}: likest to a {options['style']}" if options["style"] != "any" else "")
    if args.vary is not None:
        if args.best_of < 2:
            raise UserError("--vary chooses among pieces; give --best-of 2 or more, such as 32")
        theme = read(args.vary, metre=args.metre)
        _say(args.vary, theme.notices)
        options |= {name: getattr(theme.task, name) for name in ("key", "metre", "bars", "pickup")}
        also = VARIATIONS[args.vary_by](theme.melody) * args.vary_weight
    if args.opening is not None:
        tune = read(args.opening, key=args.key, metre=args.metre or options.get("metre"))
        _say(args.opening, tune.notices)
        options |= {name: getattr(tune.task, name) for name in ("key", "metre", "pickup")}
        options["opening"] = opening(tune.melody, args.opening_bars)
    return options, also


def _say(path: Path, notices: tuple[str, ...]) -> None:
    for notice in notices:
        print(f"{path.name}: {notice}")


def table_of(composed: Pieces) -> list[dict[str, Any]]:
    """What the table says of each piece."""
    return [
        {
            "piece": f"{number:02d}",
            "score": float(composed.returns[i]),
            "passes all": "yes" if composed.passed[i].all() else "no",
            "rules failed": int((~composed.passed[i]).sum()),
            "ends on tonic": "yes" if figures.ends_on_tonic(melody) else "no",
            "in key": figures.in_key(melody),
            "repeated 8-grams": figures.repeated_ngrams(melody),
            "nats a note": float(np.mean(melody.surprisal)),
            "notes": len(melody.pitch),
        }
        for number, (i, melody) in enumerate(enumerate(composed.melodies), start=1)
    ]


@dataclass(frozen=True)
class Composer:
    """Who composes, and for what."""

    batch: Batch
    name: str
    """Of the folder with the pieces."""
    compose: Callable[[tqdm[Any], Run], Pieces]


def composer_of(args: Args, options: Mapping[str, Any], also: Suite | None) -> Composer:
    """The agent or planner that ``args`` names."""
    kind, _, base = args.agent.partition(":")
    if kind not in NAMED and kind not in PLANNERS:
        known = ", ".join([*NAMED, *PLANNERS])
        raise UserError(f"agent {args.agent!r} is not known; choose one of {known}")
    if kind in NAMED:
        total = args.pieces * args.best_of
        agent, batch = agent_of(args.agent, min(total, AT_ONCE), args.reward, options, args.task)

        def sample(bar: tqdm[Any], run: Run) -> Pieces:
            bar.reset(total=total)
            return best_of(batch, agent, args.best_of, args.pieces, args.seed, bar.update, also)

        return Composer(batch, "tuned" if base else kind, sample)
    if args.best_of > 1 or also is not None:
        raise UserError("--best-of and --vary choose among an agent's pieces; a planner takes --simulations")
    torch.set_num_threads(1)
    planner, guide = planner_named(args.agent, args.leaf, args.task or MELODY)
    planned = guide.batch(places_for(args.pieces), args.reward, options, args.task)
    budget = Budget(args.simulations, args.seconds, args.children, args.leaf)

    def plan_all(bar: tqdm[Any], run: Run) -> Pieces:
        began = time.monotonic()
        highest: dict[int, float] = {}

        def said(best: float, done: int) -> None:
            if best > highest.get(done, -np.inf):  # the curve of the incumbents: ``done`` names the group of pieces
                highest[done] = best
                run.log({"done": done, "seconds": time.monotonic() - began, "best": best})
            bar.set_postfix(best=f"{best:.2f}", refresh=False)
            bar.update(done - bar.n)

        return plan(planned, guide.agent, planner, budget, args.pieces, args.seed, guide.critic, said)

    return Composer(planned, kind, plan_all)


def run_compose(args: Args) -> None:
    """The command."""
    with user_input():
        check(args, pieces=1, best_of=1, vary_weight=0.0, simulations=1, children=1)
        if args.seconds is not None:
            check(args, seconds=0.0)
        check_formats(args.formats)
        options, also = from_files(args)
        given: Mapping[str, Any] = {name: getattr(args, name) for name in ("key", "metre", "bars", "style")}
        options |= {name: value for name, value in given.items() if value is not None}
        composer = composer_of(args, options, also)
    run = start_run("compose", args, args.out)
    name = composer.name
    print(f"{args.agent}: {describe(composer.batch.tasks)}; writing to {run.folder}", flush=True)
    try:
        with tqdm(total=args.pieces, unit=" pieces", desc="composing") as bar:
            composed = composer.compose(bar, run)
    except RuleError as error:
        raise UserError(str(error)) from error
    rows = table_of(composed)
    pieces = [Piece(melody, row) for melody, row in zip(composed.melodies, rows, strict=True)]
    with tqdm(total=args.pieces, unit=" pieces", desc="writing") as bar:
        files = write_pieces(run.folder / "pieces", {name: pieces}, args.formats, bar.update, args.play)
    found = figures.of_pieces(composed.melodies) | {
        "score": float(composed.returns.mean()),
        "passes_all": float(composed.passed.all(axis=1).mean()),
        "kl_per_piece": float(composed.kl.mean()),
    }
    result = run.finish(found, files)
    print_table([list(row.values()) for row in rows], list(rows[0]))
    folder = run.folder / "pieces" / name
    heard = [folder / f"01{suffix}" for suffix in (".mp3", ".wav", ".mid")]
    print(f"\nlisten: {next((path for path in heard if path in files), folder / 'pieces.abc')}")
    print(f"look:   {folder / ('score.png' if available('score') else 'roll.png')}")
    print(f"page:   python -m experiments.listen {run.folder}\nfigures: {result}")


main = command(Args, run_compose)

if __name__ == "__main__":
    main()
