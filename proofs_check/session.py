"""The process that a command runs in: quiet libraries, JAX set up before any device is touched."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PROGRAM = "nag-ntk"
GC_CALLBACK = "_xla_gc_callback"
"""JAX's, which the garbage collector calls."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end, by SIGTERM."""


@contextmanager
def terminable() -> Iterator[Callable[[], None]]:
    """SIGTERM ends the block as Ctrl-C does, with an exception, so that nothing is left half-written.

    Yields a function that raises again if the exception was lost: code called from C, such as a callback of the garbage
    collector, drops exceptions, that of Ctrl-C too. A signal that is ignored stays ignored.
    """
    kinds: dict[int, type[KeyboardInterrupt]] = {signal.SIGTERM: Terminated, signal.SIGINT: KeyboardInterrupt}
    asked: list[type[KeyboardInterrupt]] = []

    def handle(number: int, frame: FrameType | None) -> None:
        asked.append(kinds[number])
        if frame is not None and frame.f_code.co_name == GC_CALLBACK:
            return  # what is raised there is dropped, with a traceback on stderr; the check raises it soon
        if len(asked) > 2:  # what was raised is swallowed every time
            os._exit(128 + number)
        raise asked[-1]

    def check() -> None:
        if asked:
            raise asked[-1]

    ours = threading.current_thread() is threading.main_thread()
    taken = [number for number in kinds if ours and signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in taken}
    try:
        yield check
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def silence() -> None:
    """No log lines of the libraries between our own; set before they are imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("jax").setLevel(logging.ERROR)


def prepare_jax() -> None:
    """float64, one CPU device per core, and compilations kept between calls."""
    import jax

    import nag_ntk
    from nag_ntk import devices

    nag_ntk.enable_float64()
    given = "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not given:
        jax.config.update("jax_num_cpu_devices", devices.cores())
    folder = cache_folder()
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def cache_folder() -> Path | None:
    """NAG_NTK_CACHE, or our folder among the user's caches; None where it cannot be had, or is set to nothing."""
    try:
        given = os.environ.get("NAG_NTK_CACHE")
        if given is not None:
            folder = Path(given) if given else None
        elif sys.platform == "win32":
            folder = Path(os.environ["LOCALAPPDATA"]) / PROGRAM / "Cache"
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Caches" / PROGRAM
        else:
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PROGRAM
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return folder if folder is not None and os.access(folder, os.W_OK) else None
    except (OSError, KeyError, RuntimeError):  # RuntimeError: no home
        return None
