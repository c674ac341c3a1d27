"""Preparation of a run: check the arguments, choose the engine, plan the memory, refuse a run that does not fit.

`prepare` trains nothing, so it can also predict the engine and the memory of a run.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.engines import choose_engine, is_batched, optimised, screened
from nag_ntk.engines.prepared import Prepared
from nag_ntk.engines.registry import ENGINES
from nag_ntk.errors import CapacityError, InputError
from nag_ntk.method import STARTS, Method
from nag_ntk.method import checked as checked_method
from nag_ntk.network import Network, check_init, checked
from nag_ntk.precision import resolve_dtype
from nag_ntk.run import plan
from nag_ntk.run.devices import is_multiprocess, mesh
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.probe import Probe, measured_type
from nag_ntk.run.probe import checked as checked_probes
from nag_ntk.schedule import initial_momentum, schedules


def check_integer(name: str, value: Any, least: int) -> int:
    """Return a whole number of at least `least`; InputError, which names the argument, for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def _check_methods(methods) -> tuple[Method, ...]:
    is_sequence = not isinstance(methods, Method) and isinstance(methods, Iterable)
    listed: tuple[Any, ...] = tuple(methods) if is_sequence else (methods,)
    if not listed or not all(isinstance(m, Method) for m in listed):
        raise InputError("methods must be one Method or a non-empty sequence of them, e.g. nesterov(0.1, 0.9)")
    return tuple(checked_method(m) for m in listed)


def _check_seeds(seeds) -> Sequence[int]:
    if isinstance(seeds, int | np.integer):
        return range(check_integer("seeds", seeds, 1))  # not a tuple: the plan must refuse a large count first
    if not isinstance(seeds, Iterable):
        raise InputError(f"seeds must be a count, or a sequence of seed numbers, got {seeds!r}")
    numbers = tuple(check_integer("each seed", s, 0) for s in seeds)
    if not numbers or len(set(numbers)) != len(numbers) or max(numbers) >= 2**32:
        raise InputError("seeds must be a count, or distinct numbers below 2^32, at least one")
    return numbers


def check_radii(name: str, values: Sequence[float]) -> np.ndarray:
    """Return radii as an array; InputError, which names the argument, unless all are finite and not negative."""
    radii = np.asarray(tuple(values), dtype=np.float64)
    if not (np.isfinite(radii).all() and (radii >= 0).all()):
        raise InputError(f"{name} must be finite and not negative, got {radii.tolist()}")
    return radii


def prepare(
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
) -> Prepared:
    """Prepare a run of methods of the family, or of methods outside of it; the arguments are those of `simulate`.

    Raises:
        InputError: for invalid arguments.
        CapacityError: if the run does not fit into memory.

    Cost: for the screened engine, all steps of the linear model; else negligible.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> run = prepare(nag_ntk.sphere(3, 2), nag_ntk.gradient_descent(0.1), width=64, seeds=2, steps=5)
        >>> run.shape.engine, run.layout.chunk
        ('weights', 6)
    """
    methods = _check_methods(methods)
    steps = check_integer("steps", steps, 0)
    if start not in STARTS:
        raise InputError(f"start must be one of {', '.join(STARTS)}, got {start!r}")
    if engine not in (names := ("auto", *ENGINES, optimised.NAME)):
        raise InputError(f"engine must be one of {', '.join(names)}, got {engine!r}")
    outside = not methods[0].in_family
    if any(method.in_family == outside for method in methods):
        raise InputError("methods of the family and others are prepared apart: see prepare_parts")
    if outside != (engine == optimised.NAME) and engine != "auto":
        raise InputError(_WRONG_ENGINE.format(optimised.NAME, engine, methods[0].name))
    initial = None if initial is None else checked(initial)
    if initial is not None:
        if initial.weights.shape[1] != data.dimension:
            raise InputError(f"initial has weights for d={initial.weights.shape[1]}, the data has d={data.dimension}")
        if init != "independent":
            raise InputError("init says how a network is drawn, and initial is one already: leave one of them out")
        m, seeds = initial.weights.shape[0], (0,)
    elif width is None:
        raise InputError("give a width, or an initial Network")
    else:
        m, seeds = check_integer("width", width, 1), _check_seeds(seeds)
        check_init(init, m)
    near_radii, pattern_radii = check_radii("radii", radii), check_radii("overlap_radii", overlap_radii)
    probes = checked_probes(probes)

    floating = resolve_dtype(dtype)
    coordinates = data.coordinates.astype(floating)
    # host arrays: with several processes, the arguments of jit must not lie on the device of one process
    inputs = Inputs(
        coordinates=coordinates,
        targets=data.targets.astype(floating),
        initial_momenta=np.array([] if outside else [initial_momentum(m, start) for m in methods], dtype=floating),
        radii=near_radii.astype(floating),
        overlap_radii=pattern_radii.astype(floating),
        key=np.asarray(check_integer("key", key, 0) % 2**32, np.uint32),
    )
    if outside:
        inputs = inputs._replace(**_whole_space(data, methods, coordinates))
        recursion = deviation = False  # they are about eta, beta and gamma
    if initial is not None:
        basis = np.eye(data.dimension) if data.basis is None else data.basis
        initial = Network((initial.weights @ basis).astype(floating), initial.signs.astype(floating))
    shape = Shape(
        engine=engine, start=start, width=m, steps=0, recursion=recursion, deviation=deviation, dtype=floating.name,
        devices=1, init=init,
    )  # fmt: skip
    device_mesh = mesh(devices, len(seeds))
    neurons_spread = device_mesh is not None and device_mesh[1] > 1
    if outside and neurons_spread:
        raise InputError(f"{methods[0].name} needs all neurons of a network on one device; pass devices=(count, 1)")
    if probes and neurons_spread:
        raise InputError("a probe measures a network whose neurons are on one device; pass devices=(count, 1)")
    limit = plan.free_memory() if memory_limit is None else memory_limit
    if (least := 24 * len(methods) * (steps + 1)) > limit:  # before the table of all steps is allocated
        raise CapacityError(
            f"the run needs more than {plan.format_bytes(least)} to say what its {steps} steps are but "
            f"{plan.format_bytes(limit)} may be used: no width would fit: lower steps"
        )
    if outside:
        table = _clock(len(methods), steps).astype(floating)
        choice = optimised.choice(shape, methods, inputs, steps * len(seeds))
    else:
        table = schedules(methods, steps).astype(floating)
        choice = choose_engine(
            shape, inputs, table, len(seeds), initial, spread=is_multiprocess() or neurons_spread, probed=bool(probes)
        )
    probe_intervals = [probe.every for probe in probes]
    gram_interval = plan.gram_interval(steps, probe_intervals)
    if probes or gram_path:
        longest = max(gram_interval, plan.STEPS_BETWEEN_PROGRESS) if chunk is None else check_integer("chunk", chunk, 1)
        chunk = plan.common_chunk([*probe_intervals, *([gram_interval] if gram_path else [])], longest)
    layout = plan.make_plan(
        n=data.size, rank=coordinates.shape[1], rows=choice.rows, width=m, columns=choice.columns, seeds=len(seeds),
        methods=len(methods), steps=steps, dtype=floating, recursion=recursion, deviation=deviation,
        radii=len(near_radii) + 3 * data.size * len(pattern_radii), chunk=chunk, limit=limit, mesh=device_mesh,
        host_bytes=choice.host_bytes, batched=is_batched(choice.engine) or (outside and optimised.together()),
        probe_bytes=_probe_bytes(probes, data, m, steps, dtype) if probes else None,
    )  # fmt: skip
    if choice.engine == screened.NAME:
        screened.check_memory(shape, inputs, choice.thresholds, limit)
    shape = shape._replace(
        engine=choice.engine, steps=layout.chunk, devices=layout.devices, neuron_devices=layout.neuron_devices,
        block_length=0 if outside else layout.block_length,
    )  # fmt: skip
    return Prepared(
        methods=methods, seeds=seeds, steps=steps, initial=initial, radii=near_radii, overlap_radii=pattern_radii,
        probes=probes, inputs=inputs, schedules=table, shape=shape, choice=choice, layout=layout,
        gram_interval=gram_interval, memory_limit=limit,
    )  # fmt: skip


