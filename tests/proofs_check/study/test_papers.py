"""Bundled studies after experiments of papers: what they state, that they run, and the options in their comments."""

import json
import re
import shlex

import numpy as np
import pytest
from image_files import CLASSES, COLOURS, cifar_folder, mnist_files

from proofs_check import store
from proofs_check.report import page
from proofs_check.running import runner
from proofs_check.study.load import bundled_configs, load_study

PAPERS = ["bu2021", "du2019", "liu2021", "wang2021"]
FIGURES = {
    "bu2021": ["theory-residual", "movement", "theory-powers"],
    "du2019": ["theory-widths-asked", "theory-widths-end", "theory-residual", "theory-widths-gradient-descent"],
    "liu2021": ["theory-residual", "movement", "theory-residual-table", "movement-table"],
    "wang2021": ["theory-residual", "movement"],
}
SMALL = {
    "du2019": ["dataset.samples=4", "dataset.dimension=8", "runs={a: {}, b: {width: 32}, c: {width: 64}}"],
    "liu2021": ["dataset.samples=4", "runs.table.width=16", "runs.table.dataset.samples=4"],
    "bu2021": ["dataset.samples=4"],
    "wang2021": [],
}  # fmt: skip


@pytest.mark.parametrize("name", PAPERS)
def test_a_reconstruction_says_so_and_shows_what_its_paper_shows(tmp_path, name):
    assert load_study(name).description.startswith("reconstruction")
    small = load_study(name, changes=[*SMALL[name], "width=16", "seeds=2", "steps=12"])
    store.write(runner.verify(small), tmp_path / "o", wall_time=1.0)
    page.write(tmp_path / "o")
    drawn = json.loads((tmp_path / "o" / "figures" / "index.json").read_text())
    assert [each for each in drawn if each.startswith(("theory", "movement"))] == FIGURES[name]
    rows = store.read(tmp_path / "o").rows
    assert rows or name == "du2019"  # three widths are too few for a slope
    assert all(row["verdict"] != "ERROR" for row in rows)


def test_the_numbers_that_the_papers_state():
    du, wang = load_study("du2019"), load_study("wang2021")
    for run in du.runs:
        assert (run.dataset.samples, run.dataset.dimension, run.dataset.labels) == (1000, 1000, "gaussian")
        assert ([method.label for method in run.methods], run.steps) == (["gradient_descent"], 100)
    assert len({run.width for run in du.runs}) == len(du.runs) >= 4
    (run,) = wang.runs
    assert (run.dataset.samples, run.dataset.dimension, run.dataset.labels, run.width) == (5, 10, "signs", 1000)
    data = run.dataset.build()
    descent, heavy = (method.build(data) for method in run.methods)
    assert descent.eta == heavy.eta == pytest.approx(1 / data.spectrum.lambda_max)
    assert heavy.beta == pytest.approx((1 - 1 / (2 * np.sqrt(data.spectrum.kappa))) ** 2)


def test_growing_momentum_is_that_of_the_paper():
    (run,) = load_study("bu2021").runs
    data = run.dataset.build()
    growing = [method.build(data) for method in run.methods if method.name == "nesterov_increasing"]
    assert [method.delay for method in growing] == [3, 2, 6]
    for method in growing:
        r, k = method.delay, np.arange(1, 8)
        np.testing.assert_allclose(method.schedule(7)[:, 1], (k - 1) / (k + r - 1), rtol=1e-15)


def test_the_options_for_files_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # paths of options start from the current folder
    mnist_files(tmp_path / "images")
    cifar_folder(tmp_path / "colours")
    (tmp_path / "mine.csv").write_text("a,b,c\n" + "".join(f"{k},{k * k},{k % 3}\n" for k in range(1, 41)))
    offered = re.findall(r"nag-ntk (verify liu2021 --set .*)", bundled_configs()["liu2021"].read_text(encoding="utf-8"))
    sources = {}
    for line in offered:
        folder = "colours" if "cifar10" in line else "images"
        text = line.replace("FOLDER", folder).replace("FILE.csv", "mine.csv").replace("COLUMN", "c")
        _, name, _, option = shlex.split(text)
        study = load_study(name, changes=[option])
        changed = study.run("table" if "runs.table" in option else "images").dataset
        data = changed.build()
        sources[changed.source] = (data.size, data.dimension)
        if changed.source == "cifar10":
            rows = COLOURS[:20] / np.linalg.norm(COLOURS[:20].astype(float), axis=1, keepdims=True)
            np.testing.assert_allclose(data.inputs, rows, rtol=1e-12)
        if changed.source != "table":
            np.testing.assert_array_equal(data.targets, np.where(CLASSES[:20] % 2 == 1, 1.0, -1.0))
    assert sources == {"mnist": (20, 784), "fashion_mnist": (20, 784), "cifar10": (20, 3072), "table": (20, 2)}
