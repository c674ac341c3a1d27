"""The store: what is written is whole or absent, what is read is what was written, and the same study the same."""

import errno
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
import xarray
from rich.console import Console

from nag_ntk.run.labelled import VARIABLES
from proofs_check import store
from proofs_check.judging.result import Tables
from proofs_check.report import matrix, terminal
from proofs_check.running import runner
from proofs_check.study.load import parse_study, study_as_dict

STUDY = """
name: tiny
dataset: {source: sphere, samples: 4, dimension: 3}
methods: [gradient_descent, {name: nesterov, eta: 0.1, beta: 0.5}, {name: nesterov, eta: 0.2, beta: 0.5}]
lemmas: [distance, flip-inclusion, gram-concentration]
width: 32
seeds: 4
steps: 5
runs:
  first: {}
  drawn: {methods: [gradient_descent], steps: 0}
"""


@pytest.fixture(scope="module")
def result():
    return runner.verify(parse_study(STUDY, name="tiny.yaml", base=Path()))


@pytest.fixture
def folder(result, tmp_path):
    store.write(result, tmp_path / "out", wall_time=1.5)
    return tmp_path / "out"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def timeless(value):
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key != "wall_time"}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def test_reads_what_was_written(result, folder):
    stored = store.read(folder)
    assert [dict(row) for row in stored.rows] == [finding.to_row() for finding in result.findings]
    assert (stored.study, stored.level) == ("tiny", 1e-3)
    assert sorted(contents(folder)) == ["manifest.json", "results.json", "trajectories.nc"]


def test_manifest_says_what_ran(result, folder):
    manifest = store.read(folder).manifest
    assert manifest["study"] == study_as_dict(result.study)
    assert manifest["flags"]["x64"] is True
    assert manifest["key_implementation"] == "threefry2x32"
    assert all(manifest["versions"].values())
    for run in result.runs:
        assert manifest["runs"][run.name]["weights_digest"] == run.trajectory.weights_digest
    assert manifest["skipped"] == list(result.skipped)
    assert manifest["wall_time"]["seconds"] == 1.5


def test_trajectories_are_the_recorded_ones(result, folder):
    for run in result.runs:
        with xarray.open_dataset(folder / "trajectories.nc", group=run.name, engine="h5netcdf") as stored:
            for name in VARIABLES:
                assert (stored[name].values == getattr(run.trajectory, name)).all()
                assert {"units", "long_name"} <= stored[name].attrs.keys()
            assert stored["residual"].dims == ("seed", "algorithm", "step", "sample")
            assert stored["seed"].values.tolist() == list(run.trajectory.seeds)
            assert stored["eta"].values.tolist() == [m.eta for m in run.methods]


def test_methods_of_one_name_are_told_apart(folder):
    with xarray.open_dataset(folder / "trajectories.nc", group="first", engine="h5netcdf") as stored:
        names = ["gradient_descent", "nesterov(eta=0.1)", "nesterov(eta=0.2)"]
        assert stored["algorithm"].values.tolist() == names
        assert stored.sel(algorithm=names[2])["eta"] == 0.2


def test_a_second_run_gives_the_same_but_for_times(result, folder, tmp_path):
    again = runner.verify(parse_study(STUDY, name="tiny.yaml", base=Path()))
    store.write(again, tmp_path / "again", wall_time=2.5)
    first, second = (json.loads((path / "results.json").read_text()) for path in (folder, tmp_path / "again"))
    assert timeless(first) == timeless(second)
    runs, repeated = (store.read(path).manifest["runs"] for path in (folder, tmp_path / "again"))
    assert runs == repeated


def fail_at(name, count, error):
    """Raises the error at the call of that number."""
    calls = []
    original = getattr(os, name)

    def call(*args, **kwargs):
        calls.append(args)
        if len(calls) == count:
            raise error
        return original(*args, **kwargs)

    return call


