"""Named tuples handed to compiled functions by reference.

numba passes a named tuple by value: a melody is fifty machine words at each call of a rule, the state of a batch twice
as many, and each array among them is counted.  ``refer`` puts the tuple on the stack once and hands out where it lies;
attributes are read from there.  ``block_of`` lays a tuple out in memory from Python, so that a call from Python hands
over one small array (``reader``), whatever the tuple holds.

What is read through a reference is borrowed: whoever made it keeps the arrays alive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import numba
import numba.core.cgutils
import numba.core.datamodel
import numba.core.imputils
import numba.core.typing.templates
import numba.extending
import numba.np.arrayobj
import numpy as np
import numpy.typing as npt

from musicenv.jit import inlined

_core: Final[Any] = numba.core  # numba ships few types
_extending: Final[Any] = numba.extending
types: Final[Any] = numba.types
CACHE_LINE: Final = 64
"""Bytes of a line of the cache."""


class Reference(types.Type):  # type: ignore[misc]
    """Where a named tuple of a given type lies."""

    def __init__(self, referred: Any) -> None:
        self.referred = referred
        super().__init__(name=f"Reference({referred.name})")

    @property
    def key(self) -> Any:
        """What numba tells types apart by."""
        return self.referred


@_core.datamodel.register_default(Reference)
class _Model(_core.datamodel.models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Reference) -> None:
        super().__init__(manager, kind, manager.lookup(kind.referred).get_data_type().as_pointer())


@_extending.infer_getattr
class _Attributes(_core.typing.templates.AttributeTemplate):  # type: ignore[misc]
    key = Reference

    def generic_resolve(self, kind: Reference, name: str) -> Any:
        if name not in kind.referred.fields:
            return None
        field = kind.referred.types[kind.referred.fields.index(name)]
        return Reference(field) if isinstance(field, types.BaseNamedTuple) else field


def _without_owner(context: Any, builder: Any, kind: Any, stored: Any) -> Any:
    """An array of which nobody counts the references; the strides of a contiguous one are known."""
    borrowed = context.make_array(kind)(context, builder)
    itemsize = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides = [itemsize] if kind.ndim == 1 and kind.layout == "C" else stored.strides
    numba.np.arrayobj.populate_array(  # type: ignore[no-untyped-call]
        borrowed, data=stored.data, shape=stored.shape, strides=strides, itemsize=itemsize, meminfo=None
    )
    return borrowed._getvalue()


@_core.imputils.lower_getattr_generic(Reference)  # type: ignore[untyped-decorator]
def _get(context: Any, builder: Any, kind: Reference, value: Any, name: str) -> Any:
    place = kind.referred.fields.index(name)
    field = kind.referred.types[place]
    where = _core.cgutils.gep_inbounds(builder, value, 0, place)
    if isinstance(field, types.BaseNamedTuple):
        return where
    if not isinstance(field, types.Array):
        return context.data_model_manager[field].load_from_data_pointer(builder, where)
    stored = context.make_array(field)(context, builder, value=builder.load(where))
    return _without_owner(context, builder, field, stored)


def _refer(typing_context: Any, value: Any) -> Any:
    if isinstance(value, Reference):
        return value(value), lambda context, builder, signature, arguments: arguments[0]

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.data_model_manager[signature.args[0]].as_data(builder, arguments[0])
        slot = _core.cgutils.alloca_once(builder, data.type)
        builder.store(data, slot)
        return slot

    return Reference(value)(value), lower


refer: Final[Callable[[Any], Any]] = _extending.intrinsic(_refer)
"""For compiled code: a reference to a named tuple, valid until the calling function ends; of a reference, itself."""


def _fetch(typing_context: Any, value: Any) -> Any:
    if not isinstance(value, Reference):
        return value(value), lambda context, builder, signature, arguments: arguments[0]

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        fields = [_get(context, builder, value, arguments[0], name) for name in value.referred.fields]
        return context.make_tuple(builder, value.referred, fields)

    return value.referred(value), lower


fetch: Final[Callable[[Any], Any]] = _extending.intrinsic(_fetch)
"""For compiled code: the named tuple of plain fields to which a reference leads, held in registers; for loops, which
would read the reference again each time that they wrote something."""


def _borrow(typing_context: Any, array: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        stored = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        return _without_owner(context, builder, signature.args[0], stored)

    return array(array), lower


borrow: Final[Callable[[Any], Any]] = _extending.intrinsic(_borrow)
"""For compiled code: the array itself, whose owner is the caller: rows of it are taken without counting references."""


def _on_stack(typing_context: Any) -> Any:
    kind = types.Array(types.float32, 1, "C")

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        slot = _core.cgutils.alloca_once(builder, context.get_value_type(types.float32), size=8)
        size, itemsize = (context.get_constant(types.intp, number) for number in (8, 4))
        made = context.make_array(kind)(context, builder)
        numba.np.arrayobj.populate_array(  # type: ignore[no-untyped-call]
            made, data=slot, shape=[size], strides=[itemsize], itemsize=itemsize, meminfo=None
        )
        return made._getvalue()

    return kind(), lower


on_stack: Final[Callable[[], npt.NDArray[np.float32]]] = _extending.intrinsic(_on_stack)
"""For compiled code: room for eight numbers, valid until the calling function ends.  No other array can lie there, so
that a loop that writes to it need not find out first whether it changes what it reads."""


def _copy_bytes(typing_context: Any, target: Any, source: Any, size: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte = context.get_value_type(types.uint8).as_pointer()
        where = [builder.inttoptr(address, byte) for address in arguments[:2]]
        _core.cgutils.raw_memcpy(builder, *where, arguments[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), lower


copy_bytes: Final[Callable[[int, int, int], None]] = _extending.intrinsic(_copy_bytes)
"""For compiled code: copy to the address ``target`` from ``source`` so many bytes, which do not overlap."""


def _ask_for(typing_context: Any, line: Any) -> Any:
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = (context.get_value_type(kind) for kind in (types.CPointer(types.uint8), types.int32))
        kind = _core.cgutils.ir.FunctionType(_core.cgutils.ir.VoidType(), [byte, number, number, number])
        prefetch = _core.cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        # To be read, into the second cache level: more of these can be on their way than of any others.
        how = [number(value) for value in (0, 2, 1)]
        builder.call(prefetch, [builder.inttoptr(arguments[0], byte), *how])
        return context.get_dummy_value()

    return types.void(types.int64), lower


_ask_for_line: Final[Callable[[int], None]] = _extending.intrinsic(_ask_for)


@inlined
def ask_for(row: npt.NDArray[Any]) -> None:
    """Have the memory of ``row`` (n,), contiguous, brought into the cache: it is read or written soon."""
    first, size = row.ctypes.data, row.size * row.itemsize
    for line in range(first - first % CACHE_LINE, first + size, CACHE_LINE):
        _ask_for_line(line)


@inlined
def put(source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
    """``target[:] = source`` (n,), as a block move; numba's own is several times slower."""
    for k in range(target.size):
        target[k] = source[k]