_WRONG_ENGINE = "engine={0!r} trains optimisers of optax, and no other engine does: {2} cannot have engine={1!r}"


def prepare_parts(data: Dataset, methods: Method | Sequence[Method], *shape: Any, **options: Any) -> list[Prepared]:
    """Prepare a run of any methods: a part for those of the family, and one for those outside of it, where there are.

    Every part draws the same networks. What is recorded at step 0 is recorded by the first part alone. A named engine
    is that of the family, if both parts are there.

    Raises:
        InputError: for invalid arguments.
        CapacityError: if the run does not fit into memory.

    Example:
        >>> import nag_ntk, optax
        >>> nag_ntk.enable_float64()
        >>> methods = nag_ntk.from_optax("adam", optax.adam(0.1)), nag_ntk.gradient_descent(0.1)
        >>> [part.shape.engine for part in prepare_parts(nag_ntk.sphere(3, 2), methods, 64, 2, 5)]
        ['weights', 'optax']
    """
    methods = _check_methods(methods)
    groups = [tuple(m for m in methods if m.in_family == inside) for inside in (True, False)]
    parts: list[Prepared] = []
    for group in filter(None, groups):
        later = {"engine": "auto", "radii": (), "overlap_radii": ()} if parts else {}
        parts.append(prepare(data, group, *shape, **{**options, **later}))
    return parts


def _clock(methods: int, steps: int) -> np.ndarray:
    """Return schedules of methods that keep their own: 1 at the steps 0, ..., T-1 and 0 at T, (k, T+1, 3)."""
    return np.repeat((np.arange(steps + 1) < steps)[None, :, None], 3, axis=2).repeat(methods, axis=0).astype(float)


def _whole_space(data: Dataset, methods: Sequence[Method], coordinates: np.ndarray) -> dict[str, Any]:
    """Return the inputs as optimisers see them: in their own coordinates, or in those of their span if all allow it."""
    if data.basis is None or all(method.rule is not None and method.rule.rotation_invariant for method in methods):
        return {"original": coordinates}
    return {"original": data.inputs.astype(coordinates.dtype), "basis": data.basis.astype(coordinates.dtype)}


def _probe_bytes(probes: Sequence[Probe], data: Dataset, width: int, steps: int, dtype: str | None) -> int:
    """Return the bytes of the records of the probes for one seed and method."""
    types = [(measured_type(probe, data, width, dtype), steps // probe.every + 1) for probe in probes]
    return sum(count * each.size * np.dtype(each.dtype).itemsize for each, count in types)
