"""gram-stability: a bound on |H(W) - H(0)|_F for all networks W in a ball around the initial one."""

import math
from collections.abc import Mapping

import jax
import numpy as np

from nag_ntk import draw, seed_key
from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run
from proofs_check.lemmas.radii import radius_index

_ATTACKED = 16  # seeds whose supremum is attacked; the others can support but not refute
_LARGEST_ATTACK = 2**22  # neurons times samples times moves of one attack


def _radius(size: int, width: int, delta: float) -> float:
    """Compute the R at which n^2 e^(-mR/10) = delta."""
    return 10 * math.log(size**2 / delta) / width


def _moves(z: np.ndarray, kernel: np.ndarray, radius: float) -> np.ndarray:
    """Compute pre-activations (c, m, n) after c moves of length at most R: across one hyperplane, or along a sum of inputs.

    A neuron moves along inputs, w + sum_j c_j x_j, which changes z by c K; its length is sqrt(c K c).
    """
    count = len(kernel)
    moved = [z]
    for i in range(count):  # just across the boundary of sample i, where it is near enough
        step = np.where(np.abs(z[:, i]) < radius, -z[:, i] - np.sign(z[:, i]) * 1e-9 * radius, 0.0)
        moved.append(z + step[:, None] * kernel[i])
    near = (np.abs(z) < radius).astype(float)
    for wanted in (near, near * (z >= 0), near * (z < 0), np.ones_like(near)):
        length = np.sqrt(np.maximum(np.sum((wanted @ kernel) * wanted, axis=1), 1e-300))
        push = (radius * (1 - 1e-12) / length)[:, None] * (wanted @ kernel)
        moved += [z + push, z - push]
    return np.stack(moved)


def _attack(z: np.ndarray, kernel: np.ndarray, radius: float) -> float:
    """Search for a large |H(W) - H(0)|_F: each neuron takes the move that changes H most in a common direction."""
    before = (z >= 0).astype(float)
    options = (_moves(z, kernel, radius) >= 0).astype(float)
    weight, largest = kernel**2, 0.0
    start = before.T @ before
    for sign in (1.0, -1.0):
        gain = sign * np.sum((options @ weight) * options, axis=-1)
        chosen = np.take_along_axis(options, np.argmax(gain, axis=0)[None, :, None], axis=0)[0]
        largest = max(largest, float(np.linalg.norm(kernel * (chosen.T @ chosen - start)) / len(z)))
    return largest


def _attained(run: Run, radius: float) -> np.ndarray:
    """Bound the supremum over the ball from below by a search, (s,); NaN for seeds that were not searched."""
    trajectory, data = run.trajectory, run.data
    attained = np.full(len(trajectory.seeds), np.nan)
    if not trajectory.redrawable or trajectory.width * data.size * (data.size + 9) > _LARGEST_ATTACK:
        return attained

    def draw_again(seed):
        t = trajectory
        return draw(seed_key(t.key, seed), t.width, t.rank, t.dtype, t.init).weights

    compiled = jax.jit(draw_again)
    for s in range(min(_ATTACKED, len(attained))):
        z = np.asarray(compiled(trajectory.seeds[s]), float) @ data.coordinates.T
        attained[s] = _attack(z, data.kernel, radius)
    return attained


def _claims(run: Run, bounds: dict[str, float], radius: float) -> dict[str, Inequality | NotApplicable]:
    trajectory, kernel = run.trajectory, np.abs(run.data.kernel)
    trivial = float(np.linalg.norm(kernel))
    size, delta = run.data.size, run.delta
    needed = math.ceil(20 * size * math.log(size**2 / delta) / trivial) + 1
    evidence: dict[str, Inequality | NotApplicable] = {
        name: NotApplicable(
            f"{bound:.3g} is no less than |K|_F = {trivial:.3g}, which no two Gram matrices exceed; with 2 n R the bound "
            f"says something from width {needed:,} on"
        )
        for name, bound in bounds.items()
        if bound >= trivial
    }
    if len(evidence) == len(bounds):
        return evidence
    place = int(radius_index(trajectory.overlap_radii, np.array(radius)))
    now = trajectory.initial_gram / np.where(run.data.kernel == 0, 1, run.data.kernel)
    least, most = (part[:, place] for part in (trajectory.overlap_range.least, trajectory.overlap_range.most))
    upper = np.linalg.norm(kernel * np.maximum(most - now, now - least), axis=(1, 2))
    attained = _attained(run, radius)
    attacked = int(np.isfinite(attained).sum())
    note = f"R = {radius:.3g}; supremum at most {upper.max():.3g} by counting"
    if attacked:
        note += f", at least {np.nanmax(attained):.3g} by attack on {attacked} seeds"
    for name, bound in bounds.items():
        inequality = Inequality(upper, np.full_like(upper, bound), until=0, note=note, attained=attained)
        evidence.setdefault(name, inequality)
    return evidence


def _check(run: Run, factors: Mapping[str, float], power: float = 1.0) -> dict[str, Inequality | NotApplicable]:
    size = run.data.size
    radius = _radius(size, run.trajectory.width, run.delta)
    return _claims(run, {name: factor * size * radius**power for name, factor in factors.items()}, radius)


GRAM_STABILITY = Lemma(
    id="gram-stability",
    title="H is stable in a ball",
    group="Gram matrix",
    statement="With probability >= 1 - n^2 e^(-m R/10), every W with max_r |w_r - w_r(0)| <= R has |H(W) - H(0)|_F "
    "<= 2 n R (two), hence 3 n R (three); checked at the R with n^2 e^(-m R/10) = delta.",
    tex=r"With probability at least $1 - n^2e^{-mR/10}$, every $W$ with $\max_r\Vert w_r - w_r(0)\Vert \le R$ has "
    r"$$\Vert H(W) - H(0)\Vert _F \le 2nR \text{ (two)},\quad\text{hence } 3nR \text{ (three)};$$ checked at the $R$ "
    r"with $n^2e^{-mR/10} = \delta$.",
    hypotheses="|x_i| = 1; says something where 2 n R < |K|_F.",
    kind=Claim.PROBABILITY,
    source="form of Song, Yang 2019, arXiv 1906.03593; proof derived",
    provenance="form of",
    rests_on=("flip-probability",),
    decision="The supremum over the ball is bounded from above by counting neurons that can reach a boundary, which supports, "
    "and from below by an attack on 16 seeds that moves every neuron within the ball, which refutes; exact "
    "binomial limits against delta on both sides.",
    check=lambda run: _check(run, {"two": 2.0, "three": 3.0}),
    controls=(
        Control(
            "quarter",
            "|H(W) - H(0)|_F <= n R/4",
            lambda run: _check(run, {"": 0.25}),
            {"width": 4096, "steps": 0, "seeds": 16},
        ),
        Control(
            "quadratic",
            "|H(W) - H(0)|_F <= 2 n R^2",
            lambda run: _check(run, {"": 2.0}, 2.0),
            {"width": 16384, "steps": 0, "seeds": 16},
        ),
    ),
    constants="2 and 1/10 as in the source. Derived: only entries that grow, or only those that shrink, add up, so the mean is "
    "sqrt(2/pi) m R per entry and Chernoff gives the exponent 0.63 m R at 2 m R; counting S_i and S_j whole (mean 1.6 m R) "
    "would give 0.047 m R, which is not enough for 1/10: with that count only 3 n R follows.",
    study={"width": 4096, "steps": 0, "seeds": 100},
    overlap_radii=lambda n, width, delta: (_radius(n, width, delta),),
)
