"""Code of a user's own in this process: its prints go aside, its errors are values, with the line of its file."""

import functools
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from .text import visible

T = TypeVar("T")


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


class Told(Exception):
    """An error of another process: its text is what `describe` said of it there."""


def attempt(function: Callable[[], T]) -> T | Exception:
    """What a function returns, or what it raised; what it prints goes to standard error.

    SystemExit and the like are returned as a RuntimeError. KeyboardInterrupt is raised: it is the user's.

    Args:
        function: called without arguments.

    Example:
        >>> attempt(lambda: 1 / 0)
        ZeroDivisionError('division by zero')
    """
    try:
        with redirect_stdout(sys.stderr), np.errstate():
            return function()
    except KeyboardInterrupt:
        raise
    except Exception as error:
        return error
    except BaseException as error:
        told = f"{type(error).__name__}({error}) would have ended the program"
        return RuntimeError(told).with_traceback(error.__traceback__)


def caught(function: Callable[..., T]) -> Callable[..., T]:
    """The function, raising what `attempt` returns as an error."""

    def call(*arguments: Any) -> T:
        found = attempt(lambda: function(*arguments))
        if isinstance(found, Exception):
            raise found
        return found

    return call


def defined_at(function: Any) -> Place | None:
    """Where a function begins; None if that cannot be told.

    Example:
        >>> str(defined_at(functools.partial(defined_at))).split(":")[0]
        'guard.py'
    """
    for _ in range(100):  # as many wrappers as anybody has
        inner = getattr(function, "func", None) if isinstance(function, functools.partial) else None
        inner = inner or getattr(function, "__wrapped__", None) or getattr(function, "__func__", None)
        if inner is None:
            break
        function = inner
    code = getattr(function, "__code__", None)
    if code is None:  # an object that can be called
        code = getattr(vars(type(function)).get("__call__"), "__code__", None)
    return None if code is None else Place(code.co_filename, code.co_firstlineno)


def place_of(error: BaseException, home: Place | None = None) -> Place | None:
    """The line that an error should be looked for at: the innermost one in a user's file, not in what it called.

    Args:
        error: as it was caught. A SyntaxError says itself where it is.
        home: where the function is defined that was called: lines of its file count as the user's wherever it lies, and
            it is the place of what no line of the user's raised.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno and not _library(error.filename):
        return Place(error.filename, error.lineno)
    frames = [Place(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    return innermost(frames, home)


def innermost(frames: Sequence[Place], home: Place | None) -> Place | None:
    """The last of some lines that is in a user's file; if none is, `home`, or the last of all."""
    theirs = [at for at in frames if (home is not None and at.file == home.file) or not _library(at.file)]
    return (theirs or ([home] if home is not None else list(frames)) or [None])[-1]


def describe(error: BaseException, home: Place | None = None) -> str:
    """Type, message on one line and place; a traceback belongs into the log.

    Example:
        >>> describe(ValueError("no such"))
        'ValueError: no such'
    """
    if isinstance(error, Told):
        return str(error)
    said = (error.msg or "") if isinstance(error, SyntaxError) else _text(error)
    text = " ".join(visible(said).split())
    text = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
    at = place_of(error, home)
    return text if at is None else f"{text} ({at})"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of a user's own may fail at this too
        return ""


@functools.cache
def _library(file: str) -> bool:
    """Whether a file is Python's, an installed package's or ours."""
    if file.startswith("<frozen"):
        return True
    ours = Path(__file__).resolve().parents[1]
    folders = [
        ours / "proofs_check",
        ours / "nag_ntk",
        *(Path(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib")),
    ]
    path = Path(file)
    installed = {"site-packages", "dist-packages"} & set(path.parts)  # of another environment too
    return bool(installed) or any(path.is_relative_to(folder) for folder in folders)
