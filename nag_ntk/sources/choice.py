"""Choice of images of a collection, of their targets and of their normalisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.errors import InputError

LABELS = ("parity", "centred", "random", "pair", "one")
CLASSES = 10


def check_positive(name: str, value: int) -> None:
    """Refuse a value that is not a positive integer.

    Raises:
        InputError: with the name of the argument.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name} must be a positive integer, got {value!r}")


@dataclass(frozen=True)
class Subset:
    """Choice of images of a collection, of their targets and of their normalisation.

    Attributes:
        samples: number of images, in the order of the collection.
        labels: "parity" (+1 for odd, -1 for even classes), "centred" ((class - 4.5) / 4.5), "random" (fair signs, one
            per image of the collection, so that an image keeps its sign in every subset), "pair" (two classes: -1 for
            the first, +1 for the second, other images are left out) or "one" (+1 for one class, -1 for all others).
        offset: images to skip first, counted among those of the classes that are used.
        classes: with "pair" the two classes, with "one" the one class; else the classes to use, empty for all.
        centre: subtract the mean image of the whole collection, all classes, before the rows are scaled.
        key: seed of the random signs.

    Raises:
        InputError: for invalid numbers, unknown labels, or classes that do not fit the labels.
    """

    samples: int
    labels: str
    offset: int
    classes: Sequence[int]
    centre: bool
    key: int

    def __post_init__(self) -> None:
        """Check the fields; `dataset` compares `offset` with the size of the collection."""
        check_positive("samples", self.samples)
        if self.labels not in LABELS:
            raise InputError(f"labels must be one of {', '.join(LABELS)}, got {self.labels!r}")
        classes = list(self.classes)
        wrong = [value for value in classes if isinstance(value, bool) or not isinstance(value, int)]
        if wrong or not all(0 <= value < CLASSES for value in classes) or len(set(classes)) < len(classes):
            raise InputError(f"classes must be different whole numbers from 0 to {CLASSES - 1}, got {classes}")
        needed = {"pair": 2, "one": 1}.get(self.labels)
        if needed is not None and len(classes) != needed:
            raise InputError(f'labels "{self.labels}" need {("one class", "two classes")[needed - 1]}, got {classes}')
        if isinstance(self.offset, bool) or not isinstance(self.offset, int):
            raise InputError(f"offset must be a whole number, got {self.offset!r}")

    def dataset(self, images: np.ndarray, numbers: np.ndarray, title: str, origin: Mapping[str, str]) -> Dataset:
        """Make the Dataset of the chosen images of a collection.

        Args:
            images: (N, d) values, of any scale: rows are scaled to length 1 in the end.
            numbers: (N,) class numbers, 0 to 9.
            title: name of the images in messages and in the dataset's name.
            origin: source of the images, for the records.

        Returns:
            A Dataset of n = samples rows of length 1, whose `origin` describes its source and preparation.

        Raises:
            InputError: for too few images, or an image that is zero.
        """
        used = list(self.classes) if self.labels != "one" else []
        candidates = np.flatnonzero(np.isin(numbers, used)) if used else np.arange(len(numbers))
        of_classes = f" of the classes {', '.join(map(str, used))}" if used else ""
        end = self.offset + self.samples
        if self.offset < 0 or end > len(candidates):
            raise InputError(
                f"there are {len(candidates)} {title}{of_classes}; rows {self.offset} to {end} were asked for"
            )
        rows = candidates[self.offset : end]
        targets, description = self._targets(rows, numbers)
        values = images[rows].astype(np.float64)
        if self.centre:
            values = values - images.mean(axis=0, dtype=np.float64)
        centring = f"the mean of all {len(images):,} images subtracted, then " if self.centre else ""
        origin = {
            **origin,
            "images": f"{self.offset} to {end - 1}{of_classes}",
            "targets": description,
            "normalisation": f"{centring}rows scaled to length 1",
        }
        name = f"{title.replace(' ', '-')}-{self.samples}"
        return Dataset(values, targets, normalise=True, name=name, origin=origin)

    def _targets(self, rows: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, str]:
        """Return the targets (n,) of the given rows of a collection, and a description of them."""
        classes = numbers[rows].astype(np.int64)
        if self.labels == "parity":
            return np.where(classes % 2 == 1, 1.0, -1.0), "+1 for odd, -1 for even classes"
        if self.labels == "centred":
            return (classes - 4.5) / 4.5, "(class - 4.5) / 4.5"
        if self.labels == "pair":
            first, second = self.classes
            return np.where(classes == second, 1.0, -1.0), f"-1 for class {first}, +1 for class {second}"
        if self.labels == "one":
            (only,) = self.classes
            return np.where(classes == only, 1.0, -1.0), f"+1 for class {only}, -1 for all others"
        signs = np.random.default_rng(self.key).choice([-1.0, 1.0], size=len(numbers))
        return signs[rows], f"random signs, NumPy's default generator seeded with {self.key}"
