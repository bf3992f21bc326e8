"""Rules: plain Python functions of the melody, weighted and added into suites.

A **rule** speaks at each note: the function scores the newest note.  A **statistic** describes the piece so far; a
calibrated curve may turn it into reward, which is paid as the piece grows (at each bar line the difference to the bar
line before, so that the sum is the finished piece's score) or at the end alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from musicenv.melody import Melody
from musicenv.task import METRES
from rewards.code import compiled_or_checked, digest_code, fields_read
from rewards.summaries import SUMMARIES, initial_values, places
from rewards.tallies import Tallies, Tally

Kind = Literal["note", "piece"]
Function = Callable[..., float]
"""Of the melody; of a tally's numbers too, where the rule reads one."""


class RuleError(ValueError):
    """A rule failed on a piece; the message names the rule, the note and the piece."""


@dataclass(frozen=True)
class Curve:
    """Score of a statistic: a table on a uniform grid per metre, read by clamped linear interpolation."""

    lo: npt.NDArray[np.float64]
    """(metres,) value at the first grid point."""
    step: npt.NDArray[np.float64]
    """(metres,) distance between grid points."""
    table: npt.NDArray[np.float64]
    """(metres, K) scores at the grid points."""
    threshold: npt.NDArray[np.float64]
    """(metres,) the score that a piece has to reach to pass."""
    fall: float = 0.0
    """What a score that does not reach it loses besides."""

    def __call__(self, value: float, metre: int) -> float:
        """Score of ``value`` in ``METRES[metre]``; 0 where the value is NaN, that is, not defined."""
        return 0.0 if np.isnan(value) else float(self.read(value, metre))

    def read(self, values: Any, metre: int) -> Any:
        """Score of a defined value, or of each of an array, in ``METRES[metre]``."""
        table = self.table[metre]
        scores = np.interp(values, self.lo[metre] + self.step[metre] * np.arange(table.size), table)
        return scores - self.fall * ~self.passes(scores, metre)

    def passes(self, score: Any, metre: int) -> Any:
        """Whether a score, or each of an array, reaches the threshold; written once more in ``musicenv.kernel``."""
        return score >= self.threshold[metre] - 1e-9


class SuiteArrays(NamedTuple):
    """Weights and curves of S terms, as the compiled step reads them."""

    weight: npt.NDArray[np.float64]
    """(S,)"""
    of_piece: npt.NDArray[np.bool_]
    """(S,) whether the term is a statistic of the piece."""
    at_end: npt.NDArray[np.bool_]
    """(S,) whether it is read at the end alone."""
    in_python: npt.NDArray[np.bool_]
    """(S,) whether numba refused the rule, so that the step leaves it to Python."""
    note_terms: npt.NDArray[np.int64]
    """Which terms the step settles at each note, ..."""
    bar_terms: npt.NDArray[np.int64]
    """... at the bar lines where statistics are read, ..."""
    end_terms: npt.NDArray[np.int64]
    """... and at the end: all statistics."""
    curved: npt.NDArray[np.bool_]
    """(S,) whether a curve turns its value into a score."""
    lo: npt.NDArray[np.float64]
    """(metres, S)"""
    step: npt.NDArray[np.float64]
    """(metres, S)"""
    size: npt.NDArray[np.int64]
    """(S,) grid points in use."""
    table: npt.NDArray[np.float64]
    """(metres, S, K + 1); each curve's last point is there twice."""
    threshold: npt.NDArray[np.float64]
    """(metres, S) the score from which a piece passes."""
    fall: npt.NDArray[np.float64]
    """(S,) what a score below it loses besides."""
    bonus: float


