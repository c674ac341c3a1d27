"""Compare `simulate` under Adam with a program that a user of optax would write by hand, and print a table.

    python benchmarks/speed/optimisers.py [--rounds 7]

The program by hand draws the networks, takes jax.value_and_grad of the loss inside lax.scan, vmap over seeds, all one
compiled program, and records what `simulate` always records: residuals, flips and the largest distance. Both take
turns in one process; a ratio is one of times in the same round, and compilation is not counted.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

import nag_ntk

SHAPES = ((20, 64, 1024, 16, 200), (10, 10, 256, 64, 300), (100, 50, 2048, 8, 50))
"""(samples, dimension, width, seeds, steps)."""


def by_hand(
    data: nag_ntk.Dataset, transformation: optax.GradientTransformation, width: int, seeds: int, steps: int
) -> Callable[[], Any]:
    """Return a call that trains all seeds with optax and jax.grad alone."""
    inputs, targets = jnp.asarray(data.inputs), jnp.asarray(data.targets)

    def one_seed(seed):
        normal, sign = jax.random.split(jax.random.fold_in(jax.random.key(0), seed))
        begin = jax.random.normal(normal, (width, inputs.shape[1]))
        signs = jax.random.rademacher(sign, (width,), inputs.dtype)
        pattern = inputs @ begin.T >= 0

        def loss(weights):
            z = inputs @ weights.T
            residual = jax.nn.relu(z) @ signs / width**0.5 - targets
            return jnp.sum(residual**2) / 2, (residual, jnp.sum((z >= 0) != pattern))

        def step(carry, _):
            weights, state = carry
            (_, seen), gradient = jax.value_and_grad(loss, has_aux=True)(weights)
            distance = jnp.sqrt(jnp.max(jnp.sum((weights - begin) ** 2, axis=1)))
            updates, state = transformation.update(gradient, state, weights)
            return (optax.apply_updates(weights, updates), state), (*seen, distance)

        return jax.lax.scan(step, (begin, transformation.init(begin)), length=steps + 1)[1]

    run = jax.jit(jax.vmap(one_seed))
    return lambda: jax.block_until_ready(run(jnp.arange(seeds)))


def main() -> None:
    """Measure every shape and print its times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    nag_ntk.configure()
    transformation = optax.adam(1e-2)
    method = nag_ntk.from_optax("adam", transformation)
    print(
        "| n × d × m | seeds × steps | ours, s | by hand, s | ours / by hand (least to most) |\n|---|---|---|---|---|"
    )
    for n, d, width, seeds, steps in SHAPES:
        data = nag_ntk.sphere(n, d)
        hand = by_hand(data, transformation, width, seeds, steps)
        times: list[tuple[float, float]] = []
        for _ in range(rounds + 1):  # the first round compiles
            begin = time.perf_counter()
            nag_ntk.simulate(data, method, width, seeds, steps)
            middle = time.perf_counter()
            hand()
            times.append((middle - begin, time.perf_counter() - middle))
        ours, other = (statistics.median(column) for column in zip(*times[1:], strict=True))
        ratios = [one / two for one, two in times[1:]]
        least, most = min(ratios), max(ratios)
        print(
            f"| {n} × {d} × {width:,} | {seeds} × {steps} | {ours:.2f} | {other:.2f} | "
            f"{statistics.median(ratios):.2f} ({least:.2f} to {most:.2f}) |", flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
