"""The widths that the theory asks for: against the formulas written out once more, and the command that prints them."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from nag_ntk import Dataset, digits, near_parallel_pairs, sphere, theorem_tuning
from nag_ntk.theorem import THEOREMS
from proofs_check.commands import cli
from proofs_check.rigor.comparison import Closing, Draw, Tuning, closes, prepare
from proofs_check.running import session, widths

ROUNDING = 1e-12  # relative: some tens of roundings, lambda to the fourth power


@pytest.fixture(scope="module")
def data():
    return digits(8)


def by_name(rows):
    return {(row.id, row.method): row.width for row in rows}


def test_the_widths_are_the_formulas_of_the_theorems(data):
    """docs/theory: gram-concentration and formal, written out here."""
    n, delta = 8, 0.2
    eigenvalues = np.linalg.eigvalsh(data.gram_limit)
    low, high = 0.75 * eigenvalues[0], eigenvalues[-1] + 0.25 * eigenvalues[0]
    kappa, square = high / low, (n / 2 + float(data.targets @ data.targets)) / (delta / 3)
    found = by_name(widths.required_widths(data, delta))
    norm, entrywise = np.linalg.eigvalsh(data.kernel)[-1], np.linalg.norm(np.abs(data.kernel), 2)
    want = {
        ("hoeffding", ""): 8 * n**2 * math.log(2 * n**2 / delta) / eigenvalues[0] ** 2,
        ("chernoff", ""): norm / eigenvalues[0] * math.log(n / delta) / (0.25 + 0.75 * math.log(0.75)),
        ("theorem", "nesterov"): 40560**2 * kappa**2 * n**3 * square / low**4,
        ("theorem", "heavy_ball"): 5952**2 * kappa**2 * n**3 * square / low**4,
        ("theorem", "gradient_descent"): 32**2 * n**3 * square / low**4,
        ("theorem-norm", "nesterov"): 40560**2 * kappa**2 * entrywise**3 * square / low**4,
    }
    # the least eigenvalue is known to n u |H|, which its fourth power magnifies
    for key, width in want.items():
        assert math.isclose(found[key], width, rel_tol=1e-10), key
    assert all(found["theorem-norm", name] <= found["theorem", name] for name in THEOREMS)


def test_the_explicit_width_is_what_asks_for_most():
    """Its n^3 B^2/lambda^4 with lambda_0 <= 1/2 is above what the spectrum of H(0) and the flips ask, on any data."""
    for data in (Dataset([[1.0]], [0.0]), Dataset(np.eye(5), np.zeros(5)), digits(8)):
        found, spectrum, n, share = by_name(widths.required_widths(data, 0.3)), data.spectrum, data.size, 0.1
        square = (n / 2 + float(data.targets @ data.targets)) / share
        for name in THEOREMS:
            known = (name, spectrum.kappa, float(n))
            explicit = widths.explicit_width(*known, math.sqrt(square), spectrum.lambda_min)
            few = math.log(n / share) / widths.radius(*known, spectrum.lambda_min)
            assert max(few, 8 * n**2 / spectrum.lambda_0**2 * math.log(2 * n**2 / share)) < explicit
            assert found["theorem", name] == explicit


def test_pairs_need_twice_the_neurons_for_the_gram_matrix_and_start_at_the_targets(data):
    """f(0) = 0 takes Markov's bound out of the explicit width: |y|^2 in place of (n/2 + |y|^2) / (delta/3)."""
    alone, pairs = (by_name(widths.required_widths(data, 0.2, init)) for init in ("independent", "antisymmetric"))
    assert alone == by_name(widths.required_widths(data, 0.2))
    square = float(data.targets @ data.targets)
    gain = square / ((8 / 2 + square) / (0.2 / 3))
    for key, width in pairs.items():
        assert math.isclose(width, alone[key] * (gain if key[1] else 2), rel_tol=ROUNDING), key
    zero = Dataset(np.eye(5), np.zeros(5))
    found, few = by_name(widths.required_widths(zero, 0.3, "antisymmetric")), math.log(5 / 0.1)
    radius = widths.radius("nesterov", zero.spectrum.kappa, 5.0, zero.spectrum.lambda_min)
    hoeffding = 2 * 8 * 5**2 / zero.spectrum.lambda_0**2 * math.log(2 * 5**2 / 0.1)
    assert math.isclose(found["theorem", "nesterov"], max(few / radius, hoeffding), rel_tol=ROUNDING)


def test_the_width_grows_as_the_theorem_says():
    one = widths.explicit_width("nesterov", 10.0, 5.0, 2.0, 0.1)
    assert math.isclose(widths.explicit_width("nesterov", 20.0, 5.0, 2.0, 0.1) / one, 4, rel_tol=ROUNDING)
    assert math.isclose(widths.explicit_width("nesterov", 10.0, 10.0, 2.0, 0.1) / one, 8, rel_tol=ROUNDING)
    assert math.isclose(widths.explicit_width("nesterov", 10.0, 5.0, 4.0, 0.1) / one, 4, rel_tol=ROUNDING)
    assert math.isclose(widths.explicit_width("nesterov", 10.0, 5.0, 2.0, 0.2) / one, 1 / 16, rel_tol=ROUNDING)
    gd = [widths.explicit_width("gradient_descent", kappa, 5.0, 2.0, 0.1) for kappa in (1.0, 100.0)]
    assert gd[0] == gd[1]


