"""Reader of the batches of CIFAR-10 for Python, as files or in their archive, which executes no code of their pickles.

Before any object is built, the instructions of the pickle are counted and compared with the list of allowed
instructions. The reader uses at most a few times the memory of the largest legal batch, for any file.
"""

import gzip
import io
import pickle
import pickletools
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nag_ntk.errors import InputError
from nag_ntk.sources.formats import MAX_COLLECTION_BYTES, reading

MAX_BATCH_BYTES = 64 * 2**20
"""Largest size of one batch; the published batches have 31 MB."""
MAX_INSTRUCTIONS = 2**18
"""Largest number of instructions in the pickle of a batch; 10,000 images take 30,000 to 120,000, by the protocol."""

_ALLOWED = frozenset(
    "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 STRING BINSTRING "
    "SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINBYTES SHORT_BINBYTES EMPTY_LIST LIST APPEND APPENDS "
    "EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_DICT DICT SETITEM SETITEMS GET BINGET LONG_BINGET "
    "PUT BINPUT LONG_BINPUT MEMOIZE GLOBAL STACK_GLOBAL REDUCE BUILD".split()
)
"""Pickle instructions for numbers, texts, lists, tuples, mappings and arrays; no sets, no objects, no large buffers."""


class _Array:
    """Stand-in for a NumPy array in a pickle: stores the state as plain values and calls no function of NumPy."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def values(self) -> np.ndarray:
        """Return the array.

        Raises:
            ValueError: unless the state describes unsigned bytes in C order.
        """
        _, shape, dtype, fortran, content = self.state
        plain = isinstance(dtype, _Type) and dtype.name in ("u1", b"u1") and fortran in (False, 0)
        if not (plain and type(content) is bytes and type(shape) is tuple and all(map(_size, shape))):
            raise ValueError
        return np.frombuffer(content, np.uint8).reshape(shape)


class _Type:
    """Stand-in for a NumPy dtype, of which it stores the name."""

    def __init__(self, name: Any = "", *_: Any) -> None:
        self.name = name if isinstance(name, str | bytes) else ""

    def __setstate__(self, state: Any) -> None:
        pass


def _size(value: Any) -> bool:
    """Return True for a whole number from 0 to 2^31 - 1."""
    return type(value) is int and 0 <= value < 2**31


_STANDINS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},
}


# The unpickler in Python: its methods can be replaced. A pickle can make the one in C allocate any amount of memory.
_Unpickler: Any = pickle._Unpickler


class _Reader(_Unpickler):
    """Unpickler of numbers, texts, lists, mappings with text keys, and arrays as _Array; other names are refused."""

    encoded = 0

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):
            return self._encode
        if (module, name) not in _STANDINS:
            raise InputError(f"asks for {module}.{name}")
        return _STANDINS[module, name]

    def _encode(self, text: str, encoding: str = "latin1") -> bytes:
        """Encode text as bytes, for pickles of protocol 2; all calls together return at most MAX_BATCH_BYTES."""
        self.encoded += len(text)
        if self.encoded > MAX_BATCH_BYTES:
            raise InputError("repeats its contents")
        return text.encode("latin1")

    def _check_keys(self, keys: list[Any]) -> None:
        """Refuse keys other than texts, because hashing nested tuples can take unlimited time."""
        if not all(type(key) in (bytes, str) for key in keys):
            raise InputError("has keys that are no texts")

    def load_setitem(self) -> None:
        self._check_keys(self.stack[-2:-1])
        super().load_setitem()

    def load_setitems(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_setitems()

    def load_dict(self) -> None:
        self._check_keys(self.stack[::2])
        super().load_dict()

    dispatch = _Unpickler.dispatch | {
        pickle.SETITEM[0]: load_setitem, pickle.SETITEMS[0]: load_setitems, pickle.DICT[0]: load_dict,
    }  # fmt: skip


def _check_instructions(content: bytes) -> None:
    """Refuse a pickle with too many instructions or with one that is not allowed, without building an object.

    Raises:
        InputError: with the predicate of a sentence whose subject is the file.
    """
    for count, (instruction, _, _) in enumerate(pickletools.genops(content), 1):
        if instruction.name not in _ALLOWED:
            raise InputError(f"contains {instruction.name}")
        if count > MAX_INSTRUCTIONS:
            raise InputError(f"has more than {MAX_INSTRUCTIONS:,} instructions")


def cifar_batch(path: Path, file: Any) -> tuple[np.ndarray, np.ndarray]:
    """Read the images (N, 3072) uint8 and classes (N,) int64 of a batch of CIFAR-10 for Python, a pickle.

    Args:
        path: name of the batch in messages.
        file: the batch, open for reading bytes.

    Raises:
        InputError: for a batch that is damaged, too large, of another shape, or has anything but texts, flat lists of
            whole numbers and arrays of bytes.

    Cost: at most 64 MiB are read and 2^18 instructions executed.
    """
    with reading(path, "batch of CIFAR-10"):
        content = file.read(MAX_BATCH_BYTES + 1)
        try:
            if len(content) > MAX_BATCH_BYTES:
                raise InputError(f"has more than {MAX_BATCH_BYTES:,} bytes")
            _check_instructions(content)
            batch = _Reader(io.BytesIO(content), encoding="bytes").load()
        except InputError as refused:
            raise InputError(f"{path} is no batch of CIFAR-10 and was not read: it {refused}") from None
        entries = {key.decode() if isinstance(key, bytes) else key: value for key, value in batch.items()}
        images, labels = entries["data"].values(), entries["labels"]
        if type(labels) is not list or not all(map(_size, labels)):
            raise InputError(f"{path} has labels that are no flat list of whole numbers; it is damaged")
        classes = np.array(labels, dtype=np.int64)
        if images.ndim != 2 or images.shape[1] != 3072 or classes.shape != images.shape[:1]:
            raise InputError(
                f"{path} holds images of shape {images.shape} and {classes.size} labels; a batch of CIFAR-10 has "
                "(10000, 3072) and 10000"
            )
        return images, classes


class _Bounded:
    """Stream that raises after a given total number of bytes, as a guard against decompression bombs."""

    def __init__(self, path: Path, stream: Any, limit: int) -> None:
        self.path, self.stream, self.limit, self.remaining = path, stream, limit, limit

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes.

        Raises:
            InputError: once the limit is exceeded.
        """
        part = self.stream.read(min(size, self.remaining + 1))
        self.remaining -= len(part)
        if self.remaining < 0:
            raise InputError(f"{self.path} unfolds to more than {self.limit:,} bytes; CIFAR-10 has fewer")
        return part


