"""How the neurons of one network are laid out: over devices, and in blocks that stay in a core's cache.

Device k holds the neurons k M, ..., k M + M - 1, where M is the width if there is one device, else a whole number of
the blocks of 1,024 that are drawn with a key each: a draw does not depend on the devices. They are kept as
(B, rows, L), B blocks of L, filled up with neurons that are nowhere active and that no output sees.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.devices import cores
from nag_ntk.network import BLOCK, Network, draw, draw_block
from nag_ntk.problem import NEURONS, Shape

_CACHED = 2**14
"""Numbers in a block of the state: 128 KiB, so that all arrays of a block fit the cache of a core, measured."""
_SHARED = 2**18
"""The same where a device has several cores: XLA spreads an operation over them if it is long enough, measured."""


def block_length(rows: int, used: int) -> int:
    """Neurons walked at once, of `rows` numbers each, by `used` devices; 0, all, where there are no such caches."""
    if jax.default_backend() != "cpu":
        return 0
    return max((_CACHED if used >= cores() else _SHARED) // rows, 128)


def per_device(width: int, across: int) -> int:
    """Neurons on each device.

    Example:
        >>> per_device(3000, 1), per_device(3000, 2), per_device(30, 4)
        (3000, 2048, 1024)
    """
    return width if across == 1 else BLOCK * -(-width // (BLOCK * across))


def blocks(width: int, across: int, length: int) -> tuple[int, int]:
    """(B, L): how many blocks on each device, of how many neurons; one of twice the length costs less than two.

    Example:
        >>> blocks(3000, 1, 1024), blocks(3000, 1, 0), blocks(3001, 1, 1024), blocks(2000, 1, 1024)
        ((3, 1000), (1, 3000), (3, 1008), (1, 2000))
    """
    here = per_device(width, across)
    count = 1 if length == 0 or here <= 2 * length else -(-here // length)
    # whole cache lines
    return (1, here) if count == 1 else (count, -(-here // (8 * count)) * 8)


def _first(shape: Shape):
    """The number of the device's first neuron."""
    here = per_device(shape.width, shape.across)
    return jax.lax.axis_index(NEURONS).astype(jnp.uint32) * here if shape.across > 1 else jnp.zeros((), jnp.uint32)


def first_entry(shape: Shape, rows: int) -> Any:
    """How many numbers of the whole (m, rows) array lie on the devices before this one."""
    return _first(shape) * rows


def present(shape: Shape) -> jax.Array:
    """Which neurons of this device exist, (M,)."""
    return _first(shape) + jnp.arange(per_device(shape.width, shape.across), dtype=jnp.uint32) < shape.width


def held(width: int, across: int) -> int:
    """Neurons that are drawn for one network, on all of its devices: whole blocks of 1,024.

    Example:
        >>> held(600, 1), held(3000, 1), held(3000, 2), held(30, 4)
        (1024, 3072, 4096, 4096)
    """
    return BLOCK * across * -(-width // (BLOCK * across))


def drawing(shape: Shape) -> Shape:
    """The shape reduced to the fields that a draw depends on, so that all others share one compiled program."""
    return Shape(
        engine="", start="", width=held(shape.width, shape.across), steps=0, recursion=False, dtype=shape.dtype,
        devices=shape.devices, across=shape.across,
    )  # fmt: skip


def drawn(shape: Shape, key, dimension: int) -> Network:
    """This device's neurons of a seed's draw, in whole blocks of 1,024 where a network has several devices."""
    if shape.across == 1:
        return draw(key, shape.width, dimension, shape.dtype)
    here = per_device(shape.width, shape.across) // BLOCK
    indices = _first(shape) // BLOCK + jnp.arange(here, dtype=jnp.uint32)
    weights, signs = jax.lax.map(lambda index: draw_block(key, index, dimension, shape.dtype), indices)
    return Network(weights.reshape(-1, dimension), signs.reshape(-1))


def existing(shape: Shape, network: Network) -> Network:
    """The neurons of this device without those beyond the width: cut off, or 0 where a network has several devices."""
    if shape.across == 1:
        return Network(network.weights[: shape.width], network.signs[: shape.width])
    there = present(shape)
    return Network(jnp.where(there[:, None], network.weights, 0), jnp.where(there, network.signs, 0))


def absent(dtype) -> float:
    """The pre-activation of a neuron that does not exist: nowhere active, and never near 0."""
    return -float(np.finfo(dtype).max) / 8


def in_blocks(shape: Shape, array: jax.Array, fill: float) -> jax.Array:
    """(rows, M) -> (B, rows, L), filled up."""
    count, length = blocks(shape.width, shape.across, shape.length)
    rows, here = array.shape
    padded = jnp.pad(array, ((0, 0), (0, count * length - here)), constant_values=fill)
    return padded.reshape(rows, count, length).swapaxes(0, 1)


def total(shape: Shape, array):
    """The sum over all devices that share a network."""
    return jax.lax.psum(array, NEURONS) if shape.across > 1 else array


def most(shape: Shape, array):
    """The largest over all devices that share a network."""
    return jax.lax.pmax(array, NEURONS) if shape.across > 1 else array