def test_a_width_by_comparison_is_the_least_at_which_the_proof_closes():
    data, delta = sphere(3, 20), 0.2
    rows = widths.compared_widths(data, delta)
    assert [(row.id, row.method) for row in rows] == [
        (name, method) for name in ("comparison", "comparison-antisymmetric") for method in THEOREMS
    ]
    rough = {(row.id, row.method): row for row in widths.compared_widths(data, delta, rough=True)}
    for row in rows:
        theorem, method, pairs = THEOREMS[row.method], theorem_tuning(row.method, data), row.id != "comparison"
        numbers = theorem.order, theorem.rate, theorem.prefactor, theorem.linear_rate
        tuning = Tuning(method.eta, method.beta, method.gamma, *numbers, row.method != "gradient_descent")
        problem = prepare(data.inputs, data.targets, tuning)
        assert closes(problem, Draw(int(row.width), pairs), delta).closes
        assert not closes(problem, Draw(int(row.width / 1.02) // 2 * 2, pairs), delta).closes
        assert set(row.losses) == set(Closing._fields)
        assert (row.losses["width"], row.losses["closes"]) == (row.width, True)
        about = rough[row.id, row.method]
        assert row.width / 1.02 <= about.width <= 1.55 * row.width  # a factor of 1.5, and two grids of widths
        assert about.losses is None
    found = by_name(rows)
    assert all(found["comparison-antisymmetric", name] < found["comparison", name] for name in THEOREMS)
    closed = by_name(widths.required_widths(data, delta))
    assert all(found["comparison", name] < 1e-2 * closed["theorem-norm", name] for name in THEOREMS)


def test_a_width_that_is_not_computed_says_why():
    nearly_parallel = near_parallel_pairs(1, 1e-3, 2)
    for rough in (True, False):
        rows = widths.compared_widths(nearly_parallel, 0.1, methods=["gradient_descent"], rough=rough)
        assert {row.width for row in rows} == {math.inf}
        words = {row.words for row in rows}
        assert all(("nag-ntk width takes the time" if rough else "too many to compute here") in each for each in words)


def test_no_width_is_enough_for_equal_inputs():
    equal = Dataset([[1.0, 0.0], [1.0, 0.0]], [1.0, -1.0])
    rows = [*widths.required_widths(equal, 0.1), *widths.compared_widths(equal, 0.1)]
    assert {row.width for row in rows} == {math.inf}
    assert all("lambda_0 is 0" in row.words for row in rows)
    assert widths.facts(Dataset([[1.0, 0.0], [1.0, 0.0]], [1.0, -1.0]))["kappa"] is None


STUDY = """
dataset: {source: pairs, pairs: 1, angle: 0.9, dimension: 4}
methods: [nesterov]
width: 64
seeds: 2
steps: 3
delta: 0.25
runs:
  a: {}
  b: {width: 128}
  c: {dataset: {source: npz, path: same.npz}}
  d: {init: antisymmetric}
"""


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(session, "prepare_jax", lambda: None)  # this process computes already
    (tmp_path / "mine.yaml").write_text(STUDY)
    np.savez(tmp_path / "same.npz", inputs=[[1.0, 0.0], [1.0, 0.0]], targets=[1.0, 1.0])
    return str(tmp_path / "mine.yaml")


def test_the_command_prints_the_widths_of_every_dataset_once(study):
    done = CliRunner().invoke(cli.cli, ["width", study])
    assert done.exit_code == 0
    data = near_parallel_pairs(1, 0.9, 4)
    assert f"n = 2, d = 4, lambda_0 = {data.spectrum.lambda_0:.4g}, kappa = {data.spectrum.kappa:.4g}" in done.output
    assert "widths of the study: a 64, b 128\n" in done.output
    for row in (*widths.required_widths(data, 0.25), *widths.compared_widths(data, 0.25)):
        assert f"m >= {row.width:<9.3g} {row.words}" in done.output
    assert "kappa = none: lambda_0 is 0 up to rounding" in done.output
    assert "\nlambda_0 is 0, so no width is enough; row 1 equals row 0: keep one" in done.output
    assert f"kappa = {data.spectrum.kappa:.4g}, antisymmetric networks" in done.output
    for row in widths.required_widths(data, 0.25, "antisymmetric"):
        assert f"m >= {row.width:<9.3g} {row.words}" in done.output
    assert "m >= inf" in done.output


def test_the_command_gives_json(study):
    found = json.loads(CliRunner().invoke(cli.cli, ["width", study, "--json", "--delta", "0.5"]).stdout)
    first, second, third = found["datasets"]
    assert (first["init"], third["init"], third["runs"]) == ("independent", "antisymmetric", {"d": 64})
    assert first["runs"] == {"a": 64, "b": 128}
    data = near_parallel_pairs(1, 0.9, 4)
    expected = [*widths.required_widths(data, 0.5), *widths.compared_widths(data, 0.5)]
    assert [row["width"] for row in first["asked"]] == pytest.approx([row.width for row in expected], rel=ROUNDING)
    assert [row["losses"]["width"] for row in first["asked"] if "losses" in row] == [row.width for row in expected[-6:]]
    assert (second["kappa"], second["asked"][0]["width"]) == (None, "inf")


def test_the_command_refuses_in_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    (tmp_path / "m.yaml").write_text(
        STUDY.replace("pairs, pairs: 1, angle: 0.9, dimension: 4", "mnist, path: x, samples: 9")
    )
    with pytest.raises(SystemExit) as end:
        cli.main(["width", str(tmp_path / "m.yaml")])
    assert end.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("nag-ntk: no MNIST at")
    assert error.count("\n") == 1
