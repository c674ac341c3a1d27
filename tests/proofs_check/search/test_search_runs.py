"""The search on claims about runs, and the command: a false claim falls to a small run, a true one does not."""

import contextlib
import json
import os
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_process import caller

from proofs_check.lemma import Control, Inequality, Trials
from proofs_check.lemmas import CATALOGUE
from proofs_check.lemmas.distance import DISTANCE
from proofs_check.running import session
from proofs_check.search import SearchError, Trial, WitnessError, load, replay, search
from proofs_check.search.drive import heed_interrupt, quiet, run_examples
from proofs_check.search.runs import LEVEL, as_data, from_data, judge

# two shapes only, each compiled once for all tests here
SHAPES = ((1, 1, 1, "gradient"), (3, 2, 8, "gradient"))
OPTIONS = {"shapes": SHAPES, "steps": (3, 11), "seeds": 4}


def _half_of_the_bound(run):
    inequality = DISTANCE.check(run)[""]
    assert isinstance(inequality, Inequality)
    assert inequality.where is not None
    # below about 1e-12 both sides are rounding, and half of the allowance for it is no claim worth refuting
    where = inequality.where & (inequality.bound > 1e-12)
    return replace(inequality, bound=inequality.bound / 2, where=where)


HALF = Control("half", "half of the distance bound", _half_of_the_bound)
LEMMA = replace(DISTANCE, controls=(*DISTANCE.controls, HALF))


@pytest.fixture(scope="module")
def half():
    return search(LEMMA, HALF, examples=40, seconds=120, **OPTIONS)


def test_a_false_claim_about_runs_falls_and_shrinks(half):
    assert half.witness is not None
    trial = from_data(half.witness.data)
    assert (len(trial.inputs), trial.width, trial.steps) == (1, 1, 3)
    assert half.witness.finding["verdict"] == "REFUTED"
    assert half.witness.finding["observed"] > half.witness.finding["bound"]
    assert "COUNTEREXAMPLE" in half.summary()
    assert f"hypotheses of the lemma: {DISTANCE.hypotheses}" in half.summary()


def test_a_true_claim_about_runs_stands():
    outcome = search(LEMMA, examples=25, seconds=120, **OPTIONS)
    assert outcome.witness is None
    assert outcome.attempt.examples > 15
    assert not outcome.attempt.errors, outcome.attempt.first_error
    assert "no counterexample in" in outcome.summary()


def test_the_witness_of_a_run_is_replayed_from_its_file(half, tmp_path):
    half.witness.save(tmp_path / "w.json")
    result = replay(tmp_path / "w.json", [LEMMA])
    assert result.holds, result.message
    assert load(tmp_path / "w.json").data == half.witness.data


def test_a_changed_run_does_not_replay(half, tmp_path):
    """With the digest made to fit: other targets give other numbers, and a number never observed is noticed."""
    path = tmp_path / "w.json"
    other = {**half.witness.data, "targets": [(7.0).hex()]}
    wrong = {**half.witness.finding, "bound": half.witness.finding["bound"] * 1.001}
    for forged in (replace(half.witness, data=other), replace(half.witness, finding=wrong)):
        forged.save(path)
        result = replay(path, [LEMMA])
        assert not result.holds
        assert "not as stored" in result.message or "not refuted" in result.message
    half.witness.save(path)
    path.write_text(path.read_text().replace('"key": ', '"key": 1'))
    with pytest.raises(WitnessError, match="changed"):
        replay(path, [LEMMA])


def test_the_same_seed_gives_the_same_run(half):
    again = search(LEMMA, HALF, examples=40, seconds=120, **OPTIONS)
    assert again.witness is not None
    assert again.witness.digest() == half.witness.digest()


def test_luck_refutes_nothing():
    """A claim that fails in one seed of four, as it may at failure probability 0.1, is no counterexample."""

    def unlucky(run):
        return Trials(Inequality(np.array([1.0, 0.0, 0.0, 0.0]), np.array(0.5)), 0.1, run.trajectory.seeds)

    outcome = search(LEMMA, Control("luck", "a rare failure", unlucky), examples=5, seconds=60, **OPTIONS)
    assert outcome.witness is None
    assert LEVEL < 1e-6


