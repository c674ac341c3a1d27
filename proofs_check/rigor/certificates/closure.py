"""The argument that no pattern changes after a step N of the run.

Let xi be the residual, h its momentum part, Q the momentum of the coefficients, E a bound on |(xi, h)(N)|, and r, s the
rate and shear of contraction.py. If no pattern changes after step N, |(xi, h)(N + k)| <= (r^k + s k r^(k-1)) E. Then
the coefficients move after N by at most |Q| / (1 - beta) + eta max(1 + gamma, 1 / (1 - beta)) E sum_k (r^k + s k
r^(k-1)). The pre-activations on sample i move by at most |K_i| times that, plus the distance of the exact run from its
shadow at N. If this is less than every margin, no pattern changes in the next step, and by induction in no later step.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection
from itertools import takewhile
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx

from proofs_check.rigor.certificates.contraction import Contraction, block, contraction, extreme_eigenvalues
from proofs_check.rigor.certificates.flow import Flow, Pair, norm
from proofs_check.rigor.certificates.problem import root
from proofs_check.rigor.certificates.shadow import LOW
from proofs_check.rigor.enclosure.pencil import float_above

_ROUNDS = 20
_ROOM = 2.0**-40  # relative allowance for the rounding of another program


class Blocked(NamedTuple):
    """The reason why the argument fails at this step, with a remedy."""

    reason: str


def rate_of(flow: Flow, sliding: Collection[Pair] = ()) -> Contraction | None:
    """Bound the rate if only the pairs in `sliding` may change sign; None if no rate below 1 is shown.

    Only gradient descent may have sliding pairs; formulas (9) and (10) of docs/certificates.md.
    """
    numbers = flow.problem.eta, flow.problem.beta, flow.problem.gamma
    if not sliding:
        return None if flow.spectrum is None else contraction(*numbers, *flow.spectrum)
    per_neuron, n = Counter(r for r, _ in sliding), flow.size
    if not flow.memoryless or len(per_neuron) == flow.width:
        return None
    members = ~sum(1 << r for r in per_neuron)
    active, counts, weighted = list(flow.bits), [0] * n, [0] * n
    for r, i in sliding:
        active[i] |= 1 << r
        counts[i] += 1
        weighted[i] += per_neuron[r]
    with ctx.workprec(LOW):
        eta, rows = flow.eta, flow.kernel_rows
        sizes = [
            sum((abs(rows[i][j]) * (active[i] & active[j]).bit_count() for j in range(n)), arb(0)) for i in range(n)
        ]
        high = float_above((max(x.upper() for x in sizes) / flow.width).upper()) * (1 + _ROOM)
        jolt = max((rows[i][i] * counts[i]).upper() for i in range(n)) / flow.width * max(per_neuron.values())
        gain = 2 - eta * high - 2 * eta * (high * jolt).sqrt() - eta * jolt
        spread = eta * norm(flow.norms[i] * counts[i] / flow.width for i in range(n))
    rates = [_slower(flow, members, [arb(0)] * n, lambda low: (1 - eta * low).max(eta * high - 1) + spread)]
    if gain > 0:
        diagonal = [rows[i][i] * weighted[i] / flow.width / gain**2 for i in range(n)]
        rates.append(_slower(flow, members, diagonal, lambda low: root(1 - eta * gain * low)))
    rate, low = min(rates)
    return Contraction(low, high, rate, 0.0) if rate < 1 else None


def _slower(flow: Flow, members: int, diagonal: list[arb], rate: Callable[[float], arb]) -> tuple[float, float]:
    """Return (rate, lower bound on the spectrum) for the Gram matrix of some neurons minus a diagonal matrix."""
    n = flow.size
    gram = arb_mat(
        n, n, [flow.gram_entry(i, j, members) - (diagonal[i] if i == j else 0) for i in range(n) for j in range(n)]
    )
    spectrum = extreme_eigenvalues(gram)
    if spectrum is None:
        return math.inf, 0.0
    with ctx.workprec(LOW):
        return float_above(rate(spectrum[0]).upper()) * (1 + _ROOM), spectrum[0]


def remaining(flow: Flow, bound: Contraction) -> np.ndarray:
    """Bound the later movement of the pre-activations of each sample if the residual shrinks at that rate."""
    with ctx.workprec(LOW):
        rest = 1 - flow.beta
        pull = flow.eta * (1 + flow.gamma).max(1 / rest)
        total = norm(flow.speed.entries()) / rest + pull * flow.energy() * bound.total()
        off = flow.distance.bound * (1 if flow.memoryless else 1 + 1 / rest)
        pairs = zip(flow.norms, flow.lengths, strict=True)
        # 0.1 % larger, so that another program with a different shadow reaches the same decision
        return 1.001 * np.array([float_above((size * total + length * off).upper()) for size, length in pairs])


def closed(flow: Flow, wide: bool = False) -> tuple[Contraction, frozenset[Pair]] | Blocked:
    """Return the rate and the pairs that may keep changing sign if no other pair changes after this step, or a Blocked.

    Under gradient descent, pairs that changed sign repeatedly may slide if a rate below 1 remains. With `wide`, every
    pair whose margin is too small may slide, also if it never changed sign.
    """
    sliding: set[Pair] = set()
    reason = ""
    for _ in range(_ROUNDS):
        bound = rate_of(flow, sliding)
        if bound is None:
            return Blocked(_no_rate(flow, len(sliding)))
        ahead = remaining(flow, bound)
        samples, neurons = flow.watch.exposed(ahead)
        if sliding:
            not_sliding = np.array(
                [pair not in sliding for pair in zip(neurons.tolist(), samples.tolist(), strict=True)], bool
            )
            samples, neurons = samples[not_sliding], neurons[not_sliding]
        if not len(samples):
            return bound, frozenset(sliding)
        margins = flow.watch.margins(samples, neurons)
        worst = int(np.argmin(margins / ahead[samples]))
        r, i = int(neurons[worst]), int(samples[worst])
        reason = (
            f"sample {i}, neuron {r}: its margin {max(float(margins[worst]), 0.0):.3g} is below the movement that may "
            f"still come, {float(ahead[i]):.3g} (both in units of 1/sqrt m); more steps would help"
        )
        recent_sliding = _recent_sliding(flow)
        if not flow.memoryless:
            if (r, i) in recent_sliding:
                last = max(t for t, *pair in flow.flips if pair == [r, i])
                reason = (
                    f"sample {i}, neuron {r} slides along the kink, changing sign again and again (last at step "
                    f"{last}); with momentum no argument here covers that"
                )
            break
        if not wide and len(samples) > len(recent_sliding):
            break
        unsafe = set(zip(neurons.tolist(), samples.tolist(), strict=True))
        if not wide and not unsafe <= recent_sliding:
            break
        sliding |= unsafe
    return Blocked(reason)


def _recent_sliding(flow: Flow) -> set[Pair]:
    """Return the pairs that changed sign at least twice in the last quarter of the run (20 steps at least)."""
    since = flow.step - max(20, flow.step // 4)
    recent = takewhile(lambda flip: flip[0] > since, reversed(flow.flips))
    return {pair for pair, count in Counter((r, i) for _, r, i in recent).items() if count > 1}


def _no_rate(flow: Flow, sliding: int) -> str:
    problem = flow.problem
    for i, bits in enumerate(flow.bits):
        if not bits:
            return (
                f"sample {i} is dead: no neuron is active on it, so lambda_min(H) = 0; no more steps help while it is "
                "dead, another start or a wider network would"
            )
    spectrum = flow.spectrum
    if spectrum is None or not spectrum[0] > 0:
        return "lambda_min(H) is not shown to be positive; a wider network would help"
    for value, side in zip(spectrum[::-1], ("largest", "least"), strict=True):
        a, c, _ = block(problem.eta, problem.beta, problem.gamma, value)
        if not (abs(c) < 1 and abs(a) < 1 + c):
            size = float(problem.eta) * value
            cure = "a smaller step size" if side == "largest" else "less momentum"
            return f"at the {side} eigenvalue of H, eta lambda = {size:.6g}, the method diverges; {cure} would help"
    if sliding:
        return f"{sliding} pairs slide along the kink, too many for the bound; more steps or a wider network would help"
    return f"the rate is too close to 1 to be shown below it (eta lambda_min = {float(problem.eta) * spectrum[0]:.3g})"
