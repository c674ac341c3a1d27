"""Records of the finished runs ("cells") of a study under way, saved in the folder of results until the study is done.

`OUT/cells/RUN.SEEDS.npz` holds the record of one run, its digest, and its question: everything that the record depends
on. `OUT/cells/RUN.SEEDS.steps` holds the checkpoints of the run in progress (steps.py). Files are written atomically.
The outcomes of checks are not saved: they are computed again from the record.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nag_ntk import Trajectory
from nag_ntk.run.encoding import decoded, encoded
from proofs_check.store import sealed
from proofs_check.store.files import remove, replaced, usable
from proofs_check.store.identity import difference
from proofs_check.store.steps import EVERY, FOLDER, STATE, Steps


class Cells:
    """Records of the finished runs of a study under way.

    Args:
        folder: folder of the files.
        note: called with a sentence about a file that cannot be used.
        every: seconds between two checkpoints of a run in progress.
    """

    def __init__(self, folder: Path, note: Callable[[str], None] = lambda text: None, every: float = EVERY):
        self.folder, self.note, self.every = folder, note, every

    def finished(self) -> int:
        """Count the finished runs."""
        return len(list(self.folder.glob("[!.]*.npz")))

    def unfinished(self) -> int:
        """Count the runs that have checkpoints."""
        return len(list(self.folder.glob(f"*{FOLDER}/{STATE}")))

    def read(self, name: str, seeds: int, question: Mapping[str, Any]) -> Trajectory | None:
        """Read the record of a run, bit for bit; None if its file is absent, damaged, or answers another question.

        A damaged file and another question are reported by `note`.

        Args:
            name: name of the run.
            seeds: number of seeds; a study that adds seeds has a file per look.
            question: everything that the record depends on, as JSON values.
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
        """Describe in a few words what `--resume` would do with a run, without changing its files."""
        notes: list[str] = []
        if Cells(self.folder, notes.append).read(name, seeds, question) is not None:
            return "finished, its record is read"
        partial = (self.folder / f"{name}.{seeds}{FOLDER}" / STATE).exists()
        return "; ".join(notes) or ("begun; gone on with if it asks the same" if partial else "not kept; simulated")

    def keep(self, name: str, seeds: int, question: Mapping[str, Any], trajectory: Trajectory) -> Trajectory:
        """Write the record of a run atomically; return the record as `read` would.

        Raises:
            StoreError: if the record cannot be written, for example on a full disk; earlier files stay.
        """
        path = self._path(name, seeds)
        arrays: dict[str, Any] = {}
        header = {"question": question, "trajectory": encoded(trajectory, "", arrays)}
        with usable(path), replaced(path) as file:
            sealed.save(file, header, arrays)
        self.steps(name, seeds, question).discard()
        return decoded(header["trajectory"], arrays)

    def steps(self, name: str, seeds: int, question: Mapping[str, Any]) -> Steps:
        """Return the checkpoints of a run in progress, for simulate(checkpoint=...)."""
        folder = self.folder / f"{name}.{seeds}{FOLDER}"
        return Steps(folder, question, self.note, self.every)

    def discard(self) -> None:
        """Remove all records and checkpoints; the results were written."""
        remove(self.folder)

    def _path(self, name: str, seeds: int) -> Path:
        return self.folder / f"{name}.{seeds}.npz"