FULL = OSError(errno.ENOSPC, "No space left on device")
FAILURES = [(name, count, error) for error in (FULL, KeyboardInterrupt()) for name, count in
            (("fsync", 1), ("fsync", 2), ("fsync", 3), ("replace", 1), ("replace", 2), ("replace", 3))]  # fmt: skip


@pytest.mark.parametrize(("name", "count", "error"), FAILURES)
@pytest.mark.parametrize("earlier", [True, False])
def test_a_failure_leaves_everything_as_it_was(result, tmp_path, monkeypatch, name, count, error, earlier):
    out = tmp_path / "deep" / "out"
    if earlier:  # other findings and runs, so that a file left behind would show
        store.write(replace(result, findings=result.findings[:1], runs=result.runs[:1]), out, wall_time=1)
    before = contents(out) if earlier else None
    monkeypatch.setattr(os, name, fail_at(name, count, error))
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else store.StoreError) as caught:
        store.write(result, out, wall_time=2)
    if error is FULL:
        assert "No space left on device; make room" in str(caught.value)
    if earlier:
        assert contents(out) == before
        store.read(out)
    else:
        assert list(tmp_path.iterdir()) == []


def test_earlier_results_are_replaced(result, folder):
    store.write(result, folder, wall_time=9)
    assert store.read(folder).manifest["wall_time"]["seconds"] == 9
    assert len(contents(folder)) == 3


def test_what_a_killed_process_left_goes(result, folder):
    for name, age in (("old", 2 * 3600), ("young", 0)):
        stale = folder / f".nag-ntk-{name}"
        stale.mkdir()
        os.utime(stale, (stale.stat().st_mtime - age,) * 2)
    store.write(result, folder, wall_time=1)
    assert [path.name for path in folder.glob(".nag-ntk-*")] == [".nag-ntk-young"]


def test_check_writable_leaves_no_trace(folder, tmp_path):
    before = contents(folder)
    store.check_writable(folder)
    store.check_writable(tmp_path / "a" / "b")
    (tmp_path / "empty").mkdir()
    store.check_writable(tmp_path / "empty")
    assert contents(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "out"]


def foreign(path):
    path.mkdir()
    (path / "thesis.tex").write_text("years of work")
    return path


def foreign_manifest(path):
    path.mkdir()
    (path / "manifest.json").write_text('{"name": "a web app"}')
    return path


def a_file(path):
    path.write_text("")
    return path


