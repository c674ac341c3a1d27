"""What --dry-run says: runs, memory, time, what the seeds can decide, what --resume would read; and it does nothing."""

from pathlib import Path

import pytest
from in_process import caller

from nag_ntk.engines import REPRESENTATIONS
from proofs_check.commands.dry_run import described, standing
from proofs_check.judging.finding import Verdict
from proofs_check.lemma import Control, Inequality, Lemma
from proofs_check.lemmas import CATALOGUE
from proofs_check.running import estimate, runner, session
from proofs_check.running.estimate import Rate, estimates
from proofs_check.running.possible import outlook
from proofs_check.running.prepare import prepare
from proofs_check.statistics import least_trials, look_level
from proofs_check.study.load import parse_study

STUDY = """\
dataset: {source: sphere, samples: 3, dimension: 4}
methods: [gradient_descent, {name: nesterov, eta: 0.1, beta: 0.5}]
lemmas: [distance, flip-count]
width: 32
seeds: 4
steps: 3
runs: {first: {}, second: {key: 1, width: 4096}}
"""


def parse(text=STUDY):
    return parse_study(text, name="small.yaml", base=Path())


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    (tmp_path / "small.yaml").write_text(STUDY)
    return caller(monkeypatch, capsys)


@pytest.fixture
def measured(monkeypatch):
    """Rates are not measured: a million neurons and a thousand million operations a second, a second to compile."""
    monkeypatch.setattr(estimate, "_measure_rate", lambda *_: Rate(1e9, 1e6, 1.0))


def everything(folder):
    return sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_it_shows_the_study_and_leaves_nothing(call, tmp_path, measured, monkeypatch):
    monkeypatch.setattr(runner, "simulate", None)
    before = everything(tmp_path)
    end = call("verify", "small.yaml", "--dry-run", "--out", "deep/out")
    assert end.code == 0, end.err
    assert everything(tmp_path) == before
    table = [line.split() for line in end.out.splitlines()]
    assert "small: 2 runs, 2 lemmas; nothing was trained.".split() in table
    (first,) = (row for row in table if row[:1] == ["first"])
    assert first[1:9] == ["3", "4", "32", "4", "3", "independent", "batched-preactivations", "float64"]
    assert " ".join(first).endswith("gradient_descent, nesterov(eta=0.1, beta=0.5)")
    assert "4,096" in end.out
    assert "the machine has free" in end.out
    assert "Too few seeds: 4 of at least 4 claims" in end.out
    assert end.out.endswith("Results would go to deep/out.\n")


def test_options_narrow_it(call, measured):
    end = call("verify", "small.yaml", "--dry-run", "--select", "distance", "--seeds", "200", "--max-seeds", "900")
    assert end.code == 0, end.err
    assert "2 runs, 1 lemma;" in end.out
    assert "200 to 900" in end.out
    assert "Enough seeds" in end.out
    assert "of look 4" in end.out


def test_mistakes_are_told_as_without_it(call, tmp_path):
    (tmp_path / "small.yaml").write_text(STUDY.replace("4096", "4096000000000"))
    dry, wet = (call("verify", "small.yaml", *more) for more in (["--dry-run"], []))
    assert dry.code == wet.code == 2
    assert dry.err.partition(" but ")[0] == wet.err.partition(" but ")[0]
    assert "small.yaml:7:36: runs.second.width: run second: the run needs about" in dry.err
    assert call("verify", "small.yaml", "--dry-run", "--certify", "3", "--select", "distance").code == 2
    assert "leave out --coordinator" in call("verify", "small.yaml", "--dry-run", "--processes", "2").err


