"""What the commands print, and the bars that show how far a study is."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from .text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from .result import Tables


class Failure(Exception):
    """Ends the program with a sentence and an exit code."""

    def __init__(self, message: str, code: int = 2):
        super().__init__(message)
        self.code = code


def show(tables: "Tables", quiet: bool, links: bool) -> None:
    """Print the findings of a study: a table, or with `quiet` the headline alone."""
    from .report import terminal

    headed = {"console": screen(), "study": tables.study, "level": tables.level}
    with pipe_may_close():
        if quiet:
            terminal.render_headline(tables.rows, **headed)
        else:
            terminal.render(tables.rows, **headed, slack=tables.slack, links=links)
        for note in tables.notes:
            say(note)


def say(text: str) -> None:
    """Print to standard output; what a terminal would obey is shown as an escape."""
    with pipe_may_close():
        click.echo(visible(text))


def note(text: str) -> None:
    """Print to standard error, likewise."""
    click.echo(visible(text), err=True)


def screen(stderr: bool = False) -> "Console":
    """A terminal for tables and bars, in which brackets of a plain text are no mark-up."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1, which means REFUTED
            raise BrokenPipeError

    return Output(stderr=stderr, markup=False, emoji=False)


@contextmanager
def pipe_may_close() -> Iterator[None]:
    """A reader such as head may go away early; that is no failure and changes no exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def progress(runs: Sequence[str], quiet: bool) -> Iterator[Any]:
    """A callback (run, done, total) that drives one bar per run on stderr."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=screen(stderr=True), disable=quiet) as bars:
        # without a total a bar pulses: compiling takes a while before the first chunk is done
        tasks = {run: bars.add_task(visible(run), total=None, start=run == runs[0]) for run in runs}

        def advance(run: str, done: int, total: int) -> None:
            bars.start_task(tasks[run])
            bars.update(tasks[run], completed=done, total=total)

        yield advance
