"""Lock the folder of a study while it runs, and find the state from which --resume continues.

`OUT/cells/study.json` holds the request of the study under way (identity.py); the finished runs lie beside it
(cells.py).
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
    """Lock a folder for one study and save its finished runs there; they stay until ``Cells.discard`` removes them.

    Args:
        out: folder of the results, made if absent.
        wanted: the request of this study, as ``identity.request`` makes it.
        resume: continue the study under way in the folder; if not set, such a folder is refused. Changes of the study
            are reported by `note`; runs that a change does not affect are read, all others are simulated again.
        note: called with a sentence when something has changed or starts again.
        every: seconds between two checkpoints of the run in progress.

    Yields:
        The store of the finished runs.

    Raises:
        StoreError: if another process writes to the folder, if it holds other files than results, or if it holds a
            study under way and `resume` is not set or the studies differ in a value that must agree (identity.fixed).
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
    """Describe how a study differs from the one under way in a folder; "" if they agree. Nothing is written.

    If no study is under way there, the sentence says so.

    Raises:
        StoreError: if the study cannot be continued, or if `resume` is not set and its records would be lost.
    """
    cells = Cells(Path(out) / CELLS)
    earlier = _request_under_way(cells.folder)
    if earlier is None:
        return f"{out} holds no study under way; it starts from the beginning"
    cure = f"remove {cells.folder} to start over, or name another --out"
    if resume and (other := difference(fixed(earlier), fixed(wanted))):
        raise StoreError(f"{out} holds another study under way: {other}; {cure}")
    if (cells.finished() or cells.unfinished()) and not resume:
        state = f"{out} holds a study under way (finished runs: {cells.finished()})"
        raise StoreError(f"{state}; --resume goes on with it; {cure}")
    other = difference(earlier, wanted)
    return other and f"the study has changed: {other}; kept runs that ask what they asked are read"


def already_done(out: Path, wanted: Mapping[str, Any]) -> StoredResult | None:
    """Read the results in a folder if they answer this request; None if there are none, or a study is under way.

    Raises:
        StoreError: if the results answer another request, or are damaged.
    """
    if not (Path(out) / MANIFEST).exists() or _request_under_way(Path(out) / CELLS) is not None:
        return None
    stored = read(out)
    mismatch = difference(stored.manifest.get("request") or {}, wanted)
    if mismatch:
        cure = "leave --resume out, or name another --out"
        raise StoreError(f"{out} holds the results of another study: {mismatch}; {cure}")
    return stored


def _request_under_way(folder: Path) -> Mapping[str, Any] | None:
    """Read the request of the study under way; None if there is no such study."""
    if not (folder / STUDY).exists():
        return None
    header = read_json(folder / STUDY)
    if header.get("package") != PACKAGE or not isinstance(header.get("request"), dict):
        raise StoreError(f"{folder / STUDY} is damaged; remove {folder} to start over")
    return header["request"]