def reference_to(example: NamedTuple) -> Reference:
    """The type of a reference to a tuple like ``example``."""
    return Reference(numba.typeof(example))  # type: ignore[no-untyped-call]


def block_of(value: Any) -> npt.NDArray[np.int64]:
    """A named tuple of arrays, whole numbers, floats and such tuples as compiled code lays it out; it owns nothing."""
    words: list[int] = []
    for field in value:
        if isinstance(field, np.ndarray):
            words += [0, 0, field.size, field.itemsize, field.ctypes.data, *field.shape, *field.strides]
        elif isinstance(field, tuple):
            words += block_of(field).tolist()
        else:
            kind = np.float64 if isinstance(field, float) else np.int64
            words.append(int(np.array(field, dtype=kind).view(np.int64)))
    return np.array(words, dtype=np.int64)


def reader(example: NamedTuple) -> Callable[[npt.NDArray[np.int64]], Any]:
    """For compiled code: the reference to the tuple in a ``block_of`` one like ``example``."""
    kind = reference_to(example)

    def read(typing_context: Any, block: Any) -> Any:
        def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, value=arguments[0])
            return builder.bitcast(array.data, context.get_value_type(kind))

        return kind(block), lower

    compiled: Callable[[npt.NDArray[np.int64]], Any] = _extending.intrinsic(read)
    return compiled
