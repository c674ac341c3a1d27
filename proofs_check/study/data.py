"""Sources of data that a study can name: a record per source, which validates its fields and builds the dataset.

To add a source, write its record, with a new word for `source:`, and add it to DataSpec.
"""

import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from proofs_check.study.types import Angle, Count, File, Flag, Key, Natural, NonEmpty, Record, expected

if TYPE_CHECKING:  # each `build` imports what it needs, so that a study is validated without importing JAX
    from nag_ntk import Dataset


def _no_repeats(items: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(items)) < len(items):
        raise ValueError
    return items


Class = Annotated[int, Field(ge=0, le=9)]
Classes = Annotated[
    Annotated[tuple[Class, ...], Field(strict=False), AfterValidator(_no_repeats)],
    expected("a list of different whole numbers from 0 to 9"),
]
Parallel = Literal["keep", "drop"]


class DataRecord(Record):
    """Base of the records of data."""

    def build(self) -> "Dataset":
        """Draw or read the dataset.

        Raises:
            nag_ntk.InputError: if it cannot be made, for example from a file that is missing.
        """
        raise NotImplementedError


class ImageFields(DataRecord):
    """Choices that every collection of images offers; rows are scaled to length 1 in the end."""

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

    def _options(self) -> dict[str, Any]:
        """Return the arguments that the functions of all collections share."""
        names = ("samples", "labels", "offset", "classes", "centre", "key")
        return {name: getattr(self, name) for name in names}


class DigitsData(ImageFields):
    """Handwritten digits, bundled with scikit-learn: 8 x 8 pixels, rows scaled to length 1."""

    source: Literal["digits"]

    def build(self) -> "Dataset":
        """Read the images from scikit-learn."""
        from nag_ntk import digits

        return digits(**self._options())


class DiabetesData(DataRecord):
    """A table of 442 patients, bundled with scikit-learn: ten standardised columns, rows scaled to length 1."""

    source: Literal["diabetes"]
    samples: Count
    """How many rows."""
    labels: Literal["standardised", "median"] = "standardised"
    """The targets: the progression of the disease, standardised; or +1 where it is above its median, -1 elsewhere."""
    offset: Natural = 0
    """How many rows to skip first."""
    parallel: Parallel = "keep"
    """Whether to keep or to drop rows that are equal or opposite to an earlier one, up to rounding."""

    def build(self) -> "Dataset":
        """Read the table from scikit-learn."""
        from nag_ntk import diabetes

        return diabetes(**self.model_dump(exclude={"source"}))


class SphereData(DataRecord):
    """Points drawn uniformly from the unit sphere."""

    source: Literal["sphere"]
    samples: Count
    dimension: Count
    key: Key = 0
    """Number that seeds the draw of the data."""
    labels: Literal["signs", "gaussian"] = "signs"

    def build(self) -> "Dataset":
        """Draw the points."""
        from nag_ntk import sphere

        return sphere(self.samples, self.dimension, self.key, self.labels)


class PairsData(DataRecord):
    """Pairs of unit vectors a given angle apart: small angles make the least eigenvalue small."""

    source: Literal["pairs"]
    pairs: Count
    angle: Angle
    """Angle within a pair, in radians."""
    dimension: Count
    key: Key = 0
    """Number that seeds the draw of the data."""
    labels: Literal["signs", "gaussian", "paired"] = "signs"

    def build(self) -> "Dataset":
        """Draw the pairs."""
        from nag_ntk import near_parallel_pairs

        return near_parallel_pairs(self.pairs, self.angle, self.dimension, self.key, self.labels)


class NpzData(DataRecord):
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
    parallel: Parallel = "keep"
    """Whether to keep or to drop rows that are equal or opposite to an earlier one, up to rounding."""

    def build(self) -> "Dataset":
        """Read the arrays."""
        from nag_ntk import from_npz

        names = (self.inputs, self.targets)
        choice = {"samples": self.samples, "offset": self.offset, "parallel": self.parallel}
        return from_npz(self.path, *names, self.normalise, **choice)


TableClass = Annotated[
    Annotated[str, Field(min_length=1)] | int | float, expected("a text or a number that stands in the column")
]
Columns = Annotated[
    Annotated[tuple[NonEmpty, ...], Field(strict=False, min_length=1), AfterValidator(_no_repeats)],
    expected("a list of different names of columns, at least one"),
]


