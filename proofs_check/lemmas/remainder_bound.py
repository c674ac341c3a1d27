"""remainder-bound: a bound on the remainder e(t) by which a step differs from the linear model of H(0)."""

import numpy as np

from proofs_check.lemma import Claim, Control, Inequality, Lemma, Run
from proofs_check.lemmas.radii import RADII_GRID, radius_index, with_overflow_entry


def _before(array: np.ndarray) -> np.ndarray:
    """Return the values of the previous step along axis 2; at step 0, those of step 0."""
    return np.concatenate([array[:, :, :1], array[:, :, :-1]], axis=2)


def remainder(run: Run) -> np.ndarray:
    """Compute e(t) = xi(t+1) - [(1+beta) xi(t) - beta xi(t-1) - eta (1+gamma) H(0) xi(t) + eta gamma H(0) xi(t-1)], (s, k, t, n)."""
    xi, gram = run.trajectory.residual, run.trajectory.initial_gram
    eta, beta, gain = (c[None, :, :, None] for c in run.coefficients)
    now, previous = xi[:, :, :-1], _before(xi)[:, :, :-1]
    pull, earlier = (np.einsum("sij,sktj->skti", gram, r) for r in (now, previous_residual(run, previous)))
    return xi[:, :, 1:] - (now + beta * (now - previous) - eta * (1 + gain) * pull + eta * gain * earlier)


def previous_residual(run: Run, previous: np.ndarray) -> np.ndarray:
    """Return xi(t-1) as it enters the previous gradient: 0 at t = 0 of the extrapolated start."""
    if run.trajectory.start == "gradient":
        return previous
    return np.where(np.arange(previous.shape[2])[:, None] == 0, 0.0, previous)


def with_momentum(run: Run, inflow: np.ndarray) -> np.ndarray:
    """Compute v(t) = beta v(t-1) + inflow(t), v(-1) = 0, along axis 2 of (s, k, t, n)."""
    beta, result = run.coefficients[1][:, : inflow.shape[2], None], np.array(inflow)
    for t in range(1, inflow.shape[2]):
        result[:, :, t] += beta[:, t] * result[:, :, t - 1]
    return result


def forcing(run: Run) -> np.ndarray:
    """Bound the gradients of a step, eta ((1+gamma) |xi(t)| + gamma |xi(t-1)|), (s, k, t, n)."""
    eta, _, gain = (c[None, :, :, None] for c in run.coefficients)
    size = np.abs(run.trajectory.residual)
    return eta * ((1 + gain) * size[:, :, :-1] + gain * previous_residual(run, _before(size)[:, :, :-1]))


def largest_distance(run: Run) -> np.ndarray:
    """Return R, the largest distance up to t+1, (s, k, t)."""
    return run.trajectory.largest_distance[:, :, 1:]


def majorant(run: Run, radius: np.ndarray, speed: np.ndarray) -> np.ndarray:
    """Compute the bound on |e(t)|, (s, k, t, n), as if all neurons within the radius of a hyperplane moved at the speed.

    Args:
        run: with counts and overlaps recorded for the radii RADII_GRID.
        radius: (s, k, t), rounded up to the recorded radii.
        speed: (s, k, t, n), at least sqrt m |z(t+1) - z(t)|.
    """
    trajectory, kernel, width = run.trajectory, np.abs(run.data.kernel), run.trajectory.width
    beta, push = run.coefficients[1][:, :, None], forcing(run)
    earlier = np.concatenate([np.zeros_like(speed[:, :, :1]), speed[:, :, :-1]], axis=2)
    near = with_overflow_entry(trajectory.near_boundary, width) / width
    risk = with_overflow_entry(np.asarray(trajectory.overlap_range.at_risk), 1.0)
    near_index, risk_index = radius_index(trajectory.radii, radius), radius_index(trajectory.overlap_radii, radius)
    bound = np.empty_like(push)
    for s in range(len(trajectory.seeds)):  # one seed at a time: a matrix per method and step is large
        moving = near[s][near_index[s]] * (speed[s] + beta * earlier[s])
        flipping = np.einsum("ktij,ktj->kti", kernel * risk[s][risk_index[s]], push[s])
        bound[s] = moving + flipping
    return bound


