"""Types of the single values of a study, each with its range and a phrase for messages."""

import math
import os
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, WrapValidator
from pydantic_core import PydanticCustomError

EXPECTED = "expected"  # the error code of a leaf; its message is the phrase below


def expected(phrase: str) -> WrapValidator:
    """Make a validator whose message for every wrong value is this phrase."""

    def wrap(value: Any, handler: Any) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise PydanticCustomError(EXPECTED, "{phrase}", {"phrase": phrase}) from None

    return WrapValidator(wrap)


Count = Annotated[int, Field(ge=1), expected("a whole number, 1 or more")]
Natural = Annotated[int, Field(ge=0), expected("a whole number, 0 or more")]
# JAX's keys are made from 64-bit integers.
Key = Annotated[int, Field(ge=0, lt=2**63), expected("a whole number from 0 to 2^63 - 1")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False), expected("a finite number above 0")]
Share = Annotated[float, Field(gt=0, lt=1), expected("a number between 0 and 1, both excluded")]
Angle = Annotated[float, Field(gt=0, le=math.pi / 2), expected("an angle in radians, above 0 and at most pi/2")]
Flag = Annotated[bool, expected("true or false")]
Text = Annotated[str, expected("text")]
NonEmpty = Annotated[str, Field(min_length=1), expected("text that is not empty")]
Slug = Annotated[
    str,
    Field(pattern="^[a-z0-9_-]+$", max_length=100),
    expected("a name of small letters, digits, _ and - (at most 100)"),
]


def _each(holds: Callable[[float], bool]) -> AfterValidator:
    """Make a validator of a number, or of every number of a list."""

    def check(value: float | tuple[float, ...]) -> float | tuple[float, ...]:
        if not all(map(holds, value if isinstance(value, tuple) else (value,))):
            raise ValueError
        return value

    return AfterValidator(check)


_PerStep = float | Annotated[tuple[float, ...], Field(strict=False, min_length=1)]
_OR_LIST = ", or a list with one for each step"
StepSizes = Annotated[_PerStep, _each(lambda x: 0 < x < math.inf), expected(f"a finite number above 0{_OR_LIST}")]
Momenta = Annotated[_PerStep, _each(lambda x: 0 <= x < 1), expected(f"a number from 0 to below 1{_OR_LIST}")]
Weights = Annotated[_PerStep, _each(lambda x: 0 <= x < math.inf), expected(f"a finite number, 0 or more{_OR_LIST}")]


def _beside_the_file(path: str, info: ValidationInfo) -> str:
    base = (info.context or {}).get("base")
    return path if base is None else os.path.abspath(os.path.join(base, path))


File = Annotated[NonEmpty, AfterValidator(_beside_the_file)]
"""A path, relative to the YAML file."""


class Record(BaseModel):
    """Base of all records: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)
