"""Gradient descent, heavy ball and Nesterov as one family of methods with three parameters (eta, beta, gamma).

    w(t+1) = w(t) + beta (w(t) - w(t-1)) - eta (1+gamma) grad L(w(t)) + eta gamma grad L(w(t-1))

A fourth parameter, the delay r, makes the momentum grow with the step: beta and gamma are multiplied by t / (t + r). A
method may also have a table of parameters for every step (`scheduled`). A method outside of the family, such as an
optimiser of optax, has a `Rule` in place of the parameters.

Two starts exist. "gradient": w(-1) = w(0) and grad L(w(-1)) = grad L(w(0)), the start of the residual recursion.
"extrapolated": w(-1) = w(0) and grad L(w(-1)) = 0, the textbook two-line Nesterov.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nag_ntk.errors import InputError

STARTS = ("gradient", "extrapolated")


@dataclass(frozen=True)
class Rule:
    """What moves the weights under a method that is not of the family; rules with the same text are equal.

    Attributes:
        text: what the rule is, for people and files.
        transformation: the optax.GradientTransformation that computes the updates; None where the weights were trained
            elsewhere, and in a copy that was read from a file or came from another process.
        rotation_invariant: True if it may be run on the inputs' coordinates in their span.
    """

    text: str
    transformation: Any = field(default=None, compare=False, repr=False, metadata={"kept": False})
    rotation_invariant: bool = False

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments that a study gave the optimiser, such as learning_rate; {} for one that was handed over."""
        fields = json.loads(self.text) if self.text.startswith("{") else {}
        return {key: value for key, value in fields.items() if key not in ("optax", "rotation_invariant")}

    def __reduce__(self) -> tuple[Any, ...]:
        return Rule, (self.text, None, self.rotation_invariant)  # functions of optax cannot be pickled

    def __copy__(self) -> "Rule":
        return self

    def __deepcopy__(self, memo: Any) -> "Rule":
        return self


class Method(NamedTuple):
    """A member of the family of methods, or any other method with a `rule`.

    Attributes:
        name: a label.
        eta: step size; for a method with a table, eta, beta and gamma are the largest values of the table.
        beta: momentum.
        gamma: weight of the change of the gradient; 0 for heavy ball, beta for Nesterov.
        delay: with r > 0 the momentum at step t is beta t / (t + r), and gamma likewise; with 0 it is constant.
        table: (eta, beta, gamma) at the steps 0, 1, ..., or empty; see `scheduled`.
        rule: None for a member of the family; else what moves the weights, and eta, beta and gamma are NaN; see
            `nag_ntk.from_optax`.
    """

    name: str
    eta: float
    beta: float
    gamma: float
    delay: float = 0.0
    table: tuple[tuple[float, float, float], ...] = ()
    rule: Rule | None = None

    @property
    def in_family(self) -> bool:
        """True if the method is a member of the family, with parameters eta, beta and gamma."""
        return self.rule is None

    @property
    def constant(self) -> bool:
        """True if the parameters are known and the same at every step."""
        return self.in_family and not self.delay and not self.table

    @property
    def has_memory(self) -> bool:
        """True if a step may depend on the step before, as it does with momentum."""
        return self.beta != 0 or self.gamma != 0

    def schedule(self, steps: int) -> np.ndarray:
        """Return eta, beta and gamma at the steps 0, 1, ..., (steps, 3) float64; NaN for a method with a rule.

        Raises:
            InputError: for more steps than the table has.

        Example:
            >>> nesterov_increasing(0.5).schedule(3).tolist()
            [[0.5, 0.0, 0.0], [0.5, 0.25, 0.25], [0.5, 0.4, 0.4]]
        """
        if self.table:
            if steps > len(self.table):
                raise InputError(f"{self.name} has numbers for {len(self.table)} steps, {steps} are asked for")
            return np.array(self.table[:steps], dtype=float).reshape(steps, 3)
        t = np.arange(steps, dtype=float)
        ramp = t / (t + self.delay) if self.delay else np.ones(steps)
        return np.stack([np.full(steps, self.eta), self.beta * ramp, self.gamma * ramp], axis=1)

    def close_to(self, other: "Method") -> bool:
        """Return True if both have the same parameters at every step, to nine digits; the names are not compared."""
        if not (self.in_family and other.in_family):
            return False
        if self.table or other.table:
            return self.table == other.table
        return np.allclose(self[1:5], other[1:5], rtol=1e-9, atol=0)


