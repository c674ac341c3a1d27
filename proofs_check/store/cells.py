"""A study under way: every finished run ("cell") is kept in the folder of the results until the study is done.

`OUT/cells/study.json` says what is under way (identity.py), `OUT/cells/RUN.SEEDS.npz` holds what the simulation of one
run recorded, with its digest and the question that it answers, `OUT/cells/RUN.SEEDS.steps` the run in progress
(steps.py). Each file gets its name when it is whole. Checks are not kept: they are computed again from the record, so a
lemma may return whatever it likes.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import sealed
from .files import (
    CELLS,
    MANIFEST,
    PACKAGE,
    STUDY,
    StoreError,
    read_json,
    refuse_foreign,
    remove,
    replaced,
    stage,
    usable,
    write_json,
)
from .identity import difference, fixed
from .lock import lock
from .manifest import SCHEMA
from .steps import EVERY, FOLDER, STATE, Steps

if TYPE_CHECKING:
    from nag_ntk import Trajectory

    from . import StoredResult


class Cells:
    """The finished runs of a study under way.

    Args:
        folder: where their files are.
        note: called with a sentence about a file that cannot be used.
        every: seconds between two savings of a run in progress.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda text: None, every: float = EVERY):
        self.folder, self.note, self.every = folder, note, every

    def finished(self) -> int:
        """How many runs are kept."""
        return len(list(self.folder.glob("[!.]*.npz")))

    def unfinished(self) -> int:
        """How many runs are kept up to some chunk of steps."""
        return len(list(self.folder.glob(f"*{FOLDER}/{STATE}")))

    def read(self, name: str, seeds: int, question: Mapping[str, Any]) -> "Trajectory | None":
        """What a run recorded, bit for bit; None if it is not kept.

        That its file is damaged, or answers another question, is noted; then it is None too.

        Args:
            name: of the run.
            seeds: how many; a study that adds seeds keeps a file per look.
            question: what the record depends on, as JSON values.
        """
        path = self._path(name, seeds)
        if not path.exists():
            return None
        try:
            header, arrays = sealed.load(path)
            before, trajectory = header["question"], decoded(header["trajectory"], arrays)
        except Exception as error:  # the reader raises anything from zlib.error to NotImplementedError on damage
            self.note(f"{path} is damaged ({' '.join(str(error).split())[:100]}); the run is simulated again")
            return None
        changed = difference(before, json.loads(json.dumps(question)))
        if changed:
            self.note(f"the kept run {name} answers another question: {changed}; it is simulated again")
            return None
        return trajectory

    def standing(self, name: str, seeds: int, question: Mapping[str, Any]) -> str:
        """What `--resume` would do with a run, in a few words; its files are left as they are."""
        notes: list[str] = []
        if Cells(self.folder, notes.append).read(name, seeds, question) is not None:
            return "finished, its record is read"
        begun = (self.folder / f"{name}.{seeds}{FOLDER}" / STATE).exists()
        return "; ".join(notes) or ("begun; gone on with if it asks the same" if begun else "not kept; simulated")

    def keep(self, name: str, seeds: int, question: Mapping[str, Any], trajectory: "Trajectory") -> "Trajectory":
        """Keep what a run recorded, whole or not at all; returns it as `read` would.

        Raises:
            StoreError: if it cannot be written, for example on a full disk; what was kept before stays.
        """
        path = self._path(name, seeds)
        arrays: dict[str, Any] = {}
        header = {"question": question, "trajectory": encoded(trajectory, "", arrays)}
        with usable(path), replaced(path) as file:
            sealed.save(file, header, arrays)
        self.steps(name, seeds, question).discard()
        return decoded(header["trajectory"], arrays)

    def steps(self, name: str, seeds: int, question: Mapping[str, Any]) -> Steps:
        """The keeper of a run in progress, for simulate(checkpoint=...)."""
        folder = self.folder / f"{name}.{seeds}{FOLDER}"
        return Steps(folder, question, self.note, self.every)

    def discard(self) -> None:
        """Remove what is kept, after the results were written."""
        remove(self.folder)

    def _path(self, name: str, seeds: int) -> Path:
        return self.folder / f"{name}.{seeds}.npz"


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
        told = changed(out, wanted, resume=resume)
        if resume and told:
            note(told)
        begun = _begun(cells.folder)
        try:
            if begun is None or difference(begun, wanted):
                with stage(out) as staging:
                    (staging / CELLS).mkdir()
                    told = {"schema": SCHEMA, "package": PACKAGE, "request": wanted}
                    write_json(staging / CELLS / STUDY, told)
                    if begun is None or difference(fixed(begun), fixed(wanted)):
                        cells.discard()
                        os.rename(staging / CELLS, cells.folder)
                    else:
                        os.replace(staging / CELLS / STUDY, cells.folder / STUDY)
            yield cells
        finally:
            if not cells.finished() and not cells.unfinished():
                cells.discard()


