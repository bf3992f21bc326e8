"""Compiled functions with holes, filled by an algorithm's own and cached.

numba inlines a function that it finds by name, and its cache then finds the result again; of functions handed over as
arguments it compiles everything anew in each process.  So the source of the functions with holes is copied into a
generated module in which the holes' names are bound (as ``musicenv.generation`` does with rules).
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from musicenv.files import write_atomic
from musicenv.jit import kernel_folder


@cache
def assemble(*functions: Callable[..., Any], **holes: Any) -> Any:
    """A module with ``functions``, compiled, in which the names of ``holes`` are what is given for them."""
    source = "\n".join(f"@inlined\n{inspect.getsource(function)}\n" for function in functions)
    modules = sorted({function.__module__ for function in functions})
    digest = hashlib.sha256(source.encode())
    for name, hole in sorted(holes.items()):
        plain = getattr(hole, "py_func", hole)
        digest.update(f"{name} {plain.__module__}.{plain.__qualname__} {kernel_folder(plain.__module__).name}".encode())
    folder = kernel_folder(modules[0])
    name = f"assembled_{folder.name}_{digest.hexdigest()[:16]}"
    if name not in sys.modules:
        imports = "".join(f"from {module} import *\n" for module in modules)
        path = folder / f"{name}.py"
        if not path.exists():
            head = (
                '"""Generated: an algorithm put together."""\n\nfrom musicenv.jit import inlined\nimport numpy as np\n'
            )
            write_atomic(path, f"{head}{imports}\nglobals().update(HOLES)\n\n{source}")
            made = ", ".join(function.__name__ for function in functions)
            print(f"{made}: compiled when first called (once; cached) ...", file=sys.stderr)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        module.__dict__["HOLES"] = holes
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
