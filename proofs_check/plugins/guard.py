"""Call a user's own code in this process: its prints go to standard error, its errors become values with a line."""

import functools
import sys
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from proofs_check.study.text import visible

T = TypeVar("T")


class Place(NamedTuple):
    """File and line."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


class RemoteError(Exception):
    """Error of another process; its text was written by `describe` there."""


def attempt(function: Callable[[], T]) -> T | Exception:
    """Call a function; return its result, or the exception that it raised; its prints go to standard error.

    SystemExit and the like are returned as a RuntimeError. KeyboardInterrupt, which comes from the user, is raised.

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
        message = f"{type(error).__name__}({error}) would have ended the program"
        return RuntimeError(message).with_traceback(error.__traceback__)


def guarded(function: Callable[..., T]) -> Callable[..., T]:
    """Wrap a function so that it is called by `attempt`, and raise the exception that `attempt` returns."""

    def call(*arguments: Any) -> T:
        result = attempt(lambda: function(*arguments))
        if isinstance(result, Exception):
            raise result
        return result

    return call


def defined_at(function: Any) -> Place | None:
    """Find the file and line at which a function begins; None if it has no Python code.

    Example:
        >>> str(defined_at(functools.partial(defined_at))).split(":")[0]
        'guard.py'
    """
    for _ in range(100):  # more wrappers than any function has
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
    """Find the line of an error in the user's file: the innermost one, without the libraries that it called.

    Args:
        error: an exception with its traceback; a SyntaxError names its own line.
        home: place of the called function's definition. Lines of its file count as the user's, wherever the file lies;
            `home` itself is returned if the traceback has no line of the user's.
    """
    if isinstance(error, SyntaxError) and error.filename and error.lineno and not _is_library(error.filename):
        return Place(error.filename, error.lineno)
    frames = [Place(frame.filename, frame.lineno or 0) for frame in traceback.extract_tb(error.__traceback__)]
    return innermost(frames, home)


def innermost(frames: Sequence[Place], home: Place | None) -> Place | None:
    """Return the last of the frames that is in a user's file; if none is, `home`; without a `home`, the last frame."""
    users = [place for place in frames if (home is not None and place.file == home.file) or not _is_library(place.file)]
    return (users or ([home] if home is not None else list(frames)) or [None])[-1]


def describe(error: BaseException, home: Place | None = None) -> str:
    """Describe an error on one line: type, message and place.

    Example:
        >>> describe(ValueError("no such"))
        'ValueError: no such'
    """
    if isinstance(error, RemoteError):
        return str(error)
    message = (error.msg or "") if isinstance(error, SyntaxError) else _text(error)
    text = " ".join(visible(message).split())
    text = f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
    place = place_of(error, home)
    return text if place is None else f"{text} ({place})"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of a user's own may fail at this too
        return ""


@functools.cache
def _is_library(file: str) -> bool:
    """Return True if a file belongs to Python, to an installed package or to this project."""
    if file.startswith("<frozen"):
        return True
    root = Path(__file__).resolve().parents[2]
    folders = [
        root / "proofs_check",
        root / "nag_ntk",
        *(Path(sysconfig.get_path(n)) for n in ("stdlib", "platstdlib")),
    ]
    path = Path(file)
    package_folders = {"site-packages", "dist-packages"} & set(path.parts)  # of other environments too
    return bool(package_folders) or any(path.is_relative_to(folder) for folder in folders)
