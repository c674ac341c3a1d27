"""comparison: the residual stays below a majorant that is computed from the first weights of the network alone."""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk import Method
from nag_ntk.network import BLOCK, draw_block, seed_key
from nag_ntk.precision import HIGHEST
from nag_ntk.schedule import coefficients, initial_momentum
from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run
from proofs_check.rigor.comparison.outward import spectral_norm_above
from proofs_check.rigor.comparison.recursion import Forcing, Linear, forward, kernels, masked_sums
from proofs_check.rigor.comparison.responses import Model, Modes

_NEURONS = 2**25  # neurons that a check may draw again
_SEEDS = 128
_SPAN = 64  # blocks of 1,024 neurons drawn at a time
_FIRST = 32  # steps of the first attempt, doubled as long as the majorant stays small
_GROWN = 1e3  # a majorant above this multiple of |xi(0)| says nothing
_ALLOWANCE = 1e-12  # float64 recursion, relative to |xi(0)|


@partial(jax.jit, static_argnums=(3, 4, 5))
def _preactivations(coordinates, key, indices, count: int, dtype: str, init: str):
    weights = jax.lax.map(
        lambda index: draw_block(key, index, coordinates.shape[1], dtype, init).weights, indices
    )  # fmt: skip
    return jnp.dot(coordinates, weights.reshape(count * BLOCK, -1).T, precision=HIGHEST)


