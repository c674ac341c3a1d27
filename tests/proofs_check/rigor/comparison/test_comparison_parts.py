"""Own paths, responses and tail of the explicit widths against their definitions, in 50 digits or in closed form."""

import itertools

import numpy as np
import pytest
from flint import arb, arb_mat, ctx
from test_comparison_proof import METHODS, five, tuning

from nag_ntk.theorem import THEOREMS, theorem_tuning
from proofs_check.rigor.comparison.paths import own_paths
from proofs_check.rigor.comparison.responses import Model, linear_model, modes
from proofs_check.rigor.comparison.tail import tail, weighted_responses
from proofs_check.rigor.enclosure.gram import limit_gram_ball

BITS = 170


def filters(method, steps):
    """S(0), ..., S(steps) of the linear model with the gradient start and xi(0) = -y, but for its sign."""
    data = five(method)[0]
    own, residual = theorem_tuning(method, data), arb_mat(data.size, 1, data.targets.tolist())
    eta, beta, gamma = arb(own.eta), arb(own.beta), arb(own.gamma)
    step, lift = eta * (1 + gamma), eta * (beta * (1 + gamma) - gamma)
    gram, first, total, momentum, record = (
        limit_gram_ball(data.coordinates, BITS), residual, 0 * residual, -eta * gamma * residual, []
    )  # fmt: skip
    for _ in range(steps + 1):
        record.append(total)
        total, momentum = total + momentum + step * residual, beta * momentum + lift * residual
        residual = first - gram * total
    return record


def mean_size(kernel, j, own, v):
    """The root of E (own + sum_k v_k A_k)^2 over the patterns A of the samples k != j, given z_j = 0."""
    others = [k for k in range(kernel.nrows()) if k != j]

    def covariance(a, b):
        return kernel[a, b] - kernel[a, j] * kernel[b, j]

    def both(a, b):
        if a == b:
            return arb(1) / 2
        correlation = covariance(a, b) / (covariance(a, a) * covariance(b, b)).sqrt()
        return arb(1) / 4 + correlation.asin() / (2 * arb.pi())

    square = sum((v[a] * v[b] * both(a, b) for a in others for b in others), arb(0))
    return (own**2 + own * sum((v[k] for k in others), arb(0)) + square).sqrt()


