"""The map over step size and momentum: its numbers computed here once more, its marks, its words and its limits."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from nag_ntk import companion_matrix
from proofs_check import store
from proofs_check.report import overview, page, tuning
from proofs_check.running import runner
from proofs_check.study.load import load_study, parse_study

STUDY = """
dataset: {source: digits, samples: 4}
methods: [gradient_descent, heavy_ball, nesterov]
lemmas: [distance]
width: 64
seeds: 4
steps: 60
"""
GRID = "sweep:\n  methods.scale: [0.05, 1, 3, 1.0e+160]\n  methods.beta: [0, 0.5]\n"
CONSTANTS = {"gradient_descent": (1, 1, 1 / 2), "heavy_ball": (4, 1 / 2, 1 / 4), "nesterov": (12, 1 / 2, 1 / 2)}
"""Prefactor, order p and c of 1 - c/kappa^p, from the statements of the theorems."""


def verified(text):
    return runner.verify(parse_study(text, name="grid.yaml", base=Path()))


@pytest.fixture(scope="module")
def result():
    return verified(STUDY + GRID)


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    store.write(result, out, wall_time=1.0)
    page.write(out)
    return out


@pytest.fixture(scope="module")
def stored(folder):
    return {run["run"]: run for run in json.loads((folder / "results.json").read_text())["runs"]}


def table(folder, name):
    with (folder / "figures" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def radius(method, values):
    return np.abs(np.linalg.eigvals(np.asarray(companion_matrix(method, np.diag(values))))).max()


def exceeded(run, k):
    """Seeds in which |V(t)|, or |xi(t)| without momentum, left the theorem's bound before it is rounding."""
    name, kappa = run.methods[k].name, run.data.spectrum.kappa
    prefactor, order, c = CONSTANTS[name]
    violated = np.zeros(len(run.trajectory.seeds), bool)
    for s, residual in enumerate(run.trajectory.residual[:, k]):
        norms = np.linalg.norm(residual, axis=1)
        if run.methods[k].has_memory:
            norms = np.sqrt(norms**2 + np.concatenate([norms[:1], norms[:-1]]) ** 2)
        for t in range(1, len(norms)):
            bound = prefactor * kappa ** (1 - order) * (1 - c / kappa**order) ** t * norms[0]
            violated[s] |= bound > run.trajectory.residual_rounding[s] and not norms[t] <= bound
    return int(violated.sum())


@np.errstate(over="ignore", invalid="ignore")
def test_the_summary_compares_every_method_with_theory(result, stored):
    counts = set()
    for run in result.runs:
        values = np.linalg.eigvalsh(run.data.gram_limit)
        for k, row in enumerate(stored[run.name]["methods"]):
            method, tuning_of = run.methods[k], row["tuning"]
            if method.eta < 1e100:
                assert tuning_of["spectral_radius"] == pytest.approx(radius(method, values), rel=1e-7)
            limit = tuning_of["stable_below"]
            assert (
                radius(method._replace(eta=0.999 * limit), values)
                < 1
                < radius(method._replace(eta=1.001 * limit), values)
            )
            theorem = tuning_of["theorem"]
            assert theorem["violations"] == exceeded(run, k)
            counts.add(theorem["violations"])
            etas = np.linspace(0.01, 1, 200) * 4 / values[-1]
            fast = [eta for eta in etas if radius(method._replace(eta=eta), values) <= theorem["rate"]]
            if theorem["between"] is None:
                assert not fast
            else:
                low, high = theorem["between"]
                assert fast == [eta for eta in etas if low <= eta <= high]
    assert {0, 4} <= counts


def test_of_two_methods_of_one_name_each_has_its_own_numbers():
    result = verified(
        STUDY.replace("[gradient_descent, heavy_ball, nesterov]", "[nesterov, {name: nesterov, scale: 0.01}]")
    )
    (run,), (told,) = result.runs, result.summaries
    found = [row["tuning"]["theorem"]["violations"] for row in told["methods"]]
    assert found == [exceeded(run, k) for k in range(2)] == [0, 4]


def test_each_method_with_momentum_has_a_map_at_the_top(folder, stored):
    listed = json.loads((folder / "figures" / "index.json").read_text())
    assert [name for name in listed if name.startswith("tuning")] == [
        "tuning-map-heavy-ball", "tuning-map-nesterov", "tuning-rate",
    ]  # fmt: skip
    tree = ElementTree.fromstring((folder / "report.html").read_text(encoding="utf-8"))
    shown = [figure.get("id") for figure in tree.find(".//main/section").iter("figure")]
    assert shown == ["figure-tuning-map-heavy-ball", "figure-tuning-map-nesterov"]
    for name in ("heavy_ball", "nesterov"):
        rows = table(folder, f"tuning-map-{name.replace('_', '-')}")
        assert len(rows) == 8
        for row in rows:
            run = stored[row["run"]]
            (own,) = (one for one in run["methods"] if one["name"] == name)
            steps, fall = own["steps_to_thousandth"], own["fall"][2]
            expected = (
                "theorem" if own["tuning"]["theorem"]["violations"] == 0
                else "every" if steps[4] is not None
                else "some" if steps[0] is not None
                else "none" if fall is not None and float(fall) < 1
                else "grew"
            )  # fmt: skip
            assert row["state"] == expected
            assert float(row["eta_lambda_max"]) == pytest.approx(own["eta"] * run["data"]["lambda_top"])
            assert float(row["spectral_radius"]) == float(own["tuning"]["spectral_radius"])
            assert row["rate_q50"] == ("" if own["observed_rate"][2] is None else str(own["observed_rate"][2]))
        states = {row["state"] for row in rows}
        assert {"theorem", "grew"} <= states
        drawing = (folder / "figures" / f"tuning-map-{name.replace('_', '-')}.svg").read_text(encoding="utf-8")
        for state, look in tuning._STATES.items():
            assert (look.words in drawing.partition("</desc>")[2]) is (state in states)


