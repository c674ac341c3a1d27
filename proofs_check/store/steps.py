"""Checkpoints of a run in progress: the record of every chunk of steps, and the state after the last chunk.

Each run has a folder. `part-CALL-CHUNK.npz` holds the record of one chunk and is written once. `state.npz` holds the
state and the number of valid parts, and is replaced atomically. Parts are flushed to the disk before the state that
counts them, so an interrupted run continues to the same bits.
"""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.run.checkpoint import SavedChunks, leaves_of, state_like
from proofs_check.store import sealed
from proofs_check.store.files import remove, replaced, usable
from proofs_check.store.identity import difference

EVERY = 30.0
"""Seconds between two checkpoints: a killed program loses at most this time and the chunk in progress."""
FOLDER, STATE = ".steps", "state.npz"


class Steps:
    """Checkpoints of one run, for simulate(checkpoint=...).

    Args:
        folder: folder of the files; made by the first checkpoint.
        question: everything that the run depends on, as JSON values; checkpoints of another question are not used.
        note: called with a sentence when checkpoints cannot be used.
        every: seconds between two checkpoints.
    """

    def __init__(self, folder: Path, question: Mapping[str, Any], note: Callable[[str], None], every: float = EVERY):
        self.folder, self.note, self.every = folder, note, every
        self.question = json.loads(json.dumps(question))
        self.saved = time.monotonic()
        self.waiting: list[tuple[int, int, Mapping[str, Any], Mapping[str, Any]]] = []
        self.chunks = 0
        self.call = -1
        self.header, self.leaves = self._read_state()

    def _read_state(self) -> tuple[dict[str, Any], Any]:
        """Read the header and leaves of the state; both are empty if state.npz is absent, damaged or of another run."""
        path = self.folder / STATE
        if not path.exists():
            return {}, []
        try:
            header, arrays = sealed.load(path)
            changed = difference(header["question"], self.question)
            if not changed:
                return header, self._leaves(header, arrays)
            self.note(f"{self.folder} is another run: {changed}; it starts from the beginning")
        except Exception as error:
            self._damaged(path, error)
        self.discard()
        return {}, []

    def _leaves(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
        """Return the leaves of the state that belong to a header; raise any exception if they are damaged."""
        return [arrays[f"leaf-{index}"] for index in range(len(arrays))]

    def _state(self, leaves: Any, fresh: Any) -> Any:
        """Rebuild the state from its leaves, with the structure of a fresh state."""
        return state_like(fresh, leaves)

    def _damaged(self, path: Path, error: object) -> None:
        self.note(f"{path} is damaged ({' '.join(str(error).split())[:100]}); the run starts from the beginning")

    def restore(self, call: int, about: Mapping[str, Any]) -> "SavedChunks | None":
        """Return the saved chunks of a call, None if there are none; see nag_ntk.run.checkpoint.Checkpoint."""
        reached = self.header.get("call", -1)
        if call > reached:
            return None
        count = self.header["chunks"] if call == reached else self.header["lengths"][call]
        parts = []
        for chunk in range(count):
            path = self._part(call, chunk)
            try:
                header, arrays = sealed.load(path)
                changed = difference(header["about"], json.loads(json.dumps(about)))
            except Exception as error:
                self._damaged(path, error)
                return self._give_up(call)
            if changed:
                self.note(f"{path} was planned otherwise: {changed}; it is begun anew")
                return self._give_up(call)
            parts.append(_nested(arrays))
        self.call, self.chunks = call, count
        return SavedChunks(parts, partial(self._state, self.leaves))

    def keep(
        self, call: int, about: Mapping[str, Any], part: Mapping[str, Any], state: Any, last: bool
    ) -> None:  # fmt: skip
        """Take the record of the next chunk, and write a checkpoint if it is time (nag_ntk.run.checkpoint.Checkpoint).

        Raises:
            StoreError: if the checkpoint cannot be written, for example on a full disk.
        """
        if call != self.call:
            self.call, self.chunks = call, 0
        self.waiting.append((call, self.chunks, about, part))
        self.chunks += 1
        if not self._due():
            return
        lengths = list(self.header.get("lengths", []))
        for number, chunk, _, _ in self.waiting:
            lengths[number:] = [chunk + 1]
        header = {"question": self.question, "call": call, "chunks": self.chunks, "lengths": lengths}
        with usable(self.folder):
            self._write(header, None if last else state)
        self.header, self.waiting, self.saved = header, [], time.monotonic()

    def _due(self) -> bool:
        """Return True if it is time for a checkpoint."""
        return time.monotonic() - self.saved >= self.every

    def _write(self, header: dict[str, Any], state: Any) -> None:
        """Write the waiting parts, then the state, if there is one, with the header that counts the parts."""
        self._write_parts()
        leaves = [] if state is None else leaves_of(state)
        self._write_header(header, {f"leaf-{index}": leaf for index, leaf in enumerate(leaves)})

    def _write_parts(self) -> None:
        self.folder.mkdir(exist_ok=True)
        for number, chunk, about, part in self.waiting:
            with replaced(self._part(number, chunk)) as file:
                sealed.save(file, {"about": about}, _flat(part))

    def _write_header(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        with replaced(self.folder / STATE) as file:
            sealed.save(file, header, arrays)

    def discard(self) -> None:
        """Remove the checkpoints."""
        remove(self.folder)

    def _give_up(self, call: int) -> None:
        """Forget a call and all later ones; the run continues from the end of the call before."""
        lengths = self.header["lengths"][:call]
        self.header = {**self.header, "call": call - 1, "chunks": lengths[-1], "lengths": lengths} if call else {}
        self.leaves = []

    def _part(self, call: int, chunk: int) -> Path:
        return self.folder / f"part-{call}-{chunk}.npz"


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings of arrays: the key of an array is the path of its names, joined by dots."""
    flat = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = np.ascontiguousarray(value).reshape(np.shape(value))
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Invert _flat.

    Example:
        >>> _nested({"record.flips": 1, "before": 2})
        {'record': {'flips': 1}, 'before': 2}
    """
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *parents, name = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch.setdefault(parent, {})
        branch[name] = value
    return tree
