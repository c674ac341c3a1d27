"""The argument about all later steps: from here on nothing can change any more.

If no pattern changes after step N, |(xi, h)(N + k)| <= (r^k + s k r^(k-1)) E. So the coefficients still move by at most
|Q| / (1 - beta) + eta max(1 + gamma, 1 / (1 - beta)) E sum_k (r^k + s k r^(k-1)), and sample i by |K_i| times that. If
this is less than every margin, no pattern changes in the next step either, and so on for ever.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import takewhile
from typing import NamedTuple

from flint import arb, arb_mat, ctx

from proofs_check.certificates.contraction import Contraction, block, contraction, extreme_eigenvalues
from proofs_check.certificates.flow import LOW, Flow, Pair, float_up

_ROUNDS = 8


class Blocked(NamedTuple):
    """Why the argument fails here, and what would help."""

    reason: str


def rate_of(flow: Flow, sliding: Collection[Pair] = ()) -> Contraction | None:
    """The rate while the pairs in `sliding` may change sign at any step and no other does; None if none is shown.

    With sliding pairs, which gradient descent alone may have: H(t) is at least the share of the neurons without any,
    and at most that plus K / m for each of the others; a pair that changes sign from t to t + 1 moved by at most
    eta |K_i| |xi(t)|, all of them together adding at most eta |(|U_i| / m) |K_i||_2 |xi(t)| to xi(t + 1).
    """
    numbers = flow.problem.eta, flow.problem.beta, flow.problem.gamma
    if not sliding:
        return None if flow.spectrum is None else contraction(*numbers, *flow.spectrum)
    loose = {r for r, _ in sliding}
    if not flow.memoryless or len(loose) == flow.width:
        return None
    kept, n = ~sum(1 << r for r in loose), flow.size
    found = extreme_eigenvalues(arb_mat(n, n, [flow.gram_entry(i, j, kept) for i in range(n) for j in range(n)]))
    if found is None:
        return None
    with ctx.workprec(LOW):
        high = float_up(found[1] + max(flow.reach, key=float) * len(loose) / flow.width)
        steady = contraction(*numbers, found[0], high)
        if steady is None:
            return None
        counts = Counter(i for _, i in sliding)
        jolt = sum(((k * flow.norms[i] / flow.width) ** 2 for i, k in counts.items()), arb(0)).sqrt()
        rate = float_up(steady.rate + flow.eta * jolt)
        return steady._replace(rate=rate) if rate < 1 else None


def remaining(flow: Flow, found: Contraction) -> list[float]:
    """Per sample, a bound on all movement still to come while the residual shrinks at that rate."""
    with ctx.workprec(LOW):
        rest = 1 - flow.beta
        pull = flow.eta * (1 + flow.gamma).max(1 / rest)
        carried = sum((x * x for x in flow.speed.entries()), arb(0)).sqrt() + flow.speed_error * flow.size
        total = carried / rest + pull * flow.energy() * found.total()
        return [float_up(norm * total) for norm in flow.norms]


def exposed(flow: Flow, found: Contraction) -> Iterator[tuple[Pair, float, float]]:
    """(pair, margin, movement to come) of every pair whose sign that movement might change."""
    for i, (limits, ahead) in enumerate(zip(flow.limits, remaining(flow, found), strict=True)):
        edge = math.nextafter(flow.moved[i] + ahead, math.inf)
        if not min(limits) > edge:
            yield from (((r, i), x - flow.moved[i], ahead) for r, x in enumerate(limits) if not x > edge)


def closed(flow: Flow) -> tuple[Contraction, frozenset[Pair]] | Blocked:
    """Whether nothing can change any more: the rate, and the pairs that may go on sliding, or what stands in the way.

    Under gradient descent pairs that keep changing sign are let slide, as long as the rate can pay for them.
    """
    sliding: set[Pair] = set()
    reason = ""
    for _ in range(_ROUNDS):
        found = rate_of(flow, sliding)
        if found is None:
            return Blocked(_no_rate(flow, len(sliding)))
        unsafe = {pair: (margin, ahead) for pair, margin, ahead in exposed(flow, found) if pair not in sliding}
        if not unsafe:
            return found, frozenset(sliding)
        (r, i), (margin, ahead) = min(unsafe.items(), key=lambda item: item[1][0] / item[1][1])
        reason = (
            f"sample {i}, neuron {r}: its margin {max(margin, 0.0):.3g} is below the movement that may still come, "
            f"{ahead:.3g} (both in units of 1/sqrt m); more steps would help"
        )
        going_on = _going_on(flow)
        if not flow.memoryless and (r, i) in going_on:
            reason = (
                f"sample {i}, neuron {r} slides along the kink, changing sign again and again (last at step "
                f"{max(t for t, *pair in flow.flips if pair == [r, i])}); with momentum no argument here covers that"
            )
        sliding |= unsafe.keys()
        if not flow.memoryless or not unsafe.keys() <= going_on:
            break
    return Blocked(reason)


def _going_on(flow: Flow) -> set[Pair]:
    """The pairs that changed sign at least twice in the last quarter of the run (20 steps at least)."""
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
    found = flow.spectrum
    if found is None or not found[0] > 0:
        return "lambda_min(H) is not shown to be positive; a wider network would help"
    for value, side in zip(found[::-1], ("largest", "least"), strict=True):
        a, c, _ = block(problem.eta, problem.beta, problem.gamma, value)
        if not (abs(c) < 1 and abs(a) < 1 + c):
            size = float(problem.eta) * value
            cure = "a smaller step size" if side == "largest" else "less momentum"
            return f"at the {side} eigenvalue of H, eta lambda = {size:.6g}, the method diverges; {cure} would help"
    if sliding:
        return f"{sliding} pairs slide along the kink, too many for the bound; more steps or a wider network would help"
    return f"the rate is too close to 1 to be shown below it (eta lambda_min = {float(problem.eta) * found[0]:.3g})"