def _bound(run: Run, *, shrink: float = 1.0, share: float = 1.0) -> Inequality:
    trajectory = run.trajectory
    speed = with_momentum(run, forcing(run) @ np.abs(run.data.kernel))
    bound = share * majorant(run, shrink * largest_distance(run), speed)
    rounding = np.sqrt(run.data.size) * 2 * trajectory.recursion_rounding()[..., 0]
    observed = np.linalg.norm(remainder(run), axis=-1)
    total = np.linalg.norm(bound, axis=-1) + rounding
    return Inequality(observed, total, ("seed", "method", "step"))


REMAINDER_BOUND = Lemma(
    id="remainder-bound",
    needs="family",
    title="Distance from the linear model",
    group="residual",
    statement="V(t+1) = M V(t) + [e(t); 0] with V(t) = [xi(t); xi(t-1)] and M built from H(0), and componentwise "
    "|e(t)| <= eta D ((1+gamma)|xi(t)| + gamma |xi(t-1)|) + q o (v(t) + beta v(t-1)); q_i = |S_i|/m, D_ij = |K_ij| "
    "#{r : A_ri = 1, r in S_j}/m, v(t) = beta v(t-1) + eta |K| ((1+gamma)|xi(t)| + gamma |xi(t-1)|), S_i = S_i(R) at "
    "the R observed up to t+1.",
    tex=r"$V(t+1) = MV(t) + [e(t); 0]$ with $V(t) = [\xi(t); \xi(t-1)]$ and $M$ built from $H(0)$, and "
    r"componentwise $$|e(t)| \le \eta D\bigl((1+\gamma)|\xi(t)| + \gamma|\xi(t-1)|\bigr) + q\circ\bigl(v(t) + \beta "
    r"v(t-1)\bigr);$$ $q_i = |S_i|/m$, $D_{ij} = |K_{ij}|\mathrm{card}\lbrace r : A_{ri} = 1, r \in S_j\rbrace /m$, "
    r"$$v(t) = \beta v(t-1) + \eta|K|\bigl((1+\gamma)|\xi(t)| + \gamma|\xi(t-1)|\bigr),$$ $S_i = S_i(R)$ at the $R$ "
    r"observed up to $t+1$.",
    hypotheses="none: every step of every run. Where the momentum grows, beta, gamma and M are those of the step; in the gradients of "
    "step 0 the extrapolated start has 0 for xi(-1).",
    kind=Claim.EVERY_RUN,
    source="derived; the sets of D are smaller than those of the first derivation, see docs/theory/remainder-bound.md",
    provenance="derived",
    formal=("remainder.remainder_bound",),
    formal_part="The whole lemma is proved for the gradient start.",
    rests_on=("residual-recursion", "flip-inclusion"),
    decision="|e(t)| against the norm of the componentwise bound at every step of every run, R rounded up to a grid of ratio sqrt 2; one "
    "violation beyond the rounding bound refutes.",
    check=_bound,
    controls=(
        Control("small-radius", "with S_i(R/1024) in place of S_i(R)", lambda run: _bound(run, shrink=1 / 1024)),
        Control(
            "square", "with |S_i|/m^2 in place of |S_i|/m", lambda run: _bound(run, share=1 / run.trajectory.width)
        ),
        Control("lazy", "e = 0 up to rounding: no flip ever matters", lambda run: _bound(run, share=0.0)),
    ),
    trains=True,
    constants="All are 1 and sharp for a single neuron: relu(z) - A z has slopes in [-1, 1]. The losses are in the triangle "
    "inequality over neurons (all of S_i counted as if moving together) and in |K| for K.",
    radii=lambda n, width, delta: RADII_GRID,
    overlap_radii=lambda n, width, delta: RADII_GRID,
)
