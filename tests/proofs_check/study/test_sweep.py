"""Sweeps: what the file says becomes which runs, every mistake has its line, and the runs stand side by side."""

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray

from nag_ntk import companion_matrix
from proofs_check import store
from proofs_check.running import runner
from proofs_check.store.grid import PER_METHOD, PER_RUN, PER_SEED
from proofs_check.study.load import ConfigError, load_study, parse_study, study_as_dict, study_schema
from proofs_check.study.models import DATA_MODELS, RESERVED_AXES
from proofs_check.study.sweep import MAX_RUNS, swept_keys

BASE = """\
dataset: {source: pairs, pairs: 2, angle: 0.5, dimension: 4}
methods: [gradient_descent, nesterov]
width: 16
seeds: 3
steps: 4
lemmas: [distance]
"""


def parse(text):
    return parse_study(text, name="a.yaml", base=Path("/data"))


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return [(p.line, p.path, p.message) for p in caught.value.problems]


# The configuration.


def test_the_runs_are_the_product_with_readable_names():
    runs = parse(BASE + "sweep: {width: [8, 32], dataset.angle: [0.05, 0.5, 1], methods.scale: [1e-3]}").runs
    assert [run.name for run in runs] == [
        f"width-{width}_angle-{angle}_scale-0p001" for width in (8, 32) for angle in ("0p05", "0p5", "1")
    ]
    assert [(run.width, run.dataset.angle) for run in runs[2:4]] == [(8, 1.0), (32, 0.05)]
    assert all([method.scale for method in run.methods] == [1e-3, 1e-3] for run in runs)
    assert dict(runs[0].at) == {"width": 8, "angle": 0.05, "scale": 0.001}
    assert {run.seeds for run in runs} == {3}


def test_every_kind_of_field_can_be_swept():
    text = BASE.replace(
        "methods: [gradient_descent, nesterov]", "methods: [{name: nesterov, eta: 0.1}, gradient_descent]"
    )
    text += (
        "sweep:\n  methods.beta: [0.5, 0.9]\n  methods.eta: [0.1]\n  dataset.labels: [signs, paired]\n  key: [0, 7]\n"
        "  dataset.key: [3]\n  start: [gradient, extrapolated]\n  dtype: [float32]\n  seeds: [2]\n  steps: [0, 3]\n"
    )
    runs = parse(text).runs
    assert len(runs) == 32
    assert runs[-1].name == (
        "beta-0p9_eta-0p1_labels-paired_key-7_data_key-3_start-extrapolated_dtype-float32_seeds-2_steps-3"
    )
    nesterov, descent = runs[-1].methods
    assert (nesterov.eta, nesterov.beta, descent.eta, descent.beta) == (0.1, 0.9, 0.1, None)
    assert (runs[-1].dataset.labels, runs[-1].dataset.key, runs[-1].key) == ("paired", 3, 7)


def test_an_odd_width_of_pairs_is_told_where_it_is_swept():
    text = BASE + "sweep:\n  init: [independent, antisymmetric]\n  width: [4, 5]\n"
    with pytest.raises(ConfigError) as caught:
        parse(text)
    [problem] = caught.value.problems
    assert problem.path == "sweep.width[1]"
    assert problem.message == "antisymmetric networks consist of pairs of neurons: the width must be even, got 5"
    runs = parse(text.replace("5]", "6]")).runs
    assert [(run.init, run.width) for run in runs[1:3]] == [("independent", 6), ("antisymmetric", 4)]


def test_a_field_may_be_missing_where_it_is_swept():
    text = BASE.replace("width: 16\n", "").replace("angle: 0.5, ", "")
    assert len(parse(text + "sweep: {width: [8], dataset.angle: [0.1, 0.2]}").runs) == 2


def test_a_name_that_is_too_long_is_a_number():
    files = ", ".join(f"{'x' * 99}{letter}.npz" for letter in "ab")
    text = re.sub("dataset: .*", "dataset: {source: npz}", BASE) + f"sweep: {{dataset.path: [{files}]}}"
    runs = parse(text).runs
    assert [run.name for run in runs] == ["run-0", "run-1"]
    assert dict(runs[1].at)["path"].endswith("b.npz")


def test_the_canonical_form_is_the_same_study_run_by_run():
    study = parse(BASE + "sweep: {width: [8, 32], dataset.labels: [signs, paired]}")
    plain = study_as_dict(study)
    assert "sweep" not in plain
    assert plain["runs"]["width-8_labels-signs"]["at"] == {"width": 8, "labels": "signs"}
    assert parse(str(plain).replace("None", "null").replace("'", '"').replace("False", "false")) == study
    assert hash(study) == hash(parse(BASE + "sweep: {width: [8, 32], dataset.labels: [signs, paired]}"))