UNUSABLE = {
    "foreign": (foreign, "is not empty and has no manifest.json .it holds thesis.tex."),
    "foreign manifest": (foreign_manifest, "was not written by nag-ntk"),
    "file": (a_file, "it is a file, not a folder"),
    "under a file": (lambda path: a_file(path) / "deep" / "down", "Not a directory"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_unusable_folders_are_refused(result, tmp_path, case):
    make, message = UNUSABLE[case]
    out = make(tmp_path / "place")
    before = sorted(tmp_path.rglob("*"))
    for act in (lambda: store.check_writable(out), lambda: store.write(result, out, wall_time=1)):
        with pytest.raises(store.StoreError, match=message):
            act()
    assert sorted(tmp_path.rglob("*")) == before


def truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


DAMAGE = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "holds no results"),
    "truncated manifest": (lambda f: truncate(f / "manifest.json"), "manifest.json is damaged or truncated"),
    "binary manifest": (lambda f: (f / "manifest.json").write_bytes(b"\xff\x00"), "damaged or truncated"),
    "list as manifest": (lambda f: (f / "manifest.json").write_text("[]"), "was not written by nag-ntk"),
    "empty object": (lambda f: (f / "manifest.json").write_text("{}"), "was not written by nag-ntk"),
    "other schema": (
        lambda f: (f / "manifest.json").write_text('{"package": "nag-ntk", "schema": 99}'),
        "has schema 99",
    ),
    "no results": (lambda f: (f / "results.json").unlink(), "results.json cannot be read: No such file"),
    "truncated results": (lambda f: truncate(f / "results.json"), "results.json is not what manifest.json says"),
    "truncated arrays": (lambda f: truncate(f / "trajectories.nc"), "trajectories.nc is not what manifest.json"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_damage_is_noticed(folder, case):
    damage, message = DAMAGE[case]
    damage(folder)
    with pytest.raises(store.StoreError, match=message) as caught:
        store.read(folder)
    assert "\n" not in str(caught.value)


def test_read_of_no_folder(tmp_path):
    with pytest.raises(store.StoreError, match="run nag-ntk verify first"):
        store.read(tmp_path / "absent")


def row(verdict, reason, **numbers):
    empty = dict.fromkeys(("margin", "violations", "trials", "limit"))
    return {"lemma": "heavy-ball-contraction/paper-form", "run": "initialisation", "verdict": verdict,
            "reason": reason} | empty | numbers  # fmt: skip


REASON = "interval [-0.1, 0.2] of [bold]no markup[/bold]; " + "a-rather-long-word" * 8
ROWS = [
    row("REFUTED", REASON, margin=-0.5, violations=3, trials=64, limit=0.25),
    row("CERTIFIED", "proved", margin="inf"),
    row("SUPPORTED", "law", margin=0.5, trials=128, limit="inf"),
    *(row(verdict, "because") for verdict in ("INCONCLUSIVE", "VACUOUS", "ERROR")),
]


def rendered(rows, width, verbose=False, lemmas=(), runs=(), **options):
    console = Console(width=width, file=io.StringIO(), **options)
    terminal.render(Tables("tiny", 1e-3, tuple(rows), (), tuple(lemmas), tuple(runs)), console=console, verbose=verbose)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 80, 149, 200])
def test_table_shows_everything_at_every_width(width):
    """A column per run: the verdicts of one claim in six runs, of which a narrow terminal gets several tables."""
    rows = [{**found, "run": f"run-{place}"} for place, found in enumerate(ROWS)]
    text = rendered(rows, width, verbose=True)
    lines = text.split("\n")
    assert max(map(len, lines)) <= width
    packed = "".join(text.split())
    assert "".join(REASON.split()) in packed
    for found in rows:
        assert matrix.STYLES[found["verdict"]][0] in text
        assert found["run"] in text
    for part in ("-0.5", "3/64", "+inf", "1refuted,1error,1inconclusive,1supported,1certified,1vacuous"):
        assert part in packed.replace("inf", "+inf")
    assert "".join(terminal.NO_PROOF.split()) in packed
    assert "\x1b" not in text


@pytest.mark.parametrize("width", [20, 40, 80, 150])
def test_one_run_is_a_line_a_claim(width):
    rows = [{**found, "lemma": f"lemma-{place}"} for place, found in enumerate(ROWS)]
    text = rendered(rows, width)
    assert max(map(len, text.split("\n"))) <= width
    for found in rows:
        (line,) = [line for line in text.split("\n") if line.startswith(f" {found['lemma']}")]
        if width >= 40:
            assert found["verdict"] in line
            assert ("3/64" in line) == (found["violations"] == 3)
    # the reasons of what is neither supported nor certified, and no others
    assert "proved" not in text.replace(terminal.NO_PROOF, "")
    assert "law" not in text
    assert text.count("because") == 3
    assert "proved" in rendered(rows, width, verbose=True)


def test_claims_that_share_a_verdict_and_its_reason_have_it_told_once():
    rows = [
        {**row(verdict, "because"), "lemma": name}
        for name, verdict in zip("abcd", ["VACUOUS"] * 3 + ["ERROR"], strict=True)
    ]
    rows.insert(0, {**row("SUPPORTED", ""), "lemma": "proved"})
    lines = [line.strip() for line in rendered(rows, 80).split("\n")]
    place = lines.index("these 3: because")
    assert [line.split()[0] for line in lines[place - 4 : place]] == ["proved", "a", "b", "c"]
    assert lines[place + 1].startswith("d")
    assert lines[place + 2] == "because"


