"""Training of wide networks, batched over seeds and methods, as one compiled program per chunk of steps.

The recursion of method.py in two sequences, u the movement, q the momentum term and F the forcing, made of the masked
residual A o xi:

    u(t+1) = u(t) + q(t) + eta (1+gamma) F(t),    q(t+1) = beta q(t) + eta (beta (1+gamma) - gamma) F(t),

with q(0) = -eta gamma F(0) for the gradient start and 0 for the extrapolated one. No older gradient is stored.
Where eta, beta and gamma change with the step, schedule.py has the coefficients of both lines.
"""

import hashlib
from collections.abc import Callable, Sequence

import jax
import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.engines.engine import Outcome
from nag_ntk.engines.prepared import Prepared
from nag_ntk.engines.registry import ENGINES
from nag_ntk.method import Method
from nag_ntk.network import Network
from nag_ntk.run.checkpoint import Checkpoint
from nag_ntk.run.mappings import make_room
from nag_ntk.run.probe import Probe
from nag_ntk.run.trajectory import GramPath, Probed, Recursion, Trajectory
from nag_ntk.training.driver import Driver
from nag_ntk.training.prepare import prepare


def _gram_path(grams: np.ndarray, initial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute the least eigenvalue and |H(t) - H(0)|_F, (s, k, c) each, of matrices (s, k, c, n, n)."""
    drift = np.linalg.norm(grams - initial[:, None, None], axis=(-2, -1))
    return np.linalg.eigvalsh(grams)[..., 0], drift


def simulate(
    data: Dataset,
    methods: Method | Sequence[Method],
    width: int | None = None,
    seeds: int | Sequence[int] = 1,
    steps: int = 100,
    *,
    engine: str = "auto",
    start: str = "gradient",
    initial: Network | None = None,
    dtype: str | None = None,
    key: int = 0,
    radii: Sequence[float] = (),
    overlap_radii: Sequence[float] = (),
    recursion: bool = False,
    gram_path: bool = False,
    probes: Sequence[Probe] = (),
    chunk: int | None = None,
    memory_limit: int | float | None = None,
    devices: Sequence[int] | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trajectory:
    """Train networks of one width from many initialisations with several methods.

    Args:
        data: unit-norm inputs (n, d) and targets (n,).
        methods: one Method or several, k of them.
        width: m, the number of hidden neurons (taken from `initial` when that is given).
        seeds: how many (0, 1, 2, ...), or the seed numbers. A seed's draw depends on `key`, its number and the
            data's span, never on its batch.
        steps: T >= 0.
        engine: "weights", "preactivations", "screened" (all three exact), or "auto": the one with the fewest counted
            operations. Only "screened" never holds all weights: its cost per step grows like the root of the width.
        start: "gradient" or "extrapolated", see method.py.
        initial: a Network with weights (m, d), used as the only seed.
        dtype: "float64" (the default where the device has it) or "float32".
        key: the study's base key.
        radii: R values at which |S_i(R)| is counted at initialisation.
        overlap_radii: R values for which the patterns' overlaps within R of the initialisation are bounded.
        recursion: also record the terms of the residual recursion (about doubles the cost).
        gram_path: also record the spectrum of H(t) every 128 steps or so, at step 0 and at step T; which steps
            depends on T and on the probes, not on the chunks.
        probes: your own quantities, measured on the way, see nag_ntk.Probe; dense engines only.
        chunk: steps between calls of `progress`, at most; chosen if None.
        memory_limit: bytes that the run may use; the machine's free memory if None.
        devices: number of devices for the seeds, and for the neurons of each network (dense engines only); "auto": the
            seeds over all, in several processes a mesh of all. See docs/devices.md.
        progress: called with (done, total) in seed-steps between chunks.
        checkpoint: store of the finished chunks, from which an interrupted run goes on; see checkpoint.py.

    Returns:
        A Trajectory.

    Raises:
        InputError: for bad arguments, or float64 asked for while JAX has it switched off.
        CapacityError: if the estimate made before the run exceeds the memory limit.

    Accuracy: the recursion runs in `dtype` with products at highest precision; the trajectory agrees with the exact
        one to rounding until the first sign that rounding decides (counted in `undecided`).

    Cost: per step, seed and method about 2 m n^2 ("preactivations") or 4 m n p ("weights") operations; "screened":
        at most 2 N n^2 for N neurons at risk, most of which rest, after m n (n + p) once per seed. Each new shape is
        compiled; before compiled programs fill the memory mappings of the process, all are dropped (mappings.py).

    Source: derived, docs/theory/README.md, section 2.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> data = nag_ntk.Dataset([[1.0, 0.0], [0.6, 0.8]], [1.0, -1.0])
        >>> run = nag_ntk.simulate(data, nag_ntk.theorem_tuning("nesterov", data), width=500, seeds=2, steps=30)
        >>> run.residual.shape
        (2, 1, 31, 2)
        >>> bool((run.residual_norm[..., -1] < 0.05 * run.residual_norm[..., 0]).all())
        True
    """
    prepared = prepare(
        data, methods, width, seeds, steps, engine=engine, start=start, initial=initial, dtype=dtype, key=key,
        radii=radii, overlap_radii=overlap_radii, recursion=recursion, gram_path=gram_path, probes=probes, chunk=chunk,
        memory_limit=memory_limit, devices=devices,
    )  # fmt: skip
    trainer = ENGINES[prepared.shape.engine]
    run_steps = Driver(prepared, trainer, gram_path, progress, checkpoint)
    make_room()
    groups = prepared.layout.groups(prepared.seeds)
    return _trajectory(prepared, [trainer.train(prepared, group, run_steps) for group in groups], key)


def _trajectory(prepared: Prepared, outcomes: Sequence[Outcome], key: int) -> Trajectory:
    """Join the outcomes of all groups."""
    record, initial, screening = jax.tree.map(lambda *xs: np.concatenate(xs), *map(tuple, outcomes))
    digest = hashlib.sha256(np.ascontiguousarray(initial.pop("checksum")).tobytes()).hexdigest()
    terms, grams = record.pop("recursion", None), record.pop("gram_path", None)
    record.pop("held", None)  # read by the screened engine alone
    values = record.pop("probes", {})
    probed = {p.name: Probed(p.every * np.arange(values[p.name].shape[2]), values[p.name]) for p in prepared.probes}
    path = None
    if grams is not None:
        steps = np.append(np.arange(0, prepared.steps, prepared.gram_interval), prepared.steps)
        path = GramPath(steps, *_gram_path(grams, initial["initial_gram"]))
    return Trajectory(
        **record, **initial, radii=prepared.radii, overlap_radii=prepared.overlap_radii, key=key,
        recursion=None if terms is None else Recursion(**terms), gram_path=path, screening=screening, probes=probed,
        methods=prepared.methods, seeds=tuple(prepared.seeds), width=prepared.shape.width, start=prepared.shape.start,
        engine=prepared.shape.engine, dtype=prepared.shape.dtype, rank=prepared.inputs.coordinates.shape[1],
        weights_digest=digest,
    )  # fmt: skip
