"""Write the page of the rules: each with its curve, an example that passes and one that fails.

    python -m experiments.rules_page                              # docs/rules.md and docs/rules/: some minutes
    python -m experiments.rules_page --rules cadence --out /tmp   # a page of one rule

To be run again after each calibration.  Needs the extra ``score``.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from experiments.attack import KEPT, read_attacked
from experiments.calibrate import TEMPERATURES, make_fakes
from experiments.fakes import FAKES
from experiments.fitting import ENTRIES, Measured, measure, score, wins
from experiments.rule_examples import Example, Showcase, exemplary
from experiments.rule_pictures import notated
from experiments.rule_plots import plot
from experiments.runs import UserError, command, user_input
from musicenv.corpus import load as load_corpus
from musicenv.corpus.corpus import Source
from musicenv.files import write_atomic
from musicenv.melody import Melody
from musicenv.render import extras
from musicenv.task import METRES
from rewards import calibration, sequence_tutor
from rewards.calibration import Entry
from rewards.priors import hear, load_prior
from rewards.rules import Rule

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
OWN_RULES: Final = Path(__file__).parent / "data" / "own_rules.md"
"""The page's last section; its code is run, and ``OUTPUT`` replaced by what the code before it printed."""
OUTPUT: Final = "<!-- output -->"

SHOWN_METRES: Final = ("4/4", "6/8")
PLOTTED: Final = METRES.index("4/4")

COLLECTIONS: Final = {
    "oneills1850": "O'Neill's Music of Ireland",
    "ryansMammoth": "Ryan's Mammoth Collection",
    "airdsAirs": "Aird's Airs",
    "miscFolk": "fife tunes and Northumbrian Minstrelsy",
}
"""Names of the collections; NOTICE says more."""

MODULES: Final = {
    "cadences": "Beginnings and endings",
    "form": "Form",
    "harmony": "Harmony",
    "idiom": "Idiom",
    "intervals": "Intervals",
    "rhythm": "Rhythm",
    "shape": "Shape",
    "likelihood": "Likelihood",
}
"""Module of the rules -> heading, in the order of the page."""

