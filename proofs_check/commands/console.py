"""Output of the commands: text, tables and progress bars."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from proofs_check.study.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from proofs_check.judging.result import Tables


class Failure(Exception):
    """Error that ends the program with a message and an exit code."""

    def __init__(self, message: str, code: int = 2):
        super().__init__(message)
        self.code = code


def show(tables: "Tables", quiet: bool, verbose: bool, links: bool) -> None:
    """Print what a study found; with `quiet`, print only the headline.

    Args:
        tables: the findings, losses and notes.
        quiet: print the headline alone.
        verbose: print the reason of every verdict.
        links: print what every link of the proof loses.
    """
    from proofs_check.report import terminal

    with pipe_may_close():
        if quiet:
            terminal.render_headline(tables, console=screen())
        else:
            terminal.render(tables, console=screen(), verbose=verbose, links=links)
        for note in tables.notes:
            say(note)


def say(text: str) -> None:
    """Print to standard output, control characters as escapes."""
    with pipe_may_close():
        click.echo(visible(text))


def note(text: str) -> None:
    """Print to standard error, control characters as escapes."""
    click.echo(visible(text), err=True)


def screen(stderr: bool = False) -> "Console":
    """Make a rich console for tables and bars, in which brackets are no mark-up."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1, which means REFUTED
            raise BrokenPipeError

    return Output(stderr=stderr, markup=False, emoji=False)


@contextmanager
def pipe_may_close() -> Iterator[None]:
    """Ignore the error of a pipe that its reader, such as head, closes early; the exit code stays the same."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def waiting(what: str, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show on a terminal that the program is at work, until the block ends or the yielded function is called.

    Args:
        what: what is being done.
        quiet: show nothing.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = screen(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    bar = Progress(*columns, console=console, transient=True)
    bar.add_task(visible(what), total=None)
    with bar:
        yield bar.stop


@contextmanager
def progress(runs: Sequence[str], quiet: bool) -> Iterator[Any]:
    """Show a progress bar per run on stderr, with what is being done: drawing and compiling, training, checking.

    Yields:
        A callback (run, done, total).
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen(stderr=True), disable=quiet) as bars:
        # a bar without a total pulses until the first chunk is done, since drawing and compiling take a while
        tasks = {run: bars.add_task(visible(run), total=None, start=run == runs[0]) for run in runs}
        bars.update(tasks[runs[0]], description=visible(f"{runs[0]}: drawing, compiling"))

        def advance(run: str, done: int, total: int) -> None:
            bars.start_task(tasks[run])
            doing = "training" if done < total else "checking"
            bars.update(tasks[run], completed=done, total=total, description=visible(f"{run}: {doing}"))

        yield advance
        for run in runs:
            bars.update(tasks[run], description=visible(run))
