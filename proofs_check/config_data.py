"""Where the data of a run come from: a record per source, by the word after `source:`."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .config_types import Angle, Count, File, Flag, Key, Natural, NonEmpty, Record, expected


def _no_repeats(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(items)) < len(items):
        raise ValueError
    return items


Class = Annotated[int, Field(ge=0, le=9)]
Classes = Annotated[
    Annotated[tuple[Class, ...], Field(strict=False), AfterValidator(_no_repeats)],
    expected("a list of different whole numbers from 0 to 9"),
]


class ImageFields(Record):
    """What every collection of images lets you choose; rows are scaled to length 1 in the end."""

    source: str
    """The collection."""
    samples: Count
    """How many images."""
    labels: Literal["parity", "centred", "random", "pair", "one"] = "parity"
    """The targets: +1 for odd and -1 for even classes; the centred class number, (class - 4.5) / 4.5; random signs; a
    pair of classes, -1 for the first and +1 for the second; or one class, +1, against all others, -1."""
    classes: Classes = ()
    """With pair the two classes, with one the one; else the classes whose images are used, none for all."""
    offset: Natural = 0
    """How many images to skip first."""
    centre: Flag = False
    """Whether to subtract the mean image of the whole collection before the rows are scaled."""
    key: Key = 0
    """Number that seeds random signs."""

    @model_validator(mode="after")
    def _classes_fit_the_labels(self) -> "ImageFields":
        needed = {"pair": 2, "one": 1}.get(self.labels)
        if needed is not None and len(self.classes) != needed:
            count = ("one class", "two classes")[needed - 1]
            reason = f"labels {self.labels} need {count}, such as classes: {[3, 8][:needed]}"
            raise PydanticCustomError("dataset", "{reason}", {"reason": reason})
        return self


class DigitsData(ImageFields):
    """Handwritten digits, bundled with scikit-learn: 8 x 8 pixels, rows scaled to length 1."""

    source: Literal["digits"]


class SphereData(Record):
    """Points drawn uniformly from the unit sphere."""

    source: Literal["sphere"]
    samples: Count
    dimension: Count
    key: Key = 0
    """Number that seeds the draw of the data."""
    labels: Literal["signs", "gaussian"] = "signs"


class PairsData(Record):
    """Pairs of unit vectors a given angle apart: small angles make the least eigenvalue small."""

    source: Literal["pairs"]
    pairs: Count
    angle: Angle
    """Angle within a pair, in radians."""
    dimension: Count
    key: Key = 0
    """Number that seeds the draw of the data."""
    labels: Literal["signs", "gaussian", "paired"] = "signs"


class NpzData(Record):
    """Arrays of the user's own, in a file of numpy.savez."""

    source: Literal["npz"]
    path: File
    """The file, relative to the YAML file."""
    inputs: NonEmpty = "inputs"
    """Name of the (n, d) array of inputs."""
    targets: NonEmpty = "targets"
    """Name of the (n,) array of targets."""
    normalise: Flag = False
    """Whether to scale the inputs to length 1; otherwise other lengths are refused."""
    samples: Count | None = None
    """How many rows; absent: all of them."""
    offset: Natural = 0
    """How many rows to skip first."""


class FileData(ImageFields):
    """Images in files of the user's own, or fetched from OpenML where the study asks for it."""

    path: File | None = None
    """The folder or file, relative to the YAML file; docs/data.md says which files."""
    split: Literal["train", "test"] = "train"
    """Which images: those to train or those to test with."""
    download: Flag = False
    """Ask OpenML for the images; then without a path. Otherwise nothing is fetched."""

    @model_validator(mode="after")
    def _one_origin(self) -> "FileData":
        if (self.path is None) != self.download:
            reason = "needs the path of the files, or download: true to fetch them from OpenML, and not both"
            raise PydanticCustomError("dataset", "{reason}", {"reason": reason})
        return self


class MnistData(FileData):
    """MNIST: handwritten digits, 28 x 28 pixels."""

    source: Literal["mnist"]


class FashionMnistData(FileData):
    """Fashion-MNIST: pictures of clothes, 28 x 28 pixels."""

    source: Literal["fashion_mnist"]


class Cifar10Data(FileData):
    """CIFAR-10: photographs, 32 x 32 pixels of three colours."""

    source: Literal["cifar10"]


DATA_MODELS: dict[str, type[Record]] = {
    "digits": DigitsData,
    "sphere": SphereData,
    "pairs": PairsData,
    "npz": NpzData,
    "mnist": MnistData,
    "fashion_mnist": FashionMnistData,
    "cifar10": Cifar10Data,
}
DataSpec = Annotated[
    DigitsData | SphereData | PairsData | NpzData | MnistData | FashionMnistData | Cifar10Data,
    Field(discriminator="source"),
]