INTRODUCTION: Final = Path(__file__).parent / "data" / "rules_introduction.md"
"""How the page begins; ``{count}`` is the number of rules."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Arguments:
    """Write docs/rules.md and its pictures from the shipped calibration."""

    rules: tuple[str, ...] = ()
    """Names of the rules to show; all by default."""
    tunes: int = 30
    """Real parts that pass all rules, among which the examples are chosen, and which are changed."""
    longest: int = 56
    """Notes of the longest of them: long ones are hard to read."""
    fakes: int = 300
    """Fakes of each kind."""
    prior: str = "lstm"
    """Shipped prior, or weights file, whose surprisal the likelihood rules read."""
    seed: int = 0
    """Of the fakes and the choice of tunes."""
    out: Path = DOCS
    """Folder of rules.md; the pictures go to rules/ in it."""


@dataclass(frozen=True)
class Material:
    """What all sections are written from."""

    real: Measured
    made: Mapping[str, Measured]
    showcase: Showcase
    auc: Mapping[str, Floats]
    """Kind of fake -> (S,) area under the ROC curve of each rule."""
    passing: Floats
    """(S,) share of real parts that pass."""


def gather(arguments: Arguments) -> Material:
    """Real held-out parts and fakes, measured, and the tunes to be shown."""
    # What it costs to fail is the same for each rule: the page shows the curves without it.
    found = {name: given.without_fall() for name, given in calibration.load().items()}
    with user_input():
        prior = load_prior(arguments.prior)
    items = load_corpus().items("test", "parts", bars=8)
    parts = hear(prior, [melody for melody, _ in items])
    made = make_fakes(prior, parts, arguments.fakes, 2 * arguments.seed + 1)
    if KEPT.exists():
        made["attacked"] = hear(prior, read_attacked())
    real, measured = measure(parts), {kind: measure(pieces) for kind, pieces in made.items()}
    scores, passes = score(real, found)
    fake_scores = {kind: score(pieces, found)[0] for kind, pieces in measured.items()}
    columns = range(len(ENTRIES))
    auc = {kind: np.array([wins(scores[:, k], fake[:, k]) for k in columns]) for kind, fake in fake_scores.items()}
    known = [
        (melody, source)
        for melody, (_, source) in zip(parts, items, strict=True)
        if METRES[melody.metre] in SHOWN_METRES
    ]
    others: dict[str, list[Melody]] = {kind_name(kind): _shown(pieces) for kind, pieces in made.items()}
    for melody, source in known:
        others.setdefault(f"{name_of(source)}, a real part", []).append(melody)
    tunes = exemplary(known, found, arguments.tunes, arguments.longest, arguments.seed)
    showcase = Showcase(prior, tunes, real, others, found, arguments.seed)
    return Material(real, measured, showcase, auc, passes.mean(axis=0))


def _shown(pieces: Sequence[Melody]) -> list[Melody]:
    return [melody for melody in pieces if METRES[melody.metre] in SHOWN_METRES]


def kind_name(kind: str) -> str:
    """What a piece of this kind is, for a caption."""
    return f"a fake of the kind `{kind}`"


def name_of(source: Source) -> str:
    """Title and collection of a tune, for a caption."""
    title = re.sub(r"\s*--\s*", ", ", source.tune.title).strip(" .,")
    if title.isupper() or title.split(",")[0].isupper():
        title = title.title().replace("'S", "'s")
    return f"*{title}* ({COLLECTIONS.get(source.tune.collection, source.tune.collection)})"


def described(rule: Rule) -> str:
    """A rule's docstring as Markdown, with the numbers in place of the constants that it names."""
    known = rule.function.__globals__

    def number(match: re.Match[str]) -> str:
        value = known.get(match[1])
        return f"{value:g}" if isinstance(value, int | float) else f"`{match[1]}`"

    text = re.sub(r"``(\w+)``", number, inspect.getdoc(rule.function) or "")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def section(rule: int, material: Material, folder: Path) -> str:
    """A rule's part of the page; its pictures are written to ``folder``."""
    entry, name = ENTRIES[rule], ENTRIES[rule].statistic.name
    found = calibration.load()[name]
    curve = found.curve

    def values(pieces: Measured) -> Floats:
        return np.asarray(pieces.values[pieces.metre == PLOTTED, rule])

    fakes = {kind: values(pieces) for kind, pieces in material.made.items() if values(pieces).size}
    write_atomic(folder / f"{name}.svg", plot(curve, PLOTTED, values(material.real), fakes))
    example = material.showcase.choose(rule)
    notated(example, folder / f"{name}.png")
    best = sorted(material.auc, key=lambda kind: -material.auc[kind][rule])[:2]
    told = ", ".join(f"`{kind}` {material.auc[kind][rule]:.2f}" for kind in best)
    facts = (
        f"{entry.form} · weight {found.weight:g} · {material.passing[rule]:.1%} of real parts pass · tells best: {told}"
    )
    lowest, threshold = float(curve.table[PLOTTED].min()), float(curve.threshold[PLOTTED])
    if lowest >= threshold - 1e-9:
        facts += " · nothing fails it in 4/4: more than 1 % of real parts have the lowest score"
    return "\n\n".join(
        [
            f"### {name}",
            described(entry.statistic),
            facts,
            f"![curve and distribution of {name}](rules/{name}.svg)",
            f"![a piece that passes {name} and one that fails](rules/{name}.png)",
            caption(example),
        ]
    )


def caption(example: Example) -> str:
    """What the two pieces are, and what the rule says of them."""
    metre = METRES[example.failing.metre]
    what = f"the same, {example.what}" if example.changed is not None else example.what
    word = "Fails" if example.scores[1] < example.threshold - 1e-9 else "Scores least, but does not fail"
    besides = ", ".join(f"`{name}`" for name in example.besides) or "nothing"
    said = [f"value {_short(v)}, score {_short(s)}" for v, s in zip(example.values, example.scores, strict=True)]
    return (
        f"Passes: {name_of(example.source)}, {said[0]}. {word}: {what}; {said[1]}, "
        f"passes from {_short(example.threshold)} in {metre}. It fails {besides} else."
    )


