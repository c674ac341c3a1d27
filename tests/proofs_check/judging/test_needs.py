"""What a lemma needs of the methods of a run: the family, a theorem's tuning, or nothing."""

from dataclasses import replace

import numpy as np
import optax
import pytest

import nag_ntk
import proofs_check
from proofs_check.judging.ask import outcomes_of, spoken_of
from proofs_check.lemma import NEEDS, Control, Inequality, Lemma, NotApplicable, Run, Trials
from proofs_check.lemmas import CATALOGUE
from proofs_check.testing import fits_other_methods

BY_ID = {lemma.id: lemma for lemma in CATALOGUE}
STUDY = {"dataset": {"source": "sphere", "samples": 5, "dimension": 4}, "width": 64, "seeds": 8, "steps": 12}
ADAM = {"optax": "adam", "learning_rate": 0.01}


@pytest.fixture(scope="module")
def alone():
    return proofs_check.verify({**STUDY, "methods": [ADAM]})


@pytest.fixture(scope="module")
def mixed():
    return proofs_check.verify({**STUDY, "methods": [ADAM, "nesterov", "gradient_descent"]})


def verdicts(results):
    return {row["lemma"]: row["verdict"] for row in results.rows}


def test_the_catalogue_says_what_it_needs():
    assert {lemma.needs for lemma in CATALOGUE} == set(NEEDS)
    for lemma in CATALOGUE:
        assert lemma.described()["needs"] == lemma.needs
        if lemma.method is not None:
            assert lemma.needs == "theorem", lemma.id
        if lemma.records_recursion or lemma.records_deviation:
            assert lemma.needs_family, lemma.id


def test_a_run_of_adam_is_judged_where_lemmas_speak_of_it(alone):
    found = verdicts(alone)
    judged = {"flip-inclusion", "flip-fraction/counted", "flip-fraction/linear", "flip-count", "lazy-exit"}
    judged |= {"flip-probability", "initial-residual/tail", "gram-limit"}
    assert judged <= {name for name, verdict in found.items() if verdict in ("INCONCLUSIVE", "SUPPORTED")}
    for lemma in CATALOGUE:
        rows = [row for row in alone.rows if row["lemma"].partition("/")[0] == lemma.id]
        if lemma.needs != "any" and lemma.scope != "once":
            assert [row["verdict"] for row in rows] == ["VACUOUS"], lemma.id
            assert rows[0]["reason"].endswith("not about adam"), rows[0]["reason"]
        assert all(row["verdict"] != "ERROR" for row in rows)


def test_beside_the_family_adam_changes_nothing_for_it(mixed):
    family = proofs_check.verify({**STUDY, "methods": ["nesterov", "gradient_descent"]})
    with_adam = {row["lemma"]: row for row in mixed.rows}
    for row in family.rows:
        if BY_ID[row["lemma"].partition("/")[0]].needs == "any":
            continue
        other = with_adam[row["lemma"]]
        for key in ("verdict", "observed", "bound", "margin", "violations", "witness"):
            assert other[key] == row[key], (row["lemma"], key)


def test_the_numbers_of_adam_are_missing_and_not_zero(alone, tmp_path):
    summary = alone.made.summaries[0]["methods"][0]
    assert summary["eta"] is None
    assert summary["beta"] is None
    assert not summary["tuned"]
    assert {row["method"] for row in alone.slack} <= {"", "all", None}
    assert alone.save(tmp_path / "out").read_text(encoding="utf-8").count("adam (optax)") == 1
    again = proofs_check.read(tmp_path / "out")
    assert verdicts(again) == verdicts(alone)
    assert np.isnan(again.to_xarray()["study"].eta.values).all()


def test_only_family_methods_are_shown_where_they_are_needed(mixed):
    run = mixed.runs[0]
    told = spoken_of(BY_ID["distance"], run)
    assert isinstance(told, Run)
    assert [method.name for method in told.methods] == ["nesterov", "gradient_descent"]
    assert told.trajectory.residual.shape[1] == 2
    assert spoken_of(BY_ID["flip-inclusion"], run) is run


def reads_numbers(run):
    """Compare the distance with a number of the method."""
    eta = run.coefficients[0].max(axis=-1)
    return Inequality(run.trajectory.distance[:, :, -1], 1e9 * np.broadcast_to(eta, run.trajectory.distance.shape[:2]),
                      ("seed", "method"))  # fmt: skip


MINE = Lemma(
    id="reads-numbers", title="t", statement="s", check=reads_numbers, kind="every run", trains=True,
    controls=(Control("a", "b", reads_numbers), Control("c", "d", reads_numbers)),
)  # fmt: skip


