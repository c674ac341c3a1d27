"""Record of a benchmark: every measured time, the machine and the command; all tables are made from it."""

from statistics import median
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

OURS, DENSE, OPTAX, OPTAX_MAP, TORCH = CONTESTANTS = ("ours", "ours-dense", "optax", "optax-map", "torch")
SCHEMA = 1
"""Version of the format; it changes whenever an older file could no longer be read."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cell(_Model):
    """A shape: samples, dimension, width, seeds, steps."""

    n: Count
    d: Count
    m: Count
    seeds: Count
    steps: Count

    def replaced(self, **changes: int) -> "Cell":
        """Return the cell with some numbers replaced."""
        return Cell(**{**self.model_dump(), **changes})


class Timing(_Model):
    """Seconds of one contestant in one cell, a number per round, without compilation."""

    contestant: str
    engine: str | None = None
    compile_seconds: Annotated[float, Field(ge=0)] | None = None
    seconds: Annotated[list[Positive], Field(min_length=1)]

    @property
    def best(self) -> float:
        """The shortest of the rounds."""
        return min(self.seconds)

    @property
    def median(self) -> float:
        """The median of the rounds."""
        return median(self.seconds)


class Ratio(_Model):
    """Ratios of two contestants timed in the same rounds: the median of the rounds, and the extremes."""

    median: Positive
    low: Positive
    high: Positive


class Comparison(_Model):
    """All contestants in one cell, ours first; `target` is the least ratio of the optax program's time to ours."""

    cell: Cell
    target: Positive | None = None
    timings: Annotated[list[Timing], Field(min_length=1)]

    def timing(self, contestant: str) -> Timing | None:
        """Return the timing of a contestant, None if it did not take part."""
        return next((timing for timing in self.timings if timing.contestant == contestant), None)

    def ratio(self, contestant: str) -> Ratio | None:
        """Return the ratio of a contestant's time to ours; None if it did not take part."""
        other = self.timing(contestant)
        return None if other is None else ratio(other.seconds, self.timings[0].seconds)


class Ceiling(_Model):
    """Ceilings of this machine: operations per second of a float64 product, bytes per second read and written."""

    order: Count
    products: dict[str, Positive]
    copies: dict[str, Positive]

    @property
    def product(self) -> float:
        """The best rate of a product."""
        return max(self.products.values())


class Dense(_Model):
    """Times of the dense engine, and the rate of a matrix product in the same rounds.

    `short` and `long` are runs of `short_steps` and `cell.steps` steps; they differ in steps alone, not in drawing.
    `half` has `half_seeds`, half of the seeds of `long`. `products` are the rates of a product in the same rounds.
    """

    cell: Cell
    short_steps: Annotated[int, Field(ge=0)]
    short: Timing
    long: Timing
    half: Timing
    half_seeds: Count
    products: Annotated[list[Positive], Field(min_length=1)]

    @property
    def operations(self) -> float:
        """Operations by which the long run exceeds the short one: 2 m n^2 per step and seed."""
        return 2.0 * self.cell.m * self.cell.n**2 * self.cell.seeds * (self.cell.steps - self.short_steps)

    @property
    def share(self) -> float:
        """Rate of the steps over the rate of the product, both by the best of the rounds; negative times give 0."""
        spent = self.long.best - self.short.best
        return self.operations / spent / max(self.products) if spent > 0 else 0.0

    @property
    def doubling(self) -> Ratio:
        """Ratio of the times for all seeds and for half of them."""
        return ratio(self.long.seconds, self.half.seconds)


class Growth(_Model):
    """Seconds of one contestant along one axis, and the exponent b of the fit seconds ~ value^b."""

    contestant: str
    axis: str
    values: list[Count]
    timings: list[Timing]
    exponent: float
    low: float
    high: float


class Peak(_Model):
    """Bytes by which a run raised the peak memory of its process, with everything imported before."""

    contestant: str
    cell: Cell
    needed: Annotated[int, Field(ge=0)]


class Machine(_Model):
    """Machine and versions of a benchmark.

    `memory` is in bytes; `load` is the load average at the start: other work makes the measured times longer.
    """

    processor: str
    cores: Count
    memory: Count
    system: str
    devices: str
    load: float | None
    versions: dict[str, str]


class Report(_Model):
    """One call of the benchmark. A part that was not asked for is None or empty."""

    version: int = SCHEMA
    command: str
    began: str
    seconds: Positive
    quick: bool
    rounds: Count
    machine: Machine
    goals: list[Comparison] = []
    shapes: list[Comparison] = []
    ceiling: Ceiling | None = None
    dense: Dense | None = None
    growth: list[Growth] = []
    peaks: list[Peak] = []


def ratio(slow: list[float], fast: list[float]) -> Ratio:
    """Compute the ratios of two lists of seconds round by round: their median and extremes.

    Example:
        >>> ratio([2.0, 6.0, 4.0], [1.0, 2.0, 1.0])
        Ratio(median=3.0, low=2.0, high=4.0)
    """
    each = [s / f for s, f in zip(slow, fast, strict=True)]
    return Ratio(median=median(each), low=min(each), high=max(each))


def schema() -> dict[str, Any]:
    """Return the JSON schema of a Report."""
    return Report.model_json_schema()
