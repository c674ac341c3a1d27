"""The filter of a run and the responses of the linear model, against loops; the rounding bounds are not idle."""

import numpy as np
import oracles
import pytest
import tolerances

from nag_ntk import (
    Dataset,
    Method,
    gradient_descent,
    heavy_ball,
    linear_residual,
    nesterov,
    nesterov_increasing,
    simulate,
)
from nag_ntk.method import STARTS
from nag_ntk.schedule import initial_momentum
from proofs_check.lemma import Inequality, NotApplicable, Run
from proofs_check.lemmas.filters import filtered, linear_reach, modes
from proofs_check.lemmas.output_decomposition import OUTPUT_DECOMPOSITION

METHODS = (gradient_descent(0.3), heavy_ball(0.2, 0.8), nesterov(0.2, 0.7), nesterov_increasing(0.2))
ODD = Method("odd", 0.1, 0.5, 2.5)


def problem(*methods, start="gradient", **options):
    rng = np.random.default_rng(5)
    data = Dataset(oracles.unit_rows(rng, 4, 3), 2 * rng.standard_normal(4))
    run = simulate(data, methods, 60, 4, 30, start=start, deviation=True, **options)
    return Run("a", data, methods, run, 0.1)


@pytest.mark.parametrize("start", STARTS)
def test_the_filter_is_the_recursion_without_patterns(start):
    run = problem(*METHODS, ODD, start=start).trajectory
    for k, method in enumerate(run.methods):
        expected, added = oracles.filtered(run.residual[1, k], method[1:], start)
        np.testing.assert_allclose(filtered(run)[1, k], expected, rtol=0, atol=tolerances.SAME_RUN)
        np.testing.assert_allclose(np.diff(run.coefficient_bound[1, k], axis=0), added[1:], rtol=0, atol=1e-13)


@pytest.mark.parametrize("method", [*METHODS, ODD], ids=lambda method: method.name)
@pytest.mark.parametrize("start", STARTS)
def test_the_modes_are_the_linear_model(method, start):
    rng = np.random.default_rng(2)
    root = rng.standard_normal((3, 3)) / 2
    gram, first = root @ root.T, rng.standard_normal(3)
    values, vectors = np.linalg.eigh(gram)
    residual, moved = modes(method, values[None], 12, initial_momentum(method, start))
    expected = np.asarray(linear_residual(method, gram, first, 12, start))
    np.testing.assert_allclose((residual[0] * (first @ vectors)) @ vectors.T, expected, rtol=0, atol=1e-12)
    np.testing.assert_allclose(residual, 1 - values * moved, rtol=0, atol=1e-13)


def test_the_reach_is_the_largest_over_patterns():
    rng = np.random.default_rng(3)
    kernel, moved = rng.standard_normal((3, 3)), rng.standard_normal((4, 3))
    patterns = np.array(np.meshgrid(*[[0, 1]] * 3)).reshape(3, -1).T
    sides = np.abs((patterns[:, None] * moved) @ kernel).max(axis=0)
    np.testing.assert_allclose(linear_reach(kernel, moved), np.maximum.accumulate(sides, axis=0))


@pytest.mark.parametrize("options", [{}, {"engine": "screened"}, {"dtype": "float32"}], ids=str)
def test_the_rounding_bounds_are_neither_broken_nor_idle(options):
    run = problem(*METHODS[:3], ODD, **options)
    wrong = [control.check(run) for control in OUTPUT_DECOMPOSITION.controls]
    for found in OUTPUT_DECOMPOSITION.check(run).values():
        assert isinstance(found, Inequality)
        assert found.where is None or found.where.all()
        assert (found.observed <= found.bound).all()
    if "dtype" not in options:  # rounding in float32 is as large as the controls
        assert all((found.observed > tolerances.WRONG_BY * found.bound).any() for found in wrong)


def test_the_response_needs_constant_numbers():
    parts = OUTPUT_DECOMPOSITION.check(problem(METHODS[3]))
    assert isinstance(parts["response"], NotApplicable)
    mixed = OUTPUT_DECOMPOSITION.check(problem(METHODS[3], METHODS[2]))["response"]
    assert not mixed.where[:, 0].any()
    assert mixed.where[:, 1].all()
