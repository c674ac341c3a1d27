"""Two-layer ReLU network f(x) = m^{-1/2} sum_r a_r relu(w_r . x), and its random initialisation.

Neurons are drawn in blocks of 1,024, each with its own key. So the first neurons of a wide network are those of a
narrow one, and the draw of a seed does not depend on the width, the batch, or the number of blocks in memory at once.

Two initialisations exist. "independent": every neuron is drawn by itself. "antisymmetric": the neurons 2r and 2r+1 have
the same weights and opposite signs, and the pairs are drawn independently; so f(x) = 0 for every x.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.arrays import Array, Float, masked
from nag_ntk.errors import InputError
from nag_ntk.pattern import preactivations
from nag_ntk.precision import HIGHEST

BLOCK = 1024
KEY_IMPLEMENTATION = "threefry2x32"
INITS = ("independent", "antisymmetric")


class Network(NamedTuple):
    """First-layer weights (m, d), trained, and output signs (m,) of -1 or +1, fixed."""

    weights: Float[Array, "m d"]
    signs: Float[Array, " m"]


def checked(network: Network) -> Network:
    """Check a network and convert it to float64 host arrays.

    Raises:
        InputError: for wrong shapes, entries that are not finite, or signs other than -1 and +1.
    """
    if any(map(masked, network)):
        raise InputError("a Network holds masked arrays, whose masks would be lost: give every weight and sign")
    try:
        weights, signs = (np.asarray(part, dtype=np.float64) for part in network)
    except (TypeError, ValueError):
        raise InputError("a Network needs real weights (m, d) and signs (m,)") from None
    if weights.ndim != 2 or signs.shape != weights.shape[:1] or weights.size == 0:
        raise InputError(f"weights must be (m, d) and signs (m,), got {weights.shape} and {signs.shape}")
    if not np.isfinite(weights).all():
        row = int(np.argmax(~np.isfinite(weights).all(axis=1)))
        raise InputError(f"weights must be finite; neuron {row} is {weights[row]}")
    if not np.isin(signs, (-1.0, 1.0)).all():
        row = int(np.argmax(~np.isin(signs, (-1.0, 1.0))))
        raise InputError(f"signs must be -1 or +1; neuron {row} has {signs[row]}")
    return Network(weights, signs)


def seed_key(base, seed):
    """Make the key of one seed from the study's base key and the seed number."""
    return jax.random.fold_in(jax.random.key(base, impl=KEY_IMPLEMENTATION), seed)


def multiplicity(init: str) -> int:
    """Return the number of neurons that are drawn together: 2 for "antisymmetric", 1 for all else."""
    return 2 if init == "antisymmetric" else 1


def check_init(init: str, width: int) -> None:
    """Refuse an unknown initialisation, and a width that it cannot have.

    Raises:
        InputError: for a name that is not one of INITS, or an odd width with neurons in pairs.
    """
    if init not in INITS:
        raise InputError(f"init must be one of {', '.join(INITS)}, got {init!r}")
    if width % multiplicity(init):
        raise InputError(f"{init} networks consist of pairs of neurons: the width must be even, got {width}")


def draw_block(key, index, dimension: int, dtype: str, init: str = "independent") -> Network:
    """Draw the neurons index * 1024, ..., index * 1024 + 1023 of a seed; they do not depend on the width."""
    normal, sign = jax.random.split(jax.random.fold_in(key, index))
    drawn = BLOCK // multiplicity(init)
    # a separate kernel: fused with other operations, it may be rounded differently (XLA of JAX 0.12)
    weights = jax.lax.optimization_barrier(jax.random.normal(normal, (drawn, dimension), dtype))
    signs = jax.random.rademacher(sign, (drawn,), dtype)
    if init == "antisymmetric":
        weights, signs = jnp.repeat(weights, 2, axis=0), jnp.stack([signs, -signs], axis=1).reshape(-1)
    return Network(weights, signs)


def checksum(array: jax.Array, first=0) -> jax.Array:
    """Compute an order-dependent 32-bit checksum of an array's bits; the checksums of consecutive parts add up.

    Args:
        array: float64 or float32.
        first: number of entries of the whole before this part.
    """
    words = jax.lax.bitcast_convert_type(array, jnp.uint32).reshape(-1)
    offset = jnp.asarray(first, jnp.uint32) * jnp.uint32(words.shape[0] // array.size)
    odd = 2 * (offset + jnp.arange(words.shape[0], dtype=jnp.uint32)) + 1
    return jnp.sum(words * odd, dtype=jnp.uint32)


def draw(key, width: int, dimension: int, dtype: str = "float64", init: str = "independent") -> Network:
    """Draw w_r ~ N(0, I) and a_r uniform on {-1, +1}.

    With init="antisymmetric" this holds for even r, and w_(r+1) = w_r, a_(r+1) = -a_r.

    Args:
        key: a JAX key, see seed_key.
        width: m.
        dimension: d (or p, the dimension of the inputs' span: the law is rotation invariant).
        dtype: "float64" or "float32".
        init: "independent", or "antisymmetric" for pairs of neurons that cancel, with which f = 0.

    Returns:
        A Network of (width, dimension) weights and (width,) signs.

    Raises:
        InputError: for an unknown `init`, or an odd width with "antisymmetric".

    Cost: m d normals, or half of them, in blocks of 1,024 neurons.

    Example:
        >>> narrow, wide = (draw(seed_key(0, 7), m, 3) for m in (5, 2000))
        >>> bool((narrow.weights == wide.weights[:5]).all())
        True
        >>> draw(seed_key(0, 7), 6, 3, init="antisymmetric").signs.reshape(3, 2).sum(axis=1).tolist()
        [0.0, 0.0, 0.0]
    """
    check_init(init, width)
    blocks = -(-width // BLOCK)
    indices = jnp.arange(blocks, dtype=jnp.uint32)
    weights, signs = jax.lax.map(lambda index: draw_block(key, index, dimension, dtype, init), indices)
    return Network(weights.reshape(-1, dimension)[:width], signs.reshape(-1)[:width])


def forward(network: Network, inputs: Float[Array, "n d"]) -> Float[Array, " n"]:
    """Compute the outputs f(x_i) = m^{-1/2} sum_r a_r relu(w_r . x_i).

    Args:
        network: m neurons.
        inputs: (n, d).

    Accuracy: gamma_{m+d} relative to the sum of absolute terms.

    Example:
        >>> import numpy as np
        >>> net = Network(np.array([[1.0, 0.0], [0.0, -2.0], [0.0, 1.0], [2.0, 0.0]]), np.array([1.0, 1.0, 1.0, -1.0]))
        >>> forward(net, np.eye(2)).tolist()
        [-0.5, 0.5]
    """
    active = jnp.maximum(preactivations(network.weights, inputs), 0)
    signs = jnp.asarray(network.signs)
    return jnp.dot(signs, active, precision=HIGHEST) / jnp.sqrt(jnp.asarray(signs.shape[0], active.dtype))


def residual(network: Network, inputs: Float[Array, "n d"], targets: Float[Array, " n"]) -> Float[Array, " n"]:
    """Compute the residual xi = f(X) - y, (n,); the loss is |xi|^2 / 2.

    Args:
        network: m neurons.
        inputs: (n, d).
        targets: (n,).

    Example:
        >>> import numpy as np
        >>> residual(Network(np.eye(2), np.array([1.0, 1.0])), np.eye(2), np.zeros(2)).round(4).tolist()
        [0.7071, 0.7071]
    """
    return forward(network, inputs) - jnp.asarray(targets)
