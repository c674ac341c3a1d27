"""An optimiser of optax as a study says it, and the method that it stands for.

    {optax: adam, learning_rate: 0.01}
    {title: clipped, optax: [{optax: clip_by_global_norm, max_norm: 1}, {optax: sgd, learning_rate: 0.5}]}
    {optax: adam, learning_rate: {schedule: cosine_decay_schedule, init_value: 0.1, decay_steps: 200}}

All keys but `optax`, `title` and `rotation_invariant` are arguments of the function of that name in optax, or in
optax.contrib. A list is a chain. A mapping with `schedule` or `optax` is a call within the call.
"""

import difflib
import inspect
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from proofs_check.study.types import EXPECTED, Flag, Record, Slug, expected

if TYPE_CHECKING:
    from nag_ntk import Dataset, Method
    from nag_ntk.method import Rule

GIVEN = "given"
"""The word that stands for an optimiser that was handed over as an object in Python."""
_OBJECTS: "dict[str, Rule]" = {}  # rules that were handed over as objects in this process, by their text
_OWN = "restarted_nesterov"
_DEEPEST = 8

Said = Annotated[
    Annotated[str, Field(min_length=1)] | Annotated[tuple[Mapping[str, Any], ...], Field(strict=False, min_length=1)],
    expected("the name of an optimiser of optax, or a list of mappings {optax: name, ...}"),
]


