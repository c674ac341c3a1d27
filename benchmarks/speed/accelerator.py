"""Measure the speed of training on an accelerator in at most six minutes, and write one JSON file.

    python benchmarks/speed/accelerator.py                # on a GPU or a TPU
    python benchmarks/speed/accelerator.py --small        # the same programs at sizes for a CPU, a minute

Each cell is timed in this process: the first call, which compiles, and the fastest of the calls after it. A cell of
the dense kind also runs the optax program (proofs_check/bench/optax_program.py), for one method, and says which share
of the device's own product rate the 2 m n^2 operations of a step reach. Cells that would begin after --seconds are left
out, and the file says so.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import nag_ntk
from nag_ntk import Dataset
from proofs_check.bench import optax_program
from proofs_check.bench.machine import describe
from proofs_check.lemmas import CATALOGUE
from proofs_check.running.prepare import prepare
from proofs_check.study.load import load_study

METHODS = ("gradient_descent", "heavy_ball", "nesterov")
TYPES = ("float64", "float32")


class Sizes(NamedTuple):
    """Sizes of the cells: (n, width, seeds, steps) each; `order` of the product that gives the device's rate."""

    digits: tuple[int, int, int, int]
    many: tuple[int, int, int, int]
    screened: tuple[int, int, int, int]
    study_seeds: int | None
    order: int


FULL = Sizes((100, 100_000, 4, 100), (20, 4096, 1024, 100), (8, 10**8, 1, 200), None, 8192)
SMALL = Sizes((20, 256, 2, 10), (5, 64, 16, 10), (4, 4096, 1, 20), 2, 256)


def timed(call: Callable[[], Any], calls: int) -> tuple[float, list[float], Any]:
    """Return the seconds of the first call, those of `calls` more, and the last result."""
    seconds, result = [], None
    for _ in range(calls + 1):
        begin = time.perf_counter()
        result = jax.block_until_ready(call())
        seconds.append(time.perf_counter() - begin)
    return seconds[0], seconds[1:], result


def product_rate(order: int, dtype: str) -> float:
    """Measure operations per second of a product of square matrices at the highest precision."""
    matrix = jnp.asarray(np.random.default_rng(0).standard_normal((order, order)), dtype)
    product = jax.jit(lambda x: jnp.dot(x, x, precision="highest"))
    _, seconds, _ = timed(lambda: product(matrix), 5)
    return 2.0 * order**3 / min(seconds)


def simulated(data: Dataset, width: int, seeds: int, steps: int, calls: int, **options) -> dict[str, Any]:
    """Time nag_ntk.simulate under three methods, drawing included."""
    methods = options.pop("methods", None) or [nag_ntk.theorem_tuning(name, data) for name in METHODS]
    first, seconds, run = timed(lambda: nag_ntk.simulate(data, methods, width, seeds, steps, **options), calls)
    pairs = data.size * width * seeds * len(methods) * max(steps, 1)
    return {
        "n": data.size, "width": width, "seeds": seeds, "steps": steps, "methods": len(methods), "dtype": run.dtype,
        "engine": run.engine, "first": first, "seconds": seconds, "nanoseconds_per_pair": 1e9 * min(seconds) / pairs,
        "finite": bool(np.isfinite(run.residual).all()), "flips": int(run.flips.max()),
    }  # fmt: skip


def against_optax(data: Dataset, width: int, seeds: int, steps: int, dtype: str, calls: int, rate: float) -> dict:
    """Time Nesterov's method by ours and by the optax program, all seeds at once, and three methods by ours."""
    method = nag_ntk.theorem_tuning("nesterov", data)
    ours = simulated(data, width, seeds, steps, calls, dtype=dtype)
    alone = simulated(data, width, seeds, steps, calls, dtype=dtype, methods=[method], start="extrapolated")
    program = jax.jit(
        optax_program.program(data.inputs, data.targets, method, width, steps, together=True, dtype=dtype)
    )
    keys = jax.random.split(jax.random.key(0), seeds)
    first, seconds, _ = timed(lambda: program(keys), calls)
    operations = 2.0 * data.size**2 * width * seeds * steps
    return ours | {
        "optax_first": first, "optax_seconds": seconds, "alone_seconds": alone["seconds"],
        "times_optax": min(seconds) / min(alone["seconds"]),
        "share_of_product": operations / min(alone["seconds"]) / rate,
    }  # fmt: skip


def default_study(seeds: int | None, dtype: str, calls: int) -> dict[str, Any]:
    """Time the training of the default study, with all that its lemmas record."""
    study = load_study("quick")
    setups, cells = prepare(study, CATALOGUE), []
    for spec in study.runs:
        setup = setups[spec.name]
        options = setup.options(spec) | {"dtype": dtype, "methods": setup.methods}
        cells.append(simulated(setup.data, spec.width, seeds or spec.seeds, spec.steps, calls, **options))
    return {"runs": cells, "seconds": [sum(parts) for parts in zip(*(c["seconds"] for c in cells), strict=True)]}


def measure(sizes: Sizes, calls: int, limit: float) -> dict[str, Any]:
    """Run all cells, each in both floating types; leave out those that would begin after `limit` seconds."""
    begin, cells, left_out = time.perf_counter(), {}, []
    rates = {dtype: product_rate(sizes.order, dtype) for dtype in TYPES}
    n, *digits = sizes.digits
    points, *many = sizes.many
    wide, *screened = sizes.screened
    cases: dict[str, Callable[[], dict]] = {}
    for dtype in TYPES:
        cases[f"many networks, {dtype}"] = lambda dtype=dtype: against_optax(
            nag_ntk.sphere(points, max(points // 2, 2), 0), *many, dtype, calls, rates[dtype]
        )
        cases[f"digits, {dtype}"] = lambda dtype=dtype: against_optax(
            nag_ntk.digits(n), *digits, dtype, calls, rates[dtype]
        )
        cases[f"default study, {dtype}"] = lambda dtype=dtype: default_study(sizes.study_seeds, dtype, calls)
    cases["screened"] = lambda: simulated(nag_ntk.sphere(wide, wide, 0), *screened, 1, engine="screened")
    for name, case in cases.items():
        if time.perf_counter() - begin > limit:
            left_out.append(name)
            continue
        cells[name] = case()
        print(f"{time.perf_counter() - begin:6.1f} s  {name}: {json.dumps(cells[name])}", flush=True)
        jax.clear_caches()
    return {
        "machine": describe().model_dump(), "platform": jax.default_backend(), "products": rates, "cells": cells,
        "left_out": left_out, "seconds": time.perf_counter() - begin,
    }  # fmt: skip


def main() -> None:
    """Read the command line, measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="sizes for a CPU")
    parser.add_argument("--calls", type=int, default=2, help="timed calls of a cell after the first (2)")
    parser.add_argument("--seconds", type=float, default=300, help="begin no cell after these (300)")
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    nag_ntk.configure(cache=False)
    found = measure(SMALL if arguments.small else FULL, arguments.calls, arguments.seconds)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