def test_the_kit_finds_a_lemma_that_needs_more_than_it_says():
    (problem,) = fits_other_methods(MINE)
    assert 'say needs="family"' in problem
    assert fits_other_methods(replace(MINE, needs="family")) == ()
    assert fits_other_methods(BY_ID["flip-inclusion"]) == () == fits_other_methods(BY_ID["distance"])


def test_judge_speaks_of_given_networks():
    data = nag_ntk.sphere(5, 4)
    run = nag_ntk.simulate(
        data, nag_ntk.from_optax("adam", optax.adam(0.02)), 64, seeds=12, steps=6,
        probes=[nag_ntk.Probe("weights", lambda network: network.weights, 1)],
    )  # fmt: skip
    signs = np.stack([np.asarray(nag_ntk.draw(nag_ntk.seed_key(0, s), 64, 4).signs) for s in range(12)])
    weights = run.probes["weights"].values[:, 0]
    given = proofs_check.judge(data, weights, signs, name="mine", level=0.05)
    rows = {row["lemma"]: row for row in given.rows}
    assert rows["flip-inclusion"]["violations"] == 0
    assert rows["flip-inclusion"]["trials"] == 12
    assert "not about mine" in rows["distance"]["reason"]
    assert "not about mine" in rows["nesterov-contraction"]["reason"]
    assert "these networks are given" in rows["lazy-exit"]["reason"]
    assert "these networks are given" in rows["flip-fraction/linear"]["reason"]
    assert "these networks are given" in rows["initial-residual"]["reason"]
    drawn = proofs_check.judge(data, weights, signs, name="mine", init="independent", level=0.05)
    found = {row["lemma"]: row for row in drawn.rows}
    assert found["lazy-exit"]["trials"] == 12
    assert found["flip-count"]["violations"] == 0
    assert all(row["verdict"] not in ("ERROR", "REFUTED") for row in (*given.rows, *drawn.rows))
    assert drawn.to_xarray()["mine"].residual_norm.sizes["step"] == 7
    by_function = proofs_check.judge(
        data, lambda seed, step: weights[seed, step], signs, seeds=12, steps=6, select="flip-inclusion", level=0.05
    )
    assert by_function.rows[0]["observed"] == rows["flip-inclusion"]["observed"]


def test_judge_sees_a_draw_that_is_not_the_theory_s():
    data = nag_ntk.sphere(5, 4)
    rng = np.random.default_rng(0)
    start, signs = rng.uniform(-0.5, 0.5, (40, 2, 64, 4)), rng.choice([-1.0, 1.0], (40, 64))
    start[:, 1] = start[:, 0]
    results = proofs_check.judge(data, start, signs, init="independent", select=["flip-probability"])
    assert results.rows[0]["verdict"] == "REFUTED"


def test_judge_refuses_what_it_does_not_know():
    data, weights = nag_ntk.sphere(3, 2), np.ones((2, 8, 2))
    with pytest.raises(nag_ntk.InputError, match="unknown lemma flip-counts"):
        proofs_check.judge(data, weights, np.ones(8), select=["flip-counts"])
    with pytest.raises(nag_ntk.InputError, match="two lemmas have the same id"):
        proofs_check.judge(data, weights, np.ones(8), lemmas=[BY_ID["distance"]])
    with pytest.raises(nag_ntk.InputError, match="two of the networks are equal before training"):
        proofs_check.judge(data, np.stack([weights, weights]), np.ones(8))
    with pytest.raises(nag_ntk.InputError, match="signs must be"):
        proofs_check.judge(data, weights, 1.0)


def test_no_width_is_promised_to_a_method_whose_movement_does_not_shrink():
    study = {**STUDY, "width": 32, "methods": [{"optax": "adam", "learning_rate": 0.3}]}
    (row,) = [
        row for row in proofs_check.verify(study, select=["flip-fraction"]).rows if row["lemma"].endswith("linear")
    ]
    assert row["verdict"] == "VACUOUS"
    assert "from width" not in row["reason"]


def test_claims_about_the_draw_are_not_made_of_a_given_initial_network():
    data = nag_ntk.sphere(3, 2)
    network = nag_ntk.draw(nag_ntk.seed_key(0, 0), 64, 2)
    initial = nag_ntk.Network(np.asarray(network.weights), np.asarray(network.signs))
    methods = (nag_ntk.theorem_tuning("gradient_descent", data),)
    trajectory = nag_ntk.simulate(data, methods, initial=initial, steps=3, recursion=True, gram_path=True)
    run = Run("given", data, methods, trajectory, 0.1)
    for name in ("lazy-exit", "gd-contraction", "gram-concentration"):
        (outcome,) = outcomes_of(BY_ID[name], run, "given", 1.0)
        assert isinstance(outcome.evidence, NotApplicable), name
    (outcome,) = outcomes_of(BY_ID["residual-recursion"], run, "given", 1.0)
    assert isinstance(outcome.evidence, Trials)
