"""The figures of the papers: their data are what results.json and trajectories.nc hold, computed here once more."""

import csv
import dataclasses
import json
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import xarray

import nag_ntk
from nag_ntk.theorem import THEOREMS
from proofs_check import store
from proofs_check.report import drawing, ladder, overview, page, rates
from proofs_check.report.drawing import steps_of_ten
from proofs_check.report.numbers import power_of_ten
from proofs_check.running import runner, summary
from proofs_check.study.load import load_study, parse_study, study_as_dict

STUDY = """
dataset: {source: digits, samples: 4}
methods: [gradient_descent, heavy_ball, nesterov]
lemmas: [distance]
width: 64
seeds: 5
steps: 30
chunk: 30  # main and a are one program
runs:
  main: {steps: 60}
  b: {width: 256}
  a: {}
  c: {width: 1024}
  n2: {dataset.samples: 2, width: 256}
  n3: {dataset.samples: 3, width: 256}
"""
LEVELS = (0.0, 0.1, 0.5, 0.9, 1.0)
METHODS = ["gradient_descent", "heavy_ball", "nesterov"]
FIT = 1e-9  # two least-squares fits of some 30 points, solved in different ways


@pytest.fixture(scope="module")
def result():
    return runner.verify(parse_study(STUDY, name="paperlike.yaml", base=Path()))


