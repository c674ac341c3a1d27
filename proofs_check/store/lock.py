"""One writer per folder: a lock that the system releases when its holder dies, however it dies."""

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from proofs_check.store.files import StoreError, make_folder, opened, usable

LOCK = ".nag-ntk.lock"


@contextmanager
def lock(out: Path) -> Iterator[None]:
    """Hold a folder against other writers; the folder is made if absent, and removed again if it stays empty.

    A lock of ``flock`` belongs to the open file, not to a number of a process: whatever ends the holder ends the lock,
    so there is no stale lock to recognise. The file only says who holds it.

    Args:
        out: the folder.

    Raises:
        StoreError: if another process holds it, or the folder cannot be made or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder)), lock(Path(folder)):
        ...     pass
        Traceback (most recent call last):
        proofs_check.store.files.StoreError: ... is being written to by process ...; wait for it, or name another --out
    """
    out = Path(out)
    made = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    try:
        with usable(out):
            handle = _locked(out)
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)
            os.close(handle)
    finally:
        with suppress(OSError):
            for folder in made:
                folder.rmdir()


def _locked(out: Path) -> int:
    """Open the lock file that still has its name: a holder removes the file before it lets go."""
    import fcntl

    path = out / LOCK
    while True:
        make_folder(out)
        handle = opened(path, os.O_RDWR | os.O_CREAT)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                message = f"{out} is being written to by {_holder(handle)}; wait for it, or name another --out"
                raise StoreError(message) from None
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    with suppress(OSError):  # a full disk: the lock holds all the same
                        os.ftruncate(handle, 0)
                        os.pwrite(handle, json.dumps(_self()).encode(), 0)
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _self() -> dict[str, object]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "started": started}


def _holder(handle: int) -> str:
    try:
        owner = json.loads(os.pread(handle, 1000, 0))
        return f"process {owner['pid']} on {owner['host']} (since {owner['started']})"
    except (ValueError, KeyError, TypeError, OSError):  # it has not yet said so
        return "process of another call"
