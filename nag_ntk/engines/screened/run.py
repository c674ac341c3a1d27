"""Begin and advance a group of seeds in screened space; compiled, and called by simulate as the dense engines are."""

from functools import partial

import jax
import numpy as np

from nag_ntk.engines.screened import recursion
from nag_ntk.engines.screened.state import Drawn, Fixed, Risk
from nag_ntk.engines.screened.survey import Survey
from nag_ntk.neurons import absent
from nag_ntk.problem import Problem, Shape, sharded
from nag_ntk.schedule import unpacked

PATTERNS = 512
"""Patterns in a block."""


def block_length(n: int) -> int:
    """Neurons in a block: enough to amortise starting it, few enough that the prefix is not rounded up by much."""
    usual = 2 ** round(np.log2(np.clip(6000 / n, 64, 512)))
    return int(usual if jax.default_backend() == "cpu" else 16 * usual)


def _rounded(blocks: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, ...: few shapes, few compilations."""
    power = 2 ** max(int(np.ceil(np.log2(max(blocks, 1)))), 0)
    return power * 3 // 4 if power >= 4 and blocks <= power * 3 // 4 else power


def _padded(array: np.ndarray, length: int, value) -> np.ndarray:
    """Filled up along the last axis."""
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, length - array.shape[-1])], constant_values=value)


def _shared(codes: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    """Which rows of codes (N, words) are among the patterns (P, words)."""

    def whole(rows):
        return np.ascontiguousarray(rows).view([("", np.uint32)] * rows.shape[1]).reshape(-1)

    return np.isin(whole(codes), whole(patterns))


def columns(n: int, at_risk: int) -> int:
    """Columns that are held for so many neurons at risk."""
    length = block_length(n)
    return _rounded(-(-at_risk // length)) * length


def column_bytes(n: int, dtype: str) -> int:
    """Bytes of one of them: pre-activations, movement and speed, length; pattern, sign, flag.

    Example:
        >>> column_bytes(10, "float64")
        260
    """
    return np.dtype(dtype).itemsize * (3 * n + 1) + n + 2


def together(shape: Shape, found: list[Survey], thresholds: list[np.ndarray]) -> Drawn:
    """The surveys of several seeds, padded to common lengths; axis 0 counts seeds. On the host."""
    n = len(found[0].outputs)
    length = columns(n, max(len(s.signs) for s in found))
    blocks = _rounded(-(-max(len(s.patterns) for s in found) // PATTERNS))
    many = PATTERNS * blocks
    dtype = np.dtype(shape.dtype)

    def one(survey: Survey, limits: np.ndarray) -> Drawn:
        origin = _padded(survey.origin, length, absent(dtype))
        nothing, none = np.zeros_like(origin), np.zeros(length, bool)
        risk = Risk(
            origin=origin, signs=_padded(survey.signs, length, 0), active=origin >= 0, movement=nothing, speed=nothing,
            shared=_padded(_shared(survey.codes, survey.patterns), length, True), flipped=none,
        )  # fmt: skip
        codes = _padded(survey.patterns.T, many, 0)
        safe = codes.reshape(len(codes), blocks, PATTERNS).swapaxes(0, 1)
        counts = survey.counts.astype(np.int64 if shape.width >= 2**31 else np.int32)
        return Drawn(survey.outputs, counts, limits.astype(dtype), np.asarray(survey.size, dtype), risk, safe)

    return jax.tree.map(lambda *parts: np.stack(parts), *(one(s, t) for s, t in zip(found, thresholds, strict=True)))


@partial(jax.jit, static_argnums=(0, 3))
def begin(shape: Shape, problem: Problem, drawn: Drawn, length: int):
    """(Fixed, states) of a group of seeds at step 0, neurons in blocks of `length`; axes seed, method."""
    blocks = drawn.risk.signs.shape[-1] // length

    def one(problem, drawn):
        fixed = Fixed(drawn.thresholds, drawn.size)
        start = partial(recursion.begin, shape, problem, drawn, blocks=blocks)
        return fixed, jax.lax.map(start, problem.pulls)

    return sharded(shape, lambda problem, drawn: jax.lax.map(partial(one, problem), drawn), 1)(problem, drawn)


@partial(jax.jit, static_argnums=0, donate_argnums=2)
def advance(shape: Shape, problem: Problem, begun, paces):
    """Observe and step once per row of `paces`, (k, steps, 3); ((fixed, states), what was recorded).

    Records have the axes seed, method, step, ...
    """

    def one_seed(shared, begun):
        (problem, paces), (fixed, states) = shared, begun

        def one(pair):
            table, state = pair
            return jax.lax.scan(
                lambda state, row: recursion.advance(shape, problem, fixed, state, unpacked(row)), state, table
            )

        states, recorded = jax.lax.map(one, (paces, states))
        return (fixed, states), recorded

    return sharded(shape, lambda shared, begun: jax.lax.map(partial(one_seed, shared), begun), 1)(
        (problem, paces), begun
    )


@partial(jax.jit, static_argnums=0)
def gram_now(shape: Shape, problem: Problem, begun):
    """H at the step that the states are about to be observed at, (s, k, n, n)."""

    def one_seed(problem, begun):
        fixed, states = begun
        return jax.lax.map(partial(recursion.gram, shape, problem, fixed), states)

    return sharded(shape, lambda problem, begun: jax.lax.map(partial(one_seed, problem), begun), 1)(problem, begun)