class TableData(DataRecord):
    """A table of the user's own, in a CSV file with a header line; rows are scaled to length 1 in the end."""

    source: Literal["table"]
    path: File
    """The file, relative to the YAML file."""
    target: NonEmpty
    """Name of the column with the targets."""
    columns: Columns | None = None
    """Names of the input columns; absent: all other columns of numbers."""
    standardise: Flag = True
    """Whether to subtract the mean of every column and divide by its standard deviation first."""
    parallel: Parallel = "keep"
    """Whether to keep or to drop rows that are equal or opposite to an earlier one, up to rounding."""
    labels: Literal["values", "pair", "one"] = "values"
    """The targets: the numbers of the column; a pair of classes, -1 for the first and +1 for the second; or one class,
    +1, against all others, -1."""
    classes: Annotated[tuple[TableClass, ...], Field(strict=False)] = ()
    """With pair the two values of the target column, with one the one."""
    samples: Count | None = None
    """How many rows; absent: all of them."""
    offset: Natural = 0
    """How many rows to skip first."""
    delimiter: NonEmpty | None = None
    """The character between fields; absent: the one of , ; tab | that splits the header into most names."""

    @model_validator(mode="after")
    def _classes_fit_the_labels(self) -> "TableData":
        needed = {"values": 0, "pair": 2, "one": 1}[self.labels]
        if len(self.classes) != needed:
            count = ("no classes", "one class", "two classes")[needed]
            like = f", such as classes: {['no', 'yes'][:needed]}" if needed else ""
            reason = f"labels {self.labels} need {count}{like}"
            raise PydanticCustomError("dataset", "{reason}", {"reason": reason})
        return self

    def build(self) -> "Dataset":
        """Read the table."""
        from nag_ntk import from_table

        return from_table(self.path, **self.model_dump(exclude={"source", "path"}))


MOST_NUMBERS = 500_000
"""Largest number of entries of inputs that a study may hold itself; more belong in a file."""


# pairs, not a mapping: a study is frozen and can be hashed
Facts = Annotated[
    tuple[tuple[str, str], ...],
    Field(strict=False),
    BeforeValidator(lambda given: tuple(given.items()) if isinstance(given, dict) else given),
    PlainSerializer(dict),
    WithJsonSchema({"type": "object", "additionalProperties": {"type": "string"}, "default": {}}),
    expected("a mapping from texts to texts"),
]


class ArraysData(DataRecord):
    """The bytes of arrays in the study itself, such as those of a Dataset that a program hands over."""

    source: Literal["arrays"]
    samples: Count
    """How many rows the inputs have."""
    inputs: NonEmpty
    """The inputs, row by row, as base64 of little-endian float64."""
    targets: NonEmpty
    """The targets, one for each row, in the same form."""
    label: NonEmpty = "data"
    """What the data are called in tables and figures."""
    origin: Facts = ()
    """How the data were made, in words, for the manifest."""

    @model_validator(mode="after")
    def _numbers_for_each_row(self) -> "ArraysData":
        reason = ""
        for name in ("inputs", "targets"):
            try:
                size = len(base64.b64decode(getattr(self, name), validate=True))
            except ValueError:
                size = -1
            if size < 1 or size % (8 * self.samples) or (name == "targets" and size != 8 * self.samples):
                each = "one number" if name == "targets" else "the same number of numbers"
                reason = f"{name} must be base64 of float64 numbers, {each} for each of {self.samples} samples"
        if reason:
            raise PydanticCustomError("dataset", "{reason}", {"reason": reason})
        return self

    @classmethod
    def fields_of(cls, data: "Dataset") -> dict[str, Any]:
        """Return the fields that hold a dataset.

        Raises:
            nag_ntk.InputError: for more than MOST_NUMBERS numbers.
        """
        from nag_ntk import InputError

        if data.inputs.size > MOST_NUMBERS:
            raise InputError(
                f"data of {data.size} x {data.dimension} numbers, and a study holds at most {MOST_NUMBERS:,} itself: "
                "write inputs and targets with numpy.savez and give {'source': 'npz', 'path': ...}"
            )
        texts = {
            name: base64.b64encode(getattr(data, name).astype("<f8").tobytes()).decode()
            for name in ("inputs", "targets")
        }
        origin = {str(key): str(value) for key, value in data.origin.items()}
        return {"source": "arrays", "samples": data.size, **texts, "label": data.name or "data", "origin": origin}

    def build(self) -> "Dataset":
        """Make the dataset."""
        import numpy as np

        from nag_ntk import Dataset

        inputs, targets = (
            np.frombuffer(base64.b64decode(text), "<f8").reshape(self.samples, -1)
            for text in (self.inputs, self.targets)
        )
        return Dataset(inputs, targets[:, 0], name=self.label, origin=dict(self.origin))


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

    def build(self) -> "Dataset":
        """Read the images from their files, or fetch them."""
        from nag_ntk import sources

        collection = getattr(sources, self.source)
        return collection(self.path or "", **self._options(), split=self.split, download=self.download)


class MnistData(FileData):
    """MNIST: handwritten digits, 28 x 28 pixels."""

    source: Literal["mnist"]


class FashionMnistData(FileData):
    """Fashion-MNIST: pictures of clothes, 28 x 28 pixels."""

    source: Literal["fashion_mnist"]


class Cifar10Data(FileData):
    """CIFAR-10: photographs, 32 x 32 pixels of three colours."""

    source: Literal["cifar10"]


DataSpec = Annotated[
    DigitsData
    | DiabetesData
    | SphereData
    | PairsData
    | NpzData
    | TableData
    | ArraysData
    | MnistData
    | FashionMnistData
    | Cifar10Data,
    Field(discriminator="source"),
]
DATA_MODELS: dict[str, type[DataRecord]] = {
    get_args(model.model_fields["source"].annotation)[0]: model for model in get_args(get_args(DataSpec)[0])
}
"""Word after `source:` -> record."""
