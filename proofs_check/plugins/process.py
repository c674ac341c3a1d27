"""Start, watch and end the child process in which a user's own lemmas run."""

import atexit
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from proofs_check.lemma import Run
from proofs_check.plugins import record
from proofs_check.plugins.guard import Place, innermost

START = 120.0
"""Seconds that the child may take to start and import its modules."""
SHOWN = 100_000
"""Largest number of bytes of a check's prints that are shown."""
MEMORY = 0.5
"""Share of the machine's memory that the child may allocate; the mapped record of the runs does not count."""
_DUMP = 0.3
"""Seconds after the time limit in which the child writes the lines that it has reached to a file."""
_MARK = "NAG_NTK_CHECKS"
_FRAME = re.compile(r'File "(.*)", line (\d+)')


class Ended(NamedTuple):
    """Failure of the child to answer: a sentence, and the lines that it had reached, the innermost first."""

    sentence: str
    lines: tuple[Place, ...] = ()

    def place(self, home: Place | None) -> Place | None:
        """Return the line of the user's code at which the child ended; `home` if there is none."""
        return innermost(self.lines[::-1], home)


def possible() -> bool:
    """Return True if the system has process groups; without them (Windows) lemmas run in the process of the study."""
    return hasattr(os, "killpg")


class Child:
    """Child process for all requests; the first request starts it, and the next one after it has ended restarts it."""

    def __init__(self) -> None:
        """Initialise the fields without starting a process."""
        self._process: subprocess.Popen | None = None
        self._folder: Path | None = None
        self._ready = False
        self._loaded: set[str] = set()
        self._number = 0
        self._latest_record: tuple[tuple[weakref.ref, ...], bool, Path] | None = None
        self._lock = threading.RLock()

    def begin(self) -> None:
        """Start the process if none runs, without waiting until it is ready."""
        with self._lock:
            if self._process is not None and _alive(self._process.pid):
                return
            self._stop()
            self._folder = self._folder or Path(tempfile.mkdtemp(prefix="nag-ntk-checks-"))
            for stale in ("ready", "lines"):
                (self._folder / stale).unlink(missing_ok=True)
            code = f"import sys; sys.path[:] = {sys.path!r}; from proofs_check.judging.child import main; main()"
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", code, str(self._folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, start_new_session=True, bufsize=0,
                env={**os.environ, "JAX_PLATFORMS": "cpu", _MARK: self._folder.name, "PYTHONUNBUFFERED": "1"},
            )  # fmt: skip
            assert self._process.stdout is not None
            os.set_blocking(self._process.stdout.fileno(), False)

    def request(
        self, request: Mapping[str, Any], seconds: float | None, subject: Run | tuple[Run, ...] | Path | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]] | Ended:  # fmt: skip
        """Send a request and return its answer, (header, arrays); Ended if the process ended without one.

        Args:
            request: JSON values, see answering.answer.
            seconds: time limit, counted from when the process is ready for the request; None for no limit.
            subject: the runs that the request is about, or their folder (see `keep_record`), or None.
        """
        with self._lock:
            try:
                return self._load_and_send(request, seconds, subject)
            except BaseException:  # also Ctrl-C: the process is in the middle of a request
                self.end()
                raise

    def end(self) -> None:
        """End the process and all processes that it started, and remove its files."""
        with self._lock:
            self._stop()
            folder, self._folder, self._latest_record = self._folder, None, None
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def keep_record(self, subject: Run | tuple[Run, ...]) -> Path | None:
        """Keep the files of the last request's runs until the program ends; return their folder, None if removed."""
        with self._lock:
            if self._latest_record is None or not _same(self._latest_record, subject):
                return None
            folder, self._latest_record = self._latest_record[2], None
            return folder

    def _stop(self) -> None:
        """End the process and all processes that it started; the files of the runs stay."""
        process, self._process, self._ready, self._loaded = self._process, None, False, set()
        if process is not None:
            _kill(process)
            assert self._folder is not None
            _kill_marked(self._folder.name)

    def _load_and_send(self, request: Mapping[str, Any], seconds: float | None, subject: Any) -> Any:
        ended = self._wait_until_ready()
        if (
            ended is None and request["lemma"]["digest"] not in self._loaded
        ):  # loading does not count towards the time limit
            ended = self._send({"act": "load", "lemma": request["lemma"], "what": request["what"]}, START, None)
            self._loaded.add(request["lemma"]["digest"])
            ended = ended if isinstance(ended, Ended) else None
        if ended is not None:
            return ended
        return self._send(request, seconds, subject)

    def _send(self, request: Mapping[str, Any], seconds: float | None, subject: Any) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._number += 1
        message = {
            **request, "number": self._number, "seconds": seconds, "path": sys.path, "cwd": os.getcwd(),
            "x64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
            "memory": _memory(), "record": None if subject is None else str(self._record(subject)),
        }  # fmt: skip
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
        except OSError:  # the process ended after the last request, so this one was not started
            self._stop()
            return self._load_and_send(request, seconds, subject)
        return self._answer(seconds)

    def _wait_until_ready(self) -> Ended | None:
        self.begin()
        assert self._folder is not None
        if not self._ready:
            ended = self._wait(self._folder / "ready", START)
            if ended is not None:
                return Ended(f"RuntimeError: the process for checks did not start: {ended.sentence}")
            self._ready = True
        return None

    def _answer(self, seconds: float | None) -> Any:
        assert self._folder is not None
        path = self._folder / f"answer-{self._number}.npz"
        ended = self._wait(path, seconds)
        if ended is not None:
            return ended
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            header = json.loads(arrays.pop("header").tobytes())
        except Exception as error:  # NumPy's reader may raise any exception
            self._stop()
            return Ended(f"ValueError: the answer of the check's process cannot be read ({type(error).__name__})")
        path.unlink()
        if header.get(
            "stirring"
        ):  # a thread still runs, or a check has patched numpy: the next check gets a new process
            self._stop()
        return header, arrays

    def _wait(self, path: Path, seconds: float | None) -> Ended | None:
        """Wait until a file exists, and return None; return Ended if the process ends or the time limit passes.

        Prints of the process are copied to standard error.
        """
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._folder is not None
        start, tick, shown, out = time.monotonic(), 0.001, 0, self._process.stdout.fileno()
        while True:
            has_ended = not _alive(self._process.pid)
            exists = path.exists()
            shown = _pass_on(out, shown)
            if exists:
                return None
            if has_ended:
                lines = self._lines()
                cause = _cause(self._process.pid)
                self._stop()
                return Ended(cause, lines)
            if seconds is not None and time.monotonic() - start > seconds + (_DUMP if self._lines() == () else 0):
                lines = self._lines()
                self._stop()
                return Ended(f"TimeoutError: stopped after {seconds:g} s", lines)
            if select.select([out], [], [], tick)[0]:
                time.sleep(0.0005)  # no busy loop at the end of the file, when all its descriptors are closed
            tick = min(2 * tick, 0.02)

    def _lines(self) -> tuple[Place, ...]:
        """Read the lines that the main thread of the child had reached when it wrote them, the innermost first."""
        assert self._folder is not None
        try:
            text = (self._folder / "lines").read_text(errors="replace")
        except OSError:
            return ()
        main = re.split(r"^(?:Thread|Current thread) .*$", text, flags=re.MULTILINE)[-1]
        return tuple(Place(file, int(line)) for file, line in _FRAME.findall(main))

    def _record(self, subject: Run | tuple[Run, ...] | Path) -> Path:
        """Write the runs to a folder and return it; remove the files of the request before."""
        assert self._folder is not None
        if isinstance(subject, Path):
            return subject
        if self._latest_record is not None:
            if _same(self._latest_record, subject):
                return self._latest_record[2]
            shutil.rmtree(self._latest_record[2], ignore_errors=True)
            self._latest_record = None
        folder = self._folder / f"record-{self._number}"
        record.write(subject, folder)
        self._latest_record = (
            tuple(weakref.ref(run.trajectory) for run in _runs(subject)),
            isinstance(subject, tuple),
            folder,
        )
        return folder


