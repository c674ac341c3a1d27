"""Frozen records of a study, of its runs and of its methods; the type of every field has its range and its message.

Messages of pydantic are therefore hardly ever shown (``validate``). The JSON schema is made from the same types.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PrivateAttr,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from proofs_check.study.data import DATA_MODELS, DataSpec
from proofs_check.study.optimisers import OptaxSpec
from proofs_check.study.origin import Origin
from proofs_check.study.types import (
    EXPECTED,
    Count,
    File,
    Key,
    Momenta,
    Natural,
    NonEmpty,
    Positive,
    Record,
    Share,
    Slug,
    StepSizes,
    Text,
    Weights,
    expected,
)

if TYPE_CHECKING:
    from nag_ntk import Dataset, Method

__all__ = [
    "DATA_MODELS",
    "EXPECTED",
    "WITHOUT_MOMENTUM",
    "MethodSpec",
    "RunFields",
    "RunSpec",
    "Study",
    "StudyFields",
    "field_names",
]

KnownMethod = Literal["gradient_descent", "heavy_ball", "nesterov", "nesterov_increasing"]
SCHEDULED = "scheduled"
"""The name under which a study gives a method of its own, with numbers for each step."""
WITHOUT_MOMENTUM = ("gradient_descent", "nesterov_increasing")


class MethodSpec(Record):
    """A method: its name alone for the theorem's tuning, or with numbers of one's own.

    Example:
        >>> MethodSpec(name="nesterov").label, MethodSpec(name="heavy_ball", eta=0.1, beta=0.5).label
        ('nesterov', 'heavy_ball(eta=0.1, beta=0.5)')
        >>> MethodSpec(name="scheduled", title="halved", eta=(0.5, 0.25), beta=0.9, gamma=0.0).label
        'halved'
    """

    name: Literal["gradient_descent", "heavy_ball", "nesterov", "nesterov_increasing", "scheduled"]
    title: Slug | None = None
    """What a scheduled method is called."""
    eta: StepSizes | None = None
    """Step size; absent: the theorem's. For a scheduled method also a list, one for each step."""
    beta: Momenta | None = None
    """Momentum; only beside eta or scale, and never for gradient descent."""
    gamma: Weights | None = None
    """Weight of the change of the gradient; of a scheduled method only."""
    delay: Positive | None = None
    """Steps r by which the momentum t/(t+r) lags; of nesterov_increasing only, 3 if absent."""
    scale: Positive | None = None
    """Factor on the theorem's step size; only without eta."""

    @property
    def label(self) -> str:
        """The method as tables and figures call it; unique within a run."""
        if self.name == SCHEDULED:
            return self.title or ""
        numbers = {"eta": self.eta, "beta": self.beta, "delay": self.delay, "scale": self.scale}
        given = ", ".join(f"{name}={value!r}" for name, value in numbers.items() if value is not None)
        return f"{self.name}({given})" if given else self.name

    @model_validator(mode="after")
    def _numbers_belong_together(self) -> "MethodSpec":
        wrong = self._of_a_schedule() if self.name == SCHEDULED else self._of_a_known_method()
        if self.eta is not None and self.scale is not None:
            wrong.append("scale multiplies the theorem's step size, so it excludes eta; keep one of them")
        if wrong:
            raise PydanticCustomError("method", "{reason}", {"reason": "; ".join(wrong)})
        return self

    def build(self, data: "Dataset") -> "Method":
        """Make the method; without a step size, with the tuning of its theorem for these data.

        Raises:
            nag_ntk.InputError: if there is no such tuning, as where lambda_0 is 0.
        """
        from nag_ntk import nesterov_increasing, scheduled, theorem_tuning
        from nag_ntk.method import METHODS

        if self.name == SCHEDULED:
            return scheduled(self.title, self.eta, self.beta, self.gamma)  # type: ignore[arg-type]
        eta = self.eta
        if eta is None:
            tuned = theorem_tuning(self.name, data, self.scale or 1.0)
            if self.delay is None and self.beta is None:
                return tuned
            eta = tuned.eta
        if self.delay is not None:
            return nesterov_increasing(eta, self.delay)  # type: ignore[arg-type]
        return METHODS[self.name](eta, *(() if self.name in WITHOUT_MOMENTUM else (self.beta,)))

    def _of_a_schedule(self) -> list[str]:
        wrong = []
        missing = [key for key in ("title", "eta", "beta", "gamma") if getattr(self, key) is None]
        if missing:
            wrong.append(f"a scheduled method needs {', '.join(missing)} too")
        if self.title in get_args(KnownMethod):
            wrong.append(f"{self.title} is a method of its own; give the schedule another title")
        if self.delay is not None:
            wrong.append("delay is for nesterov_increasing; remove it")
        lengths = {len(value) for value in (self.eta, self.beta, self.gamma) if isinstance(value, tuple)}
        if len(lengths) > 1:
            wrong.append(f"lists of {' and '.join(map(str, sorted(lengths)))} numbers; give one for each step")
        return wrong

    def _of_a_known_method(self) -> list[str]:
        wrong = []
        foreign = [key for key in ("title", "gamma") if getattr(self, key) is not None]
        foreign += [key for key in ("eta", "beta") if isinstance(getattr(self, key), tuple)]
        if foreign:
            wrong.append(f"numbers for each step, title and gamma are for the name scheduled; see {', '.join(foreign)}")
        if self.delay is not None and self.name != "nesterov_increasing":
            wrong.append("delay is for nesterov_increasing; remove it")
        if self.name in WITHOUT_MOMENTUM and self.beta is not None:
            wrong.append(f"{self.name} has no momentum to choose; remove beta")
        elif self.eta is None and self.scale is None and self.beta is not None:
            wrong.append("beta needs eta or scale beside it; without them the theorem chooses both")
        elif self.eta is not None and self.beta is None and self.name not in WITHOUT_MOMENTUM:
            wrong.append(f"{self.name} with eta needs beta too")
        return wrong


