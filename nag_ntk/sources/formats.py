"""Readers of array files in the formats IDX and .npz; batches.py reads the files of CIFAR-10.

The readers do not trust a file. They execute nothing in it, compare its sizes with the limits of the format before they
allocate memory, and report every error as an InputError of one sentence.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.errors import InputError

MAX_ARRAY_BYTES = 2**30
"""Largest size of one array in a file of the user, after decompression."""
MAX_COLLECTION_BYTES = 2**28
"""Largest size of all images of a collection; the largest collection here, CIFAR-10 in .npz, has 154 MB."""


@contextmanager
def reading(path: Path, what: str) -> Iterator[None]:
    """Replace every exception of a reader by an InputError that names the file and its format."""
    try:
        yield
    except InputError:
        raise
    except Exception:  # a damaged file can cause any exception in a reader
        raise InputError(f"{path} is no readable {what}; it may be damaged or incomplete: fetch it again") from None


def idx(path: Path, axes: int) -> np.ndarray:
    """Read an array of unsigned bytes from an IDX file, plain or compressed by gzip.

    Format: two zero bytes, the type (8: unsigned byte), the number of axes, big-endian 32-bit sizes, the bytes.

    Args:
        path: the file.
        axes: number of axes that the array must have.

    Raises:
        InputError: for another type, another number of axes, a length that does not match the header, or other damage.
    """
    with reading(path, "IDX file"), path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if compressed else raw
        magic = file.read(4)
        if magic != bytes((0, 0, 8, axes)):
            raise InputError(
                f"{path} is no IDX file of bytes with {axes} axes: it begins with {magic.hex() or 'nothing'}, "
                f"not 000008{axes:02x}"
            )
        header = file.read(4 * axes)
        if len(header) != 4 * axes:
            raise InputError(f"{path} ends within its first bytes: it is damaged or incomplete")
        sizes = tuple(int.from_bytes(header[start : start + 4], "big") for start in range(0, 4 * axes, 4))
        count = 1
        for size in sizes:
            count *= size
        shape = " x ".join(map(str, sizes))
        if count > MAX_COLLECTION_BYTES:
            raise InputError(f"{path} says it holds {shape} bytes, more than {MAX_COLLECTION_BYTES:,}: it is damaged")
        content = file.read(count + 1)
        if len(content) != count:
            more = "more" if len(content) > count else f"only {len(content):,}"
            raise InputError(f"{path} says it holds {shape} bytes and has {more}: it is damaged or incomplete")
        return np.frombuffer(content, np.uint8).reshape(sizes)


def npz(path: Path, names: tuple[str, ...], limit: int = MAX_ARRAY_BYTES) -> list[np.ndarray]:
    """Read arrays of a NumPy .npz file by name; object arrays (pickles) are refused.

    Args:
        path: the file.
        names: names of the arrays.
        limit: largest number of bytes of one array.

    Raises:
        InputError: if an array is missing or too large, or the file is damaged.
    """
    # opened here, because NumPy does not close its file if the archive is broken
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            stored = list(getattr(archive, "files", []))
            missing = [name for name in names if name not in stored]
            if missing:
                raise InputError(f"{path} holds {', '.join(stored)[:80] or 'no arrays'}, not {', '.join(missing)}")
            for name in names:
                if archive.zip.getinfo(f"{name}.npy").file_size > limit:
                    raise InputError(f"{path}: the array {name} has more than {limit:,} bytes")
            arrays = [archive[name] for name in names]
            if not all(isinstance(array, np.ndarray) for array in arrays):
                raise ValueError  # NumPy gives a member without its header as bytes
            return arrays
    except InputError:
        raise
    except Exception:
        raise InputError(f"{path} is no readable .npz file of plain arrays; write it with numpy.savez") from None
