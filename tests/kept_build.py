"""What Coq compiled, kept for the next run of the tests as long as no proof, no builder and no Coq changes."""

import hashlib
import json
import os
import subprocess
import tempfile
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

from proofs_check.formal import coq
from proofs_check.formal.sources import FOLDER, texts

_TIMES = "times.json"


def kept_build(kept: Path | None, scratch: Path, source: Path = FOLDER, builders: Path = FOLDER) -> coq.Compiled:
    """What `coq.build` gives, unpacked from an archive of an earlier run where the archive belongs to the same files.

    The archive is one file, moved into place when it is complete: a run that is killed leaves nothing that another
    would read, and two runs at once write the same. It carries a checksum of every file. One that is damaged counts
    as not there.

    Args:
        kept: the folder of archives; None keeps nothing and builds.
        scratch: an existing, empty folder for the compiled files; the caller may add to it.
        source: where the .v files are.
        builders: where the .py files that compile them are.
    """
    if kept is None:
        return coq.build(scratch, jobs=2, source=source)
    archive = kept / f"{digest(source, builders)}.zip"
    try:
        return _unpacked(archive, scratch, {f"{name}.vo" for name in texts(source)})
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):  # none yet, or a damaged one
        built = coq.build(scratch, jobs=2, source=source)
        _pack(built, archive)
        return built


def digest(source: Path, builders: Path) -> str:
    """A name for all that the result of a build depends on: the proofs, the Python that compiles them, and Coq."""
    told = subprocess.run([coq.coqc(), "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    files = [*sorted(source.glob("*.v")), *sorted(builders.glob("*.py"))]
    parts = [(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files]
    return hashlib.sha256(json.dumps([told, parts]).encode()).hexdigest()


def _pack(built: coq.Compiled, archive: Path) -> None:
    times = {name: value for name, value in asdict(built).items() if name != "folder"}
    handle, half = tempfile.mkstemp(dir=archive.parent, suffix=".half")
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in built.each:
            packed.write(built.folder / f"{name}.vo", f"{name}.vo")
        packed.writestr(_TIMES, json.dumps(times))
    os.replace(half, archive)


def _unpacked(archive: Path, scratch: Path, wanted: set[str]) -> coq.Compiled:
    with zipfile.ZipFile(archive) as packed:
        if set(packed.namelist()) != wanted | {_TIMES}:
            raise ValueError(f"{archive}: not the compiled files of this source")
        packed.extractall(scratch)
    return coq.Compiled(scratch, **json.loads((scratch / _TIMES).read_text(encoding="utf-8")))
