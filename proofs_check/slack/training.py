"""Losses during training: in the movement of neurons, the number of flips, and the remainder of the linear recursion.

A flip is a (neuron, sample) pair whose activation differs from that at step 0. Every chain here concerns a run of one
method (axis k has length 1).
"""

import numpy as np

from nag_ntk.run.trajectory import coefficient_bound
from proofs_check.lemma import Inequality, Run
from proofs_check.lemmas.distance import DISTANCE
from proofs_check.lemmas.radii import RADII_GRID, radius_index, with_overflow_entry
from proofs_check.lemmas.remainder_bound import (
    forcing,
    largest_distance,
    majorant,
    previous_residual,
    remainder,
    with_momentum,
)
from proofs_check.slack.chain import Link, SlackRow, Value, rows
from proofs_check.slack.linear import theorem

_NO_COUNTS = "the run did not record its counts of neurons near a boundary at all radii of the grid"


def change(run: Run) -> np.ndarray:
    """Compute d(t) = c(t+1) - c(t), the change of the coefficients in a step without flips, (s, k, t, n)."""
    xi = run.trajectory.residual
    eta, _, gamma = (c[None, :, :, None] for c in run.coefficients)
    previous = previous_residual(run, np.concatenate([xi[:, :, :1], xi[:, :, :-2]], axis=2))
    return with_momentum(run, eta * ((1 + gamma) * xi[:, :, :-1] - gamma * previous))


def distance(run: Run) -> tuple[SlackRow, ...]:
    """Compare max_r |w_r(T) - w_r(0)| at the last step with its bounds.

    Let d(t) be `change`, c(T) = sum_t d(t) the coefficients without flips, C(T) their componentwise majorant (theory,
    section 2), and N(T) the recursion of C driven by |xi|. Then the bound of the lemma `distance` is at least
    sqrt(|K|/m) N, which is at least sqrt(|K|/m) |C|, which is at least sqrt(|K|/m) |c|.
    """
    trajectory, method = run.trajectory, run.methods[0]
    norm = trajectory.residual_norm
    scale = (float(np.linalg.norm(run.data.kernel, 2)) / trajectory.width) ** 0.5
    parts = DISTANCE.check(run)
    recorded = parts[""].bound[:, 0, -1]  # type: ignore[index,union-attr]
    constants = theorem(run, method)
    if isinstance(constants, str):
        stated: list = [constants] * 2
    else:
        factor, rho = constants.bound(run.data.spectrum.kappa, constants.paper_prefactor)
        start = trajectory.state_norm[:, 0, 0]
        lead, tail = 1 + 2 * method.gamma, method.gamma * norm[:, 0, 0]
        observed = lead * norm[:, 0, :-1].sum(axis=1) + tail
        stated = [recorded * (lead * f * start / (1 - rho) + tail) / observed for f in (factor, 1.0)]
    together = coefficient_bound(norm[..., None], run.methods, trajectory.start)[:, 0, -1, 0]
    values = [
        Value("the bound from the theorem's decay", stated[0]),
        Value("the bound from the theorem's rate", stated[1]),
        Value("the bound of distance", recorded if np.isfinite(recorded).any() else "1/(1-beta) is infinite"),
        Value("the sum of norms", scale * together),
        Value("the norm of sums", scale * np.linalg.norm(trajectory.coefficient_bound[:, 0, -1], axis=-1)),
        Value("the signed sum", scale * np.linalg.norm(change(run)[:, 0].sum(axis=1), axis=-1)),
        Value("the distance", trajectory.distance[:, 0, -1]),
    ]
    links = [
        Link("theorem's prefactor / 1", "the worst case of the linear model, for every step", True),
        Link("theorem's rate / residuals met", "the slowest eigenvector's rate, summed to infinity", False),
        Link(
            "1/(1-beta) / momentum as it is",
            "the full geometric series for each gradient, gamma without its sign",
            True,
        ),
        Link("sum of norms / norm of sums", "the triangle inequality, sample by sample", True),
        Link("|xi| / xi", "residuals that change sign take movement back", True),
        Link("sqrt|K| |c| / actual movement", "every sample active, along the top eigenvector of K", False),
    ]
    return rows(run.name, method.name, "distance", values, links)


def sharp_distance(run: Run) -> tuple[SlackRow, ...]:
    """Compare max_r |w_r(T) - w_r(0)| at the last step with the two bounds of the lemma `distance`."""
    found = DISTANCE.check(run)
    recorded, sharp = found[""], found["sharp"]  # type: ignore[index]
    values = [
        Value("the bound of distance", recorded.bound[:, 0, -1]),  # type: ignore[union-attr]
        Value(
            "the sharp bound",
            sharp.bound[:, 0, -1]
            if isinstance(sharp, Inequality)
            else "the sharp bound needs constant numbers and gamma <= beta/(1-beta)",
        ),
        Value("the distance", run.trajectory.distance[:, 0, -1]),
    ]
    links = [
        Link("1 + 2 gamma / 1", "the two gradients of a step have opposite signs", True),
        Link(
            "sharp bound / distance", "norms for signed sums, every sample active, along the top eigenvector of K", True
        ),
    ]
    return rows(run.name, run.methods[0].name, "sharp distance", values, links)


def deviation(run: Run) -> tuple[SlackRow, ...]:
    """Compare |psi(t) - psi(t-1)|, summed over the steps, with the bound of the lemma `output-deviation`."""
    recorded = run.trajectory.deviation
    values: list = ["the run did not record the deviation from the linear model"] * 2
    if recorded is not None:
        moved = recorded.touched[:, 0, -1] > 0  # otherwise psi is 0
        parts = (recorded.bound[:, 0, 1:], np.diff(recorded.direct[:, 0], axis=1))
        values = [np.where(moved, np.linalg.norm(part, axis=-1).sum(axis=1), 0.0) for part in parts]
    names = ("the bound of output-deviation", "the sum of |psi(t) - psi(t-1)|")
    links = [Link("bound / deviation", "signs a_r, K and residuals without signs, all neurons at full speed", True)]
    pairs = zip(names, values, strict=True)
    return rows(run.name, run.methods[0].name, "deviation", [Value(*pair) for pair in pairs], links)


