"""What `nag-ntk verify` does: load a study, run it or go on with it, write and show the results."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from . import console, session
from .console import Failure, say

if TYPE_CHECKING:
    from .store import Cells


def run_study(
    config: str, out: Path | None, select: Sequence[str], seeds: int | None, max_seeds: int | None, *,
    resume: bool, strict: bool, quiet: bool, links: bool,
) -> int:  # fmt: skip
    """The exit code of a study that was run, or of one that was found done; a Failure where it cannot be run."""
    cells: list[Cells] = []
    try:
        with session.terminable() as check:
            return _run(config, out, select, seeds, max_seeds, resume, strict, quiet, links, check, cells)
    except KeyboardInterrupt as stop:
        word, code = ("terminated", 143) if isinstance(stop, session.Terminated) else ("interrupted", 130)
        left = _left(cells) or "; of this run nothing was kept, earlier results are untouched"
        raise Failure(word + left, code) from None


def _run(
    config: str, out: Path | None, select: Sequence[str], seeds: int | None, max_seeds: int | None, resume: bool,
    strict: bool, quiet: bool, links: bool, check: Any, held: "list[Cells]",
) -> int:  # fmt: skip
    begun = time.perf_counter()
    from nag_ntk import InputError

    from . import runner, store
    from .config import ConfigError, load_study
    from .finding import code_of, exit_code
    from .lemmas import CATALOGUE

    unsaved = None
    try:
        study = runner.narrowed(load_study(config, known_lemmas=[lemma.id for lemma in CATALOGUE]), select, seeds)
        folder = out or Path(study.out or Path(f"{session.PROGRAM}-results") / study.name)
        store.check_writable(folder)
        session.prepare_jax()
        wanted = store.request(study, max_seeds)
        done = store.already_done(folder, wanted) if resume else None
        if done is not None:
            console.show(done, quiet, links)
            say(f"Results in {folder} are of this study already; nothing was run.")
            return code_of({row["verdict"] for row in done.rows}, strict)
        with store.under_way(folder, wanted, resume=resume, note=_note) as cells:
            held.append(cells)
            if resume and not quiet and cells.finished():
                _note(f"going on: finished runs in {cells.folder}: {cells.finished()}")
            with console.progress([run.name for run in study.runs], quiet) as bar:

                def progress(run: str, done: int, total: int) -> None:
                    check()
                    bar(run, done, total)

                if max_seeds is None:
                    result = runner.verify(study, progress=progress, cells=cells)
                else:
                    result = runner.verify_until_decided(study, max_seeds, progress=progress, cells=cells)
            check()
            spent = time.perf_counter() - begun
            try:
                store.write(result, folder, wall_time=spent, request=wanted)
                cells.discard()
            except store.StoreError as error:
                unsaved = error  # the verdicts are known: show them all the same
    except ConfigError as error:
        raise Failure(_all_problems(error)) from None
    except (InputError, store.StoreError) as error:
        raise Failure(f"{error}{_left(held)}") from None
    console.show(result, quiet, links)
    if unsaved is not None:
        raise Failure(f"{unsaved}{_left(held)}")
    names = (store.MANIFEST, store.RESULTS, store.TRAJECTORIES, store.SWEEP)
    written = [name for name in names if (folder / name).exists()]
    say(f"Results in {folder}: {', '.join(written)}; {spent:.0f} s.")
    return exit_code(result.findings, strict)


def _note(text: str) -> None:
    click.echo(f"{session.PROGRAM}: {text}", err=True)


def _left(held: "list[Cells]") -> str:
    """What a study that stopped leaves, and how to go on; empty if it leaves nothing."""
    count = held[0].finished() if held else 0
    if not count:
        return ""
    return f"; finished runs kept in {held[0].folder}: {count}; the same call with --resume goes on from there"


def _all_problems(error: Any) -> str:
    lines = str(error).split("\n")
    return lines[0] if len(lines) == 1 else f"{len(lines)} problems in {error.file}:\n  " + "\n  ".join(lines)
