"""A step that several threads share without leaving compiled code.

Who leads writes the step on a *post* and offers it in parts; whoever is free takes the next.  Helpers wait there for
the next step, so that they need neither the interpreter's lock nor the system to wake them, which takes as long as a
step of some hundred melodies; after some time without a step they leave.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numba
import numba.extending
import numpy as np
import numpy.typing as npt

from musicenv.jit import compiled, inlined
from musicenv.pages import PAGE_WORDS
from musicenv.threads import Workers

if TYPE_CHECKING:
    from musicenv.kernel import State

Ints = npt.NDArray[np.int64]
Told = tuple[int, int, int]
"""What ``musicenv.step.play`` tells."""

_extending: Final[Any] = numba.extending  # numba ships few types
types: Final[Any] = numba.types

# Words of a post; those at which threads wait have cache lines of their own.
_LEFT, _DONE, _CLOSED, _PARTS, _SIZE, _BEGINS, _LISTENS, _PAGE = 0, 8, 16, 24, 25, 26, 27, 28
_TOLD: Final = _PAGE + PAGE_WORDS
"""Three numbers that each part told; after them the actions."""
_BITS: Final = 20
_ENDS: Final = (1 << _BITS) - 1
"""The word at _LEFT is the first part that nobody has taken yet, the end of these parts, and the number of the step, so
that nobody can mistake one step for another; the first two have so many bits."""
_LOOKS, _PATIENCE = 100, 300
"""Looks at a post before others may have the processor, and how often that is done before a helper leaves: after some
tenths of a millisecond."""

AT_ONCE: Final = 128
"""Melodies of a part, for which one thing after the other is done: their state fits into the second cache level."""
HELPS: Final = -1
"""In the place of a step's ``begins``: the caller is a helper."""
LOST: Final = -1
"""First number of a part that nobody finished, since a rule raised an error."""


