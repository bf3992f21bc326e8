"""Run folders and command lines: what every command under ``experiments`` has in common.

A run folder holds ``config.json`` (written at the start), ``metrics.jsonl`` (one line per ``Run.log``) and
``result.json`` (written at the end), beside whatever the command makes.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import platform
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import tyro

from musicenv.files import write_atomic

A = TypeVar("A")

LIBRARIES: Final = (
    "musicenv",
    "numpy",
    "numba",
    "gymnasium",
    "stable-baselines3",
    "sb3-contrib",
    "torch",
    "music21",
)
"""Whose versions a run records, where installed."""


class UserError(ValueError):
    """A mistake in what the user gave: shown as one line, without a traceback."""


@contextmanager
def user_input() -> Iterator[None]:
    """A wrong value or missing file in this block is what the user gave: ``with user_input(): task = Task(...)``."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise UserError(str(error)) from error


class Run:
    """A run folder that is being written.  ``start_run`` makes one, ``open_run`` goes on with one."""

    latest: ClassVar[Run | None] = None
    """The run that Ctrl-C would interrupt."""

    def __init__(self, folder: Path, command: str, arguments: dict[str, Any]) -> None:
        self.folder = folder
        self.command = command
        self.arguments = arguments
        """As in config.json: plain JSON values."""
        Run.latest = self

    @property
    def resume_line(self) -> str:
        """The command line that goes on with this run; for commands that have an argument ``resume``."""
        return f"python -m experiments.{self.command} --resume {self.folder}"

    def arguments_as(self, kind: type[A]) -> A:
        """The run's arguments as the dataclass they came from; fields newer than the run keep their default."""
        hints = typing.get_type_hints(kind)
        unknown = sorted(self.arguments.keys() - hints.keys())
        if unknown:
            raise UserError(f"{self.folder} was started with arguments that no longer exist: {', '.join(unknown)}")
        return kind(**{name: _from_json(value, hints[name]) for name, value in self.arguments.items()})

    def log(self, figures: Mapping[str, Any]) -> None:
        """Append one line of ``{name: number}`` to metrics.jsonl; NaN and infinities become null."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(_to_json(figures)) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines logged so far; a last line that a kill cut short is left out."""
        path = self.folder / "metrics.jsonl"
        whole = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in whole]

    def rewind(self, counter: str, last: float) -> None:
        """Drop the lines whose ``counter`` exceeds ``last``: a resume from a checkpoint at ``last`` logs them anew."""
        kept = [line for line in self.metrics() if line.get(counter, last) <= last]
        write_atomic(self.folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in kept))

    def finish(self, figures: Mapping[str, Any], files: Sequence[Path] = ()) -> Path:
        """Write result.json with the run's figures and the files it made (relative to its folder); returns its path."""
        names = [Path(os.path.relpath(file, self.folder)).as_posix() for file in files]
        result = _described(self.command, self.arguments) | {"figures": _to_json(figures), "files": names}
        return write_atomic(self.folder / "result.json", _dump(result))


def result_of(folder: Path) -> dict[str, Any]:
    """result.json of a run that has ended, without saying where the run's folder was."""
    try:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{folder} has no result.json: its run did not end; end it first, or measure again") from error
    result["arguments"]["out"] = None
    return result


def published(folder: Path, target: Path) -> dict[str, Any]:
    """``result_of`` a run, copied to ``target``."""
    result = result_of(folder)
    write_atomic(target, _dump(result))
    return result


def start_run(command: str, arguments: Any, out: Path | None = None) -> Run:
    """Make a run folder and write its config.json.

    ``arguments`` is the command's dataclass, whose field ``seed``, if it has one, is recorded as the run's seed.  The
    folder is ``out``, or a new one under ``runs/<command>/`` named by time and seed.
    """
    values = _to_json(dataclasses.asdict(arguments))
    if out is not None:
        if (out / "config.json").exists():
            raise UserError(
                f"{out} already holds a run; choose another folder, or go on with that one by --resume {out}"
            )
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file; choose a folder for the run")
        folder = out
        folder.mkdir(parents=True, exist_ok=True)
    else:
        folder = _new_folder(Path("runs") / command, values.get("seed"))
    write_atomic(folder / "config.json", _dump(_described(command, values)))
    return Run(folder, command, values)


