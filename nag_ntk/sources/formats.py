"""Files of images in their usual formats: IDX, the batches of CIFAR for Python, arrays in .npz.

A file is of unknown origin. Nothing in it is executed, its sizes are compared with what the format allows before memory
is asked for, and whatever is wrong with it becomes an InputError of one sentence.
"""

import gzip
import pickle
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.errors import InputError

LIMIT = 2**30
"""Most bytes that one array of a file may unfold to; the largest of the usual ones, CIFAR-10 in .npz, has 154 MB."""
BATCH = 64 * 2**20
"""Most bytes of one batch of CIFAR; the usual ones have 31 MB."""


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
        if count > LIMIT:
            raise InputError(f"{path} says it holds {shape} bytes, more than {LIMIT:,}: it is damaged")
        content = file.read(count + 1)
        if len(content) != count:
            more = "more" if len(content) > count else f"only {len(content):,}"
            raise InputError(f"{path} says it holds {shape} bytes and has {more}: it is damaged or incomplete")
        return np.frombuffer(content, np.uint8).reshape(sizes)


def npz(path: Path, names: tuple[str, ...]) -> list[np.ndarray]:
    """Arrays of a NumPy .npz file by name; object arrays (pickles) are refused.

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
                if archive.zip.getinfo(f"{name}.npy").file_size > LIMIT:
                    raise InputError(f"{path}: the array {name} has more than {LIMIT:,} bytes")
            return [archive[name] for name in names]
    except InputError:
        raise
    except Exception:
        raise InputError(f"{path} is no readable .npz file of plain arrays; write it with numpy.savez") from None


class _Array:
    """What stands for a NumPy array while a batch is read: its state as plain values, nothing of NumPy is called."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def values(self) -> np.ndarray:
        """The array, if it is one of unsigned bytes in C order."""
        _, shape, dtype, fortran, content = self.state
        if not isinstance(dtype, _Type) or dtype.name not in ("u1", b"u1") or fortran or not isinstance(content, bytes):
            raise ValueError
        return np.frombuffer(content, np.uint8).reshape(tuple(int(size) for size in shape))


class _Type:
    """What stands for a NumPy dtype."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name = name

    def __setstate__(self, state: Any) -> None:
        pass


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    """Bytes in a pickle of the second protocol."""
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
}


# The one written in Python: the other can be made to ask for any amount of memory.
class _Reader(pickle._Unpickler):
    """Reads numbers, texts, lists and mappings, and arrays as _Array; every other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InputError(f"asks for {module}.{name}")
        return _ALLOWED[module, name]


def cifar_batch(path: Path, file: Any) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3072) and classes (N,) of a batch of CIFAR-10 for Python, a pickle: only plain values are read.

    Args:
        path: for messages.
        file: the batch.

    Raises:
        InputError: for a batch that is damaged, of another shape, or asks for anything but arrays.
    """
    with readable(path, "batch of CIFAR-10"):
        try:
            batch = _Reader(file, encoding="bytes").load()
        except InputError as refused:
            raise InputError(f"{path} is no batch of CIFAR-10 and was not read: it {refused}") from None
        named = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        images = named["data"].values()
        classes = np.array(named["labels"], dtype=np.int64)
        if images.ndim != 2 or images.shape[1] != 3072 or classes.shape != images.shape[:1]:
            raise InputError(
                f"{path} holds images of shape {images.shape} and {classes.size} labels; a batch of CIFAR-10 has "
                "(10000, 3072) and 10000"
            )
        return images, classes


def in_tar(path: Path, names: tuple[str, ...], read: Callable[[Path, Any], Any]) -> list[Any]:
    """What `read` makes of the members of a .tar archive, plain or compressed, found by the last part of their names.

    Nothing is unpacked to the disk.

    Raises:
        InputError: if one is missing or too large, or the archive is damaged.
    """
    found: dict[str, Any] = {}
    with readable(path, ".tar archive"), tarfile.open(path, "r|*") as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if name not in names or not member.isfile() or name in found:
                continue
            if member.size > BATCH:
                raise InputError(f"{path}: {name} has {member.size:,} bytes, more than a batch of CIFAR-10")
            file = archive.extractfile(member)
            if file is not None:
                found[name] = read(path / name, file)
            if len(found) == len(names):
                break
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path} holds no {', '.join(missing)}; is it CIFAR-10 for Python?")
    return [found[name] for name in names]
