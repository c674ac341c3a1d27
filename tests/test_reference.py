"""The two reference files: runs in 60-digit arithmetic, spectra in 200-bit ball arithmetic."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import oracles
import pytest
import tolerances

import nag_ntk
from nag_ntk import Dataset, Method, Network, digits, extreme_eigenvalues, gram_limit, simulate

DATA = Path(__file__).parent / "data"
RUNS = json.loads((DATA / "trajectories.json").read_text())["cases"]
SPECTRA = json.loads((DATA / "spectra.json").read_text())["cases"]


def numbers(values):
    return np.array([[float(Fraction(v)) for v in row] for row in values])


def problem(case):
    inputs, weights = numbers(case["inputs"]), numbers(case["weights"])
    targets = numbers([case["targets"]])[0]
    coefficients = [float(Fraction(case[name])) for name in ("eta", "beta", "gamma")]
    return inputs, targets, weights, np.array(case["signs"], dtype=float), coefficients


def name(case):
    return f"{case['method']}-{case['start']}-m{case['width']}"


def compare(residual, flips, distance, case):
    expected = numbers(case["residual"])
    np.testing.assert_allclose(residual, expected, rtol=0, atol=tolerances.REFERENCE)
    np.testing.assert_allclose(distance, numbers([case["distance"]])[0], rtol=0, atol=tolerances.REFERENCE)
    assert flips.tolist() == case["flips"]


def test_the_reference_covers_every_method_start_and_a_flip():
    assert {(c["method"], c["start"]) for c in RUNS} == {
        (m, s) for m in ("gradient_descent", "heavy_ball", "nesterov") for s in ("gradient", "extrapolated")
    }
    assert all(case["flips"][-1] > 0 for case in RUNS)


@pytest.mark.parametrize("engine", ["weights", "preactivations"])
@pytest.mark.parametrize("case", RUNS, ids=name)
def test_both_engines_reproduce_the_reference_runs(case, engine):
    inputs, targets, weights, signs, coefficients = problem(case)
    run = simulate(
        Dataset(inputs, targets), Method(case["method"], *coefficients), steps=case["steps"],
        engine=engine, start=case["start"], initial=Network(weights, signs),
    )  # fmt: skip
    compare(run.residual[0, 0], run.flips[0, 0], run.distance[0, 0], case)
    assert (run.engine, run.start, run.width, run.dtype) == (engine, case["start"], case["width"], "float64")
    # the margins of these runs stay above every rounding bound: no sign was decided by rounding
    assert min(map(float, case["min_margin"])) > 1e-9
    assert not run.undecided.any()


@pytest.mark.parametrize("case", RUNS, ids=name)
def test_the_numpy_oracle_reproduces_the_reference_runs(case):
    inputs, targets, weights, signs, coefficients = problem(case)
    run = oracles.train(inputs, targets, weights, signs, coefficients, case["start"], case["steps"])
    compare(run.residual, run.flips, run.distance, case)


def spectrum_rows(case):
    if "rows" in case:
        return Dataset(np.array(case["rows"], dtype=float), np.zeros(case["n"]), normalise=True).inputs
    return digits(case["n"]).inputs


@pytest.mark.parametrize("case", SPECTRA, ids=lambda case: case["name"])
def test_spectrum_of_the_limit(case):
    expected = [float(case["lambda_min"]), float(case["lambda_max"])]
    found = [float(value) for value in extreme_eigenvalues(gram_limit(spectrum_rows(case)))]
    np.testing.assert_allclose(found, expected, rtol=tolerances.SPECTRUM_RELATIVE, atol=0)


def test_the_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    rows = load_digits().data[:20]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(digits(20).inputs, rows, rtol=0, atol=tolerances.KERNEL)


def test_the_arccos_form_fails_on_the_closest_pairs():
    """What the tests of the spectrum are sharp against: about 1 % (by rounding) at one millionth of a radian."""
    case = SPECTRA[-1]
    least = np.linalg.eigvalsh(oracles.gram_limit_arccos(spectrum_rows(case)))[0]
    error = abs(least / float(case["lambda_min"]) - 1)
    assert error > tolerances.ARCCOS_AT_LEAST


def test_dataset_spectrum_and_tuning_come_from_the_limit():
    data, case = digits(20), SPECTRA[1]
    low, high = float(case["lambda_min"]), float(case["lambda_max"])
    spectrum = data.spectrum
    assert spectrum.lambda_0 == pytest.approx(low, rel=tolerances.SPECTRUM_RELATIVE)
    assert spectrum.lambda_min == pytest.approx(0.75 * low, rel=tolerances.SPECTRUM_RELATIVE)
    assert spectrum.lambda_max == pytest.approx(high + 0.25 * low, rel=tolerances.SPECTRUM_RELATIVE)
    kappa = (high + 0.25 * low) / (0.75 * low)
    assert spectrum.kappa == pytest.approx(kappa, rel=2 * tolerances.SPECTRUM_RELATIVE)
    top = high + 0.25 * low
    expected = {
        "gradient_descent": (1 / top, 0.0, 0.0),
        "heavy_ball": (1 / top, (1 - 0.5 / kappa**0.5) ** 2, 0.0),
        "nesterov": (0.5 / top, *2 * ((3 * kappa**0.5 - 2) / (3 * kappa**0.5 + 2),)),
    }
    for method, values in expected.items():
        tuned = nag_ntk.theorem_tuning(method, data)
        assert tuned[1:4] == pytest.approx(values, rel=2 * tolerances.SPECTRUM_RELATIVE)
        assert nag_ntk.theorem_tuning(method, spectrum, scale=2.0).eta == 2 * tuned.eta
