"""From images and class numbers to a Dataset: which images, which targets, which normalisation."""

from collections.abc import Mapping, Sequence

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError

LABELS = ("parity", "centred", "random", "pair", "one")
CLASSES = 10


def positive(name: str, value: int) -> None:
    """Refuse what is no positive integer."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")


def chosen(
    images: np.ndarray, numbers: np.ndarray, *, title: str, samples: int, labels: str, offset: int,
    classes: Sequence[int], centre: bool, key: int, origin: Mapping[str, str],
) -> Dataset:  # fmt: skip
    """A Dataset of some images of a collection.

    Args:
        images: (N, d) values, of any scale: rows are scaled to length 1 in the end.
        numbers: (N,) class numbers, 0 to 9.
        title: what the images are called in messages and in the dataset's name.
        samples: how many images, in the order of the collection.
        labels: "parity" (+1 for odd, -1 for even classes), "centred" ((class - 4.5) / 4.5), "random" (fair signs, one
            per image of the collection, so that an image keeps its sign in every subset), "pair" (two classes: -1 for
            the first, +1 for the second, other images are left out) or "one" (+1 for one class, -1 for all others).
        offset: images to skip first, counted among those of the classes that are used.
        classes: with "pair" the two classes, with "one" the one; else the classes used, none for all.
        centre: subtract the mean image of the whole collection, all classes, before the rows are scaled.
        key: seed of the random signs.
        origin: where the images come from, for the records.

    Returns:
        A Dataset of n = samples rows of length 1, whose `origin` says how it was made.

    Raises:
        InputError: for too few images, unknown labels, classes that do not fit the labels, or an image that is zero.
    """
    positive("samples", samples)
    picked = _classes(labels, classes)
    kept = np.flatnonzero(np.isin(numbers, picked)) if picked and labels != "one" else np.arange(len(numbers))
    of = f" of the classes {', '.join(map(str, picked))}" if picked and labels != "one" else ""
    if isinstance(offset, bool) or not isinstance(offset, int):
        raise InputError(f"offset must be a whole number, got {offset!r}")
    if offset < 0 or offset + samples > len(kept):
        raise InputError(f"there are {len(kept)} {title}{of}; rows {offset} to {offset + samples} were asked for")
    rows = kept[offset : offset + samples]
    classes_of_rows = numbers[rows].astype(np.int64)
    if labels == "parity":
        targets, said = np.where(classes_of_rows % 2 == 1, 1.0, -1.0), "+1 for odd, -1 for even classes"
    elif labels == "centred":
        targets, said = (classes_of_rows - 4.5) / 4.5, "(class - 4.5) / 4.5"
    elif labels == "pair":
        targets = np.where(classes_of_rows == picked[1], 1.0, -1.0)
        said = f"-1 for class {picked[0]}, +1 for class {picked[1]}"
    elif labels == "one":
        targets = np.where(classes_of_rows == picked[0], 1.0, -1.0)
        said = f"+1 for class {picked[0]}, -1 for all others"
    else:
        targets = np.random.default_rng(key).choice([-1.0, 1.0], size=len(numbers))[rows]
        said = f"random signs, NumPy's default generator seeded with {key}"
    values = images[rows].astype(np.float64)
    if centre:
        values = values - images.mean(axis=0, dtype=np.float64)
    first = f"the mean of all {len(images):,} images subtracted, then " if centre else ""
    made = {**origin, "images": f"{offset} to {offset + samples - 1}{of}", "targets": said}
    made["normalisation"] = f"{first}rows scaled to length 1"
    return Dataset(values, targets, normalise=True, name=f"{title.replace(' ', '-')}-{samples}", origin=made)


def _classes(labels: str, classes: Sequence[int]) -> list[int]:
    """The classes, checked against the labels."""
    if labels not in LABELS:
        raise InputError(f"labels must be one of {', '.join(LABELS)}, got {labels!r}")
    picked = list(classes)
    wrong = [value for value in picked if isinstance(value, bool) or not isinstance(value, int)]
    if wrong or not all(0 <= value < CLASSES for value in picked) or len(set(picked)) < len(picked):
        raise InputError(f"classes must be different whole numbers from 0 to {CLASSES - 1}, got {picked}")
    needed = {"pair": 2, "one": 1}.get(labels)
    if needed is not None and len(picked) != needed:
        raise InputError(f'labels "{labels}" need {("one class", "two classes")[needed - 1]}, got {picked}')
    return picked