class OptaxSpec(Record):
    """An optimiser of optax, with its arguments as further keys.

    Example:
        >>> OptaxSpec(optax="adam", learning_rate=0.01).label, OptaxSpec(optax="adam", title="slow").name
        ('adam', 'slow')
    """

    model_config = ConfigDict(extra="allow")

    optax: Said
    """Name of a function of optax or optax.contrib, or restarted_nesterov; a list of such mappings is a chain."""
    title: Slug | None = None
    """What the method is called; absent: the name of the function."""
    rotation_invariant: Flag = False
    """True to run on the inputs' coordinates in their span; only for optimisers that do not depend on coordinates."""

    @property
    def name(self) -> str:
        """The method as the record of a run calls it."""
        return self.title or (self.optax if isinstance(self.optax, str) else "chain")

    @property
    def label(self) -> str:
        """The method as tables and figures call it; unique within a run."""
        return self.name

    @property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments of the function."""
        return self.model_extra or {}

    @model_validator(mode="after")
    def _arguments_are_values(self) -> "OptaxSpec":
        if isinstance(self.optax, tuple) and self.arguments:
            message = "a chain has no arguments of its own; write them in its parts: {keys}"
            raise PydanticCustomError("chain", message, {"keys": ", ".join(self.arguments)})
        parts = [*self.arguments.items(), *([("optax", self.optax)] if isinstance(self.optax, tuple) else [])]
        for key, value in parts:
            if wrong := _no_argument(value):
                phrase = f"finite numbers, text, lists and mappings of them, in {key}"
                raise PydanticCustomError(EXPECTED, "{phrase}", {"phrase": f"{phrase}, not {wrong}"})
        return self

    def build(self, data: "Dataset") -> "Method":
        """Make the method, and try it on weights for these data.

        Raises:
            nag_ntk.InputError: if optax has no such function, or the function does not take these arguments, or what it
                makes cannot train from gradients.
        """
        from nag_ntk import InputError
        from nag_ntk.method import Rule, outside_family
        from nag_ntk.optimisers import from_optax, optimiser

        fields = self.model_dump(mode="json", exclude={"title"}, exclude_defaults=True)
        if self.optax == GIVEN:
            text = str(self.arguments.get("rule", ""))
            if text not in _OBJECTS:
                raise InputError(
                    f"{self.name} was given as an object in Python, which does not travel with a file ({text}): write "
                    "{optax: name, ...} in the study, or call verify(methods=[...]) with the object"
                )
            return outside_family(self.name, _OBJECTS[text])
        given = {key: value for key, value in fields.items() if key != "rotation_invariant"}
        made = from_optax(self.name, _made(self.name, given, 0), rotation_invariant=self.rotation_invariant)
        assert made.rule is not None
        optimiser(made, 2, data.dimension, "float32")  # refused here, its place in the file is known
        text = json.dumps(fields, sort_keys=True)
        return made._replace(rule=Rule(text, made.rule.transformation, self.rotation_invariant))


def optimiser_fields(method: "Method") -> dict[str, Any]:
    """Return the fields of a method with a rule in a study; an optimiser that is an object is kept in this process.

    Example:
        >>> from nag_ntk import restarted_nesterov
        >>> optimiser_fields(restarted_nesterov(0.5, "speed"))["restart"]
        'speed'
    """
    assert method.rule is not None
    if method.rule.text.startswith("{"):
        return {**json.loads(method.rule.text), "title": method.name}
    _OBJECTS[method.rule.text] = method.rule
    return {"optax": GIVEN, "title": method.name, "rule": method.rule.text}


def _no_argument(value: Any, depth: int = 0) -> str:
    """Name the type of a value that no argument may have, or that lies too deep; "" for a good value."""
    if value is None:
        return "null: leave the key out"
    if (isinstance(value, float) and not math.isfinite(value)) or value in ("NaN", "Infinity", "-Infinity"):
        return str(value)  # the words are those of JSON, in which a study from Python arrives
    if isinstance(value, bool | int | float | str):
        return ""
    if depth >= _DEEPEST:
        return f"more than {_DEEPEST} levels"
    if isinstance(value, Mapping):
        return next(filter(None, (_no_argument(item, depth + 1) for item in value.values())), "")
    if isinstance(value, list | tuple):
        return next(filter(None, (_no_argument(item, depth + 1) for item in value)), "")
    return type(value).__name__


def _made(title: str, value: Any, depth: int) -> Any:
    """Make the object that a value stands for: a transformation, a schedule, or the value itself."""
    import optax

    from nag_ntk import InputError

    if isinstance(value, list | tuple):
        return [_made(title, item, depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    kinds = [key for key in ("optax", "schedule") if key in value]
    if not kinds:  # such as the boundaries of a piecewise constant schedule, whose keys are steps
        return {int(key) if str(key).isdigit() else key: _made(title, item, depth + 1) for key, item in value.items()}
    (kind,) = kinds if len(kinds) == 1 else (None,)
    if kind is None:
        raise InputError(f"{title}: a mapping has either optax or schedule, got both")
    arguments = {key: _made(title, item, depth + 1) for key, item in value.items() if key != kind}
    if isinstance(value[kind], list | tuple):
        if arguments:
            raise InputError(f"{title}: a chain has no arguments of its own; write them in its parts")
        for part in value[kind]:
            if not isinstance(part, Mapping) or "optax" not in part:
                raise InputError(f"{title}: every part of a chain is a mapping {{optax: name, ...}}, got {part!r}")
        return optax.chain(*_made(title, value[kind], depth + 1))
    function = _function(title, str(value[kind]), kind)
    signature = inspect.signature(function)
    known, called = list(signature.parameters), f"{title}: {value[kind]} of optax"
    for key in arguments:
        if key not in known:
            guess = difflib.get_close_matches(key, known, n=1)
            hint = f'did you mean "{guess[0]}"?' if guess else f"it has {', '.join(known)}"
            raise InputError(f"{called} has no argument {key}; {hint}")
    try:
        signature.bind(**arguments)
    except TypeError as error:
        raise InputError(f"{called}: {error}; it has {', '.join(known)}") from None
    try:
        return function(**arguments)
    except Exception as error:
        raise InputError(f"{called} refuses these arguments: {error}") from None


def _function(title: str, name: str, kind: str) -> Any:
    """Return the function of optax of a name.

    Raises:
        InputError: if there is none.
    """
    import optax
    import optax.contrib

    from nag_ntk import InputError
    from nag_ntk.optimisers import restarted_transformation

    if name == _OWN:
        return restarted_transformation
    short = name.removeprefix("contrib.")
    for home in (optax, optax.contrib)[name != short :]:
        found = getattr(home, short, None)
        if inspect.isfunction(found) and short.isidentifier() and not short.startswith("_"):
            return found
    what = "function" if kind == "optax" else "schedule"
    public = [each for home in (optax, optax.contrib) for each in dir(home) if not each.startswith("_")]
    guess = difflib.get_close_matches(short, public, n=1)
    hint = f'; did you mean "{guess[0]}"?' if guess else ""
    raise InputError(f"{title}: optax has no {what} called {name!r}, nor has optax.contrib{hint}")