def test_with_resume_it_says_which_kept_runs_are_read(call, tmp_path, measured, monkeypatch):
    simulate, calls = runner.simulate, []

    def stopped(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return simulate(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "simulate", stopped)
        assert call("verify", "small.yaml", "--out", "o").code == 130
    before = everything(tmp_path)
    end = call("verify", "small.yaml", "--out", "o", "--dry-run")
    assert end.code == 0, end.err
    assert "Without --resume it would be refused: o holds a study under way (finished runs: 1)" in end.out
    end = call("verify", "small.yaml", "--out", "o", "--resume", "--dry-run")
    assert end.code == 0, end.err
    assert "With --resume: the study is the one under way.\n  first: finished, its record is read\n" in end.out
    assert "  second: not kept; simulated" in end.out
    (tmp_path / "small.yaml").write_text(STUDY.replace("{}", "{key: 7}"))
    end = call("verify", "small.yaml", "--out", "o", "--resume", "--dry-run")
    assert "the study has changed: study.runs.first.key was 0 and is 7" in end.out
    assert "  first: the kept run first answers another question: key was 0 and is 7; it is simulated again" in end.out
    (tmp_path / "small.yaml").write_text("name: other\n" + STUDY)
    end = call("verify", "small.yaml", "--out", "o", "--resume", "--dry-run")
    assert end.code == 2
    assert "holds another study under way: name was small and is other" in end.err
    after = everything(tmp_path)
    assert [at for at in after if at[0].name != "small.yaml"] == [at for at in before if at[0].name != "small.yaml"]


def test_a_study_that_is_done_would_not_be_run(call, tmp_path, measured):
    (tmp_path / "small.yaml").write_text(STUDY.replace(", second: {key: 1, width: 4096}", ""))
    assert call("verify", "small.yaml", "--out", "o", "--quiet").code == 0
    before = everything(tmp_path)
    end = call("verify", "small.yaml", "--out", "o", "--resume", "--dry-run")
    assert "of this study already; nothing would be run" in end.out
    assert everything(tmp_path) == before


def test_the_estimate_is_that_of_a_machine_whose_times_are_known(monkeypatch):
    """A clock that goes as many operations as are counted; seeds in turn on one device or shared by all."""
    study = parse(STUDY.replace("{key: 1, width: 4096}", "{key: 1, width: 400000, steps: 50}, third: {key: 2}"))
    runs = [spec.model_copy(update={"engine": "preactivations"}) for spec in study.runs]
    study = study.model_copy(update={"runs": tuple(runs)})
    ready = prepare(study, CATALOGUE[:1])
    plans = {spec.name: ready[spec.name].planned(spec) for spec in study.runs}
    now, compiled = [0.0], set()

    def simulate(data, methods, width, seeds, steps, *, engine, chunk, **options):
        cost = REPRESENTATIONS[engine].cost(*data.coordinates.shape)
        turns = -(-seeds // plans["first"][0].layout.devices)
        now[0] += turns * width * (3e-6 + (steps + 1) * len(methods) * cost * 1e-9)
        now[0] += 0 if (width, chunk) in compiled else 5.0
        compiled.add((width, chunk))

    monkeypatch.setattr(estimate, "simulate", simulate)
    monkeypatch.setattr(estimate.time, "perf_counter", lambda: now[0])
    found = estimates(study, ready, plans)
    assert all(width <= 400_000 for width, _ in compiled)
    assert max(width for width, _ in compiled) < 400_000, "a wide network is measured at a smaller width"
    for spec in study.runs:
        begun, compiled = now[0], {(spec.width, 1)} if spec.name == "third" else set()
        made = ready[spec.name]
        simulate(
            made.data,
            made.methods,
            spec.width,
            spec.seeds,
            spec.steps,
            engine=plans[spec.name][0].shape.engine,
            chunk=1,
        )
        assert found[spec.name] == pytest.approx(now[0] - begun, rel=1e-6)  # a model linear in what is counted


def test_devices_that_lack_a_seed_at_the_end_wait():
    study = parse()
    plan = prepare(study, ())["first"].planned(study.runs[0])[0]
    placed = (plan._replace(layout=plan.layout._replace(devices=devices)) for devices in (1, 3))
    one, three = (estimate._seconds(at, Rate(1e9, 1e6, 0.0)) for at in placed)
    assert three == pytest.approx(one * 6 / 4)  # four seeds take the time of six


def test_what_is_measured_is_measured_on_this_machine():
    """Also of a method whose numbers end before the steps that are measured."""
    mine = "{name: scheduled, title: mine, eta: [0.1, 0.1, 0.2], beta: 0.0, gamma: 0.0}"
    study = parse(STUDY.replace("{name: nesterov, eta: 0.1, beta: 0.5}", mine).partition("runs")[0])
    ready = prepare(study, ())
    found = estimates(study, ready, {"small": ready["small"].planned(study.runs[0])})
    assert 0 < found["small"] < 100


def test_optimisers_have_a_plan_and_a_rate_of_their_own():
    adam = "{optax: adam, learning_rate: 0.01}"
    study = parse(STUDY.replace("{name: nesterov, eta: 0.1, beta: 0.5}", adam).partition("runs")[0])
    ready = prepare(study, ())
    plans = ready["small"].planned(study.runs[0])
    assert [plan.shape.engine for plan in plans][-1] == "optax"
    alone = estimates(study, ready, {"small": plans[-1:]})["small"]
    assert 0 < alone < estimates(study, ready, {"small": plans})["small"] + 10 < 100


def test_operations_are_counted_for_every_engine():
    study = parse(STUDY.replace("runs: {first: {}, second: {key: 1, width: 4096}}", "runs: {a: {}}"))
    counted = {}
    for engine in ("weights", "preactivations", "batched-weights", "screened"):
        spec = study.runs[0].model_copy(update={"engine": engine})
        plan = prepare(study.model_copy(update={"runs": (spec,)}), ())["a"].planned(spec)[0]
        counted[engine] = plan.choice.operations
    trained = 4 * 2 * 4 * 32  # steps, methods, seeds, neurons
    assert counted["weights"] == trained * REPRESENTATIONS["weights"].cost(3, 3)
    assert counted["batched-weights"] == counted["weights"]
    assert counted["preactivations"] == trained * REPRESENTATIONS["preactivations"].cost(3, 3)
    assert counted["screened"] > 5e10, "its compilation and a fixed amount per step"


def lemma(name, kind):
    controls = (Control("a", "a", lambda run: None), Control("b", "b", lambda run: None))
    return Lemma(id=name, title="t", statement="s", check=lambda run: Inequality, controls=controls, kind=kind)


@pytest.mark.parametrize("kind", ["probability", "every run"])
@pytest.mark.parametrize("many", [1, 5])
def test_the_seeds_that_are_needed_are_the_fewest(kind, many):
    lemmas = [lemma(f"l{i}", kind) for i in range(many)]
    study = parse("delta: 0.1\n" + STUDY)
    needed = outlook(study, lemmas).needed
    assert needed == least_trials(0.1, 1e-3 / (2 * many))
    assert outlook(study.with_seeds(needed), lemmas).hopeless == ()
    few = outlook(study.with_seeds(needed - 1), lemmas)
    assert len(few.hopeless) == few.claims == 2 * many
    assert few.as_text().startswith(f"Too few seeds: {2 * many} of at least {2 * many} claims")


def test_each_look_pays_with_its_share_of_the_level():
    study, asked = parse("delta: 0.1\n" + STUDY), [lemma("l", "probability")]
    found = outlook(study, asked, 500)
    assert found.looks == 8  # 4, 8, 16, 32, 64, 128, 256, 500
    assert found.needed == least_trials(0.1, float(look_level(1e-3, 8)) / 2)
    assert found.hopeless == (), "the last look has enough, though the first has not"
    assert len(outlook(study, asked, found.needed - 40).hopeless) == 2


def test_one_short_run_is_told_by_its_name():
    study = parse(STUDY.replace("second: {", "second: {seeds: 500, "))
    found = outlook(study, [lemma("l", "probability")])
    assert found.hopeless == (("l", "first"),)
    assert "l @ first for one" in found.as_text()


def test_what_does_not_rest_on_seeds_needs_none():
    found = outlook(parse(), [lemma("l", "all kappa")])
    assert (found.claims, found.hopeless, found.needed) == (0, (), None)
    assert found.as_text() == "No claim of this study rests on the number of seeds."


def test_the_outlook_is_what_a_study_without_violations_gets():
    text = STUDY.replace(", second: {key: 1, width: 4096}", "").replace("seeds: 4", "seeds: 72")
    study = parse(text.replace("distance", "flip-inclusion"))  # a lemma in parts counts once in the outlook
    lemmas = [lemma for lemma in CATALOGUE if lemma.id in study.lemmas]
    assert outlook(study, lemmas).needed == 73
    findings = runner.verify(study, lemmas=lemmas).findings
    assert {found.verdict for found in findings} == {Verdict.INCONCLUSIVE}
    assert {found.seeds_needed for found in findings} == {73}
    assert len(outlook(study, lemmas).hopeless) == 2


def test_python_gets_the_same_text(measured):
    study = parse()
    ready = prepare(study, CATALOGUE)
    assert described(study, CATALOGUE, ready).startswith("small: 2 runs, ")
    assert "first: not kept" in standing(study, ready, Path("nowhere"), "x")