def flips(run: Run) -> tuple[SlackRow, ...]:
    """Compare the share of flipped (neuron, sample) pairs at the last step with 4 R, |S(R)|/(mn) and |S(R')|/(mn).

    S(R) is the set of pairs whose pre-activation has |z(0)| <= R. R is the largest distance of a neuron from its start,
    R' the largest |z(0)| of a flipped pair; both are rounded up to the recorded radii.
    """
    trajectory = run.trajectory
    largest = trajectory.distance[:, 0].max(axis=1)
    shares: list[np.ndarray | str] = [_NO_COUNTS] * 2
    if _on_grid(trajectory.radii):
        shares = [_near_share(run, radius[:, None])[:, 0] for radius in (largest, trajectory.flip_reach[:, 0, -1])]
    values = [
        Value("4 R", 4 * largest),
        Value("the share within R", shares[0]),
        Value("the share within R'", shares[1]),
        Value("the share of flips", trajectory.flip_fraction[:, 0, -1]),
    ]
    links = [
        Link("4 R / counted", "slope 4 for sqrt(2/pi), with the grid of radii", False),
        Link("largest distance / distance of flips", "R is that of the fastest neuron, which need not flip", True),
        Link("near a boundary / flipped", "most neurons near a boundary move along it, away, or less", True),
    ]
    return rows(run.name, run.methods[0].name, "flips", values, links)


def remainder_bound(run: Run) -> tuple[SlackRow, ...]:
    """Compare the remainder, summed over the steps, with its bound in the lemma `remainder-bound`, link by link.

    The sets S_i(R'), with R' the largest |z(0)| of a pair flipped so far, contain every flipped neuron. Without flips a
    step changes sqrt(m) z_i by sum_j K_ij A_j d_j, whose size is at most the larger of its positive and its negative
    part. The last bound scales the sets to the number of flips (at t-1, t, t+1); this assumes that flipped neurons are
    distributed like the neurons near a boundary.
    """
    trajectory, name = run.trajectory, run.methods[0].name
    links = [
        Link("largest distance / distance of flips", "S_i(R) at the distance of the fastest neuron", True),
        Link("|K| / K", "signs of inner products and of residuals, in the speed v(t)", True),
        Link("near a boundary / flipped", "all of S_i counted, not only what flipped", True),
        Link(
            "moving together / signs a_r", "flipped neurons of both signs a_r partly cancel; all at full speed", False
        ),
    ]
    names = ("the bound of remainder-bound", "with R'", "with K", "with flips only", "the sum of |e(t)|")
    values: list
    if not (_on_grid(trajectory.radii) and _on_grid(trajectory.overlap_radii)):
        values = [_NO_COUNTS] * 5
    else:
        flipped = np.maximum.accumulate(trajectory.flip_reach, axis=2)[:, :, 1:]
        kernel, delta = run.data.kernel, change(run)
        plain = with_momentum(run, forcing(run) @ np.abs(kernel))
        signed = unflipped_speed(kernel, delta)
        bounds = [
            np.linalg.norm(majorant(run, radius, speed), axis=-1)
            for radius, speed in ((largest_distance(run), plain), (flipped, plain), (flipped, signed))
        ]
        near = _near_share(run, flipped[:, 0]) * trajectory.width * run.data.size
        count = trajectory.flips[:, 0]
        previous = np.concatenate([np.zeros_like(count[:, :1]), count[:, :-2]], axis=1)
        relevant = np.maximum(np.maximum(previous, count[:, :-1]), count[:, 1:])
        bounds.append((bounds[-1][:, 0] * np.where(near > 0, relevant / np.maximum(near, 1), 0.0))[:, None])
        bounds.append(np.linalg.norm(remainder(run), axis=-1))
        moved = (trajectory.flips[:, 0] > 0).any(axis=1)  # otherwise the remainder is only rounding error
        values = [np.where(moved, bound[:, 0].sum(axis=1), 0.0) for bound in bounds]
    return rows(run.name, name, "remainder", [Value(*pair) for pair in zip(names, values, strict=True)], links)


def unflipped_speed(kernel: np.ndarray, change: np.ndarray) -> np.ndarray:
    """Compute the largest |sum_j K_ij A_j d_j| over all patterns A: the sum of its positive or of its negative terms.

    Args:
        kernel: K, (n, n).
        change: d, (..., n).

    Example:
        >>> unflipped_speed(np.array([[1.0, -0.5], [-0.5, 1.0]]), np.array([1.0, 1.0])).tolist()
        [1.0, 1.0]
    """
    up, down = np.maximum(kernel, 0), np.maximum(-kernel, 0)
    plus, minus = np.maximum(change, 0), np.maximum(-change, 0)
    return np.maximum(plus @ up + minus @ down, plus @ down + minus @ up)


def _on_grid(radii: np.ndarray) -> bool:
    return bool(np.isin(RADII_GRID, radii).all())


def _near_share(run: Run, radius: np.ndarray) -> np.ndarray:
    """Compute the share of (neuron, sample) pairs within the radius (s, t) of a boundary, rounded up to the grid."""
    trajectory = run.trajectory
    total = trajectory.width * run.data.size
    near = with_overflow_entry(trajectory.near_boundary.sum(axis=2), total)
    return np.take_along_axis(near, radius_index(trajectory.radii, radius), axis=1) / total
