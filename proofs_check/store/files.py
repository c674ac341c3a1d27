"""Write files atomically: a file is complete or absent, whatever interrupts the program."""

import errno
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from proofs_check.study.text import visible

PACKAGE = "nag-ntk"
MANIFEST, RESULTS, TRAJECTORIES = "manifest.json", "results.json", "trajectories.nc"
SWEEP = "sweep.nc"  # only in studies with a sweep
REPORT = "report.html"  # made from the other files, so the manifest has no digest of it
CELLS, STUDY = "cells", "study.json"
"""Folder of the finished runs of a study under way, and the file in it with the request of the study."""
CERTIFICATES = "certificates"
"""Folder of the certificates that rows name; the manifest has a digest of each."""
FIGURES = "figures"
_COMMITTED = (RESULTS, TRAJECTORIES, SWEEP, CERTIFICATES, MANIFEST)
_STAGING = ".nag-ntk-"
_STALE_AFTER = 3600  # seconds; staging takes moments, so an older folder is left over from a killed process


class StoreError(ValueError):
    """Error of a folder of results that cannot be written or read; the message says what to do."""


def write_json(path: Path, value: Any) -> None:
    """Write plain values as JSON and flush them to the disk; invisible characters are escaped."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    with open(opened(path), "w", encoding="utf-8") as file:
        file.write(visible(text))
    sync(path)


def sync(path: Path, access: int = os.O_RDWR) -> None:
    """Flush a file to the disk, so that a file with its final name is complete even after a power cut."""
    handle = os.open(path, access)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def usable(path: Path, cure: str = "name another --out") -> Iterator[None]:
    """Turn an OSError into a StoreError that names the path and the cure."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cure = f"make room or {cure}" if full else cure
        raise StoreError(f"cannot write results to {path}: {error.strerror or error}; {cure}") from error


@contextmanager
def replaced(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file for writing; rename it to `path` when it is flushed to the disk, remove it on an error."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with open(opened(temporary), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, if the system can."""
    with suppress(OSError):
        sync(folder, os.O_RDONLY)


@contextmanager
def stage(out: Path, *, keep: bool = True) -> Iterator[Path]:
    """Make a temporary folder inside `out`, hence in its filesystem; remove it after the block in any case.

    `out` and its parents are removed too if this made them, unless the block succeeds and `keep` is set.
    """
    new_folders = [folder for folder in (out, *out.parents) if not os.path.lexists(folder)]
    staging: Path | None = None
    done = False
    try:
        with usable(out):
            make_folder(out)
            # named before it is made: a signal in between must not leave it behind
            staging = out / f"{_STAGING}{secrets.token_hex(4)}"
            staging.mkdir(mode=0o700)
            yield staging
        done = True
    finally:
        if staging is not None:
            shutil.rmtree(staging, ignore_errors=True)
        if not (done and keep):
            with suppress(OSError):
                for folder in new_folders:
                    folder.rmdir()


def make_folder(out: Path) -> None:
    """Make a folder if it is absent; raise StoreError if the path is a file."""
    if out.exists() and not out.is_dir():
        raise StoreError(f"cannot write results to {out}: it is a file, not a folder; name another --out")
    out.mkdir(parents=True, exist_ok=True)


def remove(folder: Path) -> None:
    """Remove a folder inside a folder of results; rename it first, so that it is never seen half removed."""
    doomed = folder.with_name(f"{_STAGING}removed")
    shutil.rmtree(doomed, ignore_errors=True)
    with suppress(FileNotFoundError):
        os.rename(folder, doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def refuse_links(out: Path) -> None:
    """Refuse symbolic links in a folder of results: a write would follow them. The folder itself may be a link.

    Raises:
        StoreError: if there is a link; the message names it.
    """
    ours = [out / name for name in (CELLS, CERTIFICATES, FIGURES)]
    inside = (Path(at) / name for folder in ours for at, *names in os.walk(folder) for name in chain(*names))
    hidden = f".{PACKAGE}"
    top = (path for path in out.iterdir() if path.name.startswith(hidden) or not path.name.startswith("."))
    for path in (*top, *inside):
        if path.is_symlink():
            raise _link(path)


def _link(path: Path) -> StoreError:
    return StoreError(f"{path} is a symbolic link, and none is followed in a folder of results; remove it")


def opened(path: Path, flags: int = os.O_WRONLY | os.O_CREAT | os.O_TRUNC) -> int:
    """Open a file, without following a symbolic link.

    Raises:
        StoreError: if the path is a symbolic link; its target is untouched.
    """
    try:
        return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        if path.is_symlink():
            raise _link(path) from None
        raise error


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that holds anything but finished or unfinished results, since it could be the user's work."""
    refuse_links(out)
    others = sorted(entry.name for entry in out.iterdir() if not entry.name.startswith("."))
    if CELLS in others and not (out / CELLS / STUDY).exists():
        raise StoreError(f"{out / CELLS} was not written by {PACKAGE}; name another --out")
    known: Any = {}
    if MANIFEST in others:
        known = own_manifest(out).get("files")
    elif others and CELLS not in others:
        raise StoreError(f"{out} is not empty and has no {MANIFEST} (it holds {others[0]}); name another --out")
    for name in (MANIFEST, RESULTS, TRAJECTORIES, SWEEP):
        if (out / name).is_dir():
            raise StoreError(f"{out / name} is a folder; name another --out")
    if CERTIFICATES in others:
        listed = known if isinstance(known, dict) else {}
        for path in sorted((out / CERTIFICATES).iterdir() if (out / CERTIFICATES).is_dir() else [out / CERTIFICATES]):
            if path.relative_to(out).as_posix() not in listed:
                raise StoreError(f"{path} is not of the results in {out}; move it away, or name another --out")
    for entry in out.glob(f"{_STAGING}*"):
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > _STALE_AFTER:
                shutil.rmtree(entry, ignore_errors=True)


def own_manifest(out: Path) -> dict[str, Any]:
    """Read the manifest in a folder; raise StoreError unless this program wrote it."""
    manifest = read_json(out / MANIFEST)
    if manifest.get("package") != PACKAGE:
        raise StoreError(f"{out / MANIFEST} was not written by {PACKAGE}; name another folder")
    return manifest


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object from a file; raise StoreError if the file holds none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise StoreError(f"{path} is damaged or truncated: it is not JSON; remove it and verify again") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path} was not written by {PACKAGE}: it holds no JSON object; name another folder")
    return value


def digest(path: Path) -> str:
    """Compute the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def commit(staging: Path, out: Path) -> None:
    """Move the staged files to their final names, the manifest last; on a failure restore the earlier files."""
    earlier, undone = staging / "earlier", staging / "undone"
    earlier.mkdir()
    undone.mkdir()
    before = {name for name in _COMMITTED if (out / name).exists()}
    moved: list[str] = []
    try:
        for name in (RESULTS, TRAJECTORIES, SWEEP, MANIFEST):
            if (out / name).exists():
                shutil.copy2(out / name, earlier / name)
        for name in _COMMITTED:
            moved.append(name)
            if (out / name).is_dir():
                os.rename(out / name, earlier / name)
            if (staging / name).exists():
                os.replace(staging / name, out / name)
            else:
                (out / name).unlink(missing_ok=True)
    except BaseException:  # an interrupt must not leave a mixture of two results either
        for name in moved:
            if name in before and not (earlier / name).exists():
                continue  # it was not moved yet
            if (out / name).is_dir():
                os.rename(out / name, undone / name)
            if name in before:
                os.replace(earlier / name, out / name)
            else:
                (out / name).unlink(missing_ok=True)
        raise
    sync_folder(out)
