"""Record of networks that were trained elsewhere, from their weights at some steps."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.dataset import Dataset
from nag_ntk.engines import optimised
from nag_ntk.errors import InputError
from nag_ntk.method import Rule, outside_family
from nag_ntk.network import INITS, Network, check_init
from nag_ntk.network import checked as checked_network
from nag_ntk.pattern import pattern_counts
from nag_ntk.precision import resolve_dtype
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.trajectory import OBSERVED, GramPath, Trajectory
from nag_ntk.training.prepare import check_integer, check_radii

Weights = np.ndarray | Sequence[Any] | Callable[[int, int], Any]
"""Weights (t+1, m, d) of one network, (s, t+1, m, d) of several, or a function (seed, step) -> (m, d)."""


def from_weights(
    data: Dataset,
    weights: Weights,
    signs: Any,
    *,
    seeds: int = 1,
    steps: int | None = None,
    name: str = "given",
    init: str = "given",
    radii: Sequence[float] = (),
    overlap_radii: Sequence[float] = (),
    gram_path: bool = True,
    dtype: str | None = None,
) -> Trajectory:
    """Make the record of networks that were trained elsewhere, by any program and any optimiser.

    The network is f(x) = m^(-1/2) sum_r a_r relu(w_r.x). What `simulate` records is computed from the weights, but for
    quantities that depend on how they were trained.

    Args:
        data: the dataset; weights act on its inputs, which have length 1.
        weights: weights (t+1, m, d) at some steps, the first before training; (s, t+1, m, d) for s networks; or a
            function (seed, step) -> (m, d), for networks that do not fit into memory together.
        signs: the fixed output signs a_r, -1 or +1, (m,) or (s, m).
        seeds: number of networks, if `weights` is a function.
        steps: T, if `weights` is a function; it is called for the steps 0, ..., T.
        name: what the method is called.
        init: "given": nothing is known of the weights before training, and no claim about a draw is made of them.
            "independent" or "antisymmetric": they were drawn so, independently from network to network; see `simulate`.
        radii: R values at which |S_i(R)| is counted at initialisation.
        overlap_radii: R values for which the patterns' overlaps within R of the initialisation are bounded.
        gram_path: True to record the spectrum of H(t) at every one of the steps.
        dtype: "float64" or "float32", in which products are computed.

    Returns:
        A Trajectory whose axis of steps counts the given ones.

    Raises:
        InputError: for weights or signs of a wrong shape, weights before training that are not finite, signs other than
            -1 and +1, or an invalid argument.

    Accuracy: weights are exact by definition; w_r(t).x_i has the error gamma_(d+4) (|w_r(0)| + |w_r(t) - w_r(0)|), and
        `undecided` counts those that are smaller.

    Cost: per network and step m n (d + n) operations, and n^3 for the spectrum of H(t).

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> data = nag_ntk.sphere(4, 3)
        >>> rng = np.random.default_rng(0)
        >>> start, signs = rng.standard_normal((64, 3)), rng.choice([-1.0, 1.0], 64)
        >>> run = from_weights(data, [start, 0.9 * start], signs)
        >>> run.residual.shape, int(run.flips[0, 0, 1]), bool(np.isclose(run.distance[0, 0, 1], 0.1 * np.max(
        ...     np.linalg.norm(start, axis=1))))
        ((1, 1, 2, 4), 0, True)
    """
    look, count, length = _lookup(weights, seeds, steps)
    if init not in ("given", *INITS):
        raise InputError(f"init must be one of given, {', '.join(INITS)}, got {init!r}")
    floating = resolve_dtype(dtype)
    all_signs = np.asarray(signs, float)
    if all_signs.ndim not in (1, 2) or (all_signs.ndim == 2 and len(all_signs) != count):
        raise InputError(f"signs must be (m,), or ({count}, m) for {count} networks, got {all_signs.shape}")
    all_signs = np.broadcast_to(all_signs, (count, all_signs.shape[-1]))
    near, overlaps = check_radii("radii", radii), check_radii("overlap_radii", overlap_radii)
    width = all_signs.shape[1]
    if init != "given":
        check_init(init, width)
    coordinates = data.coordinates.astype(floating)
    basis = np.eye(data.dimension) if data.basis is None else data.basis
    inputs = Inputs(
        coordinates=coordinates, targets=data.targets.astype(floating), initial_momenta=np.array([]),
        radii=near.astype(floating), overlap_radii=overlaps.astype(floating), key=np.zeros((), np.uint32),
        original=data.inputs.astype(floating), basis=basis.astype(floating),
    )  # fmt: skip
    shape = Shape(
        engine=optimised.NAME, start="gradient", width=width, steps=0, recursion=False, dtype=floating.name, devices=1,
        init="antisymmetric" if init == "antisymmetric" else "independent",
    )  # fmt: skip
    records, initials, grams = [], [], []
    for seed in range(count):
        begin = checked_network(Network(look(seed, 0), all_signs[seed])).weights
        if begin.shape[1] != data.dimension:
            raise InputError(f"the weights are for d={begin.shape[1]}, the data has d={data.dimension}")
        if init == "antisymmetric" and not (begin[::2] == begin[1::2]).all():
            raise InputError("antisymmetric networks have equal weights in the neurons 2r and 2r + 1")
        within = begin @ basis
        network = Network(within.astype(floating), all_signs[seed].astype(floating))
        outside = (begin - within @ basis.T).astype(floating)
        begun, initial = _begun(shape, inputs, network, outside)
        initials.append(initial)
        path = []
        for step in range(length):
            now = np.asarray(look(seed, step), float)
            if now.shape != begin.shape:
                raise InputError(
                    f"the weights of network {seed} at step {step} have shape {now.shape}, not {begin.shape}"
                )
            path.append(_seen(shape, gram_path, inputs, begun, (now - begin).astype(floating)))
        recorded, counted = zip(*path, strict=True)
        records.append({key: np.stack([np.asarray(each[key]) for each in recorded]) for key in recorded[0]})
        grams.append(np.stack(counted) if gram_path else None)
    record = {key: np.stack([each[key] for each in records])[:, None] for key in records[0]}
    initial = jax.tree.map(lambda *parts: np.stack([np.asarray(part) for part in parts]), *initials)
    digest = hashlib.sha256(np.ascontiguousarray(initial.pop("checksum")).tobytes()).hexdigest()
    spectra = None
    if gram_path:
        spectra = GramPath.of(np.arange(length), np.stack(grams)[:, None], initial["initial_gram"])
    return Trajectory(
        **record, **initial, radii=near, overlap_radii=overlaps, key=0, recursion=None, gram_path=spectra,
        methods=(outside_family(name, Rule("weights that were trained elsewhere")),), seeds=tuple(range(count)),
        width=width, start="gradient", engine=OBSERVED, dtype=floating.name, rank=coordinates.shape[1],
        weights_digest=digest, init=init, dimension=data.dimension,
    )  # fmt: skip


def _lookup(weights: Weights, seeds: int, steps: int | None) -> tuple[Callable[[int, int], np.ndarray], int, int]:
    """Return a function (seed, step) -> weights, the number of networks, and the number of steps with step 0."""
    if callable(weights):
        if steps is None:
            raise InputError("a function of seed and step needs steps beside it")
        function = weights
        return (
            lambda seed, step: np.asarray(function(seed, step), float),
            check_integer("seeds", seeds, 1),
            check_integer("steps", steps, 0) + 1,
        )
    try:
        array = np.asarray(weights, float)
    except (TypeError, ValueError):
        raise InputError("weights must be real numbers (t+1, m, d) or (s, t+1, m, d), or a function") from None
    if array.ndim not in (3, 4) or array.size == 0:
        raise InputError(f"weights must be (t+1, m, d), or (s, t+1, m, d) for s networks, got {array.shape}")
    array = array if array.ndim == 4 else array[None]
    return lambda seed, step: array[seed, step], array.shape[0], array.shape[1]


@partial(jax.jit, static_argnums=0)
def _begun(shape: Shape, inputs: Inputs, network: Network, outside):
    return optimised.started(shape, inputs, 0, network, outside)


@partial(jax.jit, static_argnums=(0, 1))
def _seen(shape: Shape, gram: bool, inputs: Inputs, begun, movement):
    recorded, pattern = optimised.observed(shape, inputs, begun, movement)
    if not gram:
        return recorded, jnp.zeros(())
    return recorded, inputs.kernel * (pattern_counts(pattern, pattern).astype(shape.dtype) / shape.width)
