"""Code of a user's own, called so that it harms nothing else: its time, its prints, its errors and their line."""

import functools
import os
import signal
import sys
import sysconfig
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, TypeVar

import numpy as np

T = TypeVar("T")
_AGAIN = 1.0
"""Seconds after which an alarm that was swallowed rings again."""
_LAST = 10
"""After so many the program ends: an `except BaseException` within another, each in a loop, cannot be left."""


class Place(NamedTuple):
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{Path(self.file).name}:{self.line}"


class OutOfTime(BaseException):
    """Raised in the code that takes too long; no Exception, so that `except Exception` there does not swallow it."""


def attempt(function: Callable[[], T], seconds: float | None = None) -> T | Exception:
    """What a function returns, or what it raised; what it prints goes to standard error.

    SystemExit and the like are returned as a RuntimeError, running out of time as a TimeoutError. KeyboardInterrupt is
    raised: it is the user's.

    Args:
        function: called without arguments.
        seconds: most that it may take, None for no limit. Kept by SIGALRM, so only in the main thread, not on Windows,
            and not while it is within a single call of compiled code.

    Example:
        >>> attempt(lambda: 1 / 0)
        ZeroDivisionError('division by zero')
    """
    try:
        with limited(seconds), redirect_stdout(sys.stderr), np.errstate():
            return function()
    except KeyboardInterrupt:
        raise
    except OutOfTime as stop:
        return TimeoutError(f"stopped after {seconds:g} s").with_traceback(stop.__traceback__)
    except Exception as error:
        return error
    except BaseException as error:
        told = f"{type(error).__name__}({error}) would have ended the program"
        return RuntimeError(told).with_traceback(error.__traceback__)


def bounded(function: Callable[..., T], seconds: float | None) -> Callable[..., T]:
    """The function, raising what `attempt` returns as an error."""

    def call(*arguments: Any) -> T:
        found = attempt(lambda: function(*arguments), seconds)
        if isinstance(found, Exception):
            raise found
        return found

    return call


def limitable() -> bool:
    """Whether a limit of time can be kept here: there is SIGALRM, and this is the main thread."""
    return hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread()


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """OutOfTime in the block after so many seconds; an alarm that was set before rings when it would have."""
    if seconds is None or not limitable():
        yield
        return
    running, rung = True, 0

    def at_once(frame: FrameType, event: str, _: object) -> Any:
        if running and event == "line":
            raise OutOfTime
        return at_once

    def ring(_: int, frame: FrameType | None) -> None:
        nonlocal rung
        rung += running
        if not running:
            return
        if rung > _LAST:
            os.write(2, b"nag-ntk: a check swallows every exception and cannot be stopped; the program ends\n")
            os._exit(3)
        if rung > 1:  # what it raised was swallowed: raised again at the next line, it leaves that `try` as well
            sys.settrace(lambda *_: None)
            while frame is not None and frame.f_code.co_filename != __file__:
                frame.f_trace = at_once
                frame = frame.f_back
        raise OutOfTime

    traced, begun = sys.gettrace(), time.monotonic()
    handler = signal.signal(signal.SIGALRM, ring)
    left, interval = signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        try:
            running = False
        finally:  # it may have rung a moment ago; it rings again much later than this
            running = False
            if rung > 1:
                sys.settrace(traced)
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, handler)
            if left:
                signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - begun), 1e-6), interval)


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
    theirs = [at for at in frames if (home is not None and at.file == home.file) or not _library(at.file)]
    return (theirs or ([home] if home is not None else frames) or [None])[-1]


def describe(error: BaseException, home: Place | None = None) -> str:
    """Type, message on one line and place; a traceback belongs into the log.

    Example:
        >>> describe(ValueError("no such"))
        'ValueError: no such'
    """
    said = (error.msg or "") if isinstance(error, SyntaxError) else _text(error)
    # what a terminal would obey is not shown
    text = " ".join("".join(c if c.isprintable() else " " for c in said).split())
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
