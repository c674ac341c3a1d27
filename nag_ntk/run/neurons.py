"""Layout of the neurons of one network: over devices, and in blocks that fit into the cache of a core.

Device k has the neurons k M, ..., k M + M - 1. With one device M is the width; with several, M is a multiple of 1,024,
the size of the blocks in which network.py draws, so that a draw does not depend on the devices. Arrays have the shape
(B, rows, L), B blocks of L neurons. Padding neurons are active on no sample and have output weight 0. The two neurons
of an antisymmetric pair lie next to each other in one block: the width is even then, and so are M and L.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.network import BLOCK, Network, draw, draw_block
from nag_ntk.precision import HIGHEST
from nag_ntk.run.devices import cores
from nag_ntk.run.inputs import NEURONS, Shape

_BLOCK_NUMBERS = 2**14
"""Numbers in a block of the state (128 KiB): measured, so that all arrays of a block fit into the cache of a core."""
_SHARED_BLOCK_NUMBERS = 2**18
"""The same for a device with several cores, over which XLA spreads only long operations; measured."""


def block_length(rows: int, devices: int) -> int:
    """Choose the number of neurons in a block, with `rows` numbers per neuron, on `devices` devices.

    Returns:
        The number of neurons; 0, which stands for all, on accelerators, which have no such caches.
    """
    if jax.default_backend() != "cpu":
        return 0
    return max((_BLOCK_NUMBERS if devices >= cores() else _SHARED_BLOCK_NUMBERS) // rows, 128)


def per_device(width: int, neuron_devices: int) -> int:
    """Return M, the number of neurons on each device, padding included.

    Example:
        >>> per_device(3000, 1), per_device(3000, 2), per_device(30, 4)
        (3000, 2048, 1024)
    """
    return width if neuron_devices == 1 else BLOCK * -(-width // (BLOCK * neuron_devices))


def block_layout(width: int, neuron_devices: int, length: int) -> tuple[int, int]:
    """Return (B, L), the number of blocks on each device and of neurons in each; L is near `length`, or all if it is 0.

    One block of up to twice the length is preferred to two, because it costs less.

    Example:
        >>> block_layout(3000, 1, 1024), block_layout(3000, 1, 0), block_layout(3001, 1, 1024)
        ((3, 1000), (1, 3000), (3, 1008))
        >>> block_layout(2000, 1, 1024)
        (1, 2000)
    """
    local = per_device(width, neuron_devices)
    count = 1 if length == 0 or local <= 2 * length else -(-local // length)
    # whole cache lines
    return (1, local) if count == 1 else (count, -(-local // (8 * count)) * 8)


def _first_neuron(shape: Shape):
    """Return the number of the first neuron on this device."""
    local = per_device(shape.width, shape.neuron_devices)
    if shape.neuron_devices == 1:
        return jnp.zeros((), jnp.uint32)
    return jax.lax.axis_index(NEURONS).astype(jnp.uint32) * local


def entry_offset(shape: Shape, rows: int) -> Any:
    """Return the number of entries of the whole (m, rows) array on the devices before this one."""
    return _first_neuron(shape) * rows


def is_neuron(shape: Shape) -> jax.Array:
    """Return True for the neurons of this device and False for padding, (M,)."""
    local = jnp.arange(per_device(shape.width, shape.neuron_devices), dtype=jnp.uint32)
    return _first_neuron(shape) + local < shape.width


def drawn_width(width: int, neuron_devices: int) -> int:
    """Return the number of neurons drawn for one network on all of its devices: whole blocks of 1,024.

    Example:
        >>> drawn_width(600, 1), drawn_width(3000, 1), drawn_width(3000, 2), drawn_width(30, 4)
        (1024, 3072, 4096, 4096)
    """
    return BLOCK * neuron_devices * -(-width // (BLOCK * neuron_devices))


def draw_shape(shape: Shape) -> Shape:
    """Keep only the fields that a draw depends on, so that all other configurations share one compiled program."""
    return Shape(
        engine="", start="", width=drawn_width(shape.width, shape.neuron_devices), steps=0, recursion=False,
        dtype=shape.dtype, devices=shape.devices, neuron_devices=shape.neuron_devices, init=shape.init,
    )  # fmt: skip


def draw_local(shape: Shape, key, dimension: int) -> Network:
    """Draw this device's neurons of a network, in whole blocks of 1,024 where a network has several devices."""
    if shape.neuron_devices == 1:
        return draw(key, shape.width, dimension, shape.dtype, shape.init)
    count = per_device(shape.width, shape.neuron_devices) // BLOCK
    indices = _first_neuron(shape) // BLOCK + jnp.arange(count, dtype=jnp.uint32)
    weights, signs = jax.lax.map(lambda index: draw_block(key, index, dimension, shape.dtype, shape.init), indices)
    return Network(weights.reshape(-1, dimension), signs.reshape(-1))