def new_post(n: int) -> Ints:
    """A post for steps of ``n`` melodies."""
    return np.zeros(_TOLD + 3 * -(-n // AT_ONCE) + n, dtype=np.int64)


def _at(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, value=values[0])
    return builder.gep(array.data, [values[1]])


def _load(typing_context: Any, post: Any, word: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_at(context, builder, signature, values), "acquire", 8)

    return types.int64(post, types.int64), lower


def _add(typing_context: Any, post: Any, word: Any, number: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.atomic_rmw("add", _at(context, builder, signature, values), values[2], "acq_rel")

    return types.int64(post, types.int64, types.int64), lower


def _replace(typing_context: Any, post: Any, word: Any, old: Any, new: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = _at(context, builder, signature, values)
        return builder.extract_value(builder.cmpxchg(place, values[2], values[3], "acq_rel", "acquire"), 1)

    return types.boolean(post, types.int64, types.int64, types.int64), lower


# For compiled code; whatever a thread wrote before, another that finds the new number sees.
load: Final[Callable[[Ints, int], int]] = _extending.intrinsic(_load)
"""The number at a word."""
add: Final[Callable[[Ints, int, int], int]] = _extending.intrinsic(_add)
"""Add to the number at a word; what it was."""
replace: Final[Callable[[Ints, int, int, int], bool]] = _extending.intrinsic(_replace)
"""Put a number at a word, if the old one is still there; whether it was."""

if hasattr(os, "sched_yield"):
    _give_way: Any = types.ExternalFunction("sched_yield", types.int32())
else:

    @compiled
    def _give_way() -> int:
        return 0


@compiled
def offer(post: Ints, page: Ints, actions: Ints, begins: int, listens: int) -> None:
    """Begin a step, given as ``musicenv.step.advance`` takes it."""
    parts = (actions.size + AT_ONCE - 1) // AT_ONCE
    post[_PARTS], post[_SIZE], post[_BEGINS], post[_LISTENS] = parts, actions.size, begins, listens
    post[_PAGE:_TOLD] = page
    for part in range(parts):
        post[_TOLD + 3 * part] = LOST
    post[_TOLD + 3 * parts : _TOLD + 3 * parts + actions.size] = actions
    post[_DONE], post[_CLOSED] = 0, 0
    seen = load(post, _LEFT)
    replace(post, _LEFT, seen, ((seen >> 2 * _BITS) + 1 << 2 * _BITS) + (parts << _BITS))


@compiled
def take(post: Ints, helps: bool) -> int:
    """A part of the step that nobody has taken; -1 if there is none.  Who ``helps`` waits for the next step; told -1,
    he leaves.  Parts are taken from both ends, so that a melody mostly stays with its processor."""
    waited = 0
    while waited < _PATIENCE:
        for _ in range(_LOOKS):
            seen = load(post, _LEFT)
            first, end = seen & _ENDS, seen >> _BITS & _ENDS
            if first < end and helps and replace(post, _LEFT, seen, seen - (1 << _BITS)):
                return end - 1
            if first < end and not helps and replace(post, _LEFT, seen, seen + 1):
                return first
            if first == end and (not helps or load(post, _CLOSED) > 0):
                return -1
        waited += helps
        _give_way()
    return -1


@inlined
def offered(post: Ints) -> tuple[Ints, Ints, int, int]:
    """Page, actions, ``begins`` and ``listens`` of the step of which a part was taken."""
    actions = _TOLD + 3 * post[_PARTS]
    return post[_PAGE:_TOLD], post[actions : actions + post[_SIZE]], post[_BEGINS], post[_LISTENS]


@inlined
def tell(post: Ints, part: int, told: Told) -> None:
    """Say what came out of a part that was taken."""
    at = _TOLD + 3 * part
    post[at], post[at + 1], post[at + 2] = told
    add(post, _DONE, 1)


@compiled
def outcome(post: Ints, closes: bool) -> Told:
    """Wait until all parts are done: what ``musicenv.step.advance`` tells, of the first one that failed.  Where this
    ``closes`` the post, no helper waits there before the next step is offered."""
    post[_CLOSED] = closes
    parts, looks = post[_PARTS], 0
    while load(post, _DONE) < parts:
        looks += 1
        if looks % _LOOKS == 0:
            _give_way()
    ended = 0
    for at in range(_TOLD, _TOLD + 3 * parts, 3):
        if post[at] != 0:
            return post[at], post[at + 1], post[at + 2]
        ended += post[at + 1]
    return 0, ended, 0


@compiled
def lose(post: Ints) -> None:
    """Whoever had taken a part was ended by an error, and will not finish it."""
    add(post, _DONE, 1)


@compiled
def give_up(post: Ints) -> None:
    """The leader was ended by an error: leave what nobody has taken, and wait for the rest."""
    lose(post)
    while take(post, False) >= 0:
        lose(post)
    outcome(post, True)


class SharedStep:
    """The compiled step of one ``State``, by all threads of some workers."""

    def __init__(self, advance: Callable[[Ints, Ints, int, int], Told], state: State, workers: Workers) -> None:
        """``advance`` is ``musicenv.step.advance`` of the block in which ``state`` lies."""
        self._advance, self._post, self._workers = advance, state.post, workers
        self._lost: list[Exception] = []
        self._help = partial(_help, advance, state, self._lost)

    def __call__(self, page: Ints, actions: Ints, begins: int, listens: int) -> Told:
        """As ``musicenv.step.advance``; an error that a rule raised in any thread is raised here, when all are done."""
        if actions.size <= AT_ONCE:
            return self._advance(page, actions, begins, listens)
        self._lost.clear()
        self._workers.lend(self._help)
        try:
            told = self._advance(page, actions, begins, listens)
        except Exception:
            give_up(self._post)
            raise
        if told[0] == LOST:
            raise self._lost.pop()
        return told


def _help(advance: Callable[[Ints, Ints, int, int], Told], state: State, lost: list[Exception]) -> None:
    """Take parts of steps until there are none for some time; ``state`` is kept until then."""
    try:
        advance(state.post, state.post, HELPS, 0)
    except Exception as error:
        lost.append(error)
        lose(state.post)