def changed(out: Path, wanted: Mapping[str, Any], *, resume: bool) -> str:
    """What has changed since the study under way in a folder began, in a sentence; "" if nothing. Only reads.

    Raises:
        StoreError: if it cannot be gone on with, or `resume` is not set and something would be lost.
    """
    cells = Cells(Path(out) / CELLS)
    begun = _begun(cells.folder)
    if begun is None:
        return f"{out} holds no study under way; it starts from the beginning"
    over = f"remove {cells.folder} to start over, or name another --out"
    if resume and (other := difference(fixed(begun), fixed(wanted))):
        raise StoreError(f"{out} holds another study under way: {other}; {over}")
    if (cells.finished() or cells.unfinished()) and not resume:
        told = f"{out} holds a study under way (finished runs: {cells.finished()})"
        raise StoreError(f"{told}; --resume goes on with it; {over}")
    other = difference(begun, wanted)
    return other and f"the study has changed: {other}; kept runs that ask what they asked are read"


def already_done(out: Path, wanted: Mapping[str, Any]) -> "StoredResult | None":
    """The results in a folder if they answer this request; None if there are none, or a study is under way.

    Raises:
        StoreError: if they are of another request, or damaged.
    """
    from . import read

    if not (Path(out) / MANIFEST).exists() or _begun(Path(out) / CELLS) is not None:
        return None
    stored = read(out)
    changed = difference(stored.manifest.get("request") or {}, wanted)
    if changed:
        cure = "leave --resume out, or name another --out"
        raise StoreError(f"{out} holds the results of another study: {changed}; {cure}")
    return stored


def _begun(folder: Path) -> Mapping[str, Any] | None:
    """The request of the study under way; None where there is none."""
    if not (folder / STUDY).exists():
        return None
    told = read_json(folder / STUDY)
    if told.get("package") != PACKAGE or not isinstance(told.get("request"), dict):
        raise StoreError(f"{folder / STUDY} is damaged; remove {folder} to start over")
    return told["request"]


def _types() -> dict[str, Any]:
    from nag_ntk import Method, Trajectory
    from nag_ntk.pattern import OverlapRange
    from nag_ntk.trajectory import GramPath, Probed, Recursion, Screening

    kinds = (Trajectory, Recursion, GramPath, OverlapRange, Probed, Screening, Method)
    return {kind.__name__: kind for kind in kinds}


def encoded(value: Any, name: str, arrays: dict[str, Any]) -> Any:
    """Records and tuples as JSON values, arrays beside them under the path of their fields, in C order."""
    import numpy as np

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"a cell cannot keep objects (at {name})")
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    kind = type(value).__name__
    if kind in _types() and (is_dataclass(value) or hasattr(value, "_fields")):
        names = [field.name for field in fields(value)] if is_dataclass(value) else value._fields
        parts = {part: encoded(getattr(value, part), f"{name}.{part}".lstrip("."), arrays) for part in names}
        return {"type": kind, "fields": parts}
    if isinstance(value, Mapping):
        return {"mapping": {key: encoded(item, f"{name}.{key}", arrays) for key, item in value.items()}}
    if isinstance(value, tuple):
        return [encoded(item, f"{name}.{index}", arrays) for index, item in enumerate(value)]
    raise TypeError(f"a cell cannot keep a {kind} (at {name})")


def decoded(value: Any, arrays: Mapping[str, Any]) -> Any:
    """The value that `encoded` took apart, with its arrays."""
    if isinstance(value, list):
        return tuple(decoded(item, arrays) for item in value)
    if not isinstance(value, dict):
        return value
    if "mapping" in value:
        return {key: decoded(item, arrays) for key, item in value["mapping"].items()}
    if "array" in value:
        return arrays[value["array"]]
    return _types()[value["type"]](**{part: decoded(item, arrays) for part, item in value["fields"].items()})
