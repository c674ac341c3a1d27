"""Output of the commands: text, tables and progress bars."""

import os
import sys
from collections.abc import Iterator, Sequence
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


def show(tables: "Tables", quiet: bool, links: bool) -> None:
    """Print the findings of a study as a table; with `quiet`, print only the headline.

    Args:
        tables: the findings, losses and notes.
        quiet: print the headline alone.
        links: print the losses of the proof per link instead of per step.
    """
    from proofs_check.report import terminal

    header = {"console": screen(), "study": tables.study, "level": tables.level}
    with pipe_may_close():
        if quiet:
            terminal.render_headline(tables.rows, **header)
        else:
            terminal.render(tables.rows, **header, slack=tables.slack, links=links)
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
def progress(runs: Sequence[str], quiet: bool) -> Iterator[Any]:
    """Show a progress bar per run on stderr.

    Yields:
        A callback (run, done, total).
    """
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen(stderr=True), disable=quiet) as bars:
        # a bar without a total pulses until the first chunk is done, since compiling takes a while
        tasks = {run: bars.add_task(visible(run), total=None, start=run == runs[0]) for run in runs}

        def advance(run: str, done: int, total: int) -> None:
            bars.start_task(tasks[run])
            bars.update(tasks[run], completed=done, total=total)

        yield advance
