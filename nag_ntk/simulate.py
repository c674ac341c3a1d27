"""simulate: train wide networks, batched over seeds and methods, as one compiled program per chunk of steps.

The recursion of method.py in two sequences, with G = A o xi the masked residual and u the movement:

    u(t+1) = u(t) + q(t) + eta (1+gamma) drive(G(t)),    q(t+1) = beta q(t) + eta (beta (1+gamma) - gamma) drive(G(t)),

with q(0) = -eta gamma drive(G(0)) for the gradient start and 0 for the extrapolated one. No older gradient is kept.
Where the momentum grows, the first line has gamma(t), the second beta(t+1), gamma(t) and gamma(t+1) in this order.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from nag_ntk import plan, step
from nag_ntk.checkpoint import Checkpoint
from nag_ntk.dataset import Dataset
from nag_ntk.devices import fetched, mesh, several
from nag_ntk.engines import NAMES, choose, screened
from nag_ntk.errors import InputError
from nag_ntk.mappings import make_room
from nag_ntk.method import STARTS, Method
from nag_ntk.network import Network, checked
from nag_ntk.precision import resolve_dtype
from nag_ntk.probe import Probe, measured, probe_now
from nag_ntk.probe import checked as checked_probes
from nag_ntk.problem import Problem, Shape
from nag_ntk.trajectory import GramPath, Probed, Recursion, Trajectory


def _whole(name: str, value, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def _methods(methods) -> tuple[Method, ...]:
    several = not isinstance(methods, Method) and isinstance(methods, Iterable)
    listed: tuple[Any, ...] = tuple(methods) if several else (methods,)
    if not listed or not all(isinstance(m, Method) for m in listed):
        raise InputError("methods must be one Method or a non-empty sequence of them, e.g. nesterov(0.1, 0.9)")
    for m in listed:
        constant = m.delay == 0 and 0 <= m.beta < 1
        if not (np.isfinite(m[1:]).all() and m.eta > 0 and (constant or (m.delay > 0 and 0 <= m.beta <= 1))):
            raise InputError(f"{m.name}: eta must be positive and finite and beta in [0, 1), got {m}")
    return listed


def _seeds(seeds) -> Sequence[int]:
    if isinstance(seeds, int | np.integer):
        return range(_whole("seeds", seeds, 1))  # not a tuple: the plan refuses what cannot fit first
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds must be a count, or a sequence of seed numbers, got {seeds!r}")
    numbers = tuple(_whole("each seed", s, 0) for s in seeds)
    if not numbers or len(set(numbers)) != len(numbers) or max(numbers) >= 2**32:
        raise InputError("seeds must be a count, or distinct numbers below 2^32, at least one")
    return numbers


def _radii(name: str, values: Sequence[float]) -> np.ndarray:
    radii = np.asarray(tuple(values), dtype=np.float64)
    if not (np.isfinite(radii).all() and (radii >= 0).all()):
        raise InputError(f"{name} must be finite and not negative, got {radii.tolist()}")
    return radii


def _path(grams: np.ndarray, initial: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least eigenvalue and |H(t) - H(0)|_F, (s, k, c) each, of (s, k, c, n, n) matrices."""
    drift = np.linalg.norm(grams - initial[:, None, None], axis=(-2, -1))
    return np.linalg.eigvalsh(grams)[..., 0], drift


