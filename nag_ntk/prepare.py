"""Preparation of a run: arguments checked, engine chosen, memory planned, and what cannot fit refused.

Whoever wants to know beforehand whether a run can be made, how and in how much memory, asks here; nothing is trained.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from nag_ntk import plan
from nag_ntk.dataset import Dataset
from nag_ntk.devices import mesh, several
from nag_ntk.engines import Choice, choose, screened
from nag_ntk.engines.registry import ENGINES
from nag_ntk.errors import CapacityError, InputError
from nag_ntk.method import STARTS, Method
from nag_ntk.method import checked as checked_method
from nag_ntk.network import Network, checked
from nag_ntk.precision import resolve_dtype
from nag_ntk.probe import Probe, measured
from nag_ntk.probe import checked as checked_probes
from nag_ntk.problem import Problem, Shape
from nag_ntk.schedule import first_pull, paces


class Prepared(NamedTuple):
    """A run that can be made, and how it will be.

    Attributes:
        methods: k of them.
        seeds: their numbers.
        steps: T.
        given: the network to begin with, in the span of the inputs, or None.
        radii: R values of |S_i(R)|.
        overlap_radii: R values of the overlaps.
        probes: quantities to be measured on the way.
        problem: what the compiled programs are told.
        paces: the methods' numbers at the steps 0, ..., T, (k, T+1, 3).
        shape: what they are compiled for.
        choice: the engine.
        layout: chunks, groups, devices, and the bytes that are needed.
        looks: steps from one look at H(t) to the next.
        allowed: bytes that may be used.
    """

    methods: tuple[Method, ...]
    seeds: Sequence[int]
    steps: int
    given: Network | None
    radii: np.ndarray
    overlap_radii: np.ndarray
    probes: tuple[Probe, ...]
    problem: Problem
    paces: np.ndarray
    shape: Shape
    choice: Choice
    layout: plan.Plan
    looks: int
    allowed: int | float


def _whole(name: str, value, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def _methods(methods) -> tuple[Method, ...]:
    several = not isinstance(methods, Method) and isinstance(methods, Iterable)
    listed: tuple[Any, ...] = tuple(methods) if several else (methods,)
    if not listed or not all(isinstance(m, Method) for m in listed):
        raise InputError("methods must be one Method or a non-empty sequence of them, e.g. nesterov(0.1, 0.9)")
    return tuple(checked_method(m) for m in listed)


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


def prepare(
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
) -> Prepared:
    """The run that `simulate` would make of these arguments, which are explained there.

    Raises:
        InputError: for bad arguments.
        CapacityError: if the run would not fit into memory.

    Cost: for the screened engine the linear model is followed over all steps; else next to nothing.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> found = prepare(nag_ntk.sphere(3, 2), nag_ntk.gradient_descent(0.1), width=64, seeds=2, steps=5)
        >>> found.shape.engine, found.layout.chunk
        ('weights', 6)
    """
    listed = _methods(methods)
    steps = _whole("steps", steps, 0)
    if start not in STARTS:
        raise InputError(f"start must be one of {', '.join(STARTS)}, got {start!r}")
    if engine != "auto" and engine not in ENGINES:
        raise InputError(f"engine must be one of auto, {', '.join(ENGINES)}, got {engine!r}")
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
        pulls=np.array([first_pull(m, start) for m in listed], dtype=real),
        radii=balls.astype(real),
        overlap_radii=overlap_balls.astype(real),
        key=np.asarray(_whole("key", key, 0) % 2**32, np.uint32),
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
    allowed = plan.free_memory() if memory_limit is None else memory_limit
    if (least := 24 * len(listed) * (steps + 1)) > allowed:  # before the table of all steps is made
        raise CapacityError(
            f"the run needs more than {plan.readable(least)} to say what its {steps} steps are but "
            f"{plan.readable(allowed)} may be used: no width would fit: lower steps"
        )
    table = paces(listed, steps).astype(real)
    chosen = choose(shape, problem, table, len(numbers), given, spread, bool(asked))
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
    if chosen.engine == screened.NAME:
        screened.refuse(shape, problem, chosen.thresholds, allowed)
    shape = shape._replace(
        engine=chosen.engine, steps=layout.chunk, devices=layout.devices, across=layout.across, length=layout.length
    )
    return Prepared(
        listed,
        numbers,
        steps,
        given,
        balls,
        overlap_balls,
        asked,
        problem,
        table,
        shape,
        chosen,
        layout,
        looks,
        allowed,
    )