@dataclass(frozen=True, eq=False)
class Rule:
    """A named function of the melody.  Call it in Python; ``compiled`` is the same function under numba."""

    function: Function
    kind: Kind
    """"note": a score for the newest note.  "piece": a statistic of the line so far; NaN where it is not defined."""
    name: str
    at_end: bool = False
    """Whether a statistic is read at the end of the piece alone."""
    hard: bool = False
    """Whether a line that this rule scores below 0 is forbidden rather than worse."""
    window: int | None = None
    """How many of the last notes the rule reads, the newest one among them; None where it may read all of them."""
    reads: tuple[str, ...] = ()
    """The running summaries that it reads (``rewards.summaries``)."""
    tally: Tally | None = None
    """The tally whose numbers a statistic is given after the melody (``rewards.tallies``)."""

    def __call__(self, melody: Melody) -> float:
        return float(self.function(melody) if self.tally is None else self.function(melody, self.tally(melody)))

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """All that it is made from: its function and its tally's."""
        return (self.function,) if self.tally is None else (self.function, self.tally.function)

    @cached_property
    def compiled(self) -> Function:
        return compiled_or_checked(self.function)

    def __mul__(self, weight: float) -> Suite:
        return Suite((Term(self, float(weight)),))

    __rmul__ = __mul__

    def __add__(self, other: Rule | Suite) -> Suite:
        return self * 1.0 + other

    def __radd__(self, other: object) -> Suite:
        return self * 1.0 if other == 0 else NotImplemented  # so that sum() works


@overload
def rule(function: Function) -> Rule: ...
@overload
def rule(
    *, name: str = "", hard: bool = False, window: int | None = None, reads: tuple[str, ...] = ()
) -> Callable[[Function], Rule]: ...
def rule(
    function: Function | None = None,
    *,
    name: str = "",
    hard: bool = False,
    window: int | None = None,
    reads: tuple[str, ...] = (),
) -> Rule | Callable[[Function], Rule]:
    """Make a rule that speaks at each note: the function returns the score of the newest note.

    A rule may declare what it reads (``Rule.window``, ``Rule.reads``) and that it forbids (``Rule.hard``).
    """
    if function is None:
        return lambda f: Rule(f, "note", name or f.__name__, hard=hard, window=window, reads=reads)
    return Rule(function, "note", function.__name__)


@overload
def statistic(function: Function) -> Rule: ...
@overload
def statistic(
    *, at_end: bool = False, window: int | None = None, reads: tuple[str, ...] = (), tally: Tally | None = None
) -> Callable[[Function], Rule]: ...
def statistic(
    function: Function | None = None,
    *,
    at_end: bool = False,
    window: int | None = None,
    reads: tuple[str, ...] = (),
    tally: Tally | None = None,
) -> Rule | Callable[[Function], Rule]:
    """Make a rule that speaks of the piece: the function returns a figure that describes the line so far, or NaN.

    A statistic that is read at the end may declare what it reads, as a rule may; any may share a ``tally``.
    """
    if function is None:
        return lambda f: Rule(f, "piece", f.__name__, at_end, window=window, reads=reads, tally=tally)
    return Rule(function, "piece", function.__name__, at_end)


@dataclass(frozen=True)
class Term:
    """One rule in a suite: ``weight`` times its score."""

    rule: Rule
    weight: float = 1.0
    curve: Curve | None = None
    """Turns a statistic into a score; without one the value is the score."""

    def score(self, melody: Melody) -> float:
        """Unweighted score: of the whole piece for a statistic, of the newest note for a rule."""
        value = self.rule(melody)
        if self.curve is not None:
            return self.curve(value, melody.metre)
        return 0.0 if np.isnan(value) and self.rule.kind == "piece" else value


