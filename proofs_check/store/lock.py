"""Lock a folder for one writing process; the system releases the lock when the process ends."""

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
    """Lock a folder against other writers; make the folder if it is absent, and remove it if it stays empty.

    A lock of ``flock`` belongs to the open file and not to a process number, so it ends with the process and no stale
    lock remains. The lock file only names the process, for the message of another.

    Args:
        out: the folder.

    Raises:
        StoreError: if another process holds the lock, or the folder cannot be made or written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, lock(Path(folder)), lock(Path(folder)):
        ...     pass
        Traceback (most recent call last):
        proofs_check.store.files.StoreError: ... is being written to by process ...; wait for it, or name another --out
    """
    out = Path(out)
    new_folders = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    try:
        with usable(out):
            handle = _acquire(out)
        try:
            yield
        finally:
            (out / LOCK).unlink(missing_ok=True)
            os.close(handle)
    finally:
        with suppress(OSError):
            for folder in new_folders:
                folder.rmdir()


def _acquire(out: Path) -> int:
    """Lock the lock file and return its handle.

    A process removes the file before it releases the lock, so the file that was locked must still have its name.
    """
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
                    with suppress(OSError):  # on a full disk the lock holds without its owner's name
                        os.ftruncate(handle, 0)
                        os.pwrite(handle, json.dumps(_this_process()).encode(), 0)
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _this_process() -> dict[str, object]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "started": started}


def _holder(handle: int) -> str:
    try:
        owner = json.loads(os.pread(handle, 1000, 0))
        return f"process {owner['pid']} on {owner['host']} (since {owner['started']})"
    except (ValueError, KeyError, TypeError, OSError):  # the process has not written its name yet
        return "process of another call"
