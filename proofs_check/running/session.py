"""Set-up of the process of a command: signals, log level of the libraries, JAX before any device is touched."""

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PROGRAM = "nag-ntk"
GC_CALLBACK = "_xla_gc_callback"
"""Name of JAX's callback of the garbage collector."""


class Terminated(KeyboardInterrupt):
    """Exception raised on SIGTERM."""


@contextmanager
def terminable() -> Iterator[Callable[[], None]]:
    """Raise an exception on SIGTERM inside the block, as on Ctrl-C, so that nothing is left half-written.

    A signal that is ignored stays ignored.

    Yields:
        A function that raises the exception again if it was lost: code called from C, such as a callback of the garbage
        collector, drops exceptions, that of Ctrl-C too.
    """
    kinds: dict[int, type[KeyboardInterrupt]] = {signal.SIGTERM: Terminated, signal.SIGINT: KeyboardInterrupt}
    received: list[type[KeyboardInterrupt]] = []

    def handle(number: int, frame: FrameType | None) -> None:
        received.append(kinds[number])
        if frame is not None and frame.f_code.co_name == GC_CALLBACK:
            return  # an exception raised there is dropped, with a traceback on stderr; `check` raises it soon
        if len(received) > 2:  # the exceptions are swallowed every time
            os._exit(128 + number)
        raise received[-1]

    def check() -> None:
        if received:
            raise received[-1]

    is_main_thread = threading.current_thread() is threading.main_thread()
    handled = [number for number in kinds if is_main_thread and signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, handle) for number in handled}
    try:
        yield check
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def silence() -> None:
    """Silence the log lines of the libraries; call it before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("jax").setLevel(logging.ERROR)


def prepare_jax() -> None:
    """Set JAX up: float64, one CPU device per core, compilations cached on disk."""
    import nag_ntk

    nag_ntk.configure()