def _by_name(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _some_and_no_repeats(items: tuple[Any, ...]) -> tuple[Any, ...]:
    # Not min_length: pydantic counts the valid items only and would blame the list for its first bad item.
    if not items:
        raise PydanticCustomError(EXPECTED, "{phrase}", {"phrase": "a list of at least one"})
    labels = [getattr(item, "label", item) for item in items]
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None:
        raise PydanticCustomError("repeated", "{label} is listed twice", {"label": repeated})
    return items


_LISTED = (Field(strict=False, json_schema_extra={"minItems": 1}), AfterValidator(_some_and_no_repeats))
MethodField = Annotated[
    Annotated[MethodSpec, Tag("family")] | Annotated[OptaxSpec, Tag("optax")],
    Discriminator(
        lambda value: (
            "optax" if isinstance(value, OptaxSpec) or (isinstance(value, dict) and "optax" in value) else "family"
        )
    ),
    BeforeValidator(_by_name, json_schema_input_type=KnownMethod | MethodSpec | OptaxSpec),
]
Methods = Annotated[tuple[MethodField, ...], *_LISTED]
LemmaIds = Annotated[tuple[NonEmpty, ...], *_LISTED]
Lemmas = Annotated[
    Annotated[Literal["all"], Tag("all")] | Annotated[LemmaIds, Tag("list")],
    Discriminator(lambda value: "list" if isinstance(value, (list, tuple)) else "all"),
]


# may be empty, as it is by default: a study that was written out is a study again
LemmaFiles = Annotated[tuple[File, ...], Field(strict=False)]


def _not_reserved(name: str) -> str:
    if re.fullmatch(RESERVED_AXES, name):
        raise ValueError
    return name


Coordinate = (
    Annotated[bool, Field(strict=True)]
    | Annotated[int, Field(strict=True)]
    | Annotated[float, Field(strict=True, allow_inf_nan=False)]
    | Annotated[str, Field(strict=True)]
)
# what an axis may not be called: dimensions and variables of the netCDF file that holds a sweep
RESERVED_AXES = (
    "algorithm|seed|run|step_size|momentum|linear_rate|lambda_0|kappa|rate|distance|flip_fraction|\\w+_residual_norm"
)
AxisName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$", max_length=100), AfterValidator(_not_reserved)]
# pairs, not a mapping: a run is frozen and can be hashed
Point = Annotated[
    tuple[tuple[AxisName, Coordinate], ...],
    BeforeValidator(lambda given: tuple(given.items()) if isinstance(given, dict) else given),
    PlainSerializer(dict),
    WithJsonSchema(
        {"type": "object", "additionalProperties": {"type": ["number", "string", "boolean"]}, "default": {}}
    ),
    expected("a mapping from names of axes (small letters, digits, _; not of results) to numbers or texts"),
]


class RunFields(Record):
    """Fields of a run; at the top level of the file they are shared by all its runs."""

    dataset: DataSpec
    """The data."""
    methods: Methods
    """The methods, run side by side from the same initial networks."""
    width: Count
    """Neurons m of the network."""
    seeds: Count
    """Independent initialisations."""
    steps: Natural
    """Training steps; 0 draws the networks and trains nothing."""
    start: Literal["gradient", "extrapolated"] = "gradient"
    """What came before step 0: the first step is a gradient step, or the textbook two-line Nesterov's."""
    init: Literal["independent", "antisymmetric"] = "independent"
    """How networks are drawn: independent neurons, or pairs of equal weights and opposite signs, whose output is 0."""
    engine: Literal["auto", "weights", "preactivations", "batched-weights", "batched-preactivations", "screened"] = (
        "auto"
    )
    """Which exact representation of the run to compute with."""
    dtype: Literal["float64", "float32"] | None = None
    """Floating-point type; absent: float64 wherever the device has it."""
    key: Key = 0
    """Base number that all seeds are derived from."""
    chunk: Count | None = None
    """Steps between two reports of progress."""
    at: Point = ()
    """Where the run stands in a grid, by names of axes; a sweep fills it in."""


class RunSpec(RunFields):
    """One run with every field resolved."""

    name: Slug
    """Name of the run, unique in its study."""

    @model_validator(mode="after")
    def _pairs_need_an_even_width(self) -> "RunSpec":
        if self.init == "antisymmetric" and self.width % 2:
            message = "antisymmetric networks consist of pairs of neurons: the width must be even, got {width}"
            raise PydanticCustomError("pairs", message, {"width": self.width, "field": "width"})
        return self


class StudyFields(Record):
    """Fields of a study as a whole."""

    name: Slug
    """Name of the study; absent: the file's name."""
    description: Text = ""
    """One line for the report."""
    level: Share = 1e-3
    """Family-wise error level: at most how likely it is that any true claim of the study is refuted, and as much that
    any false one is supported."""
    delta: Share = 0.1
    """Failure probability the lemmas are claimed for."""
    lemmas: Lemmas = "all"
    """The word all, or a list of lemma ids."""
    lemma_files: LemmaFiles = ()
    """Python files that hold lemmas of your own, relative to the YAML file."""
    check_seconds: Positive = 300.0
    """Most seconds that the check of a lemma of your own may take; then it is an ERROR."""
    certify: Natural = 0
    """Of how many seeds of every run the networks get a proof of the theorem's rate; verify --certify replaces it."""
    memory_limit_gib: Positive | None = None
    """Most memory to use, in GiB; absent: the runner decides."""
    out: NonEmpty | None = None
    """Folder for the results."""


class Study(StudyFields):
    """A study: its own fields and its runs, all resolved."""

    runs: tuple[RunSpec, ...]
    _origin: Origin = PrivateAttr(default_factory=Origin)

    @property
    def origin(self) -> Origin:
        """File of the study, and the places of its values."""
        return self._origin

    def placed(self, origin: Origin) -> "Study":
        """Return the same study with the places of its values in a file."""
        copy = self.model_copy()
        copy._origin = origin
        return copy

    def with_seeds(self, seeds: int) -> "Study":
        """Return the study with another number of seeds in every run."""
        return self.model_copy(update={"runs": tuple(spec.model_copy(update={"seeds": seeds}) for spec in self.runs)})

    def narrowed(self, select: Sequence[str] = (), seeds: int | None = None) -> "Study":
        """Return the study with these lemmas only, if any are given, and this number of seeds, if one is given."""
        study = self if seeds is None else self.with_seeds(seeds)
        return study.model_copy(update={"lemmas": tuple(dict.fromkeys(select))}) if select else study

    def run(self, name: str) -> RunSpec:
        """Return the run of that name; KeyError if there is none."""
        return {run.name: run for run in self.runs}[name]


def field_names(model: type[BaseModel]) -> Sequence[str]:
    """Return the names of a record's fields in their order."""
    return tuple(model.model_fields)
