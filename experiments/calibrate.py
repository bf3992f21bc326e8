"""Calibrate the rules on real parts, attack them, and calibrate them again.

    python -m experiments.calibrate                # ten minutes on two cores
    python -m experiments.calibrate --check        # the shipped suite's table, in under a minute
    python -m experiments.calibrate --from RUN     # with what the agent of a run found as well

counts the idiom tables (``rewards/theory/idiom.json``), makes fakes, fits curves and weights, anneals pieces under the
suite, adds to the fakes what a judge finds odd of these, fits again (``rewards/data/calibration.json``), attacks again,
and reports on held-out parts what the rules tell apart and what passes.  To be run again when the corpus, a statistic
or the prior has changed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final

import tyro
from tqdm import tqdm

from agents.compose import compose
from agents.compose import prior as prior_agent
from experiments.attack import KEPT, attack, attractive, check_run, read_attacked, write_attacked
from experiments.calibration_report import Pools, report_changes, report_pieces, report_rules, report_suites
from experiments.fakes import FAKES, fakes, task_of
from experiments.fitting import fit, measure
from experiments.judges.second_model import Judge
from experiments.pieces import available
from experiments.runs import UserError, command, start_run, user_input
from musicenv.batch import Batch
from musicenv.corpus import load as load_corpus
from musicenv.melody import Melody
from musicenv.render.score import score_png
from rewards import calibration
from rewards.calibration import Calibrated
from rewards.priors import Prior, hear, load_prior
from rewards.rules import Suite
from rewards.theory import idiom

TEMPERATURES: Final = {"hot_prior": 1.5, "prior": 1.0, "cold_prior": 0.5}
"""Fakes that the prior composes, by its temperature."""


@dataclass(frozen=True)
class Arguments:
    """Fit the curves, weights and tables of the rules on real parts and fakes, and attack them."""

    check: bool = False
    """Fit nothing: print the table of the shipped suite."""
    fakes: int = 1500
    """Fakes of each kind, made from training parts; a third as many from test parts, for the report."""
    attacked: int = 32
    """Pieces that are annealed, in each of two attacks; 0 for none."""
    moves: int = 12_000
    """Moves of each of them."""
    runs: Annotated[tuple[Path, ...], tyro.conf.arg(name="from")] = field(default=())
    """Run folders of train_ppo or compose: what their agents make and the judge finds odd becomes fakes as well."""
    prior: str = "lstm"
    """Shipped prior, or weights file, whose samples are fakes and whose surprisal the likelihood rules read."""
    seed: int = 0
    """Of the fakes and the attacks."""
    write: bool = True
    """Whether to replace the shipped tables, curves and weights; otherwise these go to the run folder."""
    out: Path | None = None
    """Run folder; a new one under runs/calibrate by default."""


def compose_fakes(prior: Prior, parts: Sequence[Melody], count: int, seed: int) -> Iterator[tuple[str, list[Melody]]]:
    """What the prior composes in the frames of ``parts``, at each of TEMPERATURES."""
    batch = Batch(256, [task_of(part) for part in parts], Suite(()), prior)
    for kind, temperature in TEMPERATURES.items():
        yield kind, compose(batch, prior_agent(temperature), count, seed).melodies


def make_fakes(prior: Prior, parts: Sequence[Melody], count: int, seed: int) -> dict[str, list[Melody]]:
    """``count`` fakes of each kind, heard by the prior."""
    made = {
        kind: hear(prior, fakes(kind, parts, count, seed)) for kind in tqdm(FAKES, desc="making fakes", leave=False)
    }
    return made | dict(compose_fakes(prior, parts, count, seed))


def fitted(
    arguments: Arguments, prior: Prior, train: Sequence[Melody], unseen: Sequence[Melody], pools: Pools
) -> dict[str, Calibrated]:
    """Fit, attack, fit with what the attack found and the judge finds odd, attack again; the pieces that attacked what
    is returned join ``pools``, the best first.  One that the judge finds usual is no fake: it may be what the reward is
    for."""
    made = make_fakes(prior, train, arguments.fakes, 2 * arguments.seed)
    with user_input():
        liked = [piece for run in arguments.runs for piece in attractive(run, 1024, arguments.seed)]
    odd = pools.judge.odd(liked) if liked else []
    if liked:
        print(f"{len(odd)} of the agents' {len(liked)} pieces are odd to the judge", flush=True)
    if odd:
        made["attractive"] = hear(prior, odd)
    real, validation = measure(train), measure(unseen)
    measured = {kind: measure(pieces) for kind, pieces in made.items()}
    found = fit(real, validation, measured)
    withstood: list[tuple[float, Melody]] = []
    for number in range(2 if arguments.attacked else 0):
        seed = 2 * arguments.seed + number
        annealed = attack(found, arguments.prior, train, arguments.attacked, arguments.moves, seed)
        melodies = hear(prior, annealed.melodies)
        odd_ones = pools.judge.odd(melodies)
        usual = 1 - len(odd_ones) / len(melodies)
        print(f"attack {number + 1}: {annealed.passed.mean():.3f} pass all rules, {usual:.3f} usual", flush=True)
        withstood += zip(annealed.scores.tolist(), melodies, strict=True)
        if odd_ones and number == 0:
            measured["attacked"] = measure(odd_ones)
            found = fit(real, validation, measured)
            withstood.clear()
    if withstood:
        pools.add("attacked", [melody for _, melody in sorted(withstood, key=lambda pair: -pair[0])])
    return found


def renew_tables(train: Sequence[Melody]) -> Path:
    """Count the idiom tables; where they have changed, begin again: compiled statistics hold the old ones."""
    before = idiom.TABLES.read_text(encoding="utf-8") if idiom.TABLES.exists() else ""
    path = idiom.write_tables(*idiom.count_tables(train))
    if path.read_text(encoding="utf-8") != before:
        print(f"{path.name} has changed; beginning again with it", flush=True)
        os.execv(sys.executable, [sys.executable, "-m", "experiments.calibrate", *sys.argv[1:]])
    return path


def calibrate(arguments: Arguments) -> None:
    """The command."""
    if arguments.check and not KEPT.exists():
        raise UserError(f"{KEPT} is missing; make it with 'python -m experiments.calibrate'")
    with user_input():
        for given in arguments.runs:
            check_run(given)
    corpus = load_corpus()
    train, test = corpus.melodies("train", bars=8), corpus.melodies("test", bars=8)
    files = [renew_tables(train)] if arguments.write and not arguments.check else []
    run = start_run("calibrate", arguments, arguments.out)
    prior = load_prior(arguments.prior)
    made = make_fakes(prior, test, arguments.fakes // 3, 2 * arguments.seed + 1)
    pools = Pools(hear(prior, test), made, Judge(test))
    before: Mapping[str, Calibrated] = calibration.load() if calibration.SHIPPED.exists() else {}
    if arguments.check:
        found = before
        pools.add("attacked", hear(prior, read_attacked()))
    else:
        found = fitted(arguments, prior, train, hear(prior, corpus.melodies("validation", bars=8)), pools)
        here = run.folder
        files.append(calibration.save(found, calibration.SHIPPED if arguments.write else here / "calibration.json"))
        if arguments.attacked:
            kept = KEPT if arguments.write else here / "attacked.json"
            files.append(write_attacked(pools.made["attacked"], kept))
        files.append(report_changes(before, found, pools, here / "changes.txt"))
    figures = report_suites(pools, found, list(TEMPERATURES))
    figures |= report_pieces(pools) | report_rules(pools, found, run.folder / "rules.txt")
    files.append(run.folder / "rules.txt")
    if "attacked" in pools.made and available("score"):
        files.append(score_png(pools.made["attacked"][:10], run.folder / "attacked.png"))
        print(f"attacked pieces: {files[-1]}")
    print(f"each rule: {run.folder / 'rules.txt'}\nfigures: {run.finish(figures, files)}")


main = command(Arguments, calibrate)

if __name__ == "__main__":
    main()