def _runs(subject: Run | tuple[Run, ...]) -> tuple[Run, ...]:
    return subject if isinstance(subject, tuple) else (subject,)


def _same(latest_record: tuple[tuple[weakref.ref, ...], bool, Path], subject: Run | tuple[Run, ...]) -> bool:
    refs, several, _ = latest_record
    runs = _runs(subject)
    if several != isinstance(subject, tuple) or len(refs) != len(runs):
        return False
    return all(ref() is run.trajectory for ref, run in zip(refs, runs, strict=True))


def _alive(pid: int) -> bool:
    """Return True if a child runs; do not reap one that has ended, so that its process number is not used again."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False


def _cause(pid: int) -> str:
    try:
        status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        status = None
    if status is None:
        return "RuntimeError: the check ended its process"
    if status.si_code == os.CLD_EXITED:
        return f"RuntimeError: the check ended its process, with exit status {status.si_status}"
    return f"RuntimeError: the process of the check was ended by {signal.Signals(status.si_status).name}"


def _kill(process: subprocess.Popen) -> None:
    """End a process and its group, before the system uses its number again."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except OSError:
                pass
    process.wait()


def _kill_marked(mark: str) -> None:
    """End processes that left the group: on Linux, all that have the mark in their environment."""
    wanted = f"{_MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue


def _pass_on(out: int, shown: int) -> int:
    """Copy prints of the child to standard error, up to SHOWN bytes; return the number of bytes so far."""
    try:
        text = os.read(out, 65536)
    except OSError:
        return shown
    if shown < SHOWN and text:
        sys.stderr.write(text[: SHOWN - shown].decode(errors="replace"))
        if shown + len(text) >= SHOWN:
            sys.stderr.write("\n... (a check prints more, which is not shown)\n")
        sys.stderr.flush()
    return shown + len(text)


def _memory() -> int:
    return int(MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


CHILD = Child()
"""The child of this process; one is enough, since a study sends one request at a time."""
atexit.register(CHILD.end)
