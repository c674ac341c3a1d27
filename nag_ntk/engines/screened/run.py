"""Compiled programs of the screened engine for a group of seeds: step 0, and the scan over a chunk of steps."""

from functools import partial

import jax
import numpy as np

from nag_ntk.engines.screened import recursion
from nag_ntk.engines.screened.state import RiskNeurons, ScreenedNetwork, SeedConstants
from nag_ntk.engines.screened.survey import Survey
from nag_ntk.run.inputs import Inputs, Shape, shard_seeds
from nag_ntk.run.neurons import padding_preactivation
from nag_ntk.schedule import step_coefficients

PATTERNS = 512
"""Number of patterns in a block."""


def block_length(n: int) -> int:
    """Choose the number of neurons in a block: large enough to amortise its start, small enough for little padding."""
    usual = 2 ** round(np.log2(np.clip(6000 / n, 64, 512)))
    return int(usual if jax.default_backend() == "cpu" else 16 * usual)


def _round_up(blocks: int) -> int:
    """Round up to one of 1, 2, 3, 4, 6, 8, 12, 16, ...: few shapes, few compilations."""
    power = 2 ** max(int(np.ceil(np.log2(max(blocks, 1)))), 0)
    return power * 3 // 4 if power >= 4 and blocks <= power * 3 // 4 else power


def _pad(array: np.ndarray, length: int, value) -> np.ndarray:
    """Pad the last axis with a value to a length."""
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, length - array.shape[-1])], constant_values=value)


def _contains(patterns: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return True for the rows of codes (N, words) that are among the patterns (P, words)."""

    def as_scalars(rows):
        return np.ascontiguousarray(rows).view([("", np.uint32)] * rows.shape[1]).reshape(-1)

    return np.isin(as_scalars(codes), as_scalars(patterns))


def columns(n: int, at_risk: int) -> int:
    """Return the number of columns of the state, padding included, for a number of neurons at risk."""
    length = block_length(n)
    return _round_up(-(-at_risk // length)) * length


def column_bytes(n: int, dtype: str, deviation: bool = False) -> int:
    """Return the bytes of a column: pre-activations, movement and momentum term, sign; pattern and flags.

    Example:
        >>> column_bytes(10, "float64")
        260
    """
    return np.dtype(dtype).itemsize * (3 * n + 1) + n + 2 + n * deviation


def stack_surveys(shape: Shape, surveys: list[Survey], thresholds: list[np.ndarray]) -> ScreenedNetwork:
    """Stack the surveys of several seeds on the host, padded to common lengths; axis 0 counts seeds."""
    n = len(surveys[0].outputs)
    length = columns(n, max(len(s.signs) for s in surveys))
    blocks = _round_up(-(-max(len(s.patterns) for s in surveys) // PATTERNS))
    count = PATTERNS * blocks
    dtype = np.dtype(shape.dtype)

    def one(survey: Survey, limits: np.ndarray) -> ScreenedNetwork:
        origin = _pad(survey.origin, length, padding_preactivation(dtype))
        nothing, none = np.zeros_like(origin), np.zeros(length, bool)
        risk = RiskNeurons(
            origin=origin, signs=_pad(survey.signs, length, 0), active=origin >= 0, movement=nothing, momentum=nothing,
            shared=_pad(_contains(survey.patterns, survey.codes), length, True), flipped=none,
            touched=np.zeros(origin.shape, bool) if shape.deviation else None,
        )  # fmt: skip
        codes = _pad(survey.patterns.T, count, 0)
        safe = codes.reshape(len(codes), blocks, PATTERNS).swapaxes(0, 1)
        counts = survey.counts.astype(np.int64 if shape.width >= 2**31 else np.int32)
        return ScreenedNetwork(
            survey.outputs, counts, limits.astype(dtype), np.asarray(survey.max_weight, dtype), risk, safe
        )

    return jax.tree.map(lambda *parts: np.stack(parts), *(one(s, t) for s, t in zip(surveys, thresholds, strict=True)))


@partial(jax.jit, static_argnums=(0, 3))
def initialise(shape: Shape, inputs: Inputs, networks: ScreenedNetwork, length: int):
    """Make (SeedConstants, states) of a group of seeds at step 0, neurons in blocks of `length`; axes seed, method."""
    blocks = networks.risk.signs.shape[-1] // length

    def one_seed(inputs, network):
        constants = SeedConstants(network.thresholds, network.max_weight)
        one_method = partial(recursion.initialise, shape, inputs, network, blocks=blocks)
        return constants, jax.lax.map(one_method, inputs.initial_momenta)

    def all_seeds(inputs, networks):
        return jax.lax.map(partial(one_seed, inputs), networks)

    return shard_seeds(shape, all_seeds, 1)(inputs, networks)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, inputs: Inputs, states, schedules):
    """Record and apply one step for each row of the schedules.

    Args:
        shape: the static configuration.
        inputs: the arrays that all seeds share.
        states: (SeedConstants, ScreenedState) of a group of seeds; donated.
        schedules: (k, steps, 3), see nag_ntk/schedule.py.

    Returns:
        The new states, and the record, whose arrays have the axes seed, method, step, ...
    """

    def one_seed(shared, states):
        (inputs, schedules), (constants, states) = shared, states

        def one_step(state, row):
            return recursion.advance(shape, inputs, constants, state, step_coefficients(row))

        def one_method(pair):
            schedule, state = pair
            return jax.lax.scan(one_step, state, schedule)

        states, recorded = jax.lax.map(one_method, (schedules, states))
        return (constants, states), recorded

    def all_seeds(shared, states):
        return jax.lax.map(partial(one_seed, shared), states)

    return shard_seeds(shape, all_seeds, 1)((inputs, schedules), states)


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, inputs: Inputs, states):
    """Compute H(t) at the step of the states, which is not yet recorded, (s, k, n, n)."""

    def one_seed(inputs, states):
        constants, states = states
        return jax.lax.map(partial(recursion.gram, shape, inputs, constants), states)

    def all_seeds(inputs, states):
        return jax.lax.map(partial(one_seed, inputs), states)

    return shard_seeds(shape, all_seeds, 1)(inputs, states)
