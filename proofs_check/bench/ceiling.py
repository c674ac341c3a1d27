"""Ceilings of this machine: float64 matrix products and copies, by JAX and by NumPy."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.run.devices import cores
from proofs_check.bench.clock import interleaved
from proofs_check.bench.record import Ceiling

COPY_LENGTH = 2**25
"""Length of the array that is copied: 256 MiB, beyond every cache."""


def products(order: int) -> dict[str, Callable[[], object]]:
    """Prepare products of two square matrices, 2 order^3 operations each."""
    matrix = np.random.default_rng(0).standard_normal((order, order))
    on_device = jnp.asarray(matrix)
    compiled = jax.jit(lambda x: jnp.dot(x, x, precision="highest"))
    compiled(on_device).block_until_ready()
    target = np.empty_like(matrix)
    return {
        "JAX": lambda: compiled(on_device).block_until_ready(),
        "NumPy": lambda: np.matmul(matrix, matrix, out=target),
    }


def copies(size: int, pool: ThreadPoolExecutor) -> dict[str, Callable[[], object]]:
    """Prepare passes over `size` float64 numbers, 16 size bytes read and written, by one thread per core and by JAX."""
    source, target = np.ones(size), np.ones(size)  # written once, so that every page is allocated
    pieces = list(zip(np.array_split(target, cores()), np.array_split(source, cores()), strict=True))
    on_device = jnp.asarray(source)
    # a copy alone would be compiled away; an addition takes the memory no longer
    compiled = jax.jit(lambda x: x + 1.0)
    compiled(on_device).block_until_ready()
    return {
        "NumPy": lambda: list(pool.map(lambda pair: np.copyto(*pair), pieces)),
        "JAX": lambda: compiled(on_device).block_until_ready(),
    }


def measure(order: int, rounds: int, size: int = COPY_LENGTH) -> Ceiling:
    """Measure both ceilings, the best of the rounds each."""
    with ThreadPoolExecutor(cores()) as pool:
        calls = {("product", name): call for name, call in products(order).items()}
        calls |= {("copy", name): call for name, call in copies(size, pool).items()}
        seconds = interleaved({" ".join(key): call for key, call in calls.items()}, rounds)
    work = {"product": 2.0 * order**3, "copy": 16.0 * size}
    rates = {key: work[key[0]] / min(seconds[" ".join(key)]) for key in calls}
    return Ceiling(
        order=order,
        products={name: rate for (kind, name), rate in rates.items() if kind == "product"},
        copies={name: rate for (kind, name), rate in rates.items() if kind == "copy"},
    )
