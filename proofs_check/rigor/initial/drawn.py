"""Networks that are drawn from a seed, drawn once more in NumPy: Threefry counters, the normal quantile, random signs.

The suite draws neurons in blocks of 1,024; each has a key of its own, folded into the key of the seed. The bits here
are the same, integer by integer. The weights agree up to rounding: `tolerance` allows for it, and a proof holds for
every network within it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

BLOCK = 1024
_SPAN = 16  # blocks drawn at a time: a few MiB
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
# Wichura 1988, algorithm AS 241 (PPND16): numerators and denominators, highest power first
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.3871328727963666080),
    (5226.4952788528545610, 28729.085735721942674, 39307.895800092710610, 21213.794301586595867,
     5394.1960214247511077, 687.18700749205790830, 42.313330701600911252, 1.0),
)  # fmt: skip
_NEAR = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip


class Draw(NamedTuple):
    """The numbers that determine the random first weights and signs of a network.

    Attributes:
        key: the study's base key.
        seed: the seed.
        width: m.
        init: "independent" or "antisymmetric".
    """

    key: int
    seed: int
    width: int
    init: str


def threefry(key: tuple[np.ndarray, np.ndarray], high: np.ndarray, low: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply Threefry-2x32 with 20 rounds to counters (Salmon and others 2011).

    Args:
        key: two uint32 arrays.
        high: the upper halves of the counters, a uint32 array that broadcasts with the key.
        low: the lower halves.

    Returns:
        Two uint32 arrays.

    Example:
        >>> zero = np.zeros(1, np.uint32)
        >>> [hex(int(word[0])) for word in threefry((zero, zero), zero, zero)]
        ['0x6b200159', '0x99ba4efe']
    """
    schedule = (*key, key[0] ^ key[1] ^ np.uint32(_PARITY))
    first, second = high + schedule[0], low + schedule[1]
    for group in range(5):
        for places in _ROTATIONS[group % 2]:
            first += second
            second = (second << np.uint32(places)) | (second >> np.uint32(32 - places))
            second ^= first
        first += schedule[(group + 1) % 3]
        second += schedule[(group + 2) % 3] + np.uint32(group + 1)
    return first, second


def _folded(key: tuple[np.ndarray, np.ndarray], data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return threefry(key, np.zeros_like(data), data)


def normal(bits: np.ndarray) -> np.ndarray:
    """Turn 64 random bits into a normal number: sqrt(2) erfinv(u), u the number in [-1, 1) that the bits stand for.

    Accuracy: relative 1e-15, against erfinv in ball arithmetic.

    Example:
        >>> normal(np.array([0x8000000000000000, 0xF000000000000000], np.uint64)).round(9).tolist()
        [0.0, 1.534120544]
    """
    share = ((bits >> np.uint64(12)) | np.uint64(0x3FF0000000000000)).view(np.float64) - 1.0
    lowest = np.nextafter(-1.0, 0.0)
    half = np.maximum(lowest, share * 2.0 + lowest) * 0.5
    square = 0.180625 - half * half
    result = half * np.polyval(_CENTRE[0], square) / np.polyval(_CENTRE[1], square)
    outer = np.abs(half) > 0.425
    side = half[outer]
    root = np.sqrt(-np.log(0.5 - np.abs(side)))
    near = root <= 5.0
    sizes = np.empty_like(root)
    for where, shift, (above, below) in ((near, 1.6, _NEAR), (~near, 5.0, _FAR)):
        value = root[where] - shift
        sizes[where] = np.polyval(above, value) / np.polyval(below, value)
    result[outer] = np.copysign(sizes, side)
    return result


def tolerance(weights: np.ndarray) -> np.ndarray:
    """Return by how much a weight w may differ: 2^-40 + 2^-50 exp(w^2 / 2), the second for a rounding of u.

    Example:
        >>> tolerance(np.array([0.0, 5.0])).tolist() < [1e-12, 1e-9]
        True
    """
    return 2.0**-40 + 2.0**-50 * np.exp(0.5 * weights * weights)


def blocks(draw: Draw, dimension: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the weights, (N, dimension), and signs, (N,), of some neurons at a time.

    Args:
        draw: how the network is drawn.
        dimension: p, the number of weights of a neuron.

    Raises:
        ValueError: an odd width with antisymmetric pairs, or numbers out of range.

    Accuracy: see `tolerance`.

    Cost: 50 ns per weight.

    Example:
        >>> weights, signs = next(blocks(Draw(0, 7, 5, "independent"), 3))
        >>> weights.shape, signs.shape
        ((5, 3), (5,))
    """
    pairs = 2 if draw.init == "antisymmetric" else 1
    each = BLOCK // pairs
    if draw.width % pairs or draw.init not in ("independent", "antisymmetric") or each * dimension >= 1 << 32:
        raise ValueError("a width that is not even, an unknown init, or too many coordinates")
    if not (0 <= draw.key < 1 << 32 and 0 <= draw.seed < 1 << 32 and 0 < draw.width < 1 << 40):
        raise ValueError("key, seed or width out of range")
    word = np.zeros(1, np.uint32)
    base = _folded((word, word + np.uint32(draw.key)), word + np.uint32(draw.seed))
    counters, few = (np.arange(count, dtype=np.uint32)[None, :] for count in (each * dimension, each))
    total = -(-draw.width // BLOCK)
    for start in range(0, total, _SPAN):
        index = np.arange(start, min(start + _SPAN, total), dtype=np.uint32)[:, None]
        own = _folded(base, index)
        weights_key, signs_key = (threefry(own, np.zeros_like(index), np.full_like(index, k)) for k in (0, 1))
        high, low = threefry(weights_key, np.zeros_like(counters), counters)
        weights = normal((high.astype(np.uint64) << np.uint64(32)) | low).reshape(-1, dimension)
        high, _ = threefry(signs_key, np.zeros_like(few), few)
        signs = np.where(high >> np.uint32(31), -1.0, 1.0).reshape(-1)
        if pairs == 2:
            weights, signs = np.repeat(weights, 2, axis=0), np.stack([signs, -signs], axis=1).reshape(-1)
        left = draw.width - start * BLOCK
        yield weights[:left], signs[:left]