MISTAKES = {
    "no mapping": ("sweep: [1]", 7, "sweep", "a mapping from fields to lists of values, got a list"),
    "empty": ("sweep: {}", 7, "sweep", "got an empty mapping"),
    "nothing": ("sweep:", 7, "sweep", "got nothing (null)"),
    "key": ("sweep:\n  widht: [1]", 8, "sweep.widht", 'unknown key; did you mean "width"?'),
    "field of the data": ("sweep:\n  dataset.samples: [1]", 8, "sweep.dataset.samples", "unknown key"),
    "whole dataset": ("sweep:\n  dataset: [digits]", 8, "sweep.dataset", "unknown key"),
    "no list": ("sweep:\n  width: 3", 8, "sweep.width", "list of at least one value, got 3; write [3]"),
    "empty list": ("sweep:\n  width: []", 8, "sweep.width", "got an empty list"),
    "list in a list": (
        "sweep:\n  width:\n  - 8\n  - [3]",
        10,
        "sweep.width[1]",
        "a finite number, a text, true or false",
    ),
    "null": ("sweep:\n  width: [null]", 8, "sweep.width[0]", "got nothing (null)"),
    "infinite": ("sweep:\n  dataset.angle: [.inf]", 8, "sweep.dataset.angle[0]", "a finite number"),
    "repeated": ("sweep:\n  width:\n  - 8\n  - 8", 10, "sweep.width[1]", "8 is listed twice"),
    "repeated as float": ("sweep:\n  dataset.angle: [1, 1.0]", 8, "sweep.dataset.angle[1]", "1.0 is listed twice"),
    "value": ("sweep:\n  width:\n  - 8\n  - 0", 10, "sweep.width[1]", "a whole number, 1 or more, got 0"),
    "value of the data": ("sweep:\n  dataset.angle: [1.6]", 8, "sweep.dataset.angle[0]", "above 0 and at most pi/2"),
    "choice": ("sweep:\n  start: [gradiant]", 8, "sweep.start[0]", 'did you mean "gradient"?'),
    "value of the methods": ("sweep:\n  methods.scale: [-1]", 8, "sweep.methods.scale[0]", "a finite number above 0"),
    "eta without beta": ("sweep:\n  methods.eta: [0.1]", 8, "sweep.methods.eta[0]", "nesterov with eta needs beta too"),
    "beside runs": ("runs: {a: {}}\nsweep: {width: [8]}", 8, "sweep", "runs or a sweep, not both"),
    "too many": (f"sweep:\n  key: {list(range(MAX_RUNS + 1))}", 7, "sweep", "1001 runs, more than 1000"),
    "alike": ("sweep: {dataset.labels: [signs, Signs]}", 7, "sweep", "dataset.labels are alike in the name"),
    "shared": ("delta: 2\nsweep: {width: [8]}", 7, "delta", "between 0 and 1"),
    "axis of results": ("at: {seed: 1}", 7, "at", "a mapping from names of axes"),
    "axis name": ("at: {My axis: 1}", 7, "at", "a mapping from names of axes"),
    "axis value": ("at: {x: [1]}", 7, "at", "a mapping from names of axes"),
    "axes": ("at: 3", 7, "at", "a mapping from names of axes"),
    "same place": ("runs:\n  a: {at: {x: 1}}\n  b: {at: {x: 1.0}}", 9, "runs.b.at", "the run a is there already, with"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_its_line(case):
    text, line, path, message = MISTAKES[case]
    found = problems(BASE + text)
    assert (line, path) in [problem[:2] for problem in found]
    assert any(message in problem[2] for problem in found), found
    assert len(found) <= 2  # of the same place and two methods


def test_mistakes_of_several_cells_are_told_once_each():
    found = problems(BASE.replace("seeds: 3", "seeds: 0") + "sweep: {width: [0, 8, -1], dataset.angle: [0.1, 9]}")
    assert [(line, path) for line, path, _ in found] == [
        (4, "seeds"), (7, "sweep.width[0]"), (7, "sweep.width[2]"), (7, "sweep.dataset.angle[1]"),
    ]  # fmt: skip


def test_no_axis_can_hide_a_result():
    for name in (*PER_SEED, *PER_METHOD, *PER_RUN, "run", "algorithm", "seed"):
        assert re.fullmatch(RESERVED_AXES, name), name
    for source in DATA_MODELS:
        assert not any(re.fullmatch(RESERVED_AXES, key.rpartition(".")[2]) for key in swept_keys(source))


def test_the_schema_knows_sweeps():
    validator = pytest.importorskip("jsonschema").Draft202012Validator(study_schema())
    fields = study_as_dict(parse(BASE))["runs"]["a"]
    assert validator.is_valid({**fields, "sweep": {"width": [8, 16], "dataset.angle": [0.1]}})
    for wrong in ({}, {"widht": [1]}, {"width": 3}, {"width": []}, {"width": [1, 1]}, {"width": [None]}):
        assert not validator.is_valid({**fields, "sweep": wrong}), wrong
    assert not validator.is_valid({**fields, "sweep": {"width": [8]}, "runs": {"a": {}}})


# The results side by side.


@pytest.fixture(scope="module")
def swept():
    return runner.verify(parse(BASE + "sweep: {width: [8, 16], dataset.angle: [0.5, 0.25], methods.scale: [1, 0.5]}"))


@pytest.fixture(scope="module")
def folder(swept, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    store.write(swept, out, wall_time=1)
    return out


def test_each_cell_holds_what_its_run_recorded(swept, folder):
    grid = store.read_sweep(folder)
    assert dict(grid.sizes) == {"width": 2, "angle": 2, "scale": 2, "algorithm": 2, "seed": 3}
    assert grid["scale"].values.tolist() == [1, 0.5]
    assert not any(np.isnan(grid[name]).any() for name in (*PER_SEED, *PER_METHOD, *PER_RUN))
    for spec, run in zip(swept.study.runs, swept.runs, strict=True):
        cell, t = grid.sel(dict(spec.at)), run.trajectory
        assert set(cell["run"].values.tolist()) == {run.name}
        for k, method in enumerate(run.methods):
            one = cell.sel(algorithm=method.name)
            norms = np.sqrt((t.residual[:, k] ** 2).sum(-1))
            for name, expected in {
                "initial_residual_norm": norms[:, 0],
                "final_residual_norm": norms[:, -1],
                "rate": np.exp(np.log(norms[:, -1] / norms[:, 0]) / 4),
                "flip_fraction": t.flips[:, k].max(1) / (spec.width * 4),
                "distance": t.distance[:, k].max(1),
            }.items():
                np.testing.assert_allclose(one[name].values, expected, rtol=1e-13)  # a few roundings each
            assert (float(one["step_size"]), float(one["momentum"])) == (method.eta, method.beta)
            roots = np.abs(np.linalg.eigvals(companion_matrix(method, run.data.gram_limit)))
            assert float(one["linear_rate"]) == pytest.approx(roots.max(), rel=1e-6)
        assert float(cell["lambda_0"]) == run.data.spectrum.lambda_0
        assert float(cell["kappa"]) == run.data.spectrum.kappa
    assert float(grid["kappa"].sel(angle=0.25)[0, 0]) > 1.5 * float(grid["kappa"].sel(angle=0.5)[0, 0])


def test_the_file_is_one_labelled_dataset_with_units(folder):
    with xarray.open_dataset(folder / "sweep.nc", engine="h5netcdf") as grid:
        assert all({"long_name", "units"} <= grid[name].attrs.keys() for name in (*PER_SEED, *PER_METHOD, *PER_RUN))
        assert grid.sel(algorithm="nesterov", width=16, scale=1)["final_residual_norm"].dims == ("angle", "seed")
        with xarray.open_dataset(
            folder / "trajectories.nc", group=str(grid["run"].values.flat[0]), engine="h5netcdf"
        ) as t:
            np.testing.assert_array_equal(
                t["residual_norm"].isel(step=-1, algorithm=0), grid["final_residual_norm"].values[0, 0, 0, 0]
            )
    assert store.read(folder).manifest["files"].keys() == {"results.json", "trajectories.nc", "sweep.nc"}


def test_a_grid_by_hand_with_a_hole_and_runs_of_one_method_each():
    text = BASE + (
        "runs:\n"
        "  a: {at: {x: 1, y: u}, methods: [gradient_descent], seeds: 2}\n"
        "  b: {at: {x: 1, y: u}, methods: [nesterov], seeds: 2}\n"
        "  c: {at: {x: 2, y: v}, steps: 0}\n"
        "  d: {at: {x: 9}}\n"
        "  e: {}\n"
    )
    study = parse(text)
    grid = store.side_by_side(study.runs, runner.verify(study).runs)
    assert (grid["x"].values.tolist(), grid["y"].values.tolist()) == ([1, 2], ["u", "v"])
    assert grid["run"].values.tolist() == [[["a", "b"], ["", ""]], [["", ""], ["c", "c"]]]
    final = grid["final_residual_norm"]
    assert np.isnan(final.sel(x=1, y="v")).all()
    assert np.isnan(final.sel(x=1, y="u", algorithm="nesterov")).values.tolist() == [False, False, True]
    assert np.isnan(grid["rate"].sel(x=2, y="v")).all()  # no step, no rate
    assert not np.isnan(final.sel(x=2, y="v")).any()
    assert np.isnan(grid["kappa"]).values.tolist() == [[False, True], [True, False]]


def test_two_methods_of_one_name_keep_their_columns():
    methods = "[{name: nesterov, eta: 0.1, beta: 0.5}, {name: nesterov, eta: 0.1, beta: 0.6}]"
    study = parse(re.sub("methods: .*", f"methods: {methods}", BASE) + "sweep: {methods.eta: [0.1, 0.2]}")
    grid = store.side_by_side(study.runs, runner.verify(study).runs)
    assert grid["algorithm"].values.tolist() == ["nesterov", "nesterov-2"]
    assert grid["momentum"].values.tolist() == [[0.5, 0.6], [0.5, 0.6]]
    assert grid["step_size"].values.tolist() == [[0.1, 0.1], [0.2, 0.2]]


def test_truth_values_and_mixed_values_are_written(tmp_path, swept):
    for values, stored in (([True, False], [1, 0]), ([1, "b"], ["1", "b"])):
        specs = [s.model_copy(update={"at": (("x", v),)}) for s, v in zip(swept.study.runs, values, strict=False)]
        store.grid.write_grid(tmp_path / "x.nc", store.side_by_side(specs, swept.runs[:2]))
        with xarray.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as grid:
            assert grid["x"].values.tolist() == stored


def test_a_study_without_a_sweep_has_none_and_removes_an_old_one(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "out")
    plain = runner.verify(parse(BASE))
    store.write(plain, out, wall_time=1)
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", "results.json", "trajectories.nc"]
    with pytest.raises(store.StoreError, match="sweeps over nothing"):
        store.read_sweep(out)
    with pytest.raises(store.StoreError, match="run nag-ntk verify first"):
        store.read_sweep(tmp_path)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_old_one_comes_back_when_writing_fails(folder, tmp_path, monkeypatch, count):
    out = shutil.copytree(folder, tmp_path / "out")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    plain, calls, replace = runner.verify(parse(BASE)), [], os.replace

    def fail(*args):
        calls.append(args)
        if len(calls) == count:
            raise OSError(28, "No space left on device")
        return replace(*args)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(store.StoreError):
        store.write(plain, out, wall_time=1)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_damaged_file_is_noticed(folder, tmp_path):
    out = shutil.copytree(folder, tmp_path / "out")
    (out / "sweep.nc").write_bytes((out / "sweep.nc").read_bytes()[:-1])
    with pytest.raises(store.StoreError, match=r"sweep.nc is not what manifest.json says"):
        store.read_sweep(out)


def test_a_sweep_that_was_interrupted_ends_as_if_it_had_not_been(swept, folder, tmp_path):
    last = swept.study.runs[-1].name

    def progress(name, done, total):
        if name == last:
            raise KeyboardInterrupt

    wanted, out = store.request(swept.study), tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), store.under_way(out, wanted) as cells:
        runner.verify(swept.study, cells=cells, progress=progress)
    with store.under_way(out, wanted, resume=True) as cells:
        assert cells.finished() == 7
        store.write(runner.verify(swept.study, cells=cells), out, wall_time=1, request=wanted)
        cells.discard()
    for name in ("sweep.nc", "trajectories.nc"):
        assert (out / name).read_bytes() == (folder / name).read_bytes()


def test_the_bundled_sweep_is_a_grid_of_two_by_two_by_two():
    assert [len(dict(run.at)) for run in load_study("sweep").runs] == [3] * 8


def blocks(page: str, language: str) -> list[str]:
    text = (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.S | re.M)


@pytest.mark.slow
def test_the_example_of_the_page_prints_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    study = parse_study(blocks("sweeps.md", "yaml")[0], name="angles.yaml", base=tmp_path)
    store.write(runner.verify(study), Path("angles"), wall_time=0)
    assert [study.runs[0].name, study.runs[-1].name] == ["angle-1_width-256", "angle-0p25_width-1024"]
    exec(blocks("sweeps.md", "python")[0], {})
    assert capsys.readouterr().out == blocks("sweeps.md", "text")[0]


def test_the_grid_by_hand_of_the_page_is_a_study():
    runs = parse(BASE + blocks("sweeps.md", "yaml")[1]).runs
    assert [dict(run.at) for run in runs] == [{"angle": 1}, {"angle": 0.1}]


def test_the_program_of_the_page_on_long_studies_runs(tmp_path):
    scope = {"study": parse(BASE), "folder": tmp_path / "out"}
    exec(blocks("resume.md", "python")[0], scope)
    assert store.already_done(tmp_path / "out", store.request(scope["study"])) is not None
