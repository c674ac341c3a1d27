"""Kernels of one network: patterns, Gram matrices, spectra, draws; against loops, NumPy and Monte Carlo."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import tolerances
from absl.testing import parameterized
from hypothesis import given, settings
from hypothesis import strategies as st

import nag_ntk
from nag_ntk import InputError, Network, Spectrum, draw, seed_key
from nag_ntk.pattern import overlap_range

M, N, D = 12, 5, 3
seeds = st.integers(0, 2**32 - 1)


def random_pattern(seed, m=M, n=N):
    return np.random.default_rng(seed).random((m, n)) < 0.6


def random_rows(seed, n=N, d=D):
    """Unit rows, one of them doubled and one reversed when the seed says so: H_inf is then singular."""
    rng = np.random.default_rng(seed)
    rows = oracles.unit_rows(rng, n, d)
    if seed % 3 == 1:
        rows[1] = rows[0]
    if seed % 5 == 1:
        rows[3] = -rows[2]
    return rows


@settings(max_examples=20)
@given(seed=seeds)
def test_patterns_outputs_and_residuals_are_those_of_the_loops(seed):
    rng = np.random.default_rng(seed)
    weights, signs = oracles.network(rng, M, D)
    rows, targets = random_rows(seed), rng.standard_normal(N)
    pattern = nag_ntk.activation_pattern(weights, rows)
    assert pattern.dtype == bool
    np.testing.assert_array_equal(pattern, oracles.pattern(weights, rows))
    found = nag_ntk.residual(Network(weights, signs), rows, targets)
    expected = [oracles.output(weights, signs, x) - y for x, y in zip(rows, targets, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerances.KERNEL)
    np.testing.assert_allclose(nag_ntk.preactivations(weights, rows), weights @ rows.T, atol=tolerances.KERNEL)


def test_a_neuron_at_zero_is_active():
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert nag_ntk.activation_pattern(np.array([[0.0, -1.0]]), rows).tolist() == [[True, False]]
    assert nag_ntk.activation_pattern(np.array([[-0.0, -1e-300]]), rows).tolist() == [[True, False]]


@settings(max_examples=20)
@given(seed=seeds)
def test_gram_and_cross_gram_are_those_of_the_loops(seed):
    first, second, rows = random_pattern(seed), random_pattern(seed + 1), random_rows(seed)
    cross = np.asarray(nag_ntk.cross_gram(first, second, rows))
    np.testing.assert_allclose(cross, oracles.cross_gram(first, second, rows), atol=tolerances.KERNEL)
    np.testing.assert_allclose(
        nag_ntk.gram(first, rows), oracles.cross_gram(first, first, rows), atol=tolerances.KERNEL
    )
    reverse = np.asarray(nag_ntk.cross_gram(second, first, rows))
    np.testing.assert_allclose(cross, reverse.T, rtol=0, atol=tolerances.KERNEL)


def test_the_rows_of_the_cross_gram_belong_to_the_first_pattern():
    """An asymmetric instance in which the swapped order would show."""
    now, before = np.array([[True, True], [True, False]]), np.array([[True, False], [False, False]])
    rows = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert nag_ntk.cross_gram(now, before, rows).tolist() == [[0.5, 0.0], [0.3, 0.0]]


@settings(max_examples=30)
@given(seed=seeds)
def test_every_gram_matrix_is_symmetric_positive_semidefinite(seed):
    rows = random_rows(seed)
    for matrix in (nag_ntk.gram(random_pattern(seed), rows), nag_ntk.gram_limit(rows)):
        matrix = np.asarray(matrix)
        np.testing.assert_array_equal(matrix, matrix.T)
        assert np.linalg.eigvalsh(matrix)[0] >= -tolerances.PSD


@settings(max_examples=30)
@given(seed=seeds)
def test_the_limit_has_an_exact_diagonal_and_the_arccos_values(seed):
    rows = oracles.unit_rows(np.random.default_rng(seed), N, 8)
    limit = np.asarray(nag_ntk.gram_limit(rows))
    assert (np.diag(limit) == 0.5).all()
    # far from parallel arccos is good to u / sin(theta), and d = 8 keeps theta away from 0 and pi
    distinct = np.abs(rows @ rows.T) < 0.99
    difference = np.abs(limit - oracles.gram_limit_arccos(rows))
    assert difference[distinct].max(initial=0.0) < tolerances.KERNEL


def test_the_limit_at_special_angles():
    rows = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.5, np.sqrt(0.75)]])
    expected = [0.5, 0.5, 0.0, 0.0, 0.5 * (np.pi - np.pi / 3) / (2 * np.pi)]
    np.testing.assert_allclose(np.asarray(nag_ntk.gram_limit(rows))[0], expected, rtol=0, atol=tolerances.KERNEL)


def test_the_limit_is_the_mean_over_gaussian_weights():
    rng, samples = np.random.default_rng(0), 200_000
    rows = oracles.unit_rows(rng, 6, 3)
    deviation = tolerances.SIGMAS * np.sqrt(0.25 / samples)
    sampled = oracles.gram_limit_sampled(rows, samples, rng)
    np.testing.assert_allclose(nag_ntk.gram_limit(rows), sampled, rtol=0, atol=deviation)


@pytest.mark.parametrize("angle", [1e-12, 1e-6, 0.3, np.pi / 2, 3.0, np.pi - 1e-6, np.pi - 1e-12])
def test_angles_keep_their_digits_near_zero_and_pi(angle):
    # built from the small one of angle and pi - angle, so the rows hold the angle to a rounding
    turn = angle if angle <= 2 else np.pi - angle
    second = np.array([np.cos(turn), np.sin(turn)]) * (1 if angle <= 2 else -1)
    found = float(nag_ntk.angles(np.array([[1.0, 0.0], second]))[0, 1])
    exact = turn if angle <= 2 else np.pi - turn
    assert found == pytest.approx(exact, rel=4 * 2.0**-52, abs=0)


def test_angles_have_a_zero_diagonal_and_are_symmetric():
    theta = np.asarray(nag_ntk.angles(random_rows(7)))
    assert (np.diag(theta) == 0).all()
    np.testing.assert_array_equal(theta, theta.T)


@settings(max_examples=15)
@given(seed=seeds)
def test_extreme_eigenvalues_are_those_of_numpy(seed):
    rng = np.random.default_rng(seed)
    batch = rng.standard_normal((3, 4, 4))
    batch = batch + np.swapaxes(batch, 1, 2)
    least, largest = nag_ntk.extreme_eigenvalues(batch)
    expected = np.linalg.eigvalsh(batch)
    chex.assert_shape((least, largest), (3,))
    chex.assert_trees_all_close(
        (np.asarray(least), np.asarray(largest)), (expected[:, 0], expected[:, -1]), rtol=0, atol=tolerances.PSD
    )


def test_the_working_spectrum():
    spectrum = Spectrum(lambda_0=0.4, lambda_top=2.0)
    assert (spectrum.lambda_min, spectrum.lambda_max) == pytest.approx((0.3, 2.1), rel=1e-15)
    assert spectrum.kappa == pytest.approx(7.0, rel=1e-15)
    with pytest.raises(InputError, match="kappa does not exist"):
        _ = Spectrum(0.0, 1.0).kappa


@settings(max_examples=15)
@given(seed=seeds)
def test_near_boundary_counts_and_flip_fraction(seed):
    rng = np.random.default_rng(seed)
    z, radii = rng.standard_normal((N, M)), np.array([0.0, 0.3, 1.0])
    z[0, :2] = 0.3, -0.3  # the boundary itself counts
    expected = [[int((np.abs(row) <= radius).sum()) for row in z] for radius in radii]
    assert nag_ntk.near_boundary_count(z, radii).tolist() == expected
    assert expected[1][0] >= 2
    first, second = random_pattern(seed), random_pattern(seed + 1)
    assert float(nag_ntk.flip_fraction(first, second)) == pytest.approx(np.mean(first != second), rel=1e-15)
    assert float(nag_ntk.flip_fraction(first, first)) == 0


@settings(max_examples=20)  # each compiles anew
@given(seed=st.integers(0, 2**32 - 1), radius=st.sampled_from([0.0, 0.3, 3.0]))
def test_overlap_ranges_hold_for_networks_within_the_radius_and_are_those_counts(seed, radius):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((N, M))
    z[0, 0] = 0.3
    least, most, at_risk = (np.asarray(part)[0] * M for part in overlap_range(z, np.array([radius])))
    active, near = z >= 0, np.abs(z) <= radius
    for i, j in np.ndindex(N, N):
        sure = [active[i, r] and active[j, r] and not near[i, r] and not near[j, r] for r in range(M)]
        possible = [(active[i, r] or near[i, r]) and (active[j, r] or near[j, r]) for r in range(M)]
        risk = [active[i, r] and near[j, r] for r in range(M)]
        assert [least[i, j], most[i, j], at_risk[i, j]] == pytest.approx([sum(sure), sum(possible), sum(risk)])
    moved = z + rng.uniform(-radius, radius, z.shape) >= 0
    together = (moved.astype(float) @ moved.T, active.astype(float) @ (moved.astype(float) - active).T)
    assert np.all(least <= together[0] + 1e-9)
    assert np.all(together[0] <= most + 1e-9)
    assert np.all(np.abs(together[1]) <= at_risk + 1e-9)


@pytest.mark.parametrize("width", [1, 7, 1023, 1024, 1025, 2000])
def test_a_narrow_draw_is_the_beginning_of_a_wide_one(width):
    wide, narrow = draw(seed_key(0, 5), 2500, 3), draw(seed_key(0, 5), width, 3)
    chex.assert_shape(narrow.weights, (width, 3))
    chex.assert_trees_all_equal(narrow, Network(wide.weights[:width], wide.signs[:width]))


def test_draws_are_normal_with_fair_signs_and_differ_by_seed_key_and_block():
    networks = [draw(seed_key(base, seed), 8192, 4) for base, seed in ((0, 0), (0, 1), (1, 0))]
    for weights, signs in networks:
        values, signs = np.asarray(weights), np.asarray(signs)
        assert set(np.unique(signs)) == {-1.0, 1.0}
        error = tolerances.SIGMAS / np.sqrt(values.size)
        assert abs(values.mean()) < error
        assert abs((values**2).mean() - 1) < np.sqrt(2) * error
        assert abs((values**4).mean() - 3) < np.sqrt(96) * error
        assert abs(signs.mean()) < tolerances.SIGMAS / np.sqrt(signs.size)
        covariance = values.T @ values / len(values)
        assert np.abs(covariance - np.diag(np.diag(covariance))).max() < tolerances.SIGMAS / np.sqrt(len(values))
        # each block of 1,024 neurons has a key of its own
        blocks = values.reshape(8, 1024, 4)
        assert len({block.tobytes() for block in blocks}) == 8
        assert np.abs(np.mean(blocks[0] * blocks[1])) < error * np.sqrt(8)
        assert abs(np.mean(values[:, 0] * signs)) < tolerances.SIGMAS / np.sqrt(signs.size)
    assert len({np.asarray(n.weights).tobytes() for n in networks}) == 3
    assert len({np.asarray(n.signs).tobytes() for n in networks}) == 3


def test_draws_in_float32():
    weights, signs = draw(seed_key(0, 0), 10, 2, "float32")
    assert weights.dtype == signs.dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_kernels_keep_the_dtype(dtype):
    rows, weights = random_rows(0).astype(dtype), np.ones((2, D), dtype)
    pattern = nag_ntk.activation_pattern(weights, rows)
    network = Network(weights, np.ones(2, dtype))
    for value in (
        nag_ntk.gram_limit(rows), nag_ntk.angles(rows), nag_ntk.gram(pattern, rows), nag_ntk.forward(network, rows),
        nag_ntk.preactivations(weights, rows), nag_ntk.extreme_eigenvalues(rows @ rows.T)[0],
    ):  # fmt: skip
        assert value.dtype == dtype


def test_float64_arrays_are_refused_while_float64_is_off():
    with jax.enable_x64(False), pytest.raises(InputError, match="float64 is switched off"):
        nag_ntk.gram_limit(np.eye(2))


class Variants(chex.TestCase, parameterized.TestCase):
    """The same numbers with and without jit, on the device and from the host."""

    @chex.variants(with_jit=True, without_jit=True, with_device=True, without_device=True)
    def test_gram(self):
        pattern, rows = random_pattern(1), random_rows(2)
        found = self.variant(nag_ntk.gram)(pattern, rows)
        expected = oracles.cross_gram(pattern, pattern, rows)
        chex.assert_trees_all_close(np.asarray(found), expected, rtol=0, atol=tolerances.KERNEL)

    @chex.variants(with_jit=True, without_jit=True, with_device=True, without_device=True)
    def test_activation_pattern(self):
        weights, rows = np.random.default_rng(0).standard_normal((M, D)), random_rows(2)
        found = self.variant(nag_ntk.activation_pattern)(weights, rows)
        chex.assert_trees_all_equal(np.asarray(found), oracles.pattern(weights, rows))

    @chex.variants(with_jit=True, without_jit=True, with_device=True, without_device=True)
    def test_gram_limit(self):
        rows = oracles.unit_rows(np.random.default_rng(3), N, 8)
        found = self.variant(nag_ntk.gram_limit)(rows)
        chex.assert_trees_all_close(
            np.asarray(found)[~np.eye(N, dtype=bool)], oracles.gram_limit_arccos(rows)[~np.eye(N, dtype=bool)],
            rtol=0, atol=tolerances.KERNEL,
        )  # fmt: skip

    @chex.variants(with_jit=True, without_jit=True)
    def test_draw(self):
        found = self.variant(lambda seed: draw(seed_key(0, seed), 5, 2))(jnp.uint32(9))
        chex.assert_trees_all_equal(found, draw(seed_key(0, 9), 5, 2))