def checked(method: Method) -> Method:
    """Check the parameters of a method and return it; a method with a rule has none to check.

    Raises:
        InputError: unless eta is positive and finite, beta in [0, 1) (in [0, 1] if it grows), and gamma finite and not
            negative.
    """
    if not method.in_family:
        return method
    eta, beta, gamma = np.array(method.table or [method[1:4]], dtype=float).T
    grows = not method.table and math.isfinite(method.delay) and method.delay > 0
    for requirement, values, valid in (
        ("step size eta must be positive and finite", eta, np.isfinite(eta) & (eta > 0)),
        ("momentum beta must lie in [0, 1)", beta, (beta >= 0) & ((beta <= 1) if grows else (beta < 1))),
        # every bound on a movement assumes gamma = |gamma|
        ("weight gamma must be finite and not negative", gamma, np.isfinite(gamma) & (gamma >= 0)),
    ):
        if not valid.all():
            step = int(np.argmin(valid))
            where = f" at step {step}" if method.table else ""
            raise InputError(f"{method.name}: the {requirement}, got {float(values[step])!r}{where}")
    if not grows and method.delay != 0:
        raise InputError(f"{method.name}: the delay must be positive and finite, or 0, got {method.delay!r}")
    return method


def _make_method(name: str, eta: float, beta: float, gamma: float, delay: float = 0.0) -> Method:
    try:
        numbers = float(eta), float(beta), float(gamma), float(delay)
    except (TypeError, ValueError):
        raise InputError(f"{name}: eta and beta must be real numbers, got eta={eta!r}, beta={beta!r}") from None
    return checked(Method(name, *numbers))


def gradient_descent(eta: float) -> Method:
    """Make gradient descent, (eta, 0, 0).

    Args:
        eta: step size, positive, finite.

    Raises:
        InputError: if it is not.

    Example:
        >>> gradient_descent(0.5)
        Method(name='gradient_descent', eta=0.5, beta=0.0, gamma=0.0, delay=0.0, table=(), rule=None)
    """
    return _make_method("gradient_descent", eta, 0.0, 0.0)


def heavy_ball(eta: float, beta: float) -> Method:
    """Make Polyak's heavy ball, (eta, beta, 0).

    Args:
        eta: step size, positive, finite.
        beta: momentum in [0, 1).

    Raises:
        InputError: if either is out of range.

    Source: Polyak 1964; in this setting Wang, Lin, Abernethy 2021, arXiv 2010.01618.

    Example:
        >>> heavy_ball(0.5, 0.9).gamma
        0.0
    """
    return _make_method("heavy_ball", eta, beta, 0.0)


def nesterov(eta: float, beta: float) -> Method:
    """Make Nesterov's method with constant momentum, (eta, beta, beta).

    Args:
        eta: step size, positive, finite.
        beta: momentum in [0, 1).

    Raises:
        InputError: if either is out of range.

    Source: Liu, Pan, Tao 2021, arXiv 2107.01832.

    Example:
        >>> nesterov(0.5, 0.9).gamma
        0.9
    """
    return _make_method("nesterov", eta, beta, beta)


