"""What can be known of a study before it trains is told before it trains: all of it at once, each at its place."""

from pathlib import Path

import jax
import numpy as np
import pytest

from nag_ntk import InputError, Probe
from proofs_check.lemma import Control, Inequality, Lemma
from proofs_check.lemmas import CATALOGUE
from proofs_check.running import looks, runner
from proofs_check.running.prepare import CannotRun, RunSetup, prepare
from proofs_check.study.data import SphereData
from proofs_check.study.load import ConfigError, parse_study
from proofs_check.study.origin import Origin

BASE = """\
dataset: {source: sphere, samples: 3, dimension: 3}
methods: [nesterov]
lemmas: [distance]
width: 32
seeds: 4
steps: 3
runs:
  first: {}
"""


def parse(text, base=Path()):
    return parse_study(text, name="a.yaml", base=base)


@pytest.fixture
def nothing_trains(monkeypatch):
    """A simulation is a failure of the test."""
    monkeypatch.setattr(runner, "simulate", None)


def told(study, lemmas=CATALOGUE, **options):
    """(line, column, path, message) of each problem that a study is refused for."""
    verify = looks.verify_until_decided if "max_seeds" in options else runner.verify
    with pytest.raises(CannotRun) as caught:
        verify(study, lemmas=lemmas, **options)
    assert isinstance(caught.value, ConfigError)
    assert isinstance(caught.value, InputError)
    return [(p.line, p.column, p.path, p.message) for p in caught.value.problems]


def arrays(folder):
    np.savez(folder / "good.npz", inputs=np.eye(3), targets=np.ones(3))
    np.savez(folder / "long.npz", inputs=2 * np.eye(3), targets=np.ones(3))
    np.savez(folder / "twice.npz", inputs=np.eye(3)[[0, 0, 1]], targets=np.ones(3))
    (folder / "text.npz").write_text("no arrays")


