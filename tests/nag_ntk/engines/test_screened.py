"""The screened engine against the dense one, and what it does when its bounds fail."""

import jax
import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from screened_cases import assert_agrees, both, tuned
from tiers import family

import nag_ntk
from nag_ntk import Dataset, Network, near_parallel_pairs, simulate, sphere
from nag_ntk.engines.screened import attempts, run, thresholds


@pytest.fixture
def few_shapes(monkeypatch):
    """Room for all neurons at risk of these tests from the beginning: one compilation whatever the thresholds."""
    usual = run._round_up
    monkeypatch.setattr(run, "_round_up", lambda blocks: max(16, usual(blocks)))


# n, d, width, start: one compilation each
CASES = [(2, 3, 4_000, "extrapolated"), (8, 8, 20_000, "gradient"), (20, 24, 3_000, "gradient")]


@pytest.mark.parametrize(("n", "d", "width", "start"), family(CASES, lambda case: case[0] == 2))
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(angle=st.sampled_from((None, 1.0, 0.1, 0.02)), key=st.integers(0, 99))
def test_it_is_the_dense_engine(few_shapes, n, d, width, start, angle, key):
    """Data on the sphere and in near-parallel pairs: kappa from 2 to beyond 10^3."""
    data = sphere(n, d, key) if angle is None else near_parallel_pairs(n // 2, angle, d, key)
    found, dense = both(data, tuned(data), width, 2, 60, start=start, key=key)
    assert_agrees(found, dense)
    assert (dense.flips[..., -1] > 0).all()
    assert found.screening.at_risk.shape == (2,)
    assert ((found.screening.held <= 1) | (found.screening.at_risk == width)[:, None]).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "width", "steps"), [(2, 200_000, 200), (8, 200_000, 60), (20, 50_000, 40), (50, 20_000, 40)]
)
@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
def test_it_is_the_dense_engine_at_large_widths(n, width, steps, start):
    """On the sphere and, with kappa of hundreds, in near-parallel pairs."""
    data = sphere(n, n, 1) if start == "gradient" else near_parallel_pairs(n // 2, 0.1, n, 2)
    assert_agrees(*both(data, tuned(data), width, 2, steps, start=start))


@pytest.fixture
def short_blocks(monkeypatch):
    """Blocks of 16 neurons and of few patterns: sorted many times even in small networks."""
    monkeypatch.setattr(run, "block_length", lambda n: 16)
    monkeypatch.setattr(run, "PATTERNS", 32)
    yield
    jax.clear_caches()


def test_all_that_is_recorded_agrees_with_many_blocks_and_many_flips(short_blocks):
    data = Dataset(oracles.unit_rows(np.random.default_rng(3), 6, 4), np.random.default_rng(4).standard_normal(6) * 2)
    methods = [*tuned(data), nag_ntk.nesterov_increasing(0.2), nag_ntk.Method("unequal", 0.1, 0.7, 0.3)]
    options = {
        "recursion": True,
        "deviation": True,
        "gram_path": True,
        "radii": (0.0, 0.1, 0.5),
        "overlap_radii": (0.05,),
        "chunk": 37,
    }
    found, dense = both(data, methods, 700, 3, 150, **options)
    assert_agrees(found, dense, recursion=True)
    assert dense.flips.max() > 100
    for name in ("drift", "least_eigenvalue"):
        first, second = getattr(found.gram_path, name), getattr(dense.gram_path, name)
        np.testing.assert_allclose(first, second, rtol=0, atol=tolerances.SAME_RUN)


def test_thresholds_too_tight_are_caught_and_repaired(few_shapes, monkeypatch):
    """A twentieth of the linear model's prediction: without the check the result is another, with it the same."""
    data = sphere(8, 8, 0)
    methods = tuned(data)
    dense = simulate(data, methods, 20_000, 2, 60, engine="preactivations")
    monkeypatch.setattr(thresholds, "MARGIN", 0.05)
    found = simulate(data, methods, 20_000, 2, 60, engine="screened")
    assert ((found.screening.repeats >= 1) & (found.screening.repeats < attempts.REPEATS)).all()
    assert found.screening.held.max() <= 1
    assert (found.screening.at_risk < 20_000).all()
    assert_agrees(found, dense)
    # the same thresholds, accepted unchecked
    inner = attempts.is_exact
    monkeypatch.setattr(attempts, "is_exact", lambda *_: True)
    wrong = simulate(data, methods, 20_000, 2, 60, engine="screened")
    monkeypatch.setattr(attempts, "is_exact", inner)
    assert not wrong.screening.repeats.any()
    assert (wrong.screening.held.max(axis=0) > 1).all()
    assert (np.abs(wrong.residual - dense.residual).max(axis=(0, 2, 3)) > tolerances.DIFFERENT).all()


def test_only_the_seeds_that_exceed_are_run_again(few_shapes, monkeypatch):
    data = sphere(8, 8, 0)
    methods = tuned(data)
    usual = simulate(data, methods, 20_000, 2, 60, engine="screened")
    cut = usual.screening.held.max(axis=1).mean() * thresholds.MARGIN
    monkeypatch.setattr(thresholds, "MARGIN", cut)
    again = simulate(data, methods, 20_000, 2, 60, engine="screened")
    assert sorted(again.screening.repeats.tolist()) == [0, 1]
    np.testing.assert_allclose(again.residual, usual.residual, rtol=0, atol=tolerances.SAME_RUN)
    np.testing.assert_array_equal(again.flips, usual.flips)


@pytest.mark.slow
def test_given_networks_of_any_scale(short_blocks):
    """Weights far from the law: the first thresholds come from the network's own residual."""
    rng, data = np.random.default_rng(0), sphere(5, 6, 3)
    for scale in (0.05, 1.0, 30.0):
        weights, signs = oracles.network(rng, 300, 6)
        found, dense = both(data, tuned(data), steps=30, initial=Network(scale * weights, signs))
        assert_agrees(found, dense)
