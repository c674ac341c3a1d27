"""`nag-ntk verify`: load a study, run or resume it, and write and show its results."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from proofs_check.commands import console
from proofs_check.commands.console import Failure, say
from proofs_check.commands.processes import ALONE, Group, join
from proofs_check.commands.report import after_results
from proofs_check.running import session
from proofs_check.store import files as store_files

if TYPE_CHECKING:
    from proofs_check.commands.lemmas import Lemmas
    from proofs_check.store import Cells
    from proofs_check.study.load import Study

LOST = 3
"""Exit code when another process of the group has ended: the study itself failed."""


class _Ending(NamedTuple):
    """Result of a call.

    Attributes:
        result: tables of the study; None in every process but the first.
        code: exit code.
        folder: folder of the results.
        seconds: duration of the run; None if the results were there already.
        unsaved: the reason why the results could not be written, or "".
    """

    result: Any
    code: int
    folder: Path
    seconds: float | None
    unsaved: str = ""


class Call(NamedTuple):
    """The options of `nag-ntk verify`, by their names on the command line."""

    config: str
    out: Path | None
    select: Sequence[str]
    seeds: int | None
    max_seeds: int | None
    certify: int | None
    resume: bool
    save_every: float | None
    strict: bool
    quiet: bool
    verbose: bool = False
    slack: bool = False
    group: Group = ALONE
    lemma_files: Sequence[Path] = ()
    dry_run: bool = False
    changes: Sequence[str] = ()


class Request(NamedTuple):
    """Study of a call, the lemmas that it may name, and the folder of its results."""

    study: "Study"
    lemmas: "Lemmas"
    folder: Path


def requested(call: Call) -> Request:
    """Read the study of a call, without preparing JAX.

    Raises:
        ConfigError: for a study with mistakes.
    """
    from proofs_check.commands.lemmas import Lemmas
    from proofs_check.study.load import load_study

    lemmas = Lemmas(call.lemma_files)
    study = load_study(call.config, known_lemmas=lemmas.load, changes=call.changes)
    study = study.model_copy(update={"lemma_files": lemmas.files})
    study = study.narrowed([lemmas.find(name).id for name in call.select], call.seeds)
    study = study if call.certify is None else study.model_copy(update={"certify": call.certify})
    return Request(study, lemmas, call.out or Path(study.out or Path(f"{session.PROGRAM}-results") / study.name))


def run_study(call: Call) -> int:
    """Run a study, unless its results exist, show them, and return the exit code; raise Failure if it cannot run."""
    opened: list[Cells] = []
    try:
        hidden = call.quiet or call.group.process not in (None, 0)
        with session.terminable() as check, console.waiting("reading the study", hidden) as begun:
            outcome = _run(call, check, opened, begun)
    except KeyboardInterrupt as stop:
        word, code = ("terminated", 143) if isinstance(stop, session.Terminated) else ("interrupted", 130)
        left = _left(opened) or "; of this run nothing was kept, earlier results are untouched"
        raise Failure(word + left, code) from None
    if outcome.result is None:  # another process shows it
        return outcome.code
    console.show(outcome.result, call.quiet, call.verbose, call.slack)
    if outcome.unsaved:
        raise Failure(outcome.unsaved)
    with console.waiting("writing the report", call.quiet):
        after_results(outcome.folder, anew=outcome.seconds is not None)
    if outcome.seconds is None:
        say(f"Results in {outcome.folder} are of this study already; nothing was run.")
    else:
        page = f", with {store_files.REPORT}" if (outcome.folder / store_files.REPORT).exists() else ""
        say(f"Results in {outcome.folder}{page}; {outcome.seconds:.0f} s.")
    return outcome.code


def _run(
    call: Call, check: Callable[[], None], opened: "list[Cells]", begun: Callable[[], None]
) -> _Ending:  # fmt: skip
    """Run the study of a call; append its saved runs to `opened`, for the message of an interruption.

    `begun` is called when the first run begins.
    """
    start = time.perf_counter()
    from nag_ntk import InputError
    from proofs_check import store
    from proofs_check.judging.finding import code_of, exit_code
    from proofs_check.running import looks, runner
    from proofs_check.running.prepare import prepare
    from proofs_check.store import shared
    from proofs_check.study.load import ConfigError

    unsaved = ""
    try:
        study, lemmas, folder = requested(call)
        if call.group.process in (None, 0):
            store.check_writable(folder)
        lemmas.prepare()
        several, first = join(call.group)
        wanted = store.request(study, call.max_seeds, lemmas.available.digests)
        if call.resume:
            done, code = shared.already_done(folder, wanted, lambda done: code_of(_verdicts(done), call.strict))
            if code is not None:
                return _Ending(done, code, folder, None)
        setups = prepare(study, runner.select_lemmas(study, lemmas.available.lemmas), call.max_seeds)
        keeping = shared.under_way if several else store.under_way
        every = store.EVERY if call.save_every is None else call.save_every
        with keeping(folder, wanted, resume=call.resume, note=_note if first else _silent, every=every) as cells:
            begun()
            if cells is not None and first:
                opened.append(cells)
                if call.resume and not call.quiet and (cells.finished() or cells.unfinished()):
                    _note(f"going on: {_kept(cells)}")
            with console.progress([run.name for run in study.runs], call.quiet or not first) as bar:

                def progress(run: str, done: int, total: int) -> None:
                    check()
                    bar(run, done, total)

                with _peer_failures(several, opened):
                    known = lemmas.available.lemmas
                    options = {"progress": progress, "cells": cells, "lemmas": known, "setups": setups}
                    if call.max_seeds is None:
                        result = runner.verify(study, **options)
                    else:
                        result = looks.verify_until_decided(study, call.max_seeds, **options)
            check()
            seconds = time.perf_counter() - start
            if first:
                try:
                    named = {"config": call.config, "changes": call.changes}
                    store.write(result, folder, wall_time=seconds, request=wanted, **named)
                    if cells is not None:
                        cells.discard()
                except store.StoreError as error:  # the verdicts are known, and are shown nevertheless
                    unsaved = f"{error}{_left(opened)}"
    except ConfigError as error:
        raise Failure(all_problems(error)) from None
    except (InputError, store.StoreError) as error:
        raise Failure(f"{error}{_left(opened)}") from None
    code = exit_code(result.findings, call.strict)
    return _Ending(result.tables if first else None, code, folder, seconds, unsaved)


def _verdicts(done: Any) -> set[str]:
    return {row["verdict"] for row in done.rows}


@contextmanager
def _peer_failures(several: bool, opened: "list[Cells]") -> Iterator[None]:
    """Turn the error that JAX raises when another process has ended into a Failure that says how to resume."""
    import jax

    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not several:
            raise
        first = " ".join(str(error).split())[:200]
        raise Failure(f"another process of the group is gone ({first}){_left(opened)}", LOST) from None


def _silent(text: str) -> None:
    pass


def _note(text: str) -> None:
    console.note(f"{session.PROGRAM}: {text}")


def _left(opened: "list[Cells]") -> str:
    """Return a text about the saved runs of a stopped study and how to resume it; "" if there are none."""
    if not opened or not (opened[0].finished() or opened[0].unfinished()):
        return ""
    return f"; {_kept(opened[0])}; the same call with --resume goes on from there"


def _kept(cells: "Cells") -> str:
    partly = ", and one up to some step" if cells.unfinished() else ""
    return f"finished runs kept in {cells.folder}: {cells.finished()}{partly}"


def all_problems(error: Any) -> str:
    """Return the message of a ConfigError: one sentence, or the number of problems and a line for each."""
    lines = str(error).split("\n")
    return lines[0] if len(lines) == 1 else f"{len(lines)} problems in {error.file}:\n  " + "\n  ".join(lines)
