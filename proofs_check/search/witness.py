"""The file of a counterexample: the refuted claim, the exact data, and the result of the check."""

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

SCHEMA = 1
KINDS = ("inputs", "run")
_NAMED = ("nag-ntk", "jax", "jaxlib", "numpy", "python-flint", "hypothesis", "optax")


class WitnessError(ValueError):
    """The file is not a witness, was changed, or cannot be written; the message says which."""


@dataclass(frozen=True)
class Witness:
    """A counterexample.

    Attributes:
        lemma: id of the lemma.
        control: id of the control, or "" for the lemma itself.
        kind: "inputs" (exact integers, decided in ball arithmetic) or "run" (a simulation).
        data: for "inputs" {"rows"}: numbers as text, "3" or "3/5"; for "run" the fields of a
            ``strategies.Trial``, floats in hexadecimal, which are exact.
        finding: the result of the check: verdict, reason, observed, bound, witness (a kernel vector, a seed, a step).
        found: the origin: "draw" or "ascent", seed, number of examples, and the configuration before shrinking.
        versions: versions of the software of the search.

    Example:
        >>> Witness("gram-positive", "distinct", "inputs", {"rows": [["1", "0"]]}, {"reason": "no"}).digest()[:4]
        '283d'
    """

    lemma: str
    control: str
    kind: str
    data: Mapping[str, Any]
    finding: Mapping[str, Any]
    found: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id of the lemma, with the control after a slash."""
        return f"{self.lemma}/{self.control}" if self.control else self.lemma

    def digest(self) -> str:
        """Return the SHA-256 of everything but the versions, as hexadecimal digits."""
        content = {key: value for key, value in asdict(self).items() if key != "versions"}
        text = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def rows(self) -> tuple[tuple[Fraction, ...], ...]:
        """Return the inputs as exact rationals.

        Raises:
            WitnessError: if they are no table of numbers.
        """
        parse = Fraction if self.kind == "inputs" else lambda text: Fraction(float.fromhex(text))
        try:
            return tuple(tuple(parse(x) for x in row) for row in self.data["rows"])
        except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
            raise WitnessError(f"the rows of the witness are no exact numbers: {error}") from None

    def save(self, path: str | Path) -> None:
        """Write the witness as JSON, atomically.

        Raises:
            WitnessError: if the file cannot be written.
        """
        path = Path(path)
        text = json.dumps({"schema": SCHEMA, "digest": self.digest(), **asdict(self)}, indent=1, ensure_ascii=False)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, staged = tempfile.mkstemp(prefix=".nag-ntk-", suffix=".json", dir=path.parent)
            try:
                with open(handle, "w", encoding="utf-8") as file:
                    file.write(text + "\n")
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(staged, path)
            except BaseException:  # Ctrl-C too leaves nothing behind
                Path(staged).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise WitnessError(f"{path} cannot be written: {error.strerror or error}") from None


def load(path: str | Path) -> Witness:
    """Read a witness.

    Raises:
        WitnessError: if the file is missing, no witness, of another schema, or changed since it was written.
    """
    path = Path(path)
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WitnessError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise WitnessError(f"{path} is no JSON text") from None
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        raise WitnessError(f"{path} is no witness of schema {SCHEMA}; nag-ntk search --out writes one")
    digest = raw.pop("digest", None)
    del raw["schema"]
    try:
        witness = Witness(**raw)
        changed = witness.digest() != digest
    except (TypeError, ValueError) as error:
        raise WitnessError(f"{path} is no witness: {error}") from None
    if witness.kind not in KINDS:
        raise WitnessError(f"{path}: kind must be one of {', '.join(KINDS)}, got {witness.kind!r}")
    if changed:
        raise WitnessError(f"{path} was changed after it was written: its digest does not fit")
    return witness


def versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that a search uses."""
    by_name = {"python": platform.python_version()}
    for name in _NAMED:
        try:
            by_name[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return by_name


def plain(value: Any) -> Any:
    """Convert a value to types that JSON can hold: infinities and NaN become text, tuples become lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    return str(value)