@pytest.fixture(scope="module")
def folder(result, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "out"
    store.write(result, out, wall_time=1.0)
    page.write(out)
    return out


@pytest.fixture(scope="module")
def stored(folder):
    return {run["run"]: run for run in json.loads((folder / "results.json").read_text())["runs"]}


def recorded(folder, run):
    return xarray.load_dataset(folder / "trajectories.nc", group=run, engine="h5netcdf")


def table(folder, name):
    with (folder / "figures" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def quantiles(values):
    """Lower order statistics over the first axis, as the store says."""
    ordered = np.sort(values, axis=0)
    return [float(ordered[int(level * (len(ordered) - 1))]) for level in LEVELS]


def numbers(row, prefix):
    return [float(value) for key, value in row.items() if re.fullmatch(rf"{prefix}_q\d+", key)]


def test_the_residual_is_that_of_the_run_and_the_bound_that_of_the_theorem(folder, stored):
    run = recorded(folder, "c")  # the widest
    kappa = stored["c"]["data"]["kappa"]
    rows = table(folder, "theory-residual")
    assert len(rows) == 3 * 31
    root = math.sqrt(kappa)
    bounds = {
        "gradient_descent": (1, 1 - 1 / (2 * kappa), 1 - 1 / kappa),
        "heavy_ball": (4 * root * math.sqrt(2), 1 - 1 / (4 * root), 1 - 1 / (2 * root)),
        "nesterov": (12 * root * math.sqrt(2), 1 - 1 / (2 * root), 1 - 2 / (3 * root)),
    }
    for row in rows:
        norms = np.linalg.norm(run.residual.sel(algorithm=row["method"]).values, axis=-1)
        t = int(row["step"])
        np.testing.assert_allclose(numbers(row, "residual"), quantiles(norms[:, t] / norms[:, 0]), rtol=1e-13)
        prefactor, rate, linear = bounds[row["method"]]
        assert float(row["bound"]) == pytest.approx(prefactor * rate**t, rel=1e-12)
        assert float(row["linear_model"]) == pytest.approx(linear**t, rel=1e-12)


def test_the_rates_against_kappa_are_those_of_results_and_of_the_run(folder, stored):
    rows = table(folder, "theory-rate-kappa")
    # of the four runs on four digits the widest, c, is shown
    assert [row["run"] for row in rows] == ["n2", "n3", "c"] * 3
    for row in rows:
        run = stored[row["run"]]
        known = next(one for one in run["methods"] if one["method"] == row["method"])
        assert float(row["kappa"]) == run["data"]["kappa"]
        assert numbers(row, "rate") == known["observed_rate"]
        norms = recorded(folder, row["run"]).residual_norm.sel(algorithm=row["method"]).values
        rates = []
        for values in norms:
            last = max(t for t in range(len(values)) if (values[: t + 1] >= 1e-9 * values[0]).all())
            steps = np.arange(last // 2, last + 1)
            design = np.stack([steps, np.ones(len(steps))], axis=1)
            rates.append(math.exp(np.linalg.lstsq(design, np.log(values[steps]), rcond=None)[0][0]))
        np.testing.assert_allclose(numbers(row, "rate"), quantiles(np.array(rates)), rtol=FIT)


@pytest.mark.parametrize("method", METHODS)
def test_the_widths_over_the_steps_are_those_of_the_runs(folder, method):
    rows = table(folder, f"theory-widths-{method.replace('_', '-')}")
    assert [(row["run"], int(row["width"])) for row in rows[::31]] == [("a", 64), ("b", 256), ("c", 1024)]
    for row in rows[::7]:
        run, t = recorded(folder, row["run"]).sel(algorithm=method), int(row["step"])
        loss = 0.5 * (run.residual.values[:, t] ** 2).sum(axis=-1)
        np.testing.assert_allclose(numbers(row, "loss"), quantiles(loss), rtol=1e-13)
        for name in ("flip_fraction", "distance"):
            assert numbers(row, name) == quantiles(run[name].values[:, t])


def test_the_ends_are_the_last_steps_and_their_slopes_are_said(folder):
    rows = table(folder, "theory-widths-end")
    assert len(rows) == 3 * 3 * 3
    for row in rows:
        run = recorded(folder, row["run"]).sel(algorithm=row["method"])
        if row["quantity"] != "loss":
            assert numbers(row, "value") == quantiles(run[row["quantity"]].values[:, -1])
    ends = [float(row["value_q50"]) for row in rows if (row["method"], row["quantity"]) == ("nesterov", "distance")]
    slope = np.polyfit(np.log([64, 256, 1024]), np.log(ends), 1)[0]
    said = json.loads((folder / "figures" / "index.json").read_text())["theory-widths-end"]["description"]
    assert f"nesterov {slope:.3f}".replace("-", "−") in said.rpartition("largest")[2]
    shown = (folder / "report.html").read_text(encoding="utf-8")
    (note,) = re.findall(r"Slopes against m: ([^<]*)", shown)
    assert f"nesterov {slope:.3f}".replace("-", "−") in note.rpartition("largest")[2]


def test_widths_asked_and_observed(folder, stored):
    rows = {(row["claim"], row["method"]): row for row in table(folder, "theory-widths-asked")}
    assert set(rows) == {("hoeffding", ""), ("chernoff", ""), *(("theorem", name) for name in METHODS)}
    asked = {(one["id"], one["method"]): one["width"] for one in stored["a"]["asked"]}
    for key, row in rows.items():
        assert float(row["asked"]) == asked[key]
        proved = asked["comparison", key[1]] if key[1] else math.nan
        np.testing.assert_equal(float(row["proved_by_comparison"]), proved)
        assert not key[1] or 1e4 < proved < asked[key]
    kappa = stored["a"]["data"]["kappa"]
    held, close = {}, {}
    for name, width in (("a", 64), ("b", 256), ("c", 1024)):
        norms = recorded(folder, name).residual_norm.sel(algorithm="nesterov").values
        stacked = np.hypot(norms[:, 1:], norms[:, :-1]) / (math.sqrt(2) * norms[:, :1])
        t = np.arange(1, norms.shape[1])
        held[width] = (stacked <= 12 * math.sqrt(kappa) * (1 - 1 / (2 * math.sqrt(kappa))) ** t).all()
        claim = next(one for one in stored[name]["claims"] if one["claim"] == "chernoff")
        close[width] = claim["violations"] == 0
    for key, passed in ((("theorem", "nesterov"), held), (("chernoff", ""), close)):
        from_here_on = [width for width in passed if all(passed[other] for other in passed if other >= width)]
        assert rows[key]["observed_from"] == (str(min(from_here_on)) if from_here_on else "")


def test_the_violations_at_a_width_are_counted_from_the_networks(result, stored):
    data = nag_ntk.digits(4)
    for run in result.runs[:3]:
        least = np.linalg.eigvalsh(run.trajectory.initial_gram)[:, 0]
        distance = np.linalg.norm(run.trajectory.initial_gram - data.gram_limit, axis=(1, 2))
        counted = {one["claim"]: one["violations"] for one in stored[run.name]["claims"] if not one["method"]}
        assert counted["chernoff"] == int((least < 0.75 * data.spectrum.lambda_0).sum())
        assert counted["hoeffding"] == int((distance > data.spectrum.lambda_0 / 4).sum())


def test_the_rates_of_the_linear_model_are_reached_and_not_exceeded():
    """The largest root of a block of the companion matrix against 1 - b/kappa^p."""
    for kappa in (3.0, 40.0, 500.0):
        eigenvalues = np.linspace(1.0, kappa, 30)
        spectrum = nag_ntk.Spectrum(lambda_0=4 / 3, lambda_top=kappa - 1 / 3)
        for name, theorem in THEOREMS.items():
            method = nag_ntk.theorem_tuning(name, spectrum)
            trace = (1 + method.beta) - method.eta * (1 + method.gamma) * eigenvalues
            determinant = method.beta - method.eta * method.gamma * eigenvalues
            pairs = zip(trace, determinant, strict=True)
            roots = [np.abs(np.roots([1.0, -t, d])).max() for t, d in pairs]
            claimed = theorem.linear_model(kappa)
            assert max(roots) <= claimed * (1 + 1e-6)  # a double root is known to sqrt(u)
            assert 1 - max(roots) <= 1.35 * (1 - claimed)


def test_an_observed_rate_stops_at_the_floor_and_needs_steps():
    t = np.arange(200)
    fading = np.maximum(0.8**t, 1e-12)
    rates = summary.observed_rate(np.stack([fading, np.full(200, np.nan), 1.01**t]))
    assert rates[0] == pytest.approx(0.8, rel=FIT)
    assert np.isnan(rates[1])
    assert rates[2] == pytest.approx(1.01, rel=FIT)
    assert np.isnan(summary.observed_rate(np.array([[1.0, 0.5]]))).all()


def test_the_page_has_the_figures_with_their_texts(folder):
    tree = ElementTree.parse(folder / "report.html").getroot()
    sections = [tree.find(f".//section[@id='{name}']") for name in ("opening", "theory")]
    shown = [[figure.get("id") for figure in section.iter("figure")] for section in sections]
    assert shown == [["figure-theory-widths-asked", "figure-theory-widths-end"], [
        "figure-theory-residual", "figure-theory-rate-kappa", "figure-theory-widths-gradient-descent",
        "figure-theory-widths-heavy-ball", "figure-theory-widths-nesterov",
    ]]  # fmt: skip
    for figure in [figure for section in sections for figure in section.iter("figure")]:
        (drawing,) = figure.iter("{http://www.w3.org/2000/svg}svg")
        assert drawing.find("{http://www.w3.org/2000/svg}desc").text
        said = {"".join(text.itertext()) for text in drawing.iter("{http://www.w3.org/2000/svg}text")}
        assert any(re.search(r"\((1|neurons)\)", text) or text == "training step t" for text in said)


def test_a_grid_opens_with_its_claims_against_what_differs(folder):
    tree = ElementTree.parse(folder / "report.html").getroot()
    opening = tree.find(".//section[@id='opening']")
    assert [part.get("class") for part in list(opening)[1:3]] == ["steps wide", "figures pair"]
    (step,) = [box for box in opening.iter("details") if "step" in (box.get("class") or "")]
    assert step.get("open")
    heads = {row[0].text: [cell.text for cell in row[1:]] for row in step.findall(".//thead/tr")}
    assert heads == {
        "width": ["64", "256", "64", "1,024", "256", "256"], "data": [*["digits-4"] * 4, "digits-2", "digits-3"],
        "steps": ["60", *["30"] * 5],
    }  # fmt: skip


def test_figures_appear_only_where_a_study_has_what_they_need(tmp_path):
    text = STUDY[: STUDY.index("runs:")] + "runs: {a: {}, b: {width: 256}, c: {steps: 0, width: 8}}"
    store.write(runner.verify(parse_study(text, name="few.yaml", base=Path())), tmp_path / "o", wall_time=1.0)
    page.write(tmp_path / "o")
    names = json.loads((tmp_path / "o" / "figures" / "index.json").read_text())
    assert [name for name in names if name.startswith("theory")] == ["theory-residual"]


GROWING = """
dataset: {source: digits, samples: 4}
methods: [gradient_descent, {name: nesterov_increasing, delay: 2}, {name: nesterov_increasing, delay: 6}]
lemmas: [nesterov-increasing]
width: 64
seeds: 5
steps: 60
runs: {short: {steps: 30}, digits: {}, points: {dataset: {source: sphere, samples: 4, dimension: 64}}}
"""


@pytest.fixture(scope="module")
def growing(tmp_path_factory):
    out = tmp_path_factory.mktemp("growing") / "out"
    store.write(runner.verify(parse_study(GROWING, name="growing.yaml", base=Path())), out, wall_time=1.0)
    page.write(out)
    return out


def test_growing_momentum_is_shown_against_powers_of_the_step(growing):
    names = ["gradient_descent", "nesterov_increasing(delay=2.0)", "nesterov_increasing(delay=6.0)"]
    run = recorded(growing, "digits")
    assert run.algorithm.values.tolist() == names
    rows = table(growing, "theory-powers")
    assert [row["method"] for row in rows[:: len(rows) // 3]] == names
    for row in rows:
        norms = run.residual_norm.sel(algorithm=row["method"]).values
        assert numbers(row, "residual") == quantiles(norms[:, int(row["step"])] / norms[:, 0])
    steps = [int(row["step"]) for row in rows if row["method"] == names[1]]
    assert steps[:3] + steps[-1:] == [1, 2, 3, 60]
    late = [(int(row["step"]), float(row["residual_q50"])) for row in rows if row["method"] == names[2]]
    slope = np.polyfit(*np.log(np.array([pair for pair in late if pair[0] >= 6])).T, 1)[0]
    said = json.loads((growing / "figures" / "index.json").read_text())["theory-powers"]["description"]
    assert f"nesterov increasing (delay=6) {slope:.2f}".replace("-", "−") in said


def test_two_datasets_have_their_figures_each(growing):
    names = json.loads((growing / "figures" / "index.json").read_text())
    shown = [name for name in names if name.startswith(("theory", "movement"))]
    assert shown == [
        "theory-residual", "movement", "theory-powers",
        "theory-residual-points", "movement-points", "theory-powers-points",
    ]  # fmt: skip
    run = recorded(growing, "points")
    norms = run.residual_norm.sel(algorithm="gradient_descent").values
    last = [row for row in table(growing, "theory-residual-points") if row["method"] == "gradient_descent"][-1]
    assert numbers(last, "residual") == quantiles(norms[:, -1] / norms[:, 0])


def test_a_width_that_no_proof_reaches_is_not_shown_as_one(growing):
    stored = store.read(growing)
    (run,) = [run for run in stored.runs if run["run"] == "digits"]
    assert "is proved from width" in " ".join(overview.run_in_words(run))
    endless = [{**row, "width": "inf"} if row["id"] == "comparison" else row for row in run["asked"]]
    assert not [text for text in overview.run_in_words({**run, "asked": endless}) if "proved" in text or "inf" in text]
    (series,) = [one for one in store.read_series(growing) if (one.name, one.run) == ("relative_residual", "digits")]
    assert "proved from width" in rates.residual(series, run, "a").note
    assert "proved" not in rates.residual(series, {**run, "asked": endless}, "a").note


def test_a_residual_of_zero_leaves_the_upper_end_of_the_axis(growing):
    (series,) = [one for one in store.read_series(growing) if (one.name, one.run) == ("relative_residual", "digits")]
    (run,) = [run for run in store.read(growing).runs if run["run"] == "digits"]
    zeros = np.where(np.arange(61) > 50, 0.0, series.observed)
    far = {power_of_ten(10.0**exponent) for exponent in range(2, 300)}
    with drawing.style():
        for draw in (rates.residual, rates.powers):
            said = re.findall(r">([^<>]+)</text>", draw(dataclasses.replace(series, observed=zeros), run, "a").alone)
            assert "0.1" in said
            assert not far.intersection(said)


def test_long_labels_of_a_legend_take_fewer_columns_and_more_height():
    heights = []
    for label in ("short", "a method whose name takes more than half of the figure"):
        figure, axes = drawing.canvas(3.0)
        for number in range(4):
            axes.plot([0, 1], label=f"{label} {number}")
        drawing.legend_below(figure, 2)
        figure.draw_without_rendering()
        box = figure.legends[0].get_window_extent()
        assert 0 <= box.x0 < box.x1 <= figure.bbox.width
        assert box.y1 <= axes.get_position().y0 * figure.bbox.height
        heights.append(figure.get_figheight() * axes.get_position().height)
    assert heights[0] == pytest.approx(heights[1], rel=1e-9)


def test_results_of_an_older_version_have_no_figures_of_the_theory(folder, tmp_path):
    held = store.read(folder)
    older = store.StoredResult("x", 0.1, held.rows, manifest=held.manifest)
    contents = page.gather(older, store.read_series(folder))
    assert [*contents.theory, *contents.opening.figures] == []


def test_rungs_are_runs_that_differ_in_their_width_alone():
    run = {"width": 8, "steps": 3, "seeds": 2, "methods": ["a"], "dataset": {"samples": 3}, "at": {}}
    runs = {f"m{width}": {**run, "width": width, "seeds": width} for width in (64, 8, 32)}
    others = {"same": {**run, "steps": 4}, "data": {**run, "width": 16, "dataset": {"samples": 4}}}
    assert ladder.rungs({**others, **runs}) == ["m8", "m32", "m64"]
    assert ladder.rungs({**others, "m8": runs["m8"], "m64": runs["m64"]}) == []


def claims(*violations):
    return [
        {"width": 2**k, "claims": [{"claim": "theorem", "method": "nesterov", "violations": count, "seeds": 9}]}
        for k, count in enumerate(violations)
    ]


def test_the_observed_width_is_the_least_from_which_on_the_claim_held():
    assert ladder.observed_width(claims(0, 0, 0), "theorem", "nesterov") == (1, 3)
    assert ladder.observed_width(claims(0, 1, 0, 0), "theorem", "nesterov") == (4, 4)
    assert ladder.observed_width(claims(0, 0, 3), "theorem", "nesterov") == (None, 3)
    assert ladder.observed_width(claims(0, 0), "hoeffding", "") == (None, 0)


def test_marks_between_powers_of_ten():
    assert steps_of_ten(0.003, 0.02) == [0.005, 0.01, 0.02]
    assert steps_of_ten(1e-9, 1e-3) == []
    assert all(len(steps_of_ten(low, 6 * low)) >= 2 for low in np.geomspace(1e-4, 1e3, 40))


def test_what_is_written_in_a_figure_keeps_its_digits(folder):
    drawing = (folder / "figures" / "theory-widths-end.svg").read_text(encoding="utf-8")
    texts = re.findall(r">([\d.]+)</text>", drawing)
    assert texts
    assert "0.00" not in texts


def test_the_bundled_study_has_what_the_figures_need():
    study = load_study("paper")
    configured = study_as_dict(study)["runs"]
    names = ladder.rungs(configured)
    assert [configured[name]["width"] for name in names] == [2**k for k in range(8, 17)]
    assert len({run.dataset for run in study.runs if run.steps}) >= 3
    assert {method.name for method in study.runs[0].methods} == set(METHODS)


@pytest.mark.slow
def test_the_bundled_study_scaled_down(tmp_path):
    study = load_study("paper")
    # three widths and three values of kappa; every shape compiles for some seconds
    names = ("main", "m256", "m1024", "m4096", "n4", "n12")
    small = tuple(study.run(name).model_copy(update={"seeds": 2, "steps": 40}) for name in names)
    store.write(runner.verify(study.model_copy(update={"runs": small})), tmp_path / "o", wall_time=1.0)
    page.write(tmp_path / "o")
    names = json.loads((tmp_path / "o" / "figures" / "index.json").read_text())
    assert len([name for name in names if name.startswith("theory")]) == 7
    assert all(row["verdict"] not in ("REFUTED", "ERROR") for row in store.read(tmp_path / "o").rows)