def nesterov_increasing(eta: float, delay: float = 3.0) -> Method:
    """Make Nesterov's method with k-dependent momentum (k-1)/(k+r-1), k = 1, 2, ...: (eta, 1, 1, r).

    It does not depend on kappa. On a convex quadratic its loss falls like 1/t^2, but in the end each eigenvalue decays
    only by sqrt(1 - eta lambda) per step: no accelerated linear rate.

    Args:
        eta: step size, positive, finite.
        delay: r > 0; 3 is the classical choice.

    Raises:
        InputError: if either is out of range.

    Source: Nesterov 1983; Su, Boyd, Candes 2016, arXiv 1503.01243 (recalled).

    Example:
        >>> nesterov_increasing(0.5)
        Method(name='nesterov_increasing', eta=0.5, beta=1.0, gamma=1.0, delay=3.0, table=(), rule=None)
    """
    if not (isinstance(delay, int | float) and math.isfinite(delay) and delay > 0):
        raise InputError(f"nesterov_increasing: the delay must be positive and finite, got {delay!r}")
    return _make_method("nesterov_increasing", eta, 1.0, 1.0, delay)


Numbers = float | Sequence[float] | np.ndarray
"""One number for all steps, or a sequence with one for each."""


def scheduled(name: str, eta: Numbers, beta: Numbers, gamma: Numbers) -> Method:
    """Make a method whose parameters change with the step: decaying step sizes, FISTA, restarts.

    Args:
        name: a label, different from the names in METHODS, whose theorems assume other parameters.
        eta: step size, one for all steps or one for each of the steps 0, 1, ..., T-1.
        beta: momentum in [0, 1), one for all steps or one for each.
        gamma: weight of the change of the gradient, not negative, one for all steps or one for each; equal to beta for
            methods of Nesterov's kind.

    Raises:
        InputError: for parameters out of range, sequences of different lengths, or the name of another method.

    Source of the example: FISTA, Beck and Teboulle 2009 (recalled).

    Example:
        >>> halved = scheduled("halved", [0.5, 0.25, 0.125], 0.9, 0.0)
        >>> halved.schedule(2).tolist(), halved.eta
        ([[0.5, 0.9, 0.0], [0.25, 0.9, 0.0]], 0.5)
        >>> t = [1.0]  # FISTA's sequence, for 100 steps
        >>> for _ in range(100):
        ...     t.append((1 + math.sqrt(1 + 4 * t[-1] ** 2)) / 2)
        >>> momentum = [(now - 1) / soon for now, soon in zip(t, t[1:], strict=False)]
        >>> fista = scheduled("fista", 0.5, momentum, momentum)
        >>> fista.schedule(3).round(3).tolist()
        [[0.5, 0.0, 0.0], [0.5, 0.282, 0.282], [0.5, 0.434, 0.434]]
    """
    _check_own_name(name)
    try:
        columns = np.stack(np.broadcast_arrays(*(np.atleast_1d(np.asarray(v, float)) for v in (eta, beta, gamma))), 1)
    except (TypeError, ValueError):
        raise InputError(f"{name}: eta, beta and gamma must be numbers, or sequences of one length") from None
    if columns.ndim != 2 or not columns.size:
        raise InputError(f"{name}: eta, beta and gamma must be numbers, or sequences of one length, at least one")
    constant = all(np.ndim(value) == 0 for value in (eta, beta, gamma))
    table = () if constant else tuple((a, b, c) for a, b, c in columns.tolist())
    return checked(Method(name, *columns.max(axis=0).tolist(), table=table))


def outside_family(name: str, rule: Rule) -> Method:
    """Make a method that is not of the family: eta, beta and gamma are NaN, and the rule says what moves the weights.

    Args:
        name: a label, different from the names in METHODS.
        rule: what moves the weights.

    Raises:
        InputError: for the name of another method, or no name.

    Example:
        >>> outside_family("mine", Rule("by hand")).in_family
        False
    """
    _check_own_name(name)
    return Method(name, math.nan, math.nan, math.nan, rule=rule)


def _check_own_name(name: str) -> None:
    if not isinstance(name, str) or not name:
        raise InputError(f"the name of a method is a text, got {name!r}")
    if name in METHODS:
        raise InputError(f"{name} is a method of its own: give this one another name")


METHODS = {
    "gradient_descent": gradient_descent,
    "heavy_ball": heavy_ball,
    "nesterov": nesterov,
    "nesterov_increasing": nesterov_increasing,
}
WITHOUT_MOMENTUM = ("gradient_descent", "nesterov_increasing")
"""Methods whose constructor takes the step size alone."""