def test_claims_are_grouped_by_step_of_the_proof():
    lemmas = [{"id": "b", "group": "kernel"}, {"id": "a", "group": "rate"}, {"id": "c", "group": "kernel"}]
    rows = [{**row("SUPPORTED", ""), "lemma": name, "run": run} for run in "xy" for name in ("a/one", "b", "c", "own")]
    lines = [line.split()[0] for line in rendered(rows, 80, lemmas=lemmas).split("\n") if line.strip()]
    assert lines[:7] == ["kernel", "b", "c", "rate", "a/one", "other", "own"]


def grid(widths, **more):
    cell = {**row("VACUOUS", ""), "lemma": "distance", "margin": 0.5, "violations": 0, "trials": 64}
    rows = [{**cell, "run": f"m{width}", "reason": f"asks for width 9e5, this run has {width}"} for width in widths]
    runs = [{"run": f"m{width}", "width": width, "steps": 0, "data": SUMMARY["data"], "methods": [], **more}
            for width in widths]  # fmt: skip
    return rows, runs


@pytest.mark.parametrize(("width", "parts"), [(80, "○  ○"), (150, "○ +0.5  ○ +0.5")])
def test_a_grid_is_one_table_with_what_differs_across(width, parts):
    rows, runs = grid([2**k for k in range(7, 18)])
    text = rendered(rows, width, runs=runs)
    lines = text.split("\n")
    assert max(map(len, lines)) <= width
    (heads,) = [line.split() for line in lines if line.split()[:1] == ["width"] and "and" not in line]
    exact = ["128", "256", "512", "1,024", "2,048", "4,096", "8,192", "16,384", "32,768", "65,536", "131,072"]
    short = [*"128 256 512 1024 2048 4096 8192 16k 33k 66k 131k".split()]
    assert heads[1:] == (short if width == 80 else exact)
    (claim,) = [line for line in lines if line.startswith(" distance")]
    assert claim.count("○") == 11
    assert " ".join(parts.split()) in " ".join(claim.split())
    assert " ".join(text.split()).count("asks for width 9e5, this run has") == 1
    assert "width 128 and 10 more: asks for width 9e5, this run has 128" in " ".join(text.split())


def test_reasons_of_a_grid_that_say_something_else_are_all_there():
    rows, runs = grid([64, 128, 256, 512])
    rows[1] |= {"verdict": "ERROR"}
    rows[2] |= {"reason": "another reason"}
    rows[3] |= {"verdict": "SUPPORTED", "reason": "not shown"}
    said = " ".join(rendered(rows, 80, runs=runs).split())
    for part in ("width 64: asks for", "width 128: asks for", "width 256: another reason"):
        assert part in said
    assert "not shown" not in said
    everything = " ".join(rendered(rows, 80, runs=runs, verbose=True).split())
    assert "width 512: not shown" in everything
    rows[1] |= {"verdict": "VACUOUS"}
    told = " ".join(rendered(rows, 80, runs=runs, verbose=True).split())
    assert told.count("asks for width 9e5, this run has") == 2
    assert "more:" not in told


def test_columns_of_a_sweep_are_headed_by_its_axes():
    rows, runs = grid([64, 128, 256])
    for place, one in enumerate(runs):
        one["at"] = {"scale": [0.5, 0.5, 1.0][place], "samples": 4, "key": place}
    lines = [line.split() for line in rendered(rows, 80, runs=runs).split("\n")]
    assert lines[2:5] == [["scale", "0.5", "0.5", "1"], ["key", "0", "1", "2"], ["other"]]
    for one in runs:  # a grid whose points do not tell the runs apart: the names do
        one["at"] = {"scale": 1.0}
    assert "m64, m = 64" in rendered(rows, 80, runs=runs)


