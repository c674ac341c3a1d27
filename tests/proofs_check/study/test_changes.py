"""--set KEY=VALUE: what it changes, what it refuses and in which words, and that results and --resume know of it."""

import json
import os
import shlex
from pathlib import Path

import pytest

from proofs_check import store
from proofs_check.running import runner, widths
from proofs_check.study.load import ConfigError, load_study, parse_study, study_as_dict

SPHERE = "{source: sphere, samples: 4, dimension: 3}"
OWN = "{name: nesterov, eta: 0.1, beta: 0.5}"
TEXT = f"""\
dataset: {SPHERE}
methods: [gradient_descent, nesterov]
width: 32
seeds: 4
steps: 5
"""
RUNS = TEXT + "runs: {first: {}, second: {width: 64, steps: 0}, third: }\n"


def parse(text, *changes, base=Path("/data")):
    return parse_study(text, name="a.yaml", base=base, changes=changes)


def refusal(text, *changes):
    with pytest.raises(ConfigError) as caught:
        parse(text, *changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ("width=512", TEXT.replace("width: 32", "width: 512")),
        (" width = 512 ", TEXT.replace("width: 32", "width: 512")),
        ("level=0.01", TEXT + "level: 0.01"),
        ("dataset.samples=30", TEXT.replace("samples: 4", "samples: 30")),
        ("dataset={source: digits, samples: 3}", TEXT.replace(SPHERE, "{source: digits, samples: 3}")),
        (f"methods=[{OWN}]", TEXT.replace("gradient_descent, nesterov", OWN)),
        ("description=a = b", TEXT + "description: a = b"),
        ("dtype=", TEXT + "dtype:"),
        ("out=results", TEXT + "out: results"),
        ("sweep.width=[8, 16]", TEXT + "sweep: {width: [8, 16]}"),
        ("sweep.dataset.samples=[2, 3]", TEXT + "sweep: {dataset.samples: [2, 3]}"),
        ("runs={a: {steps: 2}}", TEXT + "runs: {a: {steps: 2}}"),
    ],
)  # fmt: skip
def test_a_changed_study_is_the_one_so_written(change, written):
    assert parse(TEXT, change) == parse(written)


def test_runs_keep_what_is_their_own():
    assert [run.width for run in parse(RUNS, "width=512").runs] == [512, 64, 512]
    assert [run.width for run in parse(RUNS, "runs.second.width=512").runs] == [32, 512, 32]
    assert [run.width for run in parse(RUNS, "runs.third.width=512", "width=2").runs] == [2, 64, 512]
    assert [run.dataset.samples for run in parse(RUNS, "runs.first.dataset.samples=9").runs] == [9, 4, 4]
    assert [run.name for run in parse(RUNS, "runs.new={width: 3}").runs] == ["first", "second", "third", "new"]
    own = TEXT + "runs: {a: {dataset: {source: digits, samples: 5}}, b: {dataset.samples: 6}}"
    both = ("runs.a.dataset.samples=9", "runs.b.dataset.samples=9")
    assert [run.dataset.samples for run in parse(own, *both).runs] == [9, 9]
    twice = own.replace("samples: 5}", "samples: 5}, dataset.samples: 7")
    assert [run.dataset.samples for run in parse(twice, *both).runs] == [9, 9]


def test_the_later_change_holds():
    assert parse(TEXT, "width=1", "width=2").runs[0].width == 2
    data = (
        parse(TEXT, "dataset.samples=30", "dataset={source: digits, samples: 3}", "dataset.samples=7").runs[0].dataset
    )
    assert (data.source, data.samples) == ("digits", 7)


