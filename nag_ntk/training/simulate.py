"""Training of wide networks, batched over seeds and methods, as one compiled program per chunk of steps.

The recursion of method.py is computed with two sequences, the movement u and the momentum term q. With the forcing F,
which is the masked residual A o xi or X^T of it,

    u(t+1) = u(t) + q(t) + eta (1+gamma) F(t),    q(t+1) = beta q(t) + eta (beta (1+gamma) - gamma) F(t),

with q(0) = -eta gamma F(0) for the gradient start and 0 for the extrapolated start. No gradient of an earlier step is
stored. If eta, beta and gamma change with the step, schedule.py has the coefficients of both recursions.
"""

import hashlib
from collections.abc import Callable, Sequence

import jax
import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.engines import optimised
from nag_ntk.engines.engine import Engine, TrainedGroup
from nag_ntk.engines.prepared import Prepared
from nag_ntk.engines.registry import ENGINES
from nag_ntk.method import Method
from nag_ntk.network import Network
from nag_ntk.run.checkpoint import Checkpoint
from nag_ntk.run.joined import joined
from nag_ntk.run.mappings import watch
from nag_ntk.run.probe import Probe
from nag_ntk.run.trajectory import Deviation, GramPath, Probed, Recursion, Trajectory
from nag_ntk.training.driver import Driver
from nag_ntk.training.prepare import prepare_parts