def _short(number: float) -> str:
    return f"{round(number, 2) + 0.0:g}"


def table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    """A Markdown table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def first_sentence(text: str | None) -> str:
    """Up to the first full stop or blank line, escaped for a table."""
    paragraph = " ".join((text or "").split("\n\n")[0].split())
    return re.sub(r"(?<=[^.])\.\s.*", ".", paragraph).replace("|", r"\|")


def own_rules() -> str:
    """The page's last section, with what its code prints."""
    text, session = OWN_RULES.read_text(encoding="utf-8"), dict[str, Any](__name__="rules")
    pieces = re.split(r"(?<=\n)```python\n(.*?)```\n", text, flags=re.S)
    printed = ""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("my_rules.py").write_text(pieces[1], encoding="utf-8")
        sys.path.insert(0, folder)
        try:
            for k, piece in enumerate(pieces):
                if k % 2:
                    with contextlib.redirect_stdout(io.StringIO()) as out:
                        exec(compile(piece, OWN_RULES.name, "exec"), session)
                    printed = out.getvalue()
                    pieces[k] = f"```python\n{piece}```\n"
                else:
                    pieces[k] = piece.replace(OUTPUT, f"```text\n{printed}```")
        finally:
            sys.path.remove(folder)
    return "".join(pieces)


def rules_page(arguments: Arguments) -> None:
    """The command."""
    names = [entry.statistic.name for entry in ENTRIES]
    if unknown := sorted(set(arguments.rules) - set(names)):
        raise UserError(f"{unknown[0]} is no rule of the default suite; choose from {', '.join(names)}")
    for library in ("verovio", "resvg_py"):
        extras.need(library)
    chosen = [k for k, name in enumerate(names) if not arguments.rules or name in arguments.rules]
    material = gather(arguments)
    folder = arguments.out / "rules"
    sections = {k: section(k, material, folder) for k in tqdm(chosen, desc="rules")}
    page = [INTRODUCTION.read_text(encoding="utf-8").format(count=len(ENTRIES))]
    for module in dict.fromkeys([*MODULES, *map(module_of, ENTRIES)]):
        inside = [k for k in sections if module_of(ENTRIES[k]) == module]
        if inside:
            page += [f"## {MODULES.get(module, module.capitalize())}", *(sections[k] for k in inside)]
    page += ["## The fakes", fakes_table(material), "## The rules of the Sequence Tutor", tutor_table(), own_rules()]
    path = write_atomic(arguments.out / "rules.md", "\n\n".join(part.strip() for part in page) + "\n")
    print(f"{len(chosen)} rules: {path}")


def module_of(entry: Entry) -> str:
    """Name of the module in which a rule is defined."""
    return entry.statistic.function.__module__.rpartition(".")[2]


def fakes_table(material: Material) -> str:
    """The kinds of fakes."""
    told = {kind: first_sentence(make.__doc__) for kind, make in FAKES.items()}
    told |= {kind: f"What the prior composes at temperature {t:g}." for kind, t in TEMPERATURES.items()}
    told |= {"attacked": "What annealing found for an earlier calibration."}
    return table([[f"`{kind}`", told[kind]] for kind in material.made], ["kind", "what it is"])


def tutor_table() -> str:
    """The rules to compare with."""
    rows = [[f"`{rule.name}`", first_sentence(rule.function.__doc__)] for rule in sequence_tutor.RULES]
    what = first_sentence(sequence_tutor.__doc__).replace("nine rules of the Sequence Tutor", "nine rules")
    return f"{what} (`--reward sequence_tutor`)\n\n" + table(rows, ["rule", "what it pays"])


main = command(Arguments, rules_page)

if __name__ == "__main__":
    main()
