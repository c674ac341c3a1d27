"""Write a trajectory to a file and read it: a NumPy archive of its arrays, with everything else as JSON text."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.errors import InputError
from nag_ntk.run.encoding import decoded, encoded
from nag_ntk.run.record import KINDS

_RECORD, _FORMAT = "record", "nag_ntk trajectory 1"


def save(run: Any, path: Path) -> Path:
    """Write a trajectory to a file as `Trajectory.save` says.

    Args:
        run: a Trajectory.
        path: of the file.

    Raises:
        InputError: if the file cannot be written.
    """
    arrays: dict[str, Any] = {}
    text = json.dumps({"format": _FORMAT, _RECORD: encoded(run, "", arrays)})
    arrays = {f"array/{name}": array for name, array in arrays.items()}
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            with beside.open("wb") as file:
                np.savez(file, **{_RECORD: np.array(text)}, **arrays)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror or error}") from None
    return path


def load(path: str | Path) -> Any:
    """Read a trajectory that `Trajectory.save` wrote; nothing in the file is executed.

    Args:
        path: of the file.

    Returns:
        The Trajectory, equal to the one that was saved.

    Raises:
        InputError: if the file is absent, or holds no trajectory, or is damaged.

    Example:
        >>> load("no-such-file.npz")
        Traceback (most recent call last):
        nag_ntk.errors.InputError: no-such-file.npz cannot be read: No such file or directory
    """
    try:
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            stored = json.loads(str(file[_RECORD]))
            if stored["format"] != _FORMAT:
                raise InputError(f"{path} is of another version: {stored['format']!r}, expected {_FORMAT!r}")
            arrays = {name.removeprefix("array/"): file[name] for name in file.files if name != _RECORD}
        run = decoded(stored[_RECORD], arrays)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from None
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} holds no trajectory, or is damaged: {type(error).__name__}") from None
    if not isinstance(run, KINDS["Trajectory"]):
        raise InputError(f"{path} holds no trajectory, but a {type(run).__name__}")
    return run