def test_the_description_has_the_counts_and_the_distances(folder):
    listed = json.loads((folder / "figures" / "index.json").read_text())
    for name in ("heavy-ball", "nesterov"):
        rows, told = table(folder, f"tuning-map-{name}"), listed[f"tuning-map-{name}"]["description"]
        stable = [float(row["spectral_radius"]) < 1 for row in rows]
        assert f"8 pairs of step size and momentum, the linear model is stable at {sum(stable)} of them" in told
        held = [inside for row, inside in zip(rows, stable, strict=True) if row["violations"] == "0"]
        assert f"the theorem's bound held in every seed at {len(held)}, stable or not ({sum(held)} are)" in told
        fast = [row["violations"] for row in rows if float(row["spectral_radius"]) <= float(row["theorem_rate"])]
        assert f"at {fast.count('0')} of the {len(fast)} where the linear model is as fast as the theorem" in told
        reached = [row for row in rows if row["steps_to_thousandth_q100"]]
        assert f"to a thousandth in every seed at {len(reached)}, " in told
        best = min(reached, key=lambda row: [float(row[f"steps_to_thousandth_q{level}"]) for level in (50, 90, 100)])
        distance = float(best["stable_below_eta_lambda_max"]) / float(best["eta_lambda_max"])
        assert f"fewest steps to a thousandth has η λ_max = {float(best['eta_lambda_max']):.3g}, β = " in told
        assert told.endswith(f"stable up to {distance:.3g} times its step size.")


def test_the_rates_are_those_of_the_summaries(folder, stored):
    rows = table(folder, "tuning-rate")
    seen = [
        (row["name"], run["run"]) for name in ("heavy_ball", "nesterov") for run in stored.values()
        for row in run["methods"] if row["name"] == name and row["observed_rate"][2] is not None
    ]  # fmt: skip
    assert [(row["method"], row["run"]) for row in rows] == seen
    assert 0 < len(rows) < 16  # the runs that overflowed have no rate


def test_a_third_axis_makes_maps_of_their_own_and_fewer_axes_none(stored):
    runs = list(stored.values())
    wide = [{**run, "at": {**run["at"], "width": width}} for width in (64, 128) for run in runs]
    assert list(tuning.grids(wide)) == [
        "heavy ball, width 64", "nesterov, width 64", "heavy ball, width 128", "nesterov, width 128",
    ]  # fmt: skip
    assert all(len(points) == 8 for points in tuning.grids(wide).values())
    assert not tuning.grids([run for run in runs if run["at"]["beta"] == 0])
    assert not tuning.grids([run for run in runs if run["at"]["scale"] == 1])
    assert not tuning.grids([{**run, "at": {"beta": run["at"]["beta"]}} for run in runs])
    assert not tuning.grids([{key: value for key, value in run.items() if key != "at"} for run in runs])


def test_data_without_a_rate_have_a_map_without_the_theorem(tmp_path):
    text = STUDY.replace("{source: digits, samples: 4}", "{source: sphere, samples: 4, dimension: 1}")
    text = text.replace("gradient_descent, heavy_ball, ", "").replace("nesterov", "{name: nesterov, eta: 1, beta: 0}")
    result = verified(text + "sweep:\n  methods.eta: [0.1, 1]\n  methods.beta: [0, 0.5]\n")
    store.write(result, tmp_path / "out", wall_time=1.0)
    page.write(tmp_path / "out")
    rows = table(tmp_path / "out", "tuning-map-nesterov")
    assert {row["state"] for row in rows} <= {"every", "some", "none"}
    assert {row["violations"] for row in rows} == {""}
    drawing = (tmp_path / "out" / "figures" / "tuning-map-nesterov.svg").read_text(encoding="utf-8")
    assert "linear model stable left" in drawing
    assert "theorem's tuning" not in drawing


def test_of_alike_runs_the_nearest_to_the_theorem_is_told(stored):
    others = [run for run in stored.values() if run["at"]["scale"] != 1]  # of these no method has the theorem's numbers
    assert {run["at"]["scale"] for run in others} == {0.05, 3, 1e160}
    assert overview.main_run(others)["at"]["scale"] == 3
    assert overview.main_run(others[::-1])["at"]["scale"] == 3


def test_the_fewest_steps_are_those_of_the_median_seed_then_of_the_slower_ones(stored):
    def point(*steps):
        run = stored["scale-1_beta-0"]
        return tuning._Point(run, {**run["methods"][1], "steps_to_thousandth": steps})

    points = [point(1, 5, 9, 10, 11), point(4, 5, 7, 20, 30), point(4, 5, 7, 20, 29), point(1, 1, 1, 1, None)]
    assert tuning._fastest(points) is points[2]
    assert tuning._fastest(points[3:]) is None


def test_the_bundled_grid_encloses_the_theorem_and_the_boundary():
    study = load_study("tuning")
    places = [dict(run.at) for run in study.runs]
    assert len(places) == len({place["scale"] for place in places}) * len({place["beta"] for place in places}) >= 120
    assert {method.name for method in study.runs[0].methods} == {"heavy_ball", "nesterov"}
    data = study.runs[0].dataset.build()
    own = {name: [spec.build(data) for spec in study.runs[k].methods] for k, name in ((0, "first"), (-1, "last"))}
    top = data.spectrum.lambda_top
    for first, last in zip(own["first"], own["last"], strict=True):
        assert first.eta * top < 0.25
        assert last.eta * top > 3
        assert first.beta == 0
        assert last.beta > 0.95