REFUSED = {
    "value": (TEXT, "width=yes", '--set width=yes: expected a whole number, 1 or more, got the text "yes"'),
    "nothing": (TEXT, "width=", "--set width=: expected a whole number, 1 or more, got nothing (null)"),
    "misspelt": (TEXT, "widht=512", '--set widht=512: unknown key; did you mean "width"?'),
    "misspelt head": (TEXT, "datset.samples=3", '--set datset.samples=3: datset: unknown key; did you mean "dataset"?'),
    "misspelt tail": (TEXT, "dataset.sample=3", '--set dataset.sample=3: unknown key; did you mean "samples"?'),
    "within the value": (TEXT, "methods=[nesterof]", "--set methods=[nesterof]: methods[0]: expected one of"),
    "key of a run": (RUNS, "runs.first.widht=3", '--set runs.first.widht=3: unknown key; did you mean "width"?'),
    "study's key in a run": (RUNS, "runs.first.level=0.1", "--set runs.first.level=0.1: belongs at the top level"),
    "no such run": (RUNS, "runs.frist.width=3", '--set runs.frist.width=3: no run is called "frist"; did you mean "f'),
    "another run": (RUNS, "runs.zzz.width=3", 'no run is called "zzz"; the study has first, second, third'),
    "no runs": (TEXT, "runs.a.width=3", "--set runs.a.width=3: the study lists no runs; leave out runs.a"),
    "no equals sign": (TEXT, "width", "--set width: expected KEY=VALUE, such as width=512"),
    "no key": (TEXT, "=3", "--set =3: expected KEY=VALUE"),
    "two dots": (TEXT, "dataset..samples=3", "--set dataset..samples=3: expected KEY=VALUE"),
    "broken YAML": (TEXT, "width=[1", "--set width=[1: broken YAML: "),
    "a tag": (TEXT, "width=!!python/name:os.system x", 'the tag "tag:yaml.org,2002:python/name:os.system" is not'),
    "below a number": (TEXT, "width.x=3", "--set width.x=3: width is 32, which has no keys; replace it as a whole"),
    "below a list": (TEXT, "methods.eta=3", "methods is a list, which has no keys; replace it as a whole, --set meth"),
    "swept": (TEXT + "sweep: {width: [8, 16]}", "width=3", "the sweep gives every run its own width; change sweep.w"),
    "swept data": (TEXT + "sweep: {dataset.samples: [2, 3]}", "dataset.samples=9", "change sweep.dataset.samples"),
    "of every run": (TEXT + "runs: {a: {width: 3}}", "width=9", "every run has its own width; change runs.a.width"),
    "control characters": (TEXT, "wid\x1b[31mth=3", "--set wid\\u001b[31mth=3: unknown key"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_names_its_option_in_one_line(case):
    text, change, message = REFUSED[case]
    found = refusal(text, change)
    assert message in found
    assert found.startswith("--set ")
    assert "\n" not in found


def test_mistakes_of_file_and_options_come_together():
    found = refusal(TEXT + "levle: 3\n", "steps=-1", "dataset={source: sphere, samples: 4}").split("\n")
    assert found[0] == 'a.yaml:6:1: levle: unknown key; did you mean "level"?'
    assert sorted(found[1:]) == [
        "--set dataset={source: sphere, samples: 4}: dataset.dimension: required, but missing",
        "--set steps=-1: expected a whole number, 0 or more, got -1",
    ]
    # what stays of the file keeps its line, and so does a value that was replaced in vain
    left = refusal(TEXT, "dataset.source=digits")
    assert left.startswith("a.yaml:1:39: dataset.dimension: unknown key; known: source, samples")
    assert refusal(TEXT.replace("width: 32", ""), "width=[").startswith("--set width=[: broken YAML: ")
    assert "\n" not in refusal(TEXT.replace("width: 32", ""), "width=[")
    assert refusal("zzz: 1\n" + TEXT, "width=[").startswith("a.yaml:1:1: zzz: unknown key")


def test_paths_of_files_are_relative_to_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    here = os.getcwd()
    npz = "{source: npz, path: mine.npz, normalise: true}"
    for changes in ([f"dataset={npz}"], ["dataset={source: npz, normalise: true}", "dataset.path=mine.npz"]):
        assert parse(TEXT, *changes).runs[0].dataset.path == os.path.join(here, "mine.npz")
    written = TEXT.replace(SPHERE, npz)
    assert parse(written, "runs={a: {dataset.path: b.npz}}").runs[0].dataset.path == os.path.join(here, "b.npz")
    assert parse(written, "width=8").runs[0].dataset.path == "/data/mine.npz"
    assert parse(TEXT, "lemma_files=[mine.py]").lemma_files == (os.path.join(here, "mine.py"),)
    assert parse(TEXT, "out=results").out == "results"


def test_bundled_studies_can_be_changed():
    study = load_study("quick", changes=["width=512", "dataset.samples=10"])
    assert [(run.width, run.dataset.samples) for run in study.runs] == [(512, 10), (32768, 10)]


def test_results_hold_the_study_as_changed_and_resume_sees_another(call, monkeypatch):
    arguments = ("verify", "tiny.yaml", "--select", "distance", "--quiet", "--set", "steps=4", "--set", "level=0.01")
    end = call(*arguments)
    assert end.code == 0, end.err
    manifest = store.read(Path("nag-ntk-results/tiny")).manifest
    assert (manifest["study"]["level"], manifest["study"]["runs"]["tiny"]["steps"]) == (0.01, 4)
    whole = parse(json.dumps(manifest["study"]))  # JSON is YAML
    assert study_as_dict(whole)["runs"] == manifest["study"]["runs"]
    monkeypatch.setattr(runner, "simulate", None)
    assert "nothing was run" in call(*arguments, "--resume").out
    other = call(*arguments[:-1], "level=0.02", "--resume")
    assert other.code == 2
    assert "holds the results of another study: study.level was 0.01 and is 0.02" in other.err
    page = Path("nag-ntk-results/tiny/report.html").read_text(encoding="utf-8")
    replay = shlex.join(["verify", "tiny.yaml", "--set", "steps=4", "--set", "level=0.01", "--select", "distance"])
    assert replay in page
    assert "tiny.yaml --set steps=4 --set level=0.01; every value" in page


@pytest.mark.parametrize("arguments", [["verify"], ["verify", "--dry-run"], ["width"], ["certify"]])
def test_every_command_that_reads_a_study_takes_it(call, tmp_path, arguments):
    before = sorted(tmp_path.rglob("*"))
    end = call(arguments[0], "tiny.yaml", *arguments[1:], "--set", "widht=3")
    assert (end.code, end.out) == (2, "")
    assert end.err == 'nag-ntk: --set widht=3: unknown key; did you mean "width"?\n'
    assert sorted(tmp_path.rglob("*")) == before
    assert "--set KEY=VALUE" in call(arguments[0], "--help").out


def test_what_cannot_run_names_the_option(call):
    end = call("verify", "tiny.yaml", "--set", "width=100000000000")
    assert end.code == 2
    assert end.err.startswith("nag-ntk: --set width=100000000000: run tiny: the run needs about ")


def test_width_and_certify_use_the_changed_study(call, monkeypatch):
    monkeypatch.setattr(widths, "compared_widths", lambda *_, **options: [])
    assert "n = 6, d = 3" in call("width", "tiny.yaml", "--set", "dataset.samples=6").out
    end = call("certify", "tiny.yaml", "--set", "name=other", "--steps", "1", "--method", "none")
    assert end.code == 2
    assert Path("nag-ntk-certificates/other").is_dir()
