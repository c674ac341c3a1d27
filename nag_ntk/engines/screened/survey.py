"""Survey of a network block by block as it is drawn: sums over all neurons, and the neurons at risk.

The m x d weights are never in memory at once. A safe neuron, which cannot flip, contributes to the sums, and its
pattern is stored once per distinct pattern.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.network import BLOCK, Network, checksum, draw_block, seed_key
from nag_ntk.pattern import OverlapRange, near_boundary_count, overlap_range, pattern_counts
from nag_ntk.precision import integer_dtype
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.neurons import initial_preactivations, outputs, padding_preactivation

_SPAN_BYTES = 2**26
_THREADS = 2


class Survey(NamedTuple):
    """Sums over all neurons of one network, and its neurons at risk.

    Attributes:
        outputs: (n,), sum_r (a_r / sqrt m) relu(z_r).
        counts: (n, n) int64, #{r : A_ri A_rj}.
        recorded: the entries of a Trajectory for step 0.
        max_weight: max |w_r(0)|.
        origin, signs, codes: z (n, N), a / sqrt m (N,) and packed patterns (N, words) of the neurons at risk.
        patterns: (P, words) uint32, the distinct packed patterns of the safe neurons.
    """

    outputs: np.ndarray
    counts: np.ndarray
    recorded: dict[str, np.ndarray]
    max_weight: float
    origin: np.ndarray
    signs: np.ndarray
    codes: np.ndarray
    patterns: np.ndarray


def _pack(active: jax.Array) -> jax.Array:
    """Pack patterns, (n, L) bool -> (words, L) uint32, sample i at bit i % 32 of word i // 32."""
    n = active.shape[0]
    padded = jnp.pad(active, ((0, -n % 32), (0, 0))).reshape(-1, 32, active.shape[1])
    return jnp.sum(
        padded.astype(jnp.uint32) << jnp.arange(32, dtype=jnp.uint32)[None, :, None], axis=1, dtype=jnp.uint32
    )


def _survey_block(shape: Shape, inputs: Inputs, thresholds, first, network: Network):
    """Sum over one block of neurons that begins with number `first`; neurons beyond the width count as padding.

    Returns:
        The sums, max |w_r|^2, and for every neuron its pre-activations, sign, a flag for risk, and packed pattern.
    """
    weights, signs = network
    dtype, width = inputs.coordinates.dtype, shape.width
    present = first + jnp.arange(BLOCK) < width
    weights = jnp.where(present[:, None], weights, 0)
    signs = jnp.where(present, signs, 0)
    z = initial_preactivations(shape, inputs.coordinates, weights)
    z = jnp.where(present[None, :], z, padding_preactivation(dtype))
    size, active = jnp.abs(z), z >= 0
    sums = {
        "outputs": outputs(shape, z, signs / jnp.sqrt(jnp.asarray(width, dtype))),
        "counts": pattern_counts(active, active),
        "size": jnp.sum(jnp.where(present[None, :], size, 0), axis=1),
        "square": jnp.sum(jnp.where(active, z, 0) ** 2, axis=1),
        "near": near_boundary_count(z, inputs.radii),
        # the shares have the denominator BLOCK, a power of two: convert them to exact counts
        "overlaps": jnp.stack(overlap_range(z, inputs.overlap_radii), axis=1) * BLOCK,
        "checksum": jnp.stack([
            checksum(weights, first.astype(jnp.uint32) * weights.shape[1]), checksum(signs, first.astype(jnp.uint32))
        ]),
    }  # fmt: skip
    max_square = jnp.max(jnp.sum(weights * weights, axis=1))
    at_risk = jnp.any(size <= thresholds[:, None], axis=0) & present
    return sums, max_square, (z, signs, at_risk, _pack(active))


def _sum_blocks(blocks):
    """Sum over the blocks of a span, and join the arrays of the neurons along the last axis."""
    sums, max_square, neurons = blocks

    def joined(array):
        return jnp.moveaxis(array, 0, -2).reshape(*array.shape[1:-1], -1)

    integers = {"near", "counts"}
    total = {
        name: jnp.sum(part, axis=0, dtype=integer_dtype() if name in integers else part.dtype)
        for name, part in sums.items()
    }
    return total, jnp.max(max_square), jax.tree.map(joined, neurons)


@partial(jax.jit, static_argnums=(0, 1))
def _survey_drawn(shape: Shape, blocks: int, inputs: Inputs, thresholds, seed, first):
    """Draw and survey the blocks first, ..., first + blocks - 1 of a seed."""
    key, dimension = seed_key(inputs.key, seed), inputs.coordinates.shape[1]

    def one(index):
        network = draw_block(key, index.astype(jnp.uint32), dimension, shape.dtype, shape.init)
        return _survey_block(shape, inputs, thresholds, index * BLOCK, network)

    return _sum_blocks(jax.lax.map(one, first + jnp.arange(blocks)))