def initial_preactivations(shape: Shape, coordinates, weights) -> jax.Array:
    """Compute w_r(0).x_i, (n, M); the two neurons of an antisymmetric pair have the same numbers, bit for bit."""
    if shape.init != "antisymmetric":
        return jnp.dot(coordinates, weights.T, precision=HIGHEST)
    # a product may round equal columns differently, by their places in it
    return jnp.repeat(jnp.dot(coordinates, weights[::2].T, precision=HIGHEST), 2, axis=1)


def active_parts(shape: Shape, preactivation, signs) -> tuple[jax.Array, jax.Array]:
    """Return relu(z_ri) and a_r / sqrt m, or the differences in antisymmetric pairs and the signs of their first.

    The sum of their products is the output of the network, exactly 0 where pairs cancel.

    Args:
        shape: the static configuration.
        preactivation: z_ri, (..., L).
        signs: a_r / sqrt m, (..., L).
    """
    active = jnp.maximum(preactivation, 0)
    if shape.init == "antisymmetric":
        return active[..., ::2] - active[..., 1::2], signs[..., ::2]
    return active, signs


def outputs(shape: Shape, preactivation, signs) -> jax.Array:
    """Compute sum_r (a_r / sqrt m) relu(z_ri) over the neurons of a block, (n,); exactly 0 where pairs cancel.

    Args:
        shape: the static configuration.
        preactivation: z_ri, (n, L).
        signs: a_r / sqrt m, (L,).

    Accuracy: gamma_L relative to the sum of absolute terms. In antisymmetric pairs the difference of the two neurons is
        taken first, which replaces one sum by another, so the bound is the same.
    """
    return jnp.dot(*active_parts(shape, preactivation, signs), precision=HIGHEST)


def discard_padding(shape: Shape, network: Network) -> Network:
    """Cut off the neurons beyond the width, or set them to 0 where a network has several devices."""
    if shape.neuron_devices == 1:
        return Network(network.weights[: shape.width], network.signs[: shape.width])
    real = is_neuron(shape)
    return Network(jnp.where(real[:, None], network.weights, 0), jnp.where(real, network.signs, 0))


def padding_preactivation(dtype) -> float:
    """Return the pre-activation of padding neurons: negative, so not active, and far from 0."""
    return -float(np.finfo(dtype).max) / 8


def to_blocks(shape: Shape, array: jax.Array, fill: float) -> jax.Array:
    """Reshape (rows, M) to (B, rows, L), padded with `fill`."""
    count, length = block_layout(shape.width, shape.neuron_devices, shape.block_length)
    rows, local = array.shape
    padded = jnp.pad(array, ((0, 0), (0, count * length - local)), constant_values=fill)
    return padded.reshape(rows, count, length).swapaxes(0, 1)


def device_sum(shape: Shape, array):
    """Sum over all devices that share a network."""
    return jax.lax.psum(array, NEURONS) if shape.neuron_devices > 1 else array


def device_max(shape: Shape, array):
    """Take the maximum over all devices that share a network."""
    return jax.lax.pmax(array, NEURONS) if shape.neuron_devices > 1 else array