SUMMARY = {
    "run": "training", "width": 64, "steps": 500, "seeds": 8,
    "data": {"name": "points", "samples": 4, "dimension": 3, "lambda_0": 0.25, "kappa": 9.0},
    "methods": [{
        "method": "nesterov", "name": "nesterov", "tuned": True, "linear_rate": 0.7, "claimed_rate": 0.8,
        "observed_rate": [0.6, 0.6, 0.65, 0.7, 0.7], "fall": [1e-9] * 5, "steps_to_thousandth": [20, 20, 21, 22, 22],
        "flip_fraction": [0.0, 0.0, 0.01, 0.02, 0.03], "distance": [0.1, 0.1, 0.1, 0.2, 0.3],
    }],
    "asked": [{"id": "comparison", "method": "nesterov", "width": 1e5, "words": ""}],
}  # fmt: skip


def changed(**numbers):
    return {**SUMMARY, "methods": [{**SUMMARY["methods"][0], **numbers}]}


def test_a_method_is_told_in_a_sentence():
    said = " ".join(rendered([], 80, runs=[SUMMARY]).split())
    assert "points: 4 samples in R^3, lambda_0 = 0.25, kappa = 9" in said
    assert (
        "nesterov: the residual fell to 1e-09 of its start (a thousandth at step 21), late on times 0.6500 a step "
        "(theorem 0.8000, linear model 0.7000). No seed flipped over 3.00% of the activations, or moved a neuron "
        "over 0.3."
    ) in said  # fmt: skip
    assert "proved from width 1.0e+05 (nesterov) on: at 64 the rates are observed, not implied." in said
    wide = " ".join(rendered([], 80, runs=[{**SUMMARY, "width": 200_000}]).split())
    assert "on: width 200,000 is inside its hypotheses." in wide


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({"fall": [2.5] * 5, "steps_to_thousandth": [None] * 5, "observed_rate": [1.1] * 5}, "residual grew to 2.5"),
        ({"fall": [None] * 5, "steps_to_thousandth": [None] * 5, "observed_rate": [None] * 5,
          "flip_fraction": [None] * 5, "distance": ["inf"] * 5}, "nesterov: the residual overflowed."),
        ({"steps_to_thousandth": [20, 20, None, None, None]}, "of its start, late on times 0.6500 a step"),
        ({"tuned": False, "linear_rate": None, "claimed_rate": None}, "late on times 0.6500 a step. No seed"),
    ],
)  # fmt: skip
def test_sentences_of_runs_that_do_not_go_well(numbers, expected):
    assert expected in " ".join(rendered([], 200, runs=[changed(**numbers)]).split())


def test_of_many_runs_the_widest_is_told():
    runs = [{**SUMMARY, "run": f"w{width}", "width": width} for width in (64, 256, 128)]
    text = rendered([], 80, runs=[*runs, {**SUMMARY, "run": "drawn", "width": 1000, "steps": 0}])
    assert "Run w256:" in text
    assert text.count("nesterov:") == 1
    assert text.count("points:") == 1
    several = [{**SUMMARY, "data": {**SUMMARY["data"], "kappa": kappa}} for kappa in (9.0, 10.0, 11.0, None, 12.0)]
    assert "5 datasets, kappa from 9 to 12" in rendered([], 80, runs=several)


def test_signs_differ_without_colour_and_without_unicode():
    for signs in (0, 1):
        assert len({style[signs] for style in matrix.STYLES.values()}) == len(matrix.STYLES)
    assert all(style[1].isascii() for style in matrix.STYLES.values())


def test_colours_on_a_terminal_only():
    assert "\x1b[" in rendered(ROWS, 80, force_terminal=True, color_system="standard", legacy_windows=False)


def test_table_without_findings():
    assert "0 findings: none refuted." in rendered([], 80)