@partial(jax.jit, static_argnums=(0, 1))
def _survey_given(shape: Shape, blocks: int, inputs: Inputs, thresholds, network: Network, first):
    """Survey the blocks first, ..., first + blocks - 1 of a given network; `network` has only these blocks."""

    def one(part):
        index, weights, signs = part
        return _survey_block(shape, inputs, thresholds, index * BLOCK, Network(weights, signs))

    weights = network.weights.reshape(blocks, BLOCK, -1)
    return _sum_blocks(jax.lax.map(one, (first + jnp.arange(blocks), weights, network.signs.reshape(blocks, BLOCK))))


def span(n: int) -> int:
    """Choose the number of blocks surveyed in one call: a power of two up to 64, pre-activations up to 64 MiB."""
    return 2 ** int(np.clip(np.log2(_SPAN_BYTES / (8 * n * BLOCK)), 0, 6))


def distinct(codes: np.ndarray) -> np.ndarray:
    """Return the distinct rows of (N, words) uint32."""
    codes = np.ascontiguousarray(codes)
    words = codes.shape[1]
    if words <= 2:
        scalars = codes.view(np.uint32 if words == 1 else np.uint64)
        return np.unique(scalars).reshape(-1, 1).view(np.uint32)
    return np.unique(codes, axis=0)


def _spans(shape: Shape, inputs: Inputs, thresholds, seed, network: Network | None, blocks: int) -> Iterator:
    """Survey a network span by span.

    Yields:
        Sums, max |w_r|^2, and (pre-activations, signs and codes of the neurons at risk, distinct safe patterns).
    """
    count = -(-shape.width // (BLOCK * blocks))
    limits = jnp.asarray(thresholds, shape.dtype)

    def call(index):
        first = jnp.asarray(index * blocks, integer_dtype())
        if network is None:
            result = _survey_drawn(shape, blocks, inputs, limits, jnp.asarray(seed, jnp.uint32), first)
        else:
            rows = slice(index * blocks * BLOCK, (index + 1) * blocks * BLOCK)
            padding = blocks * BLOCK - len(network.signs[rows])
            part = Network(
                np.pad(network.weights[rows], ((0, padding), (0, 0))), np.pad(network.signs[rows], (0, padding))
            )
            result = _survey_given(shape, blocks, inputs, limits, part, first)
        sums, max_square, (z, signs, at_risk, codes) = jax.tree.map(np.asarray, result)
        sums = {name: part.astype(np.float64) if part.dtype.kind == "f" else part for name, part in sums.items()}
        present = min(shape.width - index * blocks * BLOCK, blocks * BLOCK)
        risky = np.flatnonzero(at_risk)
        rest = codes[:, :present][:, ~at_risk[:present]].T
        return sums, max_square, (z[:, risky], signs[risky], codes[:, risky].T, distinct(rest))

    if count == 1:
        yield call(0)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting, next_index = [], 0
        while waiting or next_index < count:
            while next_index < count and len(waiting) < 2 * _THREADS:
                waiting.append(pool.submit(call, next_index))
                next_index += 1
            yield waiting.pop(0).result()


def survey(shape: Shape, inputs: Inputs, thresholds: np.ndarray, seed: int, network: Network | None = None) -> Survey:
    """Draw one network, or use a given one, and sum over its neurons without storing all of them.

    Args:
        shape: as for every engine.
        inputs: as for every engine.
        thresholds: (n,), a neuron is at risk when |z_rj| <= threshold_j for some j.
        seed: the seed number.
        network: weights (m, p) in the coordinates' span and signs (m,), or None to draw.

    Cost: m p normals and about m n (p + n) operations, in spans of at most 64 blocks of 1,024 neurons; memory for two
        spans, the neurons at risk, and n bits per distinct pattern.
    """
    total: dict[str, np.ndarray] = {}
    max_square, parts = 0.0, []
    for sums, span_max, neurons in _spans(shape, inputs, thresholds, seed, network, span(len(inputs.targets))):
        total = {name: part + total[name] if total else part for name, part in sums.items()}
        max_square = max(max_square, float(span_max))
        parts.append(neurons)
    origin, signs, codes, patterns = zip(*parts, strict=True)
    dtype, width = np.dtype(shape.dtype), shape.width
    kernel = np.asarray(inputs.coordinates) @ np.asarray(inputs.coordinates).T
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
        outputs=total["outputs"].astype(dtype), counts=total["counts"], recorded=recorded,
        max_weight=float(np.sqrt(max_square)), origin=np.concatenate(origin, axis=1),
        signs=np.concatenate(signs) / np.asarray(np.sqrt(width), dtype),
        codes=np.concatenate(codes), patterns=distinct(np.concatenate(patterns)),
    )  # fmt: skip
