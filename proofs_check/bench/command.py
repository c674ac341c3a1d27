"""Measure, write and read benchmarks for `nag-ntk bench`."""

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import jax
from pydantic import ValidationError

from proofs_check.bench import cells, machine, parts, tables
from proofs_check.bench.record import Report
from proofs_check.store.files import replaced

BEGIN, END = "<!-- nag-ntk bench: begin -->", "<!-- nag-ntk bench: end -->"
PARTS: dict[str, tuple[str, Callable]] = {
    "programs": ("goals", parts.goals),
    "shapes": ("shapes", parts.shapes),
    "ceiling": ("ceiling", parts.ceilings),
    "dense": ("dense", parts.dense_engine),
    "growth": ("growth", parts.growth),
    "memory": ("peaks", parts.peaks),
}
"""Parts of the benchmark by their names on the command line, with the field of the Report that each fills."""


class BenchError(ValueError):
    """Error of a file that cannot be read or written; the message says what to do."""


def measure(
    chosen: Sequence[str] = (), *, quick: bool = False, rounds: int | None = None, command: str = "",
    note: Callable[[str], None] = lambda line: None, effort: cells.Effort | None = None,
) -> Report:  # fmt: skip
    """Measure the chosen parts, without JAX's compilation cache on disk.

    JAX must be set up, see session.prepare_jax; its cache is on again after the measurement.

    Args:
        chosen: names of PARTS; all if empty.
        quick: measure smaller cells.
        rounds: number of times that each program is timed; of `effort` if None.
        command: the command line, for the record.
        note: called with a line of progress.
        effort: the amount of measurements, by `quick` if None.
    """
    effort = effort or (cells.QUICK if quick else cells.FULL)
    effort = effort if rounds is None else effort._replace(rounds=rounds)
    began, clock = datetime.now(UTC), time.perf_counter()
    where = machine.describe()
    cached = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        results = {field: part(effort, note) for name, (field, part) in PARTS.items() if not chosen or name in chosen}
    finally:
        jax.config.update("jax_enable_compilation_cache", cached)
    return Report(
        command=command, began=began.strftime("%Y-%m-%d %H:%M UTC"), seconds=time.perf_counter() - clock, quick=quick,
        rounds=effort.rounds, machine=where, **results,
    )  # fmt: skip


def read(path: Path) -> Report:
    """Read a report from a file.

    Raises:
        BenchError: if the file cannot be read, or holds no report of this version.
    """
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BenchError(f"cannot read {path}: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BenchError(f"{path} holds no benchmark of this version ({where}: {first['msg']}); measure anew") from None


def write_json(report: Report, path: Path) -> None:
    """Write every measured time to a file."""
    _write(path, report.model_dump_json(indent=1) + "\n")


def write_markdown(report: Report, path: Path) -> None:
    """Put the tables between the markers of a page; the rest of the page stays as it is."""
    before, after = split(path)
    _write(path, f"{before}{BEGIN}\n\n{tables.markdown(report)}\n{END}{after}")


def split(path: Path) -> tuple[str, str]:
    """Split a page into the texts before and after its tables; a missing page counts as empty.

    Raises:
        BenchError: unless each marker occurs once, in order.
    """
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else f"# Performance\n\n{BEGIN}\n{END}\n"
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"cannot read {path}: {error}") from None
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise BenchError(f'{path} needs one line "{BEGIN}" and below it one "{END}": the tables go between them')
    return text[: text.index(BEGIN)], text[text.index(END) + len(END) :]


def check_writable(path: Path) -> None:
    """Check, before a measurement, that a file can be written; raise BenchError otherwise."""
    folder = path.parent
    if path.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise BenchError(
            f"cannot write {path}: {'it is a folder' if path.is_dir() else f'no folder {folder} to write to'}"
        )


def _write(path: Path, text: str) -> None:
    try:
        with replaced(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise BenchError(f"cannot write {path}: {error.strerror}; name another file") from None
