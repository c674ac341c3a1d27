"""The folder of a study while it runs: held by one process, with what --resume goes on from.

`OUT/cells/study.json` says which study is under way (identity.py); the finished runs lie beside it (cells.py).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proofs_check.store.cells import Cells
from proofs_check.store.files import (
    CELLS,
    MANIFEST,
    PACKAGE,
    STUDY,
    StoreError,
    read_json,
    refuse_foreign,
    stage,
    write_json,
)
from proofs_check.store.folder import StoredResult, read
from proofs_check.store.identity import difference, fixed
from proofs_check.store.lock import lock
from proofs_check.store.manifest import SCHEMA
from proofs_check.store.steps import EVERY


@contextmanager
def under_way(
    out: Path,
    wanted: Mapping[str, Any],
    *,
    resume: bool = False,
    note: Callable[[str], None] = lambda text: None,
    every: float = EVERY,
) -> Iterator[Cells]:
    """Hold a folder for one study and keep its finished runs there until ``Cells.discard`` or for a later `resume`.

    Args:
        out: folder of the results, made if absent.
        wanted: from ``identity.request``.
        resume: go on with what is in the folder; otherwise a study under way there is refused. What has changed in the
            study is noted; runs that ask what they asked are read, the others are simulated again.
        note: called with a sentence where something had to be begun anew.
        every: seconds between two savings of the run in progress.

    Raises:
        StoreError: if another process writes to the folder, it holds somebody's files, it holds a study under way and
            `resume` is not set, or one of another name or with numbers of another code or machine (identity.fixed).
    """
    out = Path(out)
    with lock(out):
        refuse_foreign(out)
        cells = Cells(out / CELLS, note, every)
        change = changed(out, wanted, resume=resume)
        if resume and change:
            note(change)
        earlier = _request_under_way(cells.folder)
        try:
            if earlier is None or difference(earlier, wanted):
                with stage(out) as staging:
                    (staging / CELLS).mkdir()
                    header = {"schema": SCHEMA, "package": PACKAGE, "request": wanted}
                    write_json(staging / CELLS / STUDY, header)
                    if earlier is None or difference(fixed(earlier), fixed(wanted)):
                        cells.discard()
                        os.rename(staging / CELLS, cells.folder)
                    else:
                        os.replace(staging / CELLS / STUDY, cells.folder / STUDY)
            yield cells
        finally:
            if not cells.finished() and not cells.unfinished():
                cells.discard()


def changed(out: Path, wanted: Mapping[str, Any], *, resume: bool) -> str:
    """Say what has changed since the study under way in a folder began; "" if nothing. Only reads.

    Raises:
        StoreError: if it cannot be gone on with, or `resume` is not set and something would be lost.
    """
    cells = Cells(Path(out) / CELLS)
    earlier = _request_under_way(cells.folder)
    if earlier is None:
        return f"{out} holds no study under way; it starts from the beginning"
    over = f"remove {cells.folder} to start over, or name another --out"
    if resume and (other := difference(fixed(earlier), fixed(wanted))):
        raise StoreError(f"{out} holds another study under way: {other}; {over}")
    if (cells.finished() or cells.unfinished()) and not resume:
        state = f"{out} holds a study under way (finished runs: {cells.finished()})"
        raise StoreError(f"{state}; --resume goes on with it; {over}")
    other = difference(earlier, wanted)
    return other and f"the study has changed: {other}; kept runs that ask what they asked are read"


def already_done(out: Path, wanted: Mapping[str, Any]) -> StoredResult | None:
    """Read the results in a folder if they answer this request; None if there are none, or a study is under way.

    Raises:
        StoreError: if they are of another request, or damaged.
    """
    if not (Path(out) / MANIFEST).exists() or _request_under_way(Path(out) / CELLS) is not None:
        return None
    stored = read(out)
    changed = difference(stored.manifest.get("request") or {}, wanted)
    if changed:
        cure = "leave --resume out, or name another --out"
        raise StoreError(f"{out} holds the results of another study: {changed}; {cure}")
    return stored


def _request_under_way(folder: Path) -> Mapping[str, Any] | None:
    """Read the request of the study under way; None where there is none."""
    if not (folder / STUDY).exists():
        return None
    header = read_json(folder / STUDY)
    if header.get("package") != PACKAGE or not isinstance(header.get("request"), dict):
        raise StoreError(f"{folder / STUDY} is damaged; remove {folder} to start over")
    return header["request"]