def _spans(run: Run, seed: int) -> Iterator[np.ndarray]:
    """Draw the network of a seed again; yield its pre-activations w_r(0).x_i, (n, N) of N neurons at a time."""
    trajectory = run.trajectory
    key = seed_key(trajectory.key, seed)
    coordinates = jnp.asarray(run.data.coordinates, trajectory.dtype)
    blocks = -(-trajectory.width // BLOCK)
    for first in range(0, blocks, _SPAN):
        count = min(_SPAN, blocks - first)
        indices = jnp.arange(first, first + count, dtype=jnp.uint32)
        span = _preactivations(coordinates, key, indices, count, trajectory.dtype, trajectory.init)
        yield np.asarray(span, np.float64)[:, : trajectory.width - first * BLOCK]


def _numbers(method: Method, start: str) -> tuple[float, float, float, float]:
    """Return p, l, beta and c: S grows by q + p xi in a step, q becomes beta q + l xi, and q(0) = -c xi(0)."""
    step, decay, lift = map(float, coefficients(method, 2)[0])
    return step, lift, decay, initial_momentum(method, start)


def _modes(eigenvalues: np.ndarray, numbers: tuple[float, float, float, float], steps: int) -> Modes:
    """Compute the scalar responses in float64; the bound on their rounding is part of the lemma's allowance."""
    step, lift, decay, push = numbers
    first = np.stack([np.zeros_like(eigenvalues), np.full_like(eigenvalues, -push)])
    record = np.zeros((3, steps + 1, 2, len(eigenvalues)))
    residual, total, momentum = np.ones_like(first), np.zeros_like(first), first
    for k in range(steps + 1):
        record[:, k] = residual, total, momentum
        total, momentum = total + momentum + step * residual, decay * momentum + lift * residual
        residual = 1 - eigenvalues * total
    jump, origin = record[:, :, 0], record[:, :, 1]
    return Modes(jump[0], jump[1], jump[2], 0 * jump[0], 0 * jump[0], origin[0], origin[1])


def _forcing(
    kernel: np.ndarray, preactivation: np.ndarray, width: int, linear: Linear, *, share: float, second: bool
) -> Forcing:
    """Count the pairs of this network that can flip; return the matrix B of docs/theory/comparison.md, equation (3)."""
    size = np.abs(preactivation) * width**0.5
    order = np.argsort(size.min(axis=0))  # a neuron none of whose pairs is within its first reach adds nothing
    size, active = size[:, order], preactivation[:, order] >= 0
    least = size.min(axis=0)
    absolute, widest = np.abs(kernel), np.maximum.accumulate(linear.reach)
    last: list = [None, None]

    def forcing(time: int, extra: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, float] | None:
        reach = ((widest[time] + extra) * (1 + _ALLOWANCE))[:, None]
        if not np.isfinite(reach).all():
            return None
        some = slice(np.searchsorted(least, reach.max(), side="right"))
        inside = size[:, some] <= reach
        near = inside.sum(axis=0) - inside
        far = (absolute @ path * (1 + _ALLOWANCE))[:, None]
        flips = inside | ((size[:, some] <= far) & (near > 0)) if second else inside
        count = int(flips.sum())
        if last[0] != count:  # the sets only grow
            f, a = flips.astype(np.float32), active[:, some].astype(np.float32)
            counts = ((1 - f) * a) @ f.T + f @ np.maximum(f, a).T
            matrix = share * absolute * counts / width
            last[:] = count, (matrix, spectral_norm_above(np.maximum(matrix, matrix.T)))
        return last[1]

    return forcing


def _majorant(
    run: Run, k: int, gram: np.ndarray, residual: np.ndarray, preactivation: np.ndarray, options: dict
) -> np.ndarray:
    """Run the comparison recursion with the counts of one network: X, (t+1, n), infinite from where it has grown."""
    trajectory, method, kernel = run.trajectory, run.methods[k], run.data.kernel
    values, vectors = np.linalg.eigh(gram)
    model = Model(vectors, values, 1e-13)
    numbers = _numbers(method, trajectory.start)
    step, lift, decay, push = numbers
    sizes = step, abs(lift), decay, push
    steps, result = min(_FIRST, trajectory.steps), np.full((trajectory.steps + 1, len(kernel)), np.inf)
    while True:
        modes = _modes(values, numbers, steps)
        start, filters = (model.entries(part)[0] @ residual for part in (modes.start, modes.start_filter))
        linear = Linear(np.abs(start), masked_sums(kernel, filters), np.zeros_like(start))
        count = _forcing(kernel, preactivation, trajectory.width, linear, **options)
        bound = forward(kernels(model, modes, kernel, 1e-15, steps), linear, count, sizes).residual
        large = np.flatnonzero(bound.max(axis=1) > _GROWN * np.linalg.norm(residual))
        upto = int(large[0]) if large.size else len(bound)
        if upto <= steps or steps == trajectory.steps:
            result[:upto] = bound[:upto]
            return result
        steps = min(2 * steps, trajectory.steps)


def _check(run: Run, *, share: float = 1.0, second: bool = True) -> Inequality | NotApplicable:
    trajectory = run.trajectory
    constant = [k for k, method in enumerate(run.methods) if method.constant]
    if not constant:
        return NotApplicable("the linear model is stated for methods whose numbers do not change")
    seeds = trajectory.seeds[: max(1, min(_SEEDS, _NEURONS // trajectory.width))]
    bound = np.full(trajectory.residual.shape, np.inf)
    for s, seed in enumerate(seeds):
        spans = list(_spans(run, seed))
        preactivation = np.concatenate(spans, axis=1)
        drawn = np.abs(preactivation).mean(axis=1)
        if not np.allclose(drawn, trajectory.mean_size[s], rtol=1e-4):
            return NotApplicable(
                "the networks were given, not drawn from their seeds: their first weights are not kept"
            )
        for k in constant:
            bound[s, k] = _majorant(
                run, k, trajectory.initial_gram[s], trajectory.residual[s, k, 0], preactivation,
                {"share": share, "second": second},
            )  # fmt: skip
    where = np.isfinite(bound)
    where[:, :, 0] = False
    size = np.linalg.norm(trajectory.residual[:, :, :1], axis=-1, keepdims=True)
    allowance = _ALLOWANCE * size + trajectory.residual_rounding[:, None, None, None] * 2
    compared = where.any(axis=-1).sum(axis=2)[: len(seeds), constant]
    note = f"compared up to step {int(compared.max())}, in all runs up to step {int(compared.min())}"
    if len(seeds) < len(trajectory.seeds):
        note += f"; the first {len(seeds)} seeds only"
    return Inequality(
        np.abs(trajectory.residual), np.where(where, bound, 0) + allowance, ("seed", "method", "step", "sample"),
        where=where, note=note,
    )  # fmt: skip


COMPARISON = Lemma(
    id="comparison",
    needs="family",
    title="Comparison theorem",
    group="residual",
    statement="|xi(t)| <= X(t) entrywise for all t, X(t) = |xi_lin(t)| + sum_{s<=t} |Y(t - s)| B(s) mu(s): run forward "
    "with mu from X(0), ..., X(t-1), B(s) counted from the pairs that the bounds up to s allow to flip.",
    tex=r"$|\xi(t)| \le X(t)$ entrywise for all $t$, $$X(t) = |\xi_{lin}(t)| + \sum_{s\le t} |Y(t-s)| B(s) \mu(s):$$ run forward "
    r"with $\mu$ from $X(0), \dots, X(t-1)$, $B(s)$ counted from the pairs that the bounds up to $s$ allow to flip.",
    hypotheses="none on the width: every step of every run of a method whose numbers do not change. Compared as long as X is below 1000 "
    "times |xi(0)|; a wide network keeps it small for ever.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("majorant.majorant",),
    formal_part="The bound is proved for both starts, for all numbers that meet the inequalities of the recursion.",
    rests_on=("output-decomposition", "flip-set", "output-deviation"),
    decision="Every entry of the residual at every step against the majorant, computed from the first weights alone; one "
    "violation beyond rounding refutes.",
    check=_check,
    controls=(
        Control("lazy", "B = 0: the linear model is exact", lambda run: _check(run, share=0.0)),
        Control("root", "1/m^(3/2) in place of 1/m", lambda run: _check(run, share=run.trajectory.width**-0.5)),
    ),
    constants="All are 1. The losses: absolute values entry by entry, the largest path over all patterns in the reach, and momentum "
    "without its signs in mu.",
    trains=True,
    study={"seeds": 16},
)