@dataclass(frozen=True)
class Suite:
    """A weighted sum of rules.  Suites and rules add with ``+`` and scale with ``*``."""

    terms: tuple[Term, ...]
    bonus: float = 0.0
    """Paid once, at the end of a piece that passes every term with a curve; with no such term, to every piece."""
    needs_prior: bool = field(init=False)
    """Whether a term reads the prior's surprisal or entropy."""
    summaries: tuple[int, ...] = field(init=False)
    """Places of the running summaries that the terms read (``rewards.summaries``)."""

    def __post_init__(self) -> None:
        names = [term.rule.name for term in self.terms]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"the rule {sorted(twice)[0]!r} is in the suite twice; scale it instead")
        reads = {name for term in self.terms for each in term.rule.functions for name in fields_read(each, set())}
        object.__setattr__(self, "summaries", places(name for term in self.terms for name in term.rule.reads))
        object.__setattr__(self, "needs_prior", bool(reads & {"surprisal", "entropy"}))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the terms, in the order of every array of terms."""
        return tuple(term.rule.name for term in self.terms)

    def __iter__(self) -> Iterator[Term]:
        return iter(self.terms)

    def __len__(self) -> int:
        return len(self.terms)

    def __add__(self, other: Suite | Rule) -> Suite:
        if isinstance(other, Rule):
            other = other * 1.0
        return Suite(self.terms + other.terms, self.bonus + other.bonus)

    def __mul__(self, weight: float) -> Suite:
        scaled = tuple(replace(term, weight=term.weight * weight) for term in self.terms)
        return Suite(scaled, self.bonus * weight)

    __rmul__ = __mul__

    def __radd__(self, other: object) -> Suite:
        if other == 0:  # so that sum() works
            return self
        return NotImplemented

    @cached_property
    def tallies(self) -> Tallies:
        """Where the numbers of the terms' tallies are."""
        return Tallies.of((term.rule.tally, term.rule.at_end) for term in self.terms)

    def unsummarised(self) -> npt.NDArray[np.int64]:
        """(F,) the summaries that a line begins with; (0,) where no term reads one."""
        return initial_values()[: len(SUMMARIES) if self.summaries else 0]

    def with_bonus(self, bonus: float) -> Suite:
        """The same terms, with ``bonus`` for a piece that passes all of them."""
        return Suite(self.terms, bonus)

    def fingerprint(self) -> str:
        """Hash of the rules' code: equal for suites that compile to the same step."""
        digest = hashlib.sha256()
        for term in self.terms:
            # The module too: numba's cache finds a user's rule again under its module's name.
            where = term.rule.function.__module__
            digest.update(f"{term.rule.name} {term.rule.kind} {term.rule.at_end} {where}".encode())
            for function in term.rule.functions:
                digest_code(function, digest, set())
            if term.rule.tally is not None:
                digest.update(repr(term.rule.tally.kind).encode())
        for place in self.summaries:
            digest_code(SUMMARIES[place].update, digest, set())
        return digest.hexdigest()[:16]

    def arrays(self, in_python: npt.NDArray[np.bool_] | None = None) -> SuiteArrays:
        """The weights and curves as the kernel reads them; ``in_python`` (S,) as there, none by default."""
        left = np.zeros(len(self.terms), dtype=np.bool_) if in_python is None else in_python
        of_piece = np.array([term.rule.kind == "piece" for term in self.terms], dtype=np.bool_)
        at_end = np.array([term.rule.at_end for term in self.terms], dtype=np.bool_)
        size = max([1, *(term.curve.table.shape[1] for term in self.terms if term.curve)])
        shape = (len(METRES), len(self.terms))
        out = SuiteArrays(
            weight=np.array([term.weight for term in self.terms], dtype=np.float64),
            of_piece=of_piece,
            at_end=at_end,
            in_python=left,
            note_terms=np.flatnonzero(~of_piece & ~left),
            bar_terms=np.flatnonzero(of_piece & ~at_end & ~left),
            end_terms=np.flatnonzero(of_piece & ~left),
            curved=np.array([term.curve is not None for term in self.terms], dtype=np.bool_),
            lo=np.zeros(shape),
            step=np.ones(shape),
            size=np.ones(len(self.terms), dtype=np.int64),
            table=np.zeros((*shape, size + 1)),
            threshold=np.full(shape, -np.inf),
            fall=np.zeros(len(self.terms)),
            bonus=float(self.bonus),
        )
        for k, term in enumerate(self.terms):
            if term.curve is not None:
                points = term.curve.table.shape[1]
                out.lo[:, k], out.step[:, k], out.size[k] = term.curve.lo, term.curve.step, points
                out.table[:, k, :points], out.threshold[:, k] = term.curve.table, term.curve.threshold
                out.table[:, k, points] = term.curve.table[:, -1]
                out.fall[k] = term.curve.fall
        return out
