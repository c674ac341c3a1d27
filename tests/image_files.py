"""Files of images as they are published, with few images."""

import gzip
import pickle

import numpy as np
from answers import answer, unchecked  # noqa: F401

RNG = np.random.default_rng(7)


COUNT = 40


PICTURES = RNG.integers(0, 256, (COUNT, 28, 28), dtype=np.uint8)


COLOURS = RNG.integers(0, 256, (COUNT, 3072), dtype=np.uint8)


CLASSES = RNG.integers(0, 10, COUNT)


def as_idx(array) -> bytes:
    """The format as its page states it, written here a second time."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def mnist_files(folder, split="train", ending="", pictures=PICTURES, classes=CLASSES, dot="-"):
    start = {"train": "train", "test": "t10k"}[split]
    folder.mkdir(exist_ok=True)
    for name, array in ((f"images{dot}idx3-ubyte", pictures), (f"labels{dot}idx1-ubyte", classes)):
        content = as_idx(array)
        (folder / f"{start}-{name}{ending}").write_bytes(gzip.compress(content) if ending else content)
    return folder


def batch(pictures=COLOURS, classes=CLASSES, protocol=2) -> bytes:
    """A batch as it is published: its texts, of Python 2, are read as bytes."""
    return pickle.dumps({b"batch_label": b"x", b"labels": [int(c) for c in classes], b"data": pictures}, protocol)


def cifar_folder(folder, **replaced):
    inner = folder / "cifar-10-batches-py"
    inner.mkdir(parents=True)
    for k in range(5):
        part = slice(8 * k, 8 * k + 8)
        (inner / f"data_batch_{k + 1}").write_bytes(batch(COLOURS[part], CLASSES[part]))
    (inner / "test_batch").write_bytes(batch(COLOURS[::-1], CLASSES[::-1]))
    for name, content in replaced.items():
        (inner / name).write_bytes(content)
    return folder
