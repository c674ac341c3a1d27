"""Use of hypothesis from a program instead of a test: without storage, output or deadline."""

import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, Verbosity, errors, settings

_SLOW_IS_FINE = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)


class OutOfTime(BaseException):
    """Raised to end all examples; a BaseException, since hypothesis takes an Exception for a failing example."""


def quiet(examples: int) -> Any:
    """Return the settings of a search with that many examples."""
    return settings(
        max_examples=examples, database=None, deadline=None, derandomize=False, report_multiple_bugs=False,
        print_blob=False, verbosity=Verbosity.quiet, suppress_health_check=_SLOW_IS_FINE,
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip


_interrupted = threading.Event()


def run_examples(example: Callable[[], None], success: type[Exception]) -> None:
    """Run a function decorated with @given; `success` and OutOfTime end it without an error.

    The function must call `heed_interrupt` first.
    """
    with tempfile.TemporaryDirectory() as folder, _storage(folder), _interruptible():
        with contextlib.suppress(success, errors.Flaky, OutOfTime):
            example()
        heed_interrupt()


def heed_interrupt() -> None:
    """Raise a KeyboardInterrupt that hypothesis swallowed, as it does in its own callbacks."""
    if _interrupted.is_set():
        raise KeyboardInterrupt


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Record a Ctrl-C in addition to its usual effect; only in the main thread."""
    _interrupted.clear()
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):  # ignored stays ignored
        yield
        return

    def note(number: int, frame: Any) -> None:
        _interrupted.set()
        previous(number, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


@contextlib.contextmanager
def _storage(folder: str) -> Iterator[None]:
    """Make hypothesis write its cache of the source code, which it writes even without a database, to this folder."""
    before = os.environ.get("HYPOTHESIS_STORAGE_DIRECTORY")
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = before or folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["HYPOTHESIS_STORAGE_DIRECTORY"]