# What the second run changes; then the column, the path below runs.second, and words of the message.
MISTAKES = {
    "a missing file": ("dataset.path: gone.npz", "dataset.path", "no dataset file at"),
    "no file of arrays": ("dataset.path: text.npz", "dataset.path", "text.npz"),
    "rows of length 2": ("dataset.path: long.npz", "dataset.path", "row 0 has norm 2; scale it, or let normalise"),
    "parallel rows": ("dataset.path: twice.npz", "methods[0]", "tuning"),
    "another name": ("dataset.inputs: rows", "dataset.inputs", "rows"),
    "too many rows": ("dataset.samples: 9", "dataset.samples", "has 3 rows; rows 0 to 9 were asked for"),
    "a width beyond memory": ("width: 1000000000000", "width", "may be used: a width of"),
    "the same in screened space": (
        "engine: screened, width: 1000000000000000000",
        "width",
        "may be used: a width of",
    ),
    "seeds beyond memory": ("seeds: 1000000000000", "seeds", "no width would fit: lower seeds"),
    "steps beyond memory": ("steps: 1000000000000", "steps", "may be used: no width would fit: lower steps"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_of_a_later_run_is_told_before_the_first_trains(tmp_path, nothing_trains, case):
    change, path, words = MISTAKES[case]
    arrays(tmp_path)
    text = BASE.replace("{source: sphere, samples: 3, dimension: 3}", "{source: npz, path: good.npz}")
    [problem] = told(parse(text + f"  second: {{{change}}}\n", tmp_path))
    line, column, where, message = problem
    assert "run second: " in message
    assert words in message
    if path == "methods[0]":  # the shared list is where it stands
        assert (line, column, where) == (2, 11, path)
    else:
        change_at = f"  second: {{{change}}}".index(f"{path}:") + 1
        assert (line, column, where) == (9, change_at, f"runs.second.{path}")


def test_all_mistakes_of_all_runs_come_at_once_in_the_order_of_the_file(tmp_path, nothing_trains):
    arrays(tmp_path)
    text = BASE.replace("  first: {}\n", "") + (
        "  first: {dataset: {source: npz, path: gone.npz}}\n"
        "  second: {}\n"
        "  third: {dataset: {source: npz, path: long.npz}}\n"
        "  fourth: {width: 1000000000000}\n"
        "  fifth: {dataset: {source: npz, path: gone.npz}}\n"
    )
    found = told(parse(text + "certify: 2\n", tmp_path))
    assert [(line, path) for line, _, path, _ in found] == [
        (8, "runs.first.dataset.path"),
        (10, "runs.third.dataset.path"),
        (11, "runs.fourth.width"),
        (12, "runs.fifth.dataset.path"),
        (13, "certify"),
    ]


def test_a_mistake_that_runs_share_is_told_once(tmp_path, nothing_trains):
    text = BASE.replace("{source: sphere, samples: 3, dimension: 3}", "{source: npz, path: gone.npz}")
    [(line, column, path, message)] = told(parse(text + "  b: {}\n  c: {}\n  d: {key: 1}\n", tmp_path))
    assert (line, column, path) == (1, 24, "dataset.path")
    assert message.startswith("runs first, b, c and 1 more: no dataset file at")


def test_a_sweep_is_told_at_the_value_in_its_list(tmp_path, nothing_trains):
    text = BASE.partition("runs:")[0] + "sweep:\n  width: [32, 1000000000000]\n  dataset.samples: [2, 3]\n"
    found = told(parse(text))
    assert [(line, column, path) for line, column, path, _ in found] == [(8, 15, "sweep.width[1]")] * len(found)
    assert "width-1000000000000_samples-2" in found[0][3]
    arrays(tmp_path)
    text = BASE.replace("{source: sphere, samples: 3, dimension: 3}", "{source: npz, path: good.npz}")
    text = text.partition("runs:")[0] + "sweep:\n  dataset.path: [good.npz, gone.npz, long.npz]\n"
    assert [(line, column, path) for line, column, path, _ in told(parse(text, tmp_path))] == [
        (8, 28, "sweep.dataset.path[1]"),
        (8, 38, "sweep.dataset.path[2]"),
    ]


def test_the_largest_look_must_fit(nothing_trains):
    [(line, _, path, message)] = told(parse(BASE), max_seeds=10**12)
    assert (line, path) == (4, "width")
    assert "with 1000000000000 seeds, the largest look, the run needs about" in message
    [(line, _, path, message)] = told(parse(BASE), max_seeds=3)
    assert (line, path) == (5, "seeds")
    assert "max_seeds must not be below" in message


def test_what_the_screened_engine_cannot_count_is_told(nothing_trains):
    text = BASE.replace(
        "{}", "{engine: screened, width: 3000000000, dtype: float32, methods: [{name: gradient_descent, eta: 1.0}]}"
    )
    with jax.enable_x64(False):
        [(line, _, path, message)] = told(parse(text + "memory_limit_gib: 1e9\n"))
    assert (line, path) == (8, "runs.first.width")
    assert "counted in 64-bit integers" in message


def test_data_that_do_not_fit_into_memory_are_told(nothing_trains, monkeypatch):
    def sphere(samples, *_):
        raise MemoryError("no room for so many")

    monkeypatch.setattr("nag_ntk.sphere", sphere)
    found = told(parse(BASE + "  second: {dataset.samples: 1000000000000}\n"))
    assert [(line, column, path) for line, column, path, _ in found] == [
        (1, 1, "dataset"),
        (9, 12, "runs.second.dataset.samples"),
    ]
    assert "run second: this does not fit into memory (no room for so many): lower samples" in found[1][3]


def test_what_no_field_is_to_blame_for_is_told_at_the_run(nothing_trains):
    text = BASE.replace("nesterov", "{name: nesterov, eta: 0.1, beta: 0.5}") + "  second: {}\ndtype: float64\n"
    with jax.enable_x64(False):
        found = told(parse(text))
        swept = told(parse(text.replace("runs:", "sweep: {key: [0, 1]}").replace("  first: {}\n  second: {}\n", "")))
    assert [(line, path) for line, _, path, _ in found] == [(8, "runs.first"), (9, "runs.second")]
    assert [(line, path) for line, _, path, _ in swept] == [(None, "")]
    assert swept[0][3].startswith("runs key-0, key-1: float64 is switched off in JAX")


def test_the_limit_of_the_study_counts(nothing_trains):
    assert "may be used" in told(parse(BASE + "memory_limit_gib: 1e-6\n"))[0][3]


def lemma(name, **asks):
    controls = (Control("a", "a", lambda run: None), Control("b", "b", lambda run: None))
    return Lemma(id=name, title="t", statement="s", check=lambda run: Inequality, controls=controls, **asks)


def test_what_a_lemma_cannot_record_is_told_with_everything_else(nothing_trains):
    broken = lemma("broken", probes=(Probe("p", lambda network: network.nothing),))
    radii = lemma("radii", radii=lambda n, width, delta: (-1.0,))
    text = BASE.replace("[distance]", "[distance, radii, broken]").replace("{}", "{width: 1000000000000}")
    found = told(parse(text), (broken, radii, *CATALOGUE))
    assert [(line, column, path) for line, column, path, _ in found] == [
        (3, 20, "lemmas[1]"),
        (3, 27, "lemmas[2]"),
        (8, 11, "runs.first.width"),
    ]
    assert "run first: what radii needs cannot be recorded: ValueError: radii must be finite" in found[0][3]
    assert "has no attribute 'nothing'" in found[1][3]
    [(line, column, path, _)] = told(
        parse(text.replace("1000000000000", "32")), (broken, *CATALOGUE), select=["broken"]
    )
    assert (line, column, path) == (3, 27, "lemmas[2]")


def test_a_study_made_in_python_is_told_without_lines(nothing_trains):
    study = parse(BASE).model_copy(update={"name": "mine"}).placed(Origin())
    with pytest.raises(CannotRun, match=r"^mine: runs.first.width: run first: the run needs about"):
        prepare(study.model_copy(update={"memory_limit_gib": 1e-6}), ())


def test_runs_of_the_same_data_share_one_dataset(monkeypatch):
    built = []
    build = SphereData.build
    monkeypatch.setattr(SphereData, "build", lambda spec: built.append(spec) or build(spec))
    text = BASE + "  second: {key: 1}\n  third: {dataset.samples: 2}\n"
    setups = prepare(parse(text), ())
    assert len(built) == 2
    assert setups["first"].data is setups["second"].data
    assert setups["third"].data.size == 2
    result = runner.verify(parse(BASE), lemmas=CATALOGUE, setups=setups)
    assert len(built) == 2
    assert result.runs[0].data is setups["first"].data


def test_how_networks_are_drawn_is_part_of_the_question_unless_it_is_the_default():
    """Runs with independent neurons keep the question that they had before there was a choice."""
    spec = parse(BASE).runs[0]
    pairs = spec.model_copy(update={"init": "antisymmetric"})
    setup = RunSetup.of(spec, (), 0.1)
    assert setup.options(spec)["init"] == "independent"
    assert "init" not in setup.question(spec)
    assert setup.question(pairs) == {**setup.question(spec), "init": "antisymmetric"}
    assert setup.planned(pairs)[0].shape.init == "antisymmetric"


def test_where_a_study_was_read_from_is_no_part_of_it():
    here, there = parse(BASE), parse("\n" + BASE)
    assert here == there
    assert hash(here) == hash(there)
    assert here.model_copy(update={"level": 0.5}).origin.file == "a.yaml"
