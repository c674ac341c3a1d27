"""Look at a network block by block as it is drawn: sums over all neurons, and the few that may flip.

The m x d weights never exist at once. What remains of a neuron that cannot flip is its share in the sums and its
pattern, kept once per distinct pattern.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.network import BLOCK, Network, checksum, draw_block, seed_key
from nag_ntk.neurons import absent
from nag_ntk.pattern import OverlapRange, near_boundary_count, overlap_range, pattern_counts
from nag_ntk.precision import HIGHEST, whole_dtype
from nag_ntk.problem import Problem, Shape

_SPAN_BYTES = 2**26
_THREADS = 2


class Survey(NamedTuple):
    """One network, summed up.

    Attributes:
        outputs: (n,), sum_r (a_r / sqrt m) relu(z_r).
        counts: (n, n) int64, #{r : A_ri A_rj}.
        recorded: what a Trajectory records of step 0.
        size: max |w_r|.
        origin, signs, codes: z (n, N), a / sqrt m (N,) and packed patterns (N, words) of the neurons at risk.
        patterns: (P, words) uint32, the distinct packed patterns of the others.
    """

    outputs: np.ndarray
    counts: np.ndarray
    recorded: dict[str, np.ndarray]
    size: float
    origin: np.ndarray
    signs: np.ndarray
    codes: np.ndarray
    patterns: np.ndarray


def _pack(active: jax.Array) -> jax.Array:
    """(n, L) bool -> (words, L) uint32, sample i at bit i % 32 of word i // 32."""
    n = active.shape[0]
    padded = jnp.pad(active, ((0, -n % 32), (0, 0))).reshape(-1, 32, active.shape[1])
    return jnp.sum(
        padded.astype(jnp.uint32) << jnp.arange(32, dtype=jnp.uint32)[None, :, None], axis=1, dtype=jnp.uint32
    )


def _look(problem: Problem, thresholds, width: int, first, network: Network):
    """Sums over one block of neurons, the first of which is number `first`; those beyond the width do not count."""
    weights, signs = network
    dtype = problem.coordinates.dtype
    present = first + jnp.arange(BLOCK) < width
    weights = jnp.where(present[:, None], weights, 0)
    signs = jnp.where(present, signs, 0)
    z = jnp.dot(problem.coordinates, weights.T, precision=HIGHEST)
    z = jnp.where(present[None, :], z, absent(dtype))
    size, active = jnp.abs(z), z >= 0
    sums = {
        "outputs": jnp.dot(jnp.maximum(z, 0), signs / jnp.sqrt(jnp.asarray(width, dtype)), precision=HIGHEST),
        "counts": pattern_counts(active, active),
        "size": jnp.sum(jnp.where(present[None, :], size, 0), axis=1),
        "square": jnp.sum(jnp.where(active, z, 0) ** 2, axis=1),
        "near": near_boundary_count(z, problem.radii),
        # shares of a power of two: back to whole numbers
        "overlaps": jnp.stack(overlap_range(z, problem.overlap_radii), axis=1) * BLOCK,
        "checksum": jnp.stack([
            checksum(weights, first.astype(jnp.uint32) * weights.shape[1]), checksum(signs, first.astype(jnp.uint32))
        ]),
    }  # fmt: skip
    longest = jnp.max(jnp.sum(weights * weights, axis=1))
    at_risk = jnp.any(size <= thresholds[:, None], axis=0) & present
    return sums, longest, (z, signs, at_risk, _pack(active))


def _gather(blocks):
    """Sums over the blocks of a span; per-neuron arrays with the neurons of all blocks last."""
    sums, longest, neurons = blocks

    def joined(array):
        return jnp.moveaxis(array, 0, -2).reshape(*array.shape[1:-1], -1)

    wide = {"near", "counts"}
    total = {
        name: jnp.sum(part, axis=0, dtype=whole_dtype() if name in wide else part.dtype) for name, part in sums.items()
    }
    return total, jnp.max(longest), jax.tree.map(joined, neurons)


@partial(jax.jit, static_argnums=(0, 1))
def _drawn(shape: Shape, blocks: int, problem: Problem, thresholds, seed, first):
    key, dimension = seed_key(problem.key, seed), problem.coordinates.shape[1]

    def one(index):
        network = draw_block(key, index.astype(jnp.uint32), dimension, shape.dtype)
        return _look(problem, thresholds, shape.width, index * BLOCK, network)

    return _gather(jax.lax.map(one, first + jnp.arange(blocks)))


