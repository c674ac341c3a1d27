"""flip-set: where at initialisation a pair (neuron, sample) must lie that flips up to step t."""

import numpy as np

from nag_ntk.precision import unit_roundoff
from nag_ntk.schedule import initial_momentum
from proofs_check.lemma import Claim, Control, Inequality, Lemma, Run
from proofs_check.lemmas.filters import deviation, filtered, linear_reach, modes


def _ratio(run: Run, *, largest: float = 1.0) -> Inequality:
    """Compare the largest quotient of |z_ri(0)| and what is allowed, over the pairs that flipped, with 1."""
    bound = np.asarray(largest * (1 + 16 * unit_roundoff(run.trajectory.dtype)))
    return Inequality(deviation(run).flip_ratio, bound, ("seed", "method", "step"))


def _reached(run: Run, *, linear: bool = False) -> Inequality:
    """Compare the largest |z_ri(0)| of flipped pairs with b_i / sqrt m, b from S or from that of the linear model."""
    trajectory = run.trajectory
    moved = _linear_filter(run) if linear else filtered(trajectory)
    allowance = 4 * trajectory.movement_rounding * trajectory.reach[..., None]
    bound = (linear_reach(run.data.kernel, moved) + allowance) / trajectory.width**0.5
    where = np.isfinite(bound)
    bound = np.where(where, bound, 0.0) + 64 * unit_roundoff(trajectory.dtype)
    return Inequality(deviation(run).reach, bound, ("seed", "method", "step", "sample"), where=where)


def _linear_filter(run: Run) -> np.ndarray:
    """Compute the filter S of the linear model of H(0) from the run's xi(0), (s, k, t+1, n)."""
    trajectory = run.trajectory
    values, vectors = np.linalg.eigh(np.asarray(trajectory.initial_gram, float))
    first = np.einsum("sji,skj->ski", vectors, np.asarray(trajectory.residual[:, :, 0], float))
    parts = [
        modes(method, values, trajectory.steps, initial_momentum(method, trajectory.start))[1] for method in run.methods
    ]
    return np.einsum("sij,sktj->skti", vectors, np.stack(parts, axis=1) * first[:, :, None])


FLIP_SET = Lemma(
    id="flip-set",
    needs="family",
    title="Which pairs can flip",
    group="activation patterns",
    statement="A pair (r,i) whose pattern differed from that of step 0 at a step s <= t has sqrt m |z_ri(0)| <= b_i(t), or has "
    "sqrt m |z_ri(0)| <= (|K| M(t))_i and, for some j != i, sqrt m |z_rj(0)| <= b_j(t); "
    "b_i(t) = max_{s<=t} max(sum_j (K_ij S_j(s))^+, sum_j (K_ij S_j(s))^-).",
    tex=r"A pair $(r,i)$ whose pattern differed from that of step $0$ at a step $s \le t$ has $\sqrt m|z_{ri}(0)| \le b_i(t)$, or "
    r"has $\sqrt m|z_{ri}(0)| \le (|K|M(t))_i$ and, for some $j \ne i$, $\sqrt m|z_{rj}(0)| \le b_j(t)$; "
    r"$$b_i(t) = \max_{s\le t}\max\Bigl(\sum_j(K_{ij}S_j(s))^+, \sum_j(K_{ij}S_j(s))^-\Bigr).$$",
    hypotheses="none: every step of every run, both starts.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("flipset.flip_set_two_reaches",),
    formal_part="The whole lemma is proved for both starts.",
    decision="The engine compares every pair with what is allowed when it flips first; its largest quotient at every step against 1, "
    "rounding inside. One violation refutes.",
    check=_ratio,
    controls=(
        Control("half", "half of both limits", lambda run: _ratio(run, largest=0.5)),
        Control("first-set", "only the first set: b_i without exception", _reached),
        Control(
            "linear-model", "only the first set, b of the linear model of H(0)", lambda run: _reached(run, linear=True)
        ),
    ),
    constants="All are 1. b is attained by a neuron active on just the samples whose K_ij S_j has one sign; most neurons have "
    "another pattern and move less. |K| M, for neurons that flipped elsewhere, adds every movement without its sign.",
    trains=True,
    records_deviation=True,
)
