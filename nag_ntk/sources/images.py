"""Datasets of images: digits, bundled with scikit-learn; MNIST, Fashion-MNIST and CIFAR-10 from files.

Nothing is downloaded, except from OpenML with `download=True`.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError
from nag_ntk.sources.batches import cifar_batch, read_members
from nag_ntk.sources.choice import CLASSES, Subset
from nag_ntk.sources.formats import MAX_COLLECTION_BYTES, idx, npz


class Collection(NamedTuple):
    """Published collection of images.

    Attributes:
        title: name of the collection.
        side: pixels along each side of an image.
        channels: colours per pixel.
        training: number of training images, which come first in OpenML's data set.
        openml: number of the data set on OpenML.
        published: place where the collection is published, in words.
    """

    title: str
    side: int
    channels: int
    training: int
    openml: int
    published: str

    @property
    def pixels(self) -> int:
        """Number of values per image."""
        return self.side**2 * self.channels


MNIST = Collection("MNIST", 28, 1, 60_000, 554, "Yann LeCun's MNIST page, and as OpenML data set 554 (mnist_784)")
FASHION_MNIST = Collection(
    "Fashion-MNIST", 28, 1, 60_000, 40996,
    "Zalando Research's fashion-mnist repository, and as OpenML data set 40996 (Fashion-MNIST)",
)  # fmt: skip
CIFAR10 = Collection(
    "CIFAR-10", 32, 3, 50_000, 40927,
    "Alex Krizhevsky's CIFAR-10 page (University of Toronto), and as OpenML data set 40927 (CIFAR_10)",
)  # fmt: skip
_SPLITS = {"train": "train", "test": "t10k"}
_BATCHES = {"train": tuple(f"data_batch_{k}" for k in range(1, 6)), "test": ("test_batch",)}


def digits(
    samples: int = 20, labels: str = "parity", offset: int = 0, *, classes: Sequence[int] = (), centre: bool = False,
    key: int = 0,
) -> Dataset:  # fmt: skip
    """Load handwritten digits, 8 x 8 grey values, rows scaled to unit norm, bundled with scikit-learn.

    Args:
        samples: number of images, from `offset` on; at most 1,797 in total.
        labels: "parity" (+1 odd, -1 even), "centred" ((digit - 4.5) / 4.5), "random" (fair signs), "pair" (-1 for the
            first, +1 for the second of two classes, others are left out) or "one" (+1 for one class, -1 for others).
        offset: index of the first row, among the images of the classes used.
        classes: with "pair" the two classes, with "one" the one class; else the classes to use, empty for all.
        centre: subtract the mean of all images before the rows are scaled.
        key: seed of random signs.

    Returns:
        A Dataset with d = 64.

    Raises:
        InputError: if there are fewer digits, or for unknown labels or classes.

    Source: E. Alpaydin, C. Kaynak 1998, Optical Recognition of Handwritten Digits (UCI).

    Example:
        >>> digits(10).targets[:4].tolist()
        [-1.0, 1.0, -1.0, 1.0]
        >>> digits(3, "pair", classes=[3, 8]).origin["targets"]
        '-1 for class 3, +1 for class 8'
    """
    from sklearn.datasets import load_digits

    subset = Subset(samples, labels, offset, classes, centre, key)
    values, numbers = load_digits(return_X_y=True)
    origin = {"collection": "digits, bundled with scikit-learn"}
    return subset.dataset(np.asarray(values), np.asarray(numbers), "digits", origin)


def mnist(
    path: str | Path = "", samples: int = 20, labels: str = "parity", offset: int = 0, *, split: str = "train",
    classes: Sequence[int] = (), centre: bool = False, key: int = 0, download: bool = False,
) -> Dataset:  # fmt: skip
    """Load MNIST, 28 x 28 grey values, rows scaled to unit norm, from files of the user.

    Args:
        path: a folder with `train-images-idx3-ubyte` and `train-labels-idx1-ubyte` (`t10k-...` for the test images;
            plain or with `.gz`, a hyphen or a dot before `idx`), or a `.npz` file with `x_train` and `y_train`
            (`x_test` and `y_test`).
        samples: number of images, from `offset` on.
        labels: as for `digits`.
        offset: as for `digits`.
        split: "train" or "test".
        classes: as for `digits`.
        centre: subtract the mean of all images of the split before the rows are scaled.
        key: seed of random signs.
        download: True to download the images from OpenML in place of a path; scikit-learn stores them in
            `~/scikit_learn_data`.

    Returns:
        A Dataset with d = 784; its `origin` describes its source and preparation.

    Raises:
        InputError: if a file is missing (with the expected files and their source), damaged or of another shape; for
            too few images, unknown labels or classes; if OpenML does not answer.

    Cost: the whole file, 47 MB, is read and cached for the next call.

    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.

    Example:
        >>> mnist("no-such-folder")
        Traceback (most recent call last):
        nag_ntk.errors.InputError: no MNIST at no-such-folder: expected a folder with train-images-idx3-ubyte...
    """
    return _local(MNIST, path, split, download, Subset(samples, labels, offset, classes, centre, key))


def fashion_mnist(
    path: str | Path = "", samples: int = 20, labels: str = "parity", offset: int = 0, *, split: str = "train",
    classes: Sequence[int] = (), centre: bool = False, key: int = 0, download: bool = False,
) -> Dataset:  # fmt: skip
    """Load Fashion-MNIST, 28 x 28 grey values, rows scaled to unit norm, from files named like those of MNIST.

    Args:
        path: as for `mnist`.
        samples: as for `mnist`.
        labels: as for `digits`, of the class numbers 0 (T-shirt) to 9 (ankle boot).
        offset: as for `digits`.
        split: "train" or "test".
        classes: as for `digits`.
        centre: as for `mnist`.
        key: seed of random signs.
        download: as for `mnist`.

    Returns:
        A Dataset with d = 784.

    Raises:
        InputError: as `mnist`.

    Source: H. Xiao, K. Rasul, R. Vollgraf 2017, arXiv 1708.07747.

    Example:
        >>> fashion_mnist("no-such-folder")
        Traceback (most recent call last):
        nag_ntk.errors.InputError: no Fashion-MNIST at no-such-folder: expected a folder with ...
    """
    return _local(FASHION_MNIST, path, split, download, Subset(samples, labels, offset, classes, centre, key))


def cifar10(
    path: str | Path = "", samples: int = 20, labels: str = "parity", offset: int = 0, *, split: str = "train",
    classes: Sequence[int] = (), centre: bool = False, key: int = 0, download: bool = False,
) -> Dataset:  # fmt: skip
    """Load CIFAR-10, 32 x 32 pixels of three colours, rows scaled to unit norm, from files of the user.

    Args:
        path: the folder `cifar-10-batches-py` with `data_batch_1` to `data_batch_5` and `test_batch`, the archive
            `cifar-10-python.tar.gz` that holds it, or a `.npz` file with `x_train` and `y_train`.
        samples: as for `mnist`.
        labels: as for `digits`, of the class numbers 0 (aeroplane) to 9 (lorry).
        offset: as for `digits`.
        split: "train" or "test".
        classes: as for `digits`.
        centre: as for `mnist`.
        key: seed of random signs.
        download: as for `mnist`.

    Returns:
        A Dataset with d = 3072. Batches order the pixels by colour, a .npz file in its own way; the order does
        not change the inner products.

    Raises:
        InputError: as `mnist`. The batches are pickles; only plain values and arrays of bytes are read from them.

    Cost: 150 MB of images are read and cached for the next call.

    Source: A. Krizhevsky 2009, Learning multiple layers of features from tiny images.

    Example:
        >>> cifar10("no-such-folder")
        Traceback (most recent call last):
        nag_ntk.errors.InputError: no CIFAR-10 at no-such-folder: expected a folder with data_batch_1...
    """
    return _local(CIFAR10, path, split, download, Subset(samples, labels, offset, classes, centre, key))


def _local(collection: Collection, path: str | Path, split: str, download: bool, subset: Subset) -> Dataset:
    """Make the Dataset of a subset of a collection, from files or from OpenML."""
    if split not in _SPLITS:
        raise InputError(f"split must be train or test, got {split!r}")
    if bool(str(path)) == download:
        raise InputError(f"give the path of {collection.title}, or download=True to ask OpenML for it, and not both")
    images, numbers = _from_openml(collection, split) if download else _from_files(collection, Path(path), split)
    source = f"OpenML data set {collection.openml}" if download else Path(path).name
    return subset.dataset(
        images, numbers, collection.title, {"collection": f"{collection.title}, {split}", "from": source}
    )


def _from_files(collection: Collection, path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read and check the images (N, d) uint8 and class numbers (N,) of a collection.

    Raises:
        InputError: if a file is missing, damaged or of another shape.
    """
    if collection is CIFAR10:
        files = _cifar_files(path, split)
        expected = f"a folder with {', '.join(_BATCHES[split])}, or cifar-10-python.tar.gz"
    else:
        start = _SPLITS[split]
        files = [_idx_file(path, f"{start}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
        expected = f"a folder with {start}-images-idx3-ubyte and {start}-labels-idx1-ubyte (or .gz)"
    if path.is_file() and path.suffix == ".npz":
        files = [path]
    if not files or not all(file.is_file() for file in files):
        expected += f", or a .npz file with x_{split} and y_{split}"
        raise InputError(
            f"no {collection.title} at {path}: expected {expected}; it is published on {collection.published}"
        )
    stamps = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    images, numbers = _read(collection, stamps, split)
    source = files[0] if len(files) == 1 else path
    shape = tuple(images.shape)
    if images.size == 0:
        raise InputError(f"{source} holds no images, an array of shape {shape}; it is damaged or incomplete")
    pictures = images.reshape(len(images), -1)
    if images.ndim < 2 or pictures.shape[1] != collection.pixels or images.dtype != np.uint8:
        raise InputError(
            f"{source} holds images of shape {shape[1:]}, {images.dtype}; "
            f"{collection.title} has {collection.pixels} bytes each"
        )
    if numbers.size != len(images):
        raise InputError(f"{source} holds {len(images)} images and {numbers.size} labels; they must be as many")
    numbers = numbers.reshape(-1)
    if numbers.dtype.kind not in "iu" or not ((numbers >= 0) & (numbers < CLASSES)).all():
        raise InputError(f"{source} has labels that are no class numbers from 0 to {CLASSES - 1}; it is damaged")
    return pictures, numbers


def _idx_file(folder: Path, name: str) -> Path:
    """Return the existing file among the spellings of a name: with a dot before idx, or compressed."""
    names = [name, name.replace("-idx", ".idx")]
    candidates = [folder / (spelling + ending) for spelling in names for ending in ("", ".gz")]
    return next((file for file in candidates if file.is_file()), candidates[0])


def _cifar_files(path: Path, split: str) -> list[Path]:
    """Return the batches of a split in a folder, or the one archive that holds them."""
    if path.is_file():
        return [path]
    inner = path / "cifar-10-batches-py"
    archive = path / "cifar-10-python.tar.gz"
    folder = inner if inner.is_dir() else path
    if archive.is_file() and not (folder / _BATCHES[split][0]).is_file():
        return [archive]
    return [folder / name for name in _BATCHES[split]]


@lru_cache(maxsize=1)
def _read(
    collection: Collection, stamps: tuple[tuple[str, int, int], ...], split: str
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Read images and class numbers; cached, because the runs of a study use subsets of one collection."""
    files = [Path(name) for name, _, _ in stamps]
    if files[0].suffix == ".npz":
        images, numbers = npz(files[0], (f"x_{split}", f"y_{split}"), MAX_COLLECTION_BYTES)
        return images, numbers
    if collection is not CIFAR10:
        return idx(files[0], 3), idx(files[1], 1)
    if files[0].name in _BATCHES[split]:
        batches = []
        for file in files:
            with file.open("rb") as opened:
                batches.append(cifar_batch(file, opened))
    else:
        batches = read_members(files[0], _BATCHES[split], cifar_batch)
    return np.concatenate([images for images, _ in batches]), np.concatenate([numbers for _, numbers in batches])


def _from_openml(collection: Collection, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Fetch images and class numbers of a collection from OpenML.

    Raises:
        InputError: if OpenML does not answer.
    """
    from sklearn.datasets import fetch_openml

    try:
        bunch: Any = fetch_openml(data_id=collection.openml, as_frame=False, parser="auto")
    except Exception as error:  # the network and the service can cause any exception
        text = " ".join(str(error).split())[:80]
        raise InputError(
            f"OpenML did not give data set {collection.openml} ({collection.title}): {text or type(error).__name__}; "
            f"take the files from {collection.published.split(',')[0]} and give their path"
        ) from None
    images, numbers = np.asarray(bunch.data), np.asarray(bunch.target).astype(np.int64)
    rows = slice(0, collection.training) if split == "train" else slice(collection.training, None)
    return images[rows], numbers[rows]
