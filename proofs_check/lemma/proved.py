"""The width from which the convergence theorem of a method is proved, and whether a run is as wide as that.

The comparison theorem (rigor/comparison, docs/theory/comparison.md) proves the inequality of the theorem for all
networks of a given width but a share delta. Problems and widths are kept: a study asks for them again and again.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nag_ntk import Dataset, Method
from nag_ntk.theorem import THEOREMS
from proofs_check.lemma import Run
from proofs_check.rigor.comparison import Closing, Draw, Problem, Tuning, closes, least_width, prepare

MOST = 2.0**49
"""The largest width that is tried."""
_STEP = 1.5
_GUESSES = {"gradient_descent": (640.0, 2.35), "heavy_ball": (3700.0, 2.9), "nesterov": (1100.0, 2.5)}
"""a, b: a kappa^b n^1.3 is near the least width for labels +-1; where the search begins, not where it ends."""
_NUMBERS = 4e8
"""Above this square of samples x steps a proof takes longer than a few seconds: runs are then not asked for it."""


class Hypotheses(NamedTuple):
    """Whether the hypotheses of a theorem hold in a run, its width included.

    Attributes:
        hold: True if the theorem is proved at this width, False if it is not, None if nothing was computed.
        words: a sentence for the reason of a verdict.
    """

    hold: bool | None
    words: str


class _Case(NamedTuple):
    """Dataset and method as a key: the same numbers give the same problem."""

    shape: tuple[int, int]
    inputs: bytes
    targets: bytes
    tuning: Tuning

    @classmethod
    def of(cls, data: Dataset, method: Method) -> "_Case":
        theorem = THEOREMS[method.name]
        tuning = Tuning(
            float(method.eta), float(method.beta), float(method.gamma), theorem.order, theorem.rate, theorem.prefactor,
            theorem.linear_rate, method.has_memory,
        )  # fmt: skip
        inputs, targets = np.ascontiguousarray(data.inputs, float), np.ascontiguousarray(data.targets, float)
        return cls((data.size, data.dimension), inputs.tobytes(), targets.tobytes(), tuning)


@lru_cache(maxsize=12)
@np.errstate(all="ignore")  # bounds that grow without end
def _problem(case: _Case) -> Problem | str:
    inputs = np.frombuffer(case.inputs).reshape(case.shape)
    return prepare(inputs, np.frombuffer(case.targets), case.tuning)


@lru_cache(maxsize=4096)
@np.errstate(all="ignore")
def _closes(case: _Case, width: int, antisymmetric: bool, delta: float) -> bool:
    problem = _problem(case)
    return not isinstance(problem, str) and closes(problem, Draw(width, antisymmetric), delta).closes


@lru_cache(maxsize=64)
@np.errstate(all="ignore")
def _least(case: _Case, antisymmetric: bool, delta: float) -> Closing | str:
    problem = _problem(case)
    return problem if isinstance(problem, str) else least_width(problem, delta, antisymmetric, MOST)


def least_proved_width(data: Dataset, method: Method, delta: float, antisymmetric: bool = False) -> Closing | str:
    """Find the width from which the theorem of a method is proved, within 1 %, and what its proof loses at which step.

    Args:
        data: the dataset.
        method: a method with the tuning of its theorem.
        delta: failure probability, over the draw of the network.
        antisymmetric: True for antisymmetric pairs of neurons, False for independent ones.

    Returns:
        The proof at that width; at MOST, where no width up to it suffices. Or a sentence why none is computed.

    Cost: 3 s (momentum) or 9 s (gradient descent) for 20 digits; once for the same arguments.

    Example:
        >>> from nag_ntk import Dataset, theorem_tuning
        >>> data = Dataset([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
        >>> found = least_proved_width(data, theorem_tuning("gradient_descent", data), 0.1)
        >>> found.closes, 1000 < found.width < 100_000
        (True, True)
    """
    return _least(_Case.of(data, method), antisymmetric, delta)


def rough_width(data: Dataset, method: Method, delta: float, antisymmetric: bool = False) -> float | str:
    """Find a width at which the theorem of a method is proved and at two thirds of which it is not.

    Args:
        data: the dataset.
        method: a method with the tuning of its theorem.
        delta: failure probability.
        antisymmetric: as for `least_proved_width`.

    Returns:
        The width, infinity if none up to MOST suffices; or a sentence why none is computed.

    Cost: a few proofs, 2 s for gradient descent on 20 digits, 1 s with momentum; data that would take far longer
    get a sentence. Once for the same arguments.
    """
    case, theorem, kappa = _Case.of(data, method), THEOREMS[method.name], data.spectrum.kappa
    steps = 9 * kappa ** float(theorem.order) / float(theorem.linear_rate)
    if (data.size * steps) ** 2 > _NUMBERS:
        return f"not computed for {data.size} samples and kappa = {kappa:.3g} here; nag-ntk width takes the time"
    problem = _problem(case)
    if isinstance(problem, str):
        return problem
    scale, power = _GUESSES[method.name]
    width = scale * kappa**power * data.size**1.3 / (14 if antisymmetric else 1)

    def proved(width: float) -> bool:
        return _closes(case, max(2, int(width) // 2 * 2), antisymmetric, delta)

    if proved(width):
        while width > 2 and proved(width / _STEP):
            width /= _STEP
        return width
    while width < MOST:
        width *= _STEP
        if proved(width):
            return width
    return np.inf


def hypotheses(run: Run, name: str) -> Hypotheses:
    """Say whether the theorem of a method is proved at a run's own width, data, numbers, delta and law of the neurons.

    Args:
        run: a run that has the method with the tuning of its theorem.
        name: the method, one of nag_ntk.theorem.THEOREMS.

    Returns:
        The answer, with the width m* from which on the theorem is proved, to a factor of 1.5.
    """
    method, trajectory = run.methods[run.position(name)], run.trajectory
    if trajectory.init == "given":
        return Hypotheses(None, "the network is given and not drawn, so the theorem says nothing about its width")
    pairs = trajectory.init == "antisymmetric"
    least = rough_width(run.data, method, run.delta, pairs)
    if isinstance(least, str):
        return Hypotheses(None, f"width m* from which the theorem is proved: {least}")
    if _closes(_Case.of(run.data, method), trajectory.width, pairs, run.delta):
        return Hypotheses(True, f"hypotheses hold: m >= m*, m* = {min(least, trajectory.width):.1e}")
    return Hypotheses(False, f"outside the hypotheses: not proved at this width, m* = {least:.1e}")
