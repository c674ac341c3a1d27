"""Files of arrays in their usual formats: IDX and .npz; batches.py reads those of CIFAR.

A file is of unknown origin. Nothing in it is executed, its sizes are compared with what the format allows before memory
is asked for, and whatever is wrong with it becomes an InputError of one sentence.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.errors import InputError

LIMIT = 2**30
"""Most bytes that one array of a user's own may unfold to."""
IMAGES = 2**28
"""Most bytes of the images of a collection; the largest of the usual ones, CIFAR-10 in .npz, has 154 MB."""


@contextmanager
def readable(path: Path, what: str) -> Iterator[None]:
    """Whatever a damaged file makes a reader raise becomes one sentence that names the file."""
    try:
        yield
    except InputError:
        raise
    except Exception:  # readers of damaged files raise whatever they come upon
        raise InputError(f"{path} is no readable {what}; it may be damaged or incomplete: fetch it again") from None


def idx(path: Path, axes: int) -> np.ndarray:
    """Unsigned bytes from an IDX file, plain or compressed by gzip.

    Format: two zero bytes, the type (8: unsigned byte), the number of axes, big-endian 32-bit sizes, the bytes.

    Args:
        path: the file.
        axes: how many axes it must have.

    Raises:
        InputError: for another type, other axes, a file that is shorter or longer than it says, or a damaged one.
    """
    with readable(path, "IDX file"), path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        file: Any = gzip.GzipFile(fileobj=raw) if packed else raw
        magic = file.read(4)
        if magic != bytes((0, 0, 8, axes)):
            raise InputError(
                f"{path} is no IDX file of bytes with {axes} axes: it begins with {magic.hex() or 'nothing'}, "
                f"not 000008{axes:02x}"
            )
        head = file.read(4 * axes)
        if len(head) != 4 * axes:
            raise InputError(f"{path} ends within its first bytes: it is damaged or incomplete")
        sizes = tuple(int.from_bytes(head[at : at + 4], "big") for at in range(0, 4 * axes, 4))
        count = 1
        for size in sizes:
            count *= size
        shape = " x ".join(map(str, sizes))
        if count > IMAGES:
            raise InputError(f"{path} says it holds {shape} bytes, more than {IMAGES:,}: it is damaged")
        content = file.read(count + 1)
        if len(content) != count:
            more = "more" if len(content) > count else f"only {len(content):,}"
            raise InputError(f"{path} says it holds {shape} bytes and has {more}: it is damaged or incomplete")
        return np.frombuffer(content, np.uint8).reshape(sizes)


def npz(path: Path, names: tuple[str, ...], limit: int = LIMIT) -> list[np.ndarray]:
    """Arrays of a NumPy .npz file by name; object arrays (pickles) are refused.

    Args:
        path: the file.
        names: of the arrays.
        limit: most bytes of one array.

    Raises:
        InputError: if an array is missing or too large, or the file is damaged.
    """
    # a file of our own: NumPy leaves its own open when the archive is broken
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            held = list(getattr(archive, "files", []))
            missing = [name for name in names if name not in held]
            if missing:
                raise InputError(f"{path} holds {', '.join(held)[:80] or 'no arrays'}, not {', '.join(missing)}")
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
