"""Proof that a run reaches zero loss: run it until closure.py shows that no pattern changes later."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from flint import ctx

from proofs_check.rigor.certificates.closure import Blocked, closed
from proofs_check.rigor.certificates.contraction import Contraction
from proofs_check.rigor.certificates.flow import Flow, Pair, Undecided
from proofs_check.rigor.certificates.problem import Problem, check
from proofs_check.rigor.certificates.shadow import Metric
from proofs_check.rigor.enclosure.pencil import NotFinite, float_above, float_below

_BLOWN_UP = 1e6
_HOPELESS = 1e-100
_LARGE = 1 << 17
"""Number of (neuron, sample) pairs from which on a method with momentum starts with more than 128 bits."""


class NotProved(Exception):
    """No proof was found; the message names the obstacle and a remedy."""


class Proof(NamedTuple):
    """The proved claims about one run that reaches zero loss.

    For k >= 0, |xi(applied + k)| <= (rate^k + shear k rate^(k-1)) energy, and from step `lock_in` on no pattern changes
    except on the `sliding` pairs (neuron, sample).

    Attributes:
        problem: the run that the proof is about.
        precision: number of bits of the proof.
        lock_in: the first step from which on the pattern is constant except on `sliding` pairs.
        applied: the step at which the argument about all later steps was made.
        flips: the number of changes of a sign up to `applied`.
        sliding: pairs that may keep changing, in both directions; only under gradient descent.
        contraction: eigenvalue bounds, rate and shear.
        energy: bound on |(xi, h)(applied)|.
        enclosures: step -> [(lower, upper)] of the exact residual.
        metric: the quadratic form that measures the distance of the shadow from the exact run.
        calm: (first step, rate) of the stretches of constant pattern in which this distance is bounded by powers.
    """

    problem: Problem
    precision: int
    lock_in: int
    applied: int
    flips: int
    sliding: tuple[Pair, ...]
    contraction: Contraction
    energy: float
    enclosures: dict[int, list[tuple[float, float]]]
    metric: Metric
    calm: tuple[tuple[int, Contraction], ...]


def prove(
    problem: Problem,
    max_steps: int = 20000,
    *,
    record: Sequence[int] = (0,),
    precision: int = 0,
    max_precision: int = 1 << 15,
    observe: Callable[[Flow], None] | None = None,
) -> Proof:
    """Prove that this run reaches zero loss, or raise with the reason.

    Args:
        problem: the run.
        max_steps: largest number of steps to run.
        record: steps at which the exact residual is enclosed; the last step is added.
        precision: bits to start with; chosen if 0.
        max_precision: bits at which to give up.
        observe: called with the Flow at every step (again from 0 when the precision is raised).

    Returns:
        The Proof at the first precision that suffices.

    Raises:
        ProblemError: see `problem.check`.
        NotProved: with the reason: a dead sample, a step size or momentum that does not contract, a sample, neuron and
            margin, a diverging residual, or a sign that no precision decided.

    Accuracy:
        Rigorous, given Python and FLINT; see docs/certificates.md.

    Cost:
        See `Flow`; the precision doubles until it suffices. About one bit per step with momentum.

    Source:
        derived; docs/certificates.md.

    Example:
        >>> problem = Problem(((1.0, 0.0), (0.6, 0.8)), (0.5, -0.25), ((1.0, 0.5), (-0.5, 1.0)), (1, -1), 0.5, 0.5, 0.5)
        >>> proof = prove(problem)
        >>> proof.lock_in, proof.flips, proof.contraction.rate < 0.8
        (0, 0, True)
    """
    check(problem)
    bits = precision or (128 if len(problem.inputs) * len(problem.weights) < _LARGE or not problem.beta else 256)
    while True:
        try:
            with ctx.workprec(bits):
                return _follow(problem, bits, max_steps, set(record), observe)
        except (Undecided, NotFinite) as error:
            if 2 * bits > max_precision:
                raise NotProved(f"undecided with {bits} bits: {error}; a higher max_precision might help") from None
            bits *= 2


@np.errstate(all="ignore")  # numbers beyond float64 cause an evaluation of the sign, or the failure of the proof
def _follow(problem: Problem, bits: int, max_steps: int, record: set[int], observe) -> Proof:
    try:
        flow = Flow(problem, bits)
    except ValueError as error:
        raise NotProved(f"{error}: take the weights of a later step") from None
    enclosures: dict[int, list[tuple[float, float]]] = {}
    first, attempt, verdict = flow.energy(), 0, Blocked("no step was examined")
    while True:
        last = flow.step >= max_steps
        if observe is not None:
            observe(flow)
        if flow.step in record:
            enclosures[flow.step] = _outward(flow)
        if flow.step >= attempt or last:
            verdict = closed(flow)
            if last and flow.memoryless and isinstance(verdict, Blocked):
                wider = closed(flow, wide=True)
                verdict = verdict if isinstance(wider, Blocked) else wider
            if not isinstance(verdict, Blocked):
                bound, sliding = verdict
                enclosures[flow.step] = _outward(flow)
                flip_steps = [t for t, r, i in flow.flips if (r, i) not in sliding]
                return Proof(
                    problem, bits, max(flip_steps, default=0), flow.step, len(flow.flips), tuple(sorted(sliding)),
                    bound, float_above(flow.energy() + 4 * flow.slack()), enclosures, flow.metric, tuple(flow.calm),
                )  # fmt: skip
            attempt = flow.step + max(10, flow.step // 20)
            if float(flow.energy()) < _HOPELESS * float(first):
                # the pairs that still change will change in all later steps
                raise NotProved(f"step {flow.step}: {verdict.reason}")
            if not float(flow.energy()) < _BLOWN_UP * (1 + float(first)):
                raise NotProved(
                    f"the residual has grown to {float(flow.energy()):.3g} by step {flow.step}: {verdict.reason}"
                )
        if last:
            raise NotProved(f"step {flow.step}: {verdict.reason}")
        flow.advance()


def _outward(flow: Flow) -> list[tuple[float, float]]:
    """Widen the enclosure threefold, since another program may compute a shadow on the other side of the exact run."""
    return [(float_below(low - (high - low)), float_above(high + (high - low))) for low, high in flow.enclosure()]