def read_members(path: Path, names: tuple[str, ...], read: Callable[[Path, Any], Any]) -> list[Any]:
    """Read members of a .tar archive, plain or gzip, without unpacking anything to the disk.

    Args:
        path: the archive.
        names: names of the members, without their folders.
        read: called with a path for messages and an open file.

    Returns:
        The values of `read`, in the order of `names`.

    Raises:
        InputError: if a member is missing or too large, or the archive is damaged or unfolds to more than 256 MiB.
    """
    values: dict[str, Any] = {}
    with reading(path, ".tar archive"), path.open("rb") as raw:
        compressed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = _Bounded(path, gzip.GzipFile(fileobj=raw) if compressed else raw, MAX_COLLECTION_BYTES)
        with tarfile.open(fileobj=stream, mode="r|") as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
            for member in archive:
                name = member.name.rpartition("/")[2]
                if name not in names or not member.isfile() or name in values:
                    continue
                if member.size > MAX_BATCH_BYTES:
                    raise InputError(f"{path}: {name} has {member.size:,} bytes, more than a batch of CIFAR-10")
                file = archive.extractfile(member)
                if file is not None:
                    values[name] = read(path / name, file)
                if len(values) == len(names):
                    break
    missing = [name for name in names if name not in values]
    if missing:
        raise InputError(f"{path} holds no {', '.join(missing)}; is it CIFAR-10 for Python?")
    return [values[name] for name in names]
