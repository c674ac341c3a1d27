"""What `nag-ntk verify` does: load a study, run it or go on with it, write and show the results."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from . import console, session
from .console import Failure, say
from .processes import ALONE, Group, join

if TYPE_CHECKING:
    from .runner import StudyResult
    from .store import Cells


class _Outcome(NamedTuple):
    """What there is to show of a study, the exit code, the last line, and why it could not be written, if so."""

    result: Any
    code: int
    line: str
    unsaved: str = ""


def run_study(
    config: str, out: Path | None, select: Sequence[str], seeds: int | None, max_seeds: int | None, *,
    certify: int | None = None, resume: bool, save_every: float | None, strict: bool, quiet: bool, links: bool,
    group: Group = ALONE,
) -> int:  # fmt: skip
    """The exit code of a study that was run, or of one that was found done; a Failure where it cannot be run."""
    held: list[Cells] = []
    try:
        with session.terminable() as check:
            outcome = _run(
                config, out, select, seeds, max_seeds, certify, resume, save_every, strict, quiet, check, held, group
            )
    except KeyboardInterrupt as stop:
        word, code = ("terminated", 143) if isinstance(stop, session.Terminated) else ("interrupted", 130)
        left = _left(held) or "; of this run nothing was kept, earlier results are untouched"
        raise Failure(word + left, code) from None
    if outcome.result is None:  # another process shows it
        return outcome.code
    console.show(outcome.result, quiet, links)
    if outcome.unsaved:
        raise Failure(outcome.unsaved)
    say(outcome.line)
    return outcome.code


def _run(
    config: str, out: Path | None, select: Sequence[str], seeds: int | None, max_seeds: int | None,
    certify: int | None, resume: bool,
    save_every: float | None, strict: bool, quiet: bool, check: Callable[[], None], held: "list[Cells]",
    group: Group,
) -> _Outcome:  # fmt: skip
    """Runs it; `held` gets the cells, so that who is interrupted can tell what is kept."""
    begun = time.perf_counter()
    from nag_ntk import InputError

    from . import runner, store
    from .config import ConfigError, load_study
    from .finding import code_of, exit_code
    from .lemmas import CATALOGUE

    unsaved = ""
    try:
        study = runner.narrowed(load_study(config, known_lemmas=[lemma.id for lemma in CATALOGUE]), select, seeds)
        study = study if certify is None else study.model_copy(update={"certify": certify})
        folder = out or Path(study.out or Path(f"{session.PROGRAM}-results") / study.name)
        if group != ALONE and resume:
            raise Failure("a study in several processes keeps nothing on the way: leave --resume out")
        if group.process in (None, 0):
            store.check_writable(folder)
        session.prepare_jax()
        several, first = join(group)

        def run(progress: Callable[[str, int, int], None], cells: "Cells | None") -> "StudyResult":
            kept = None if several else cells
            if max_seeds is None:
                return runner.verify(study, progress=progress, cells=kept)
            return runner.verify_until_decided(study, max_seeds, progress=progress, cells=kept)

        if not first:
            result = run(lambda *_: check(), None)
            return _Outcome(None, exit_code(result.findings, strict), "")
        wanted = store.request(study, max_seeds)
        done = store.already_done(folder, wanted) if resume else None
        if done is not None:
            code = code_of({row["verdict"] for row in done.rows}, strict)
            return _Outcome(done, code, f"Results in {folder} are of this study already; nothing was run.")
        every = store.EVERY if save_every is None else save_every
        with store.under_way(folder, wanted, resume=resume, note=_note, every=every) as cells:
            held.append(cells)
            if resume and not quiet and (cells.finished() or cells.unfinished()):
                _note(f"going on: {_kept(cells)}")
            with console.progress([run.name for run in study.runs], quiet) as bar:

                def progress(run: str, done: int, total: int) -> None:
                    check()
                    bar(run, done, total)

                result = run(progress, cells)
            check()
            spent = time.perf_counter() - begun
            try:
                store.write(result, folder, wall_time=spent, request=wanted)
                store.write_certificates(result.certificates, folder)
                cells.discard()
            except store.StoreError as error:  # the verdicts are known: they are shown all the same
                unsaved = f"{error}{_left(held)}"
    except ConfigError as error:
        raise Failure(_all_problems(error)) from None
    except (InputError, store.StoreError) as error:
        raise Failure(f"{error}{_left(held)}") from None
    names = (store.MANIFEST, store.RESULTS, store.TRAJECTORIES, store.SWEEP)
    written = [name for name in names if (folder / name).exists()]
    line = f"Results in {folder}: {', '.join(written)}; {spent:.0f} s."
    return _Outcome(result, exit_code(result.findings, strict), line, unsaved)


def _note(text: str) -> None:
    click.echo(f"{session.PROGRAM}: {text}", err=True)


def _left(held: "list[Cells]") -> str:
    """What a study that stopped leaves, and how to go on; empty if it leaves nothing."""
    if not held or not (held[0].finished() or held[0].unfinished()):
        return ""
    return f"; {_kept(held[0])}; the same call with --resume goes on from there"


def _kept(cells: "Cells") -> str:
    partly = ", and one up to some step" if cells.unfinished() else ""
    return f"finished runs kept in {cells.folder}: {cells.finished()}{partly}"


def _all_problems(error: Any) -> str:
    lines = str(error).split("\n")
    return lines[0] if len(lines) == 1 else f"{len(lines)} problems in {error.file}:\n  " + "\n  ".join(lines)
