"""Run by test_devices.py in its own processes: DEVICES MESHES ENGINES OUT [COORDINATOR PROCESSES PROCESS].

Trains on a mesh of seeds x neurons (each of MESHES, "2x4,1x8") with each of ENGINES and saves what was recorded.
"""

import sys

import jax
import numpy as np


def study(simulate, methods, data, **arguments):
    """What every process of the tests trains: 3,000 neurons, so that devices differ in how many of theirs exist."""
    return simulate(
        data, methods, 3000, 2, 25, recursion=True, deviation=True, gram_path=True, chunk=10, radii=(0.05,),
        overlap_radii=(0.05,), **arguments,
    )  # fmt: skip


def inputs():
    """Five unit rows of length 7 and targets large enough that neurons flip."""
    rng = np.random.default_rng(4)
    rows = rng.standard_normal((5, 7))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True), 20 * rng.standard_normal(5)


def leaves(run) -> dict[str, np.ndarray]:
    """All numbers of a run, by name."""
    names = "residual flips undecided distance flip_reach initial_gram mean_size mean_square near_boundary".split()
    parts = {name: np.asarray(getattr(run, name)) for name in names}
    parts |= {f"recursion.{name}": value for name, value in vars(run.recursion).items()}
    parts |= {f"deviation.{name}": value for name, value in vars(run.deviation).items()}
    parts |= {f"overlap.{i}": value for i, value in enumerate(run.overlap_range)}
    parts |= {f"path.{i}": np.asarray(value) for i, value in enumerate(jax.tree.leaves(vars(run.gram_path)))}
    return parts | {"digest": np.array(run.weights_digest)}


def main() -> None:
    count, meshes, engines, out, *group = sys.argv[1:]
    jax.config.update("jax_num_cpu_devices", int(count))
    import nag_ntk
    from nag_ntk.run import devices

    nag_ntk.enable_float64()
    if group:
        devices.join(group[0], int(group[1]), int(group[2]))
    data = nag_ntk.Dataset(*inputs())
    methods = [nag_ntk.nesterov(0.1, 0.8), nag_ntk.heavy_ball(0.1, 0.8)]
    for each in meshes.split(","):
        shape = "auto" if each == "auto" else tuple(int(k) for k in each.split("x"))
        for engine in engines.split(","):
            run = study(nag_ntk.simulate, methods, data, devices=shape, engine=engine)
            if devices.writes():
                np.savez(f"{out}-{each}-{engine}.npz", allow_pickle=False, **leaves(run))


if __name__ == "__main__":
    main()