def test_a_check_that_raises_is_counted_and_told():
    def broken(run):
        raise ZeroDivisionError("broken check")

    outcome = search(LEMMA, Control("broken", "raises", broken), examples=5, seconds=60, **OPTIONS)
    assert outcome.witness is None
    assert outcome.attempt.errors == outcome.attempt.examples > 0
    assert "broken check" in outcome.summary()


def test_a_tuning_that_does_not_exist_is_no_run():
    twins = Trial(((1.0,), (1.0,)), (1.0, -1.0), 1, 2, 3, methods=(("nesterov", None, 0.0),))
    assert judge(twins, DISTANCE, DISTANCE.check) == ()


def test_a_trial_survives_its_file_to_the_bit():
    trial = Trial(((0.1, -0.3),), (1 / 3,), 8, 2, 3, "extrapolated", (("nesterov", 0.1, 0.9), ("x", None, 0.0)), 7)
    assert from_data(json.loads(json.dumps(as_data(trial)))) == trial
    with pytest.raises(WitnessError, match="incomplete"):
        from_data({"rows": [["zero"]]})


@pytest.mark.parametrize("lemma", [each for each in CATALOGUE if each.scope != "run"], ids=lambda lemma: lemma.id)
def test_a_lemma_without_free_data_is_refused(lemma):
    with pytest.raises(SearchError, match="no free data"):
        search(lemma)


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """The program in this process, whose JAX it must not set up anew."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare_jax", lambda: None)
    return caller(monkeypatch, capsys)


def test_the_command_finds_stores_and_replays(call, tmp_path):
    found = call("search", "gram-separation", "--control", "one-sided", "--out", "w.json", "--quiet")
    assert found.code == 0, found.err
    assert "COUNTEREXAMPLE" in found.out
    assert found.err == ""
    assert [path.name for path in tmp_path.iterdir()] == ["w.json"]
    replayed = call("search", "--replay", "w.json")
    assert (replayed.code, "refuted again" in replayed.out) == (0, True)


def test_the_command_ends_with_0_for_a_true_lemma_and_1_for_a_false_one(call, monkeypatch):
    true = call("search", "gram-separation", "--budget", "4")
    assert (true.code, "no counterexample in 4 examples" in true.out) == (0, True)
    assert true.err
    false = replace(CATALOGUE[0], id="false", about_data=_about("one-sided"))
    monkeypatch.setattr("proofs_check.lemmas.CATALOGUE", (*CATALOGUE, false))
    assert call("search", "false").code == 1


def test_a_control_that_stands_is_1(call):
    """One example is no search: the command must not call that a success."""
    stands = call("search", "gram-separation", "--control", "constant", "--budget", "1")
    assert (stands.code, "must be refuted" in stands.out) == (1, True)


def _about(name):
    lemma = next(lemma for lemma in CATALOGUE if lemma.id == "gram-separation")
    return next(control for control in lemma.controls if control.id == name).about_data


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("no-such-lemma",),
        ("gram-separation", "--control", "nothing"),
        ("gram-separation", "--budget", "0"),
        ("gram-separation", "--replay", "w.json"),
        ("--replay", "absent.json"),
        ("nesterov-matrix",),
        ("gram-separation", "--out", "."),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_sentence_and_2(call, arguments):
    ended = call("search", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("nag-ntk: ")


def test_interrupted_is_130_and_writes_nothing(call, monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("proofs_check.search.driver.search_inputs", interrupted)
    ended = call("search", "gram-separation", "--out", "w.json")
    assert (ended.code, list(tmp_path.iterdir())) == (130, [])


def test_an_interrupt_that_a_callback_swallows_still_ends_the_search():
    """What falls into hypothesis's callback of the garbage collector is printed and lost; the next example notices."""
    seen = []

    @quiet(50)
    @given(st.integers())
    def example(number):
        heed_interrupt()
        seen.append(number)
        if len(seen) == 3:
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(0.1)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run_examples(example, ValueError)
    assert len(seen) == 3
    assert signal.getsignal(signal.SIGINT) is before
    seen.clear()
    seen += [0, 0, 0]
    run_examples(example, ValueError)  # nothing is remembered from the search before
    assert len(seen) > 20