def open_run(folder: Path, command: str | None = None) -> Run:
    """The run in ``folder``, to be gone on with or read; of this ``command``, if one is given."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name, arguments = config["command"], dict(config["arguments"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder} is not a run folder: its config.json is missing or damaged") from error
    if command is not None and name != command:
        raise UserError(f"{folder} is a run of {name}, not of {command}")
    return Run(folder, name, arguments)


def command(arguments: type[A], body: Callable[[A], object]) -> Callable[..., None]:
    """The ``main`` of a command: parse the dataclass ``arguments`` (a docstring per field), then call ``body`` with it.

    A UserError prints one line and exits with 2; Ctrl-C exits with 130 and the line that resumes the run.
    """

    def main(argv: Sequence[str] | None = None) -> None:
        try:
            body(tyro.cli(arguments, args=argv))
        except UserError as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(2)
        except KeyboardInterrupt:
            run = Run.latest
            resumes = run is not None and "resume" in run.arguments
            print(f"\nstopped; go on with: {run.resume_line}" if run and resumes else "\nstopped", file=sys.stderr)
            sys.exit(130)

    return main


def format_table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> str:
    """A plain text table: the first column to the left, the others to the right; None and NaN are "-"."""
    cells = [list(columns), *([_cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    form = "  ".join(f"{{:{'<' if k == 0 else '>'}{width}}}" for k, width in enumerate(widths))
    lines = [form.format(*line) for line in cells]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def print_table(rows: Sequence[Sequence[object]], columns: Sequence[str]) -> None:
    """Print ``format_table``."""
    print(format_table(rows, columns))


def machine() -> dict[str, Any]:
    """What the figures were measured on: processor and its widest vectors, cores this process may use, memory in GiB,
    operating system."""
    usable = getattr(os, "sched_getaffinity", None)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": _processor(),
        "cores": len(usable(0)) if usable else os.cpu_count(),
        "memory_gib": round(memory / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Python's version and those of the core libraries that are installed."""
    found = {"python": platform.python_version()}
    for library in LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return found


def _described(command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {
        "command": command,
        "arguments": arguments,
        "seed": arguments.get("seed"),
        "versions": versions(),
        "machine": machine(),
    }


def _new_folder(parent: Path, seed: object) -> Path:
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S") + ("" if seed is None else f"_seed{seed}")
    for number in range(1, 1000):
        folder = parent / (name if number == 1 else f"{name}_{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # another run began in the same second
            continue
        return folder
    raise UserError(f"{parent} holds a thousand runs of this second; choose a folder with --out")


def _processor() -> str:
    try:
        if sys.platform == "darwin":
            return subprocess.check_output(["sysctl", "-n", "machdep.cpu.brand_string"], text=True).strip()
        told = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
        about = {name.strip(): value.strip() for name, _, value in told}
        # Clouds hide which model it is; how wide its vectors are says most about speed.
        widest = [shown for flag, shown in (("avx512f", "AVX-512"), ("avx2", "AVX2")) if flag in about.get("flags", "")]
        if "model name" in about:
            return ", ".join([about["model name"], *widest[:1]])
    except (OSError, subprocess.CalledProcessError):
        pass
    return platform.processor() or platform.machine()


def _to_json(value: Any) -> Any:
    """Plain JSON values from dataclass fields and numpy numbers."""
    if isinstance(value, Mapping):
        return {str(name): _to_json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_to_json(item) for item in value]
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "tolist"):  # numpy arrays and scalars
        return _to_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"a run cannot record {value!r}; give numbers, text, paths, or lists and dicts of them")


def _from_json(value: Any, hint: Any) -> Any:
    """``value`` as a field annotated with ``hint`` held it: paths, tuples and nested dataclasses are made again."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        kinds = [option for option in options if option is not types.NoneType]
        return value if value is None or len(kinds) != 1 else _from_json(value, kinds[0])
    if origin is tuple and isinstance(value, list):
        kinds = [options[0]] * len(value) if Ellipsis in options else list(options)
        return tuple(_from_json(item, kind) for item, kind in zip(value, kinds, strict=True))
    if hint is Path:
        return Path(value)
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        hints = typing.get_type_hints(hint)
        return typing.cast(type, hint)(**{name: _from_json(item, hints[name]) for name, item in value.items()})
    return value


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3f}"


def _dump(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"