@partial(jax.jit, static_argnums=(0, 1))
def _given(shape: Shape, blocks: int, problem: Problem, thresholds, network: Network, first):
    def one(part):
        index, weights, signs = part
        return _look(problem, thresholds, shape.width, index * BLOCK, Network(weights, signs))

    weights = network.weights.reshape(blocks, BLOCK, -1)
    return _gather(jax.lax.map(one, (first + jnp.arange(blocks), weights, network.signs.reshape(blocks, BLOCK))))


def span(n: int) -> int:
    """Blocks looked at in one call: a power of two, at most 64, whose pre-activations take at most 64 MiB."""
    return 2 ** int(np.clip(np.log2(_SPAN_BYTES / (8 * n * BLOCK)), 0, 6))


def distinct(codes: np.ndarray) -> np.ndarray:
    """The distinct rows of (N, words) uint32."""
    codes = np.ascontiguousarray(codes)
    words = codes.shape[1]
    if words <= 2:
        whole = codes.view(np.uint32 if words == 1 else np.uint64)
        return np.unique(whole).reshape(-1, 1).view(np.uint32)
    return np.unique(codes, axis=0)


def _spans(shape: Shape, problem: Problem, thresholds, seed, network: Network | None, blocks: int) -> Iterator:
    """Calls, one per span, each returning sums, the longest weight, and the neurons worth keeping."""
    count = -(-shape.width // (BLOCK * blocks))
    limits = jnp.asarray(thresholds, shape.dtype)

    def call(index):
        first = jnp.asarray(index * blocks, whole_dtype())
        if network is None:
            found = _drawn(shape, blocks, problem, limits, jnp.asarray(seed, jnp.uint32), first)
        else:
            rows = slice(index * blocks * BLOCK, (index + 1) * blocks * BLOCK)
            missing = blocks * BLOCK - len(network.signs[rows])
            part = Network(
                np.pad(network.weights[rows], ((0, missing), (0, 0))), np.pad(network.signs[rows], (0, missing))
            )
            found = _given(shape, blocks, problem, limits, part, first)
        sums, longest, (z, signs, at_risk, codes) = jax.tree.map(np.asarray, found)
        sums = {name: part.astype(np.float64) if part.dtype.kind == "f" else part for name, part in sums.items()}
        present = min(shape.width - index * blocks * BLOCK, blocks * BLOCK)
        kept = np.flatnonzero(at_risk)
        rest = codes[:, :present][:, ~at_risk[:present]].T
        return sums, longest, (z[:, kept], signs[kept], codes[:, kept].T, distinct(rest))

    if count == 1:
        yield call(0)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting, following = [], 0
        while waiting or following < count:
            while following < count and len(waiting) < 2 * _THREADS:
                waiting.append(pool.submit(call, following))
                following += 1
            yield waiting.pop(0).result()


def survey(shape: Shape, problem: Problem, thresholds: np.ndarray, seed: int, network: Network | None = None) -> Survey:
    """Draw one network (or walk through a given one) and sum it up.

    Args:
        shape: as for every engine.
        problem: likewise.
        thresholds: (n,), a neuron is at risk when |z_rj| <= threshold_j for some j.
        seed: the seed number.
        network: weights (m, p) in the coordinates' span and signs (m,), or None to draw.

    Cost: m p normals and about m n (p + n) operations, in spans of at most 64 blocks of 1,024 neurons; memory for two
        spans, the neurons at risk, and n bits per distinct pattern.
    """
    total: dict[str, np.ndarray] = {}
    longest, kept = 0.0, []
    for sums, most, neurons in _spans(shape, problem, thresholds, seed, network, span(len(problem.targets))):
        total = {name: part + total[name] if total else part for name, part in sums.items()}
        longest = max(longest, float(most))
        kept.append(neurons)
    origin, signs, codes, patterns = zip(*kept, strict=True)
    dtype, width = np.dtype(shape.dtype), shape.width
    kernel = np.asarray(problem.coordinates) @ np.asarray(problem.coordinates).T
    least, most, at_risk = (total["overlaps"][:, i] / width for i in range(3))
    recorded = {
        "initial_gram": (kernel * (total["counts"] / width)).astype(dtype),
        "mean_size": (total["size"] / width).astype(dtype),
        "mean_square": (total["square"] / width).astype(dtype),
        "near_boundary": total["near"].astype(np.int32 if width < 2**31 else np.int64),
        "overlap_range": OverlapRange(*(part.astype(dtype) for part in (least, most, at_risk))),
        "checksum": total["checksum"].astype(np.uint32),
    }
    return Survey(
        outputs=total["outputs"].astype(dtype), counts=total["counts"], recorded=recorded, size=float(np.sqrt(longest)),
        origin=np.concatenate(origin, axis=1), signs=np.concatenate(signs) / np.asarray(np.sqrt(width), dtype),
        codes=np.concatenate(codes), patterns=distinct(np.concatenate(patterns)),
    )  # fmt: skip
