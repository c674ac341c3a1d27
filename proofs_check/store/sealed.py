"""Files of arrays and plain values that contain a digest of their contents."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def save(file: Any, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write a header of JSON values, named arrays, and a digest of both, to an open file."""
    text = json.dumps(header).encode()
    np.savez(
        file,
        header=np.frombuffer(text, np.uint8),
        digest=np.frombuffer(_digest(text, arrays), np.uint8),
        **arrays,
    )


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read such a file; return its header and its arrays.

    Raises:
        Exception: if the file is damaged: ValueError if its digest does not agree, else any exception of NumPy's
            reader, from zlib.error to NotImplementedError.
    """
    # opened here, since NumPy does not close a file whose archive is broken
    with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text, digest = arrays.pop("header").tobytes(), arrays.pop("digest").tobytes()
    if _digest(text, arrays) != digest:
        raise ValueError("its digest does not agree")
    return json.loads(text), arrays


def _digest(text: bytes, arrays: Mapping[str, Any]) -> bytes:
    """Compute the SHA-256 of the header and of all arrays: name, type, shape and bytes, sorted by name."""
    state = hashlib.sha256(text)
    for name, array in sorted(arrays.items()):
        state.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        state.update(array.reshape(-1).view("u1"))
    return state.digest()
