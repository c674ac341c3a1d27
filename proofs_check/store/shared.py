"""Save a study under way that runs in several processes which share one folder.

As with one process (cells.py, steps.py), but only the first process writes records and headers, and orbax writes the
state of a run in progress, which is distributed over the devices of all processes, to a folder `state-CALL-CHUNK`. The
header in `state.npz`, written afterwards, names this folder and its digest. All processes read the same files at the
same points, so they take the same decisions.
"""

import hashlib
import importlib.util
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jax

from nag_ntk.run import devices
from proofs_check.store import resume as alone
from proofs_check.store.cells import Cells
from proofs_check.store.files import CELLS, STUDY, StoreError
from proofs_check.store.steps import EVERY, FOLDER, Steps

_OPEN, _REFUSED = -1, -2
_MISSING = "keeping a run of several processes takes orbax-checkpoint: pip install 'nag-ntk[cluster]'"
_APART = "keeping a run of several processes takes a folder that all of them see, and {} is none"


class SharedSteps(Steps):
    """Checkpoints of a run in several processes. Collective: every process must call each method."""

    def _due(self) -> bool:
        return bool(devices.broadcast(int(super()._due())))

    def _write(self, header: dict[str, Any], state: Any) -> None:
        from orbax.checkpoint import StandardCheckpointer

        first = devices.writes()
        if first:
            self._write_parts()
        tree = None if state is None else self.folder / f"state-{header['call']}-{header['chunks']}"
        if tree is not None:
            with StandardCheckpointer() as checkpointer:  # leaving the block waits until all processes have written
                checkpointer.save(tree.absolute(), jax.tree.leaves(state), force=True)
        if first:
            pointer = {} if tree is None else {"tree": tree.name, "digest": _digest(tree)}
            self._write_header(header | pointer, {})
            for old in self.folder.glob("state-*"):
                if old.is_dir() and old != tree:
                    shutil.rmtree(old, ignore_errors=True)

    def _leaves(self, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> Any:
        if "tree" not in header:
            return None
        tree = self.folder / header["tree"]
        if _digest(tree) != header["digest"]:
            raise ValueError(f"the digest of {tree.name} does not agree")
        return tree

    def _state(self, leaves: Any, fresh: Any) -> Any:
        from orbax.checkpoint import StandardCheckpointer

        fresh_leaves, structure = jax.tree.flatten(fresh)
        like = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding) for x in fresh_leaves]
        with StandardCheckpointer() as checkpointer:
            return structure.unflatten(checkpointer.restore(leaves.absolute(), like))

    def discard(self) -> None:
        """Remove what is kept, in the first process."""
        if devices.writes():
            super().discard()


class SharedCells(Cells):
    """Records of the finished runs of a study in several processes. Collective; only the first process writes."""

    def keep(self, name: str, seeds: int, question: Mapping[str, Any], trajectory: Any) -> Any:
        """Write the record of a run, in the first process."""
        return super().keep(name, seeds, question, trajectory) if devices.writes() else trajectory

    def discard(self) -> None:
        """Remove what is kept, in the first process."""
        if devices.writes():
            super().discard()

    def steps(self, name: str, seeds: int, question: Mapping[str, Any]) -> SharedSteps:
        """Return the checkpoints of a run in progress."""
        return SharedSteps(self.folder / f"{name}.{seeds}{FOLDER}", question, self.note, self.every)


def _digest(tree: Path) -> str:
    """Compute the SHA-256 of the names and contents of all files in a folder."""
    state = hashlib.sha256()
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        state.update(f"{path.relative_to(tree).as_posix()} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            state.update(hashlib.file_digest(file, "sha256").digest())
    return state.hexdigest()


@contextmanager
def under_way(
    out: Path, wanted: Mapping[str, Any], *, resume: bool = False, note: Callable[[str], None] = lambda text: None,
    every: float = EVERY,
) -> Iterator[Cells | None]:  # fmt: skip
    """Lock a folder for one study in several processes. Collective; the first process does it as resume.under_way.

    `note` is called in every process; the caller decides which of them prints.

    Yields:
        The records of the finished runs; None if nothing can be saved, because orbax is not installed or some process
        does not see the folder.

    Raises:
        StoreError: in every process, as resume.under_way, or if `resume` is set and nothing can be saved.
    """
    out = Path(out)
    with ExitStack() as stack:
        keeping = alone.under_way(out, wanted, resume=resume, note=note, every=every)
        folder_cells = _in_first(lambda: stack.enter_context(keeping), lambda _: _OPEN)[0] or Cells(out / CELLS)
        why = ""
        if not devices.all_processes(importlib.util.find_spec("orbax") is not None):
            why = _MISSING
        elif not devices.all_processes((folder_cells.folder / STUDY).exists()):
            why = _APART.format(out)
        if why and resume:
            raise StoreError(why)
        if why:
            note(f"nothing is kept on the way: {why}")
        yield None if why else SharedCells(folder_cells.folder, note, every)


def already_done(out: Path, wanted: Mapping[str, Any], code: Callable[[Any], int]) -> tuple[Any, int | None]:
    """Read earlier results that answer this request. Collective: every process must call it.

    Returns:
        (results, exit code) in the first process, (None, exit code) in the others; the exit code is None without
        such results.

    Raises:
        StoreError: in every process, if the first cannot read the results or they answer another request.
    """
    results, answer = _in_first(
        lambda: alone.already_done(out, wanted), lambda done: _OPEN if done is None else code(done)
    )
    return results, None if answer == _OPEN else answer


def _in_first(act: Callable[[], Any], number: Callable[[Any], int]) -> tuple[Any, int]:
    """Call a function in the first process; return its result (None elsewhere) and, everywhere, a number made of it.

    Raises:
        StoreError: in every process, if the function raised one in the first.
    """
    result: Any = None
    refusal: StoreError | None = None
    if devices.writes():
        try:
            result = act()
        except StoreError as error:
            refusal = error
    answer = devices.broadcast(_REFUSED if refusal else number(result))
    if answer == _REFUSED:
        raise refusal or StoreError("the first process cannot begin and says why")
    return result, answer