def simulate(
    data: Dataset,
    methods: Method | Sequence[Method],
    width: int | None = None,
    seeds: int | Sequence[int] = 1,
    steps: int = 100,
    *,
    engine: str = "auto",
    start: str = "gradient",
    init: str = "independent",
    initial: Network | None = None,
    dtype: str | None = None,
    key: int = 0,
    radii: Sequence[float] = (),
    overlap_radii: Sequence[float] = (),
    recursion: bool = False,
    deviation: bool = False,
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
        methods: one Method or a sequence of k Methods: members of the family, optimisers of optax (`from_optax`), or
            both, side by side from the same networks.
        width: m, the number of hidden neurons; ignored if `initial` is given.
        seeds: the number of seeds (0, 1, 2, ...), or the seed numbers. The draw of a seed depends on `key`, its number
            and the span of the inputs, not on the other seeds.
        steps: T >= 0.
        engine: "weights" or "preactivations", network by network; "batched-weights" or "batched-preactivations", the
            same for all networks side by side, for accelerators; "screened", which does not store all weights, and
            whose cost per step grows like the root of the width. All are exact. "auto": the one of the least cost.
            Optimisers of optax have their own, "optax"; beside them the name is that of the other methods' engine.
        start: "gradient" or "extrapolated", see method.py.
        init: how networks are drawn: "independent" neurons, or "antisymmetric" pairs of neurons with equal weights and
            opposite signs, for an even width, so that f = 0 and the residual is -y at step 0, exactly.
        initial: a Network with weights (m, d), used as the only seed; nothing is drawn then.
        dtype: "float64" (the default where the device has it) or "float32".
        key: the study's base key.
        radii: R values at which |S_i(R)| is counted at initialisation.
        overlap_radii: R values for which the patterns' overlaps within R of the initialisation are bounded.
        recursion: True to record the terms of the residual recursion (about doubles the cost).
        deviation: True to record the deviation from the linear model of H(0), and a bound on it.
        gram_path: True to record the spectrum of H(t) about every 128 steps, at step 0 and at step T; the steps
            depend on T and on the probes, not on the chunks.
        probes: additional quantities to measure, see nag_ntk.Probe; not with "screened".
        chunk: largest number of steps between calls of `progress`; None to choose it.
        memory_limit: bytes that the run may use; the machine's free memory if None.
        devices: number of devices for the seeds, and for the neurons of each network (not "screened"); "auto":
            all devices for the seeds, in several processes a mesh of all devices. See docs/devices.md.
        progress: called between chunks with the completed and the total number of seed-steps.
        checkpoint: store of the finished chunks, from which an interrupted run continues; see checkpoint.py.

    Returns:
        A Trajectory.

    Raises:
        InputError: for invalid arguments, or for float64 if it is switched off in JAX.
        CapacityError: if the estimated memory exceeds the limit.

    Accuracy: the recursion runs in `dtype` with products at highest precision; the trajectory agrees with the exact
        one to rounding until the first step at which rounding decides a sign (counted in `undecided`).

    Cost: per step, seed and method about 2 m n^2 ("preactivations") or 4 m n p ("weights") operations; "screened":
        at most 2 N n^2 for N neurons at risk, most of which are not evaluated at every step, and m n (n + p) once per
        seed. Each new shape is compiled; compiled programs are dropped before they use up the memory mappings of the
        process (mappings.py).

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
    parts = prepare_parts(
        data, methods, width, seeds, steps, engine=engine, start=start, init=init, initial=initial, dtype=dtype,
        key=key, radii=radii, overlap_radii=overlap_radii, recursion=recursion, deviation=deviation,
        gram_path=gram_path, probes=probes, chunk=chunk, memory_limit=memory_limit, devices=devices,
    )  # fmt: skip
    watch()
    trajectories, driver = [], None
    for prepared in parts:
        trainer = _engine(prepared, data, initial)
        driver = Driver(prepared, trainer, gram_path, progress, checkpoint, driver, len(parts))
        groups = prepared.layout.groups(prepared.seeds)
        trajectories.append(_trajectory(prepared, [trainer.train(prepared, group, driver) for group in groups], key))
    return joined(trajectories, (methods,) if isinstance(methods, Method) else tuple(methods))


def _engine(prepared: Prepared, data: Dataset, initial: Network | None) -> Engine:
    """Return the engine of a part of a run."""
    if prepared.shape.engine != optimised.NAME:
        return ENGINES[prepared.shape.engine]
    outside = None
    if initial is not None and data.basis is not None:
        weights = np.asarray(initial.weights, float)
        outside = (weights - weights @ data.basis @ data.basis.T).astype(prepared.shape.dtype)
    return optimised.Optimised(prepared.methods, outside)


def _trajectory(prepared: Prepared, outcomes: Sequence[TrainedGroup], key: int) -> Trajectory:
    """Join the outcomes of all groups."""
    record, initial, screening = jax.tree.map(lambda *xs: np.concatenate(xs), *map(tuple, outcomes))
    digest = hashlib.sha256(np.ascontiguousarray(initial.pop("checksum")).tobytes()).hexdigest()
    terms, grams = record.pop("recursion", None), record.pop("gram_path", None)
    deviation = record.pop("deviation", None)
    record.pop("held", None)  # read by the screened engine alone
    values = record.pop("probes", {})
    probed = {p.name: Probed(p.every * np.arange(values[p.name].shape[2]), values[p.name]) for p in prepared.probes}
    path = None
    if grams is not None:
        steps = np.append(np.arange(0, prepared.steps, prepared.gram_interval), prepared.steps)
        path = GramPath.of(steps, grams, initial["initial_gram"])
    return Trajectory(
        **record, **initial, radii=prepared.radii, overlap_radii=prepared.overlap_radii, key=key,
        recursion=None if terms is None else Recursion(**terms), gram_path=path, screening=screening, probes=probed,
        deviation=None if deviation is None else Deviation(**deviation), methods=prepared.methods,
        seeds=tuple(prepared.seeds), width=prepared.shape.width, start=prepared.shape.start,
        engine=prepared.shape.engine, dtype=prepared.shape.dtype, rank=prepared.inputs.coordinates.shape[1],
        weights_digest=digest, dimension=0 if prepared.inputs.basis is None else len(prepared.inputs.basis),
        init=prepared.shape.init if prepared.initial is None else "given",
    )  # fmt: skip