def _padded(group: Sequence[int], size: int) -> np.ndarray:
    """The seed numbers of a group, the last one repeated to fill it up."""
    return np.array([*group, *[group[-1]] * (size - len(group))], dtype=np.uint32)


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
        gram_path: also record the spectrum of H(t) every 128 steps or so, at step 0 and at step T; which steps are
            looked at depends on T and on the probes, not on the chunks.
        probes: quantities of your own to be measured on the way, see nag_ntk.Probe; dense engines only.
        chunk: steps between calls of `progress`, at most; chosen if None.
        memory_limit: bytes that the run may use; the machine's free memory if None.
        devices: over how many devices the seeds are spread, and over how many the neurons of each network (dense
            engines only); "auto": the seeds over all, in several processes a mesh of all. See docs/devices.md.
        progress: called with (done, total) in seed-steps between chunks.
        checkpoint: keeper of the run between chunks, from which an interrupted run goes on; see checkpoint.py.

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
    listed = _methods(methods)
    steps = _whole("steps", steps, 0)
    if start not in STARTS:
        raise InputError(f"start must be one of {', '.join(STARTS)}, got {start!r}")
    if engine != "auto" and engine not in NAMES:
        raise InputError(f"engine must be one of auto, {', '.join(NAMES)}, got {engine!r}")
    given = None if initial is None else checked(initial)
    if given is not None:
        if given.weights.shape[1] != data.dimension:
            raise InputError(f"initial has weights for d={given.weights.shape[1]}, the data has d={data.dimension}")
        m, numbers = given.weights.shape[0], (0,)
    elif width is None:
        raise InputError("give a width, or an initial Network")
    else:
        m, numbers = _whole("width", width, 1), _seeds(seeds)
    balls, overlap_balls = _radii("radii", radii), _radii("overlap_radii", overlap_radii)

    real = resolve_dtype(dtype)
    coordinates = data.coordinates.astype(real)
    problem = Problem(  # of the host: what several processes pass to jit must not lie on one of their devices
        coordinates=coordinates,
        targets=data.targets.astype(real),
        coefficients=np.array([m[1:] for m in listed], dtype=real),
        radii=balls.astype(real),
        overlap_radii=overlap_balls.astype(real),
        key=np.asarray(_whole("key", key, 0) % 2**32, np.uint32),
        last=np.asarray(steps, np.int32),
    )
    if given is not None:
        basis = np.eye(data.dimension) if data.basis is None else data.basis
        given = Network((given.weights @ basis).astype(real), given.signs.astype(real))
    shape = Shape(engine=engine, start=start, width=m, steps=0, recursion=recursion, dtype=real.name, devices=1)
    laid = mesh(devices, len(numbers))
    spread = several() or (laid is not None and laid[1] > 1)
    asked = checked_probes(probes)
    if asked and laid is not None and laid[1] > 1:
        raise InputError("a probe measures a network whose neurons are on one device; pass devices=(count, 1)")
    chosen = choose(shape, problem, steps, len(numbers), given, spread, bool(asked))
    allowed = plan.free_memory() if memory_limit is None else memory_limit
    recorded_bytes, looks = None, plan.looks(steps, tuple(probe.every for probe in asked))
    if asked or gram_path:
        most = max(looks, plan.STEPS_BETWEEN_PROGRESS) if chunk is None else _whole("chunk", chunk, 1)
        chunk = plan.stride([*(probe.every for probe in asked), *([looks] if gram_path else [])], most)
    if asked:
        found = [(measured(probe, data, m, dtype), steps // probe.every + 1) for probe in asked]
        recorded_bytes = sum(count * like.size * np.dtype(like.dtype).itemsize for like, count in found)
    layout = plan.make(
        n=data.size, rank=coordinates.shape[1], width=m, columns=chosen.columns, seeds=len(numbers),
        methods=len(listed), steps=steps, dtype=real, rows=chosen.rows, recursion=recursion, chunk=chunk, limit=allowed,
        radii=len(balls) + 3 * data.size * len(overlap_balls), mesh=laid, copied=chosen.copied,
        probed=recorded_bytes,
    )  # fmt: skip
    shape = shape._replace(
        engine=chosen.engine, steps=layout.chunk, devices=layout.devices, across=layout.across, length=layout.length
    )
    backend = screened if chosen.engine == screened.NAME else step
    done, total, call = 0, len(numbers) * (steps + 1), 0

    def through(state, group: Sequence[int], counts: bool = True):
        """All chunks of a group; the records of its seeds, on the host."""
        nonlocal done, call
        size, number = len(group), call
        call += 1
        about = {"seeds": [int(seed) for seed in group], "shape": list(shape), "group": layout.group}
        kept = None if checkpoint is None else checkpoint.restore(number, about)
        parts = [] if kept is None else list(kept.parts)
        if kept is not None and 0 < len(parts) < layout.chunks:
            state = kept.state(state)
        for index in range(layout.chunks):
            last = index + 1 == layout.chunks
            if index >= len(parts):
                at, part = index * layout.chunk, {}
                if gram_path and at % looks == 0:
                    part["gram"] = fetched(backend.gram_now(shape, problem, state), size)
                due = tuple(probe for probe in asked if at % probe.every == 0)
                if due:
                    drawn = _padded(group, layout.group)
                    part["probes"] = fetched(probe_now(shape, problem, due, state, drawn, given), size)
                state, recorded = backend.advance(shape, problem, state)
                part["record"] = fetched(recorded, size)
                if gram_path and last and steps % looks:  # the state stays at step T
                    part["last_gram"] = fetched(backend.gram_now(shape, problem, state), size)
                parts.append(part)
                if checkpoint is not None:
                    checkpoint.keep(number, about, part, state, last)
            if counts:
                done += size * min(layout.chunk, steps + 1 - index * layout.chunk)
                if progress is not None:
                    progress(done, total)
        record = jax.tree.map(
            lambda *xs: np.concatenate(xs, axis=2)[:, :, : steps + 1], *(part["record"] for part in parts)
        )
        if gram_path:
            grams = [part[name] for name in ("gram", "last_gram") for part in parts if name in part]
            record["gram_path"] = np.stack(grams, axis=2)
        if asked:
            known = [part.get("probes", {}) for part in parts]
            record["probes"] = {
                probe.name: np.stack([found[probe.name] for found in known if probe.name in found], axis=2)
                for probe in asked
            }
        return record

    make_room()
    outcomes = []
    for group in layout.groups(numbers):
        if chosen.engine == screened.NAME:
            outcomes.append(
                screened.train(shape, problem, group, layout.group, steps, chosen.thresholds, given, through, allowed)
            )
            continue
        state, begun = step.begin(shape, problem, _padded(group, layout.group), given)
        outcomes.append((through(state, group), fetched(begun, len(group)), None))
        del state
    record, begun, screening = jax.tree.map(lambda *xs: np.concatenate(xs), *outcomes)
    digest = hashlib.sha256(np.ascontiguousarray(begun.pop("checksum")).tobytes()).hexdigest()
    terms, grams = record.pop("recursion", None), record.pop("gram_path", None)
    record.pop("held", None)
    values = record.pop("probes", {})
    probed = {p.name: Probed(p.every * np.arange(values[p.name].shape[2]), values[p.name]) for p in asked}
    path = None
    if grams is not None:
        at = np.append(np.arange(0, steps, looks), steps)
        path = GramPath(at, *_path(grams, begun["initial_gram"]))
    return Trajectory(
        **record, **begun, radii=balls, overlap_radii=overlap_balls, key=key,
        recursion=None if terms is None else Recursion(**terms), gram_path=path, screening=screening, probes=probed,
        methods=listed, seeds=tuple(numbers), width=m, start=start, engine=chosen.engine, dtype=real.name,
        rank=coordinates.shape[1], weights_digest=digest,
    )  # fmt: skip