@pytest.mark.parametrize("method", METHODS)
def test_own_paths_in_fifty_digits(method):
    """Half of what the total variation and the end of a path are on average, by the arcsine law, for both patterns."""
    data, found = five(method)
    n, steps, bound = data.size, found.steps, found.known.own.range
    with ctx.workprec(BITS):
        rows = arb_mat(data.coordinates.tolist())
        kernel, path = rows * rows.transpose(), filters(method, steps)
        for j in (0, 3):
            scaled = [[total[k, 0] * kernel[j, k] for k in range(n)] for total in path]
            moves = [[b - a for a, b in zip(*pair, strict=True)] for pair in itertools.pairwise(scaled)]
            for t in (1, steps // 3, steps):
                value = arb(0)
                for side in (0, 1):
                    parts = [*moves[:t], scaled[t]]
                    value += sum((mean_size(kernel, j, side * part[j], part) for part in parts), arb(0)) / 4
                mean = float(value.mid())
                # the bound is the largest up to step t: the variation never falls, but the end may
                assert mean * (1 - 1e-12) <= bound[t, j] <= mean * (1 + 1e-6 if t == 1 else 1.2)


def responses(method, push, steps):
    """The largest |y(k)| over all eigenvalues, k = 0, ..., steps, of the residual that starts at 1 with q(0) = push."""
    data = five(method)[0]
    own, values = theorem_tuning(method, data), np.linalg.eigvalsh(data.gram_limit)
    step, lift = own.eta * (1 + own.gamma), own.eta * (own.beta * (1 + own.gamma) - own.gamma)
    residual, total, momentum, record = np.ones(len(values)), np.zeros(len(values)), np.full(len(values), push), []
    for _ in range(steps + 1):
        record.append(np.abs(residual).max())
        total, momentum = total + momentum + step * residual, own.beta * momentum + lift * residual
        residual = 1 - values * total
    return np.array(record)


def transfer(value, own, z):
    """sum_k y(k) z^-k of the response y to a jump, for an eigenvalue: a quotient of two quadratic polynomials."""
    step, lift = own.eta * (1 + own.gamma), own.eta * (own.beta * (1 + own.gamma) - own.gamma)
    return z * (z - own.beta) / ((z - 1) * (z - own.beta) + value * (step * (z - own.beta) + lift))


@pytest.mark.parametrize("method", METHODS)
def test_gain_is_the_largest_modulus_of_the_transfer_function(method):
    data, found = five(method)
    own, largest = theorem_tuning(method, data), 0.0
    circle = found.rate * np.exp(1j * np.linspace(0, np.pi, 20_001))
    for value in np.linalg.eigvalsh(data.gram_limit):
        largest = max(largest, float(np.abs(transfer(value, own, circle)).max()))
    assert (1 - 1e-12) * largest <= found.weighted.gain <= 1.02 * largest


def steps_until(rate, size):
    """Number of steps in which r^k falls to a size; rounding must stay small beside it."""
    return int(np.log(size) / np.log(rate))


@pytest.mark.parametrize("method", METHODS)
def test_later_responses_are_those_of_a_long_run(method):
    """The root of the sum of squares of r^-k |Y(k)|, k from some step on."""
    data, found = five(method)
    own, long = theorem_tuning(method, data), steps_until(found.rate, 1e-11)
    for later, push in ((found.weighted.later, 0.0), (found.weighted.later_start, -own.eta * own.gamma)):
        weighted = responses(method, push, long) * found.rate ** -np.arange(long + 1.0)
        sums = np.sqrt(np.cumsum(weighted[::-1] ** 2)[::-1])
        for k in (0, 1, found.steps // 4):
            assert sums[k] * (1 - 1e-6) <= later[k] <= sums[k] * 1.05


def worst_case(method, value, pattern, norm, carried, last, long):
    """Residual, mu and effect of one eigenvalue, where flips have all the effect norm mu(s), with signs of a pattern.

    After step `last` the momentum is made `carried` times as large, if that is not 1; then nothing flips before it.
    """
    own = theorem_tuning(method, five(method)[0])
    step, lift = own.eta * (1 + own.gamma), own.eta * (own.beta * (1 + own.gamma) - own.gamma)
    residual, total, q, effect = np.ones(long + 1), 0.0, -own.eta * own.gamma, np.zeros(long + 1)
    momentum, mu, kept = own.eta * own.gamma, np.zeros(long + 1), None
    for t in range(1, long + 1):
        if t == last + 1:
            momentum, kept = momentum * carried, momentum * carried
        mu[t] = momentum + step * abs(residual[t - 1])
        momentum = own.beta * momentum + abs(lift) * abs(residual[t - 1])
        total, q = total + q + step * residual[t - 1], own.beta * q + lift * residual[t - 1]
        linear = 1 - value * total + effect.sum()
        sign = {"plus": 1, "minus": -1, "alternating": (-1) ** t, "away": 1 if linear >= 0 else -1}[pattern]
        effect[t] = sign * norm * mu[t] * (t > last or carried == 1)
        residual[t] = 1 - value * total + effect.sum()
    return np.abs(residual), mu, np.abs(effect), kept


@pytest.mark.parametrize("carried", [1.0, 1e6])
@pytest.mark.parametrize("share_of_closing", [1e-12, 0.2, 0.9])
@pytest.mark.parametrize("method", METHODS)
def test_tail_bounds_the_worst_after_the_last_step(method, share_of_closing, carried):
    """The root of the sum of squares of r^-t |xi(t)| after step 5, and the sum of mu."""
    data, found = five(method)
    step, lift, decay, _ = found.numbers
    norm = share_of_closing / (found.weighted.gain * (step + lift / (found.rate - decay)) / found.rate)
    last, long = 5, steps_until(found.rate, 1e-8)
    after, ratios, paths = np.arange(last + 1, long + 1), [], []
    for value in np.linalg.eigvalsh(data.gram_limit):
        for pattern in ("plus", "minus", "alternating", "away"):
            residual, mu, effect, momentum = worst_case(method, value, pattern, norm, carried, last, long)
            rest = tail(
                found.weighted, found.rate, residual[last], momentum, effect[: last + 1], norm, found.numbers
            )  # fmt: skip
            ratios.append(np.linalg.norm(residual[after] / found.rate**after) / rest.share)
            paths.append(mu[after].sum() / rest.path)
    assert 0.01 < max(ratios) <= 1 + 1e-6
    assert 0.01 < max(paths) <= 1 + 1e-6


@pytest.mark.parametrize("method", METHODS)
def test_responses_beyond_the_last_one_computed_are_part_of_the_sums(method):
    """Compare the sums from the shortest run that gives a bound with those from a run four times as long."""
    data, found = five(method)
    own, values, length = tuning(method, data), np.linalg.eigvalsh(data.gram_limit), 8
    push = own.eta * own.gamma
    while (short := weighted_responses(modes(values, own, length), found.rate, push)) is None:
        length += 1
    many = weighted_responses(modes(values, own, 4 * length), found.rate, push)
    for few, more in ((short.later, many.later), (short.later_start, many.later_start)):
        assert more[length] * (1 - 1e-6) <= few[length] <= 30 * more[length]
    assert many.gain * (1 - 1e-6) <= short.gain <= 1.05 * many.gain


@pytest.mark.parametrize("method", METHODS)
def test_tail_does_not_close_for_a_norm_that_is_too_large(method):
    _, found = five(method)
    effect = np.zeros(found.steps + 1)
    for norm, closed in ((1e-6, True), (1e3, False)):
        assert (tail(found.weighted, found.rate, 1e-3, 0.0, effect, norm, found.numbers) is not None) == closed


def test_errors_of_a_path_are_paid_for():
    """An error e of S changes a path by at most e sum_l |K_jl|, and its range by twice that, up to the present step."""
    _, found = five("nesterov")
    kernel, path = found.geometry.kernel, np.cumsum(np.random.default_rng(0).standard_normal((5, 5)), axis=0)
    path[0], errors = 0, np.array([0.0, 0.3, 0.1, 0.2, 0.4])
    exact, wide = (own_paths(kernel, found.geometry.sine, path, error) for error in (0 * errors, errors))
    change = 2 * np.maximum.accumulate(errors)[:, None] * np.abs(kernel).sum(axis=1)
    off = ~np.eye(5, dtype=bool)
    assert (wide.range - exact.range >= change * (1 - 1e-9)).all()
    assert (
        (wide.with_active - exact.with_active)[:, off] >= (change[:, None] * np.ones((5, 5, 5)))[:, off] * (1 - 1e-9)
    ).all()
    assert (wide.largest - np.maximum.accumulate(np.abs(path), axis=0) >= -1e-12).all()
    assert (wide.largest[-1] >= np.abs(path + errors[:, None]).max(axis=0)).all()


@pytest.mark.parametrize("size", [1e-12, 1e-7])
def test_errors_of_eigenvectors_are_part_of_the_bound(size):
    """V' diag(modes) V'^T with V' orthogonal, from vectors that are off by no more than the model's defect."""
    rng = np.random.default_rng(1)
    exact = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    vectors = exact + size * rng.standard_normal((6, 6))
    defect = max(np.linalg.norm(vectors - exact, 2), np.linalg.norm(vectors.T @ vectors - np.eye(6), 2))
    responses = rng.standard_normal((4, 6)) * np.array([1.0, 10.0, 1e3, 1e-3])[:, None]
    found, error = Model(vectors, np.ones(6), float(defect)).entries(responses)
    far = np.abs(found - np.matmul(exact * responses[:, None, :], exact.T)).max(axis=(1, 2))
    assert (far <= error[:, 0, 0]).all()
    assert (error[:, 0, 0] <= 30 * far).all()


@pytest.mark.parametrize(("wrong", "turned"), [(0.0, 0.0), (1e-9, 0.0), (1e-9, 1e-10)])
def test_a_model_is_next_to_its_matrix(monkeypatch, wrong, turned):
    """In 50 digits: the distance of V diag(values) V^T, V made orthogonal, from the matrix is within the bound.

    However wrong the eigenvalues and eigenvectors are that NumPy finds.
    """
    eigh = np.linalg.eigh

    def off_by(matrix):
        values, vectors = eigh(matrix)
        return values + wrong, vectors + turned * np.arange(25).reshape(5, 5)

    monkeypatch.setattr(np.linalg, "eigh", off_by)
    matrix = limit_gram_ball(five("nesterov")[0].coordinates, BITS)
    rounded = np.array([[float(x.mid()) for x in row] for row in matrix.tolist()])
    model, distance = linear_model(rounded)
    with ctx.workprec(BITS):
        vectors, one = arb_mat(model.vectors.tolist()), arb_mat(np.eye(5).tolist())
        gap = vectors.transpose() * vectors - one
        assert sum(float(x) ** 2 for row in gap.tolist() for x in row) ** 0.5 <= model.defect * 1.001
        for _ in range(4):  # Newton's iteration for the orthogonal matrix next to V
            vectors = vectors * (3 * one - vectors.transpose() * vectors) * (arb(1) / 2)
        near = vectors * arb_mat(np.diag(model.eigenvalues).tolist()) * vectors.transpose()
        off = max(float(abs(near[i, j] - arb(rounded[i, j])).upper()) for i in range(5) for j in range(5))
    assert 0.9 * wrong < off <= distance < 1e-13 + 1000 * wrong


@pytest.mark.parametrize("method", METHODS)
def test_what_is_proved_is_the_theorem(method):
    """The rate 1 - c/kappa^p and the factor P kappa^(1-p) of the theorem, rounded down: no less is proved."""
    data, found = five(method)
    theorem, kappa = THEOREMS[method], data.spectrum.kappa
    rate = 1 - float(theorem.rate) / kappa ** float(theorem.order)
    factor = float(theorem.prefactor) * kappa ** float(1 - theorem.order)
    for proved, claimed in ((found.rate, rate), (found.factor, factor)):
        assert claimed * (1 - 1e-9) <= proved < claimed
