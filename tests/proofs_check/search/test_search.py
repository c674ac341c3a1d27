"""The search on claims about inputs: it finds by itself what is false, twice the same, and not what is true."""

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from proofs_check.lemma import Control, DataClaim, Proof
from proofs_check.lemmas.gram_positive import GRAM_POSITIVE
from proofs_check.lemmas.gram_separation import GRAM_SEPARATION
from proofs_check.rigor.enclosure import check_witness, decide_positive, null_vector_witness, primitive_rows
from proofs_check.search import SearchError, Witness, WitnessError, configurations, load, replay, search
from proofs_check.search.ascent import ascend
from proofs_check.search.exact import shrink, size, snap
from proofs_check.search.strategies import trials, unit_rows


def _least_eigenvalue(inputs):
    """-lambda_0 by the textbook arccos, unlike the closed forms that the package uses."""
    inner = inputs @ inputs.T
    off = 1.0 - jnp.eye(len(inputs))
    angle = jnp.arccos(jnp.clip(inner * off, -1 + 1e-12, 1 - 1e-12))
    gram = off * inner * (jnp.pi - angle) / (2 * jnp.pi) + 0.5 * jnp.eye(len(inputs))
    return -jnp.linalg.eigvalsh(gram)[0]


def _positive(rows, hypothesis) -> Proof:
    rays = primitive_rows(rows)
    if not hypothesis(rays):
        return Proof(True, 0.0, 0.0, "the hypothesis does not hold")
    found = decide_positive(rays)
    return Proof(found.decided, 0.0, found.lambda_min_low, found.reason, {"kernel vector": str(found.witness)})


def _distinct(rays):
    return len(set(rays)) == len(rays)


def _no_two_parallel(rays):
    return len({max(ray, tuple(-x for x in ray)) for ray in rays}) == len(rays)


DISTINCT = Control(
    "distinct-inputs",
    "distinct inputs suffice",
    lambda run: NotImplemented,
    about_data=DataClaim(_least_eigenvalue, lambda rows: _positive(rows, _distinct)),
)
POSITIVE = replace(
    GRAM_POSITIVE,
    controls=(*GRAM_POSITIVE.controls, DISTINCT),
    about_data=DataClaim(_least_eigenvalue, lambda rows: _positive(rows, _no_two_parallel)),
)
ONE_SIDED = next(control for control in GRAM_SEPARATION.controls if control.id == "one-sided")


def _three_antipodal_pairs_in_a_plane(rows) -> bool:
    rays = primitive_rows(rows)
    lines = {max(ray, tuple(-x for x in ray)) for ray in rays}
    return len(rays) == len(set(rays)) == 6 and len(lines) == 3 and len(rays[0]) == 2


def test_the_antipodal_witness_is_found_from_scratch():
    """200 examples, no ascent: in a second or so, and as small as it can be."""
    outcome = search(POSITIVE, DISTINCT, examples=200, ascents=0, seconds=30)
    assert outcome.witness is not None
    assert outcome.seconds < 30
    assert _three_antipodal_pairs_in_a_plane(outcome.witness.rows())
    assert sum(abs(x) for row in outcome.witness.rows() for x in row) == 8
    kernel = null_vector_witness(outcome.witness.rows())
    assert kernel is not None
    assert check_witness(outcome.witness.rows(), kernel)


def test_ascent_alone_finds_the_antipodal_witness():
    """No example is drawn, so no strategy can have known: 16 random starts, then rounding to integers."""
    outcome = search(GRAM_SEPARATION, ONE_SIDED, examples=0, ascents=16, seconds=60)
    assert outcome.witness is not None
    assert outcome.witness.found["by"] == "ascent"
    assert _three_antipodal_pairs_in_a_plane(outcome.witness.rows())


@pytest.mark.parametrize("control", GRAM_SEPARATION.controls, ids=lambda control: control.id)
def test_every_control_of_gram_separation_falls(control):
    outcome = search(GRAM_SEPARATION, control, examples=200, ascents=40, seconds=60)
    assert outcome.witness is not None
    rows = outcome.witness.rows()
    assert len(rows) <= 6
    assert control.about_data.confirm(rows).decided is False
    assert all(control.about_data.confirm(rows[:i] + rows[i + 1 :]).decided is not False for i in range(len(rows)))


@pytest.mark.parametrize("lemma", [POSITIVE, GRAM_SEPARATION], ids=lambda lemma: lemma.id)
def test_what_is_true_yields_nothing_and_says_what_was_tried(lemma):
    outcome = search(lemma, examples=60, ascents=8, seconds=60)
    assert outcome.witness is None
    assert (outcome.attempt.examples, outcome.attempt.ascents) == (60, 8)
    assert outcome.attempt.best_score < 0
    text = outcome.summary()
    assert "no counterexample in 60 examples, 8 ascents" in text
    assert f"closest score {outcome.attempt.best_score:.6g}" in text


def test_the_same_seed_gives_the_same_witness():
    first, second = (search(POSITIVE, DISTINCT, examples=200, ascents=0, seed=5).witness for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.digest() == second.digest()


def test_another_seed_searches_elsewhere():
    runs = [search(POSITIVE, DISTINCT, examples=200, ascents=0, seed=seed).witness for seed in (5, 6)]
    assert len({str(w.found["before shrinking"]) for w in runs if w is not None}) > 1


def test_a_score_that_is_always_nan_is_survived():
    def nothing(inputs):
        return jnp.sqrt(-1.0 - inputs[0, 0] ** 2)

    claim = DataClaim(nothing, lambda rows: Proof(True, 0.0, 0.0, "true"))
    outcome = search(replace(POSITIVE, about_data=claim), examples=5, ascents=8)
    assert outcome.witness is None
    assert outcome.attempt.best_score == -np.inf
    assert "closest" not in outcome.summary()


def test_nan_gradients_do_not_stop_the_climb():
    def rough(inputs):  # the root has slope NaN (0 times inf) wherever x is not positive; the score itself is fine
        return inputs[0, 0] + 0.0 * jnp.sqrt(jnp.maximum(inputs[0, 0], 0.0) * 0.0)

    starts = np.random.default_rng(0).standard_normal((4, 1, 2))
    before = (starts / np.linalg.norm(starts, axis=-1, keepdims=True))[:, 0, 0]
    points, scores = ascend(rough, starts, steps=100)
    assert np.isfinite(points).all()
    assert (scores > before).all()
    assert scores.max() > 0.9


def test_ascent_keeps_the_best_point_on_the_spheres():
    target = np.array([[0.6, 0.8], [0.0, -1.0]])
    starts = np.random.default_rng(1).standard_normal((3, 2, 2))
    points, scores = ascend(lambda x: jnp.sum(x * target), starts)
    np.testing.assert_allclose(points, np.broadcast_to(target, points.shape), atol=1e-4)
    np.testing.assert_allclose(scores, 2.0, atol=1e-8)
    np.testing.assert_allclose(np.linalg.norm(points, axis=-1), 1.0, atol=1e-15)


def test_snapping_restores_exact_antipodes_and_low_rank():
    rng = np.random.default_rng(2)
    plane = np.linalg.qr(rng.standard_normal((3, 2)))[0]
    lines = rng.standard_normal((3, 2)) @ plane.T
    points = np.concatenate([lines, -lines])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    points += 1e-6 * rng.standard_normal(points.shape)
    assert any(_positive(rows, _distinct).decided is False for rows in snap(points))


def test_rows_that_came_close_to_opposite_are_made_opposite_at_every_resolution():
    angles = np.array([0.5, 0.503 + np.pi])
    candidates = list(snap(np.stack([np.cos(angles), np.sin(angles)], axis=1)))
    opposite = [rows for rows in candidates if rows[1] == tuple(-x for x in rows[0])]
    # in the frame of the rows nothing but the right angle is left, so the fine ones are those as given
    assert min(abs(np.arctan2(y, x) - 0.5) for (x, y), _ in opposite) < 1e-4


def test_shrinking_reaches_the_smallest_witness_and_keeps_it_one():
    big = ((6, 9, 0), (-2, -3, 0), (4, 1, 0), (-4, -1, 0), (10, 10, 0), (-7, -7, 0), (0, 1, 5), (2, 2, 9))

    def refuted(rows):
        return _positive(rows, _distinct).decided is False

    assert refuted(big)
    small = shrink(big, refuted)
    assert refuted(small)
    assert size(small) < size(big)
    assert _three_antipodal_pairs_in_a_plane(small)


@pytest.fixture(scope="module")
def witness():
    found = search(POSITIVE, DISTINCT, examples=100, ascents=0).witness
    assert found is not None
    return found


@pytest.fixture
def stored(witness, tmp_path):
    path = tmp_path / "deep" / "witness.json"
    witness.save(path)
    return path


def test_a_stored_witness_is_replayed_from_its_file(stored):
    result = replay(stored, [POSITIVE])
    assert result.holds
    assert "antipodal pairs" in result.message
    assert load(stored).rows() == tuple(tuple(map(Fraction, row)) for row in load(stored).data["rows"])
    assert [path.name for path in stored.parent.iterdir()] == ["witness.json"]


def test_a_changed_number_is_noticed(stored):
    raw = json.loads(stored.read_text())
    raw["data"]["rows"][0][0] = str(int(raw["data"]["rows"][0][0]) + 1)
    stored.write_text(json.dumps(raw))
    with pytest.raises(WitnessError, match="changed"):
        replay(stored, [POSITIVE])


def test_a_forged_witness_does_not_replay(stored):
    """With the digest made to fit: the check itself says no, to other rows as to another kernel vector."""
    true = load(stored)
    rows = [["3", "1"], *true.data["rows"][1:]]
    for forged in (
        replace(true, data={"rows": rows}),
        replace(true, finding={**true.finding, "witness": {"kernel vector": "another"}}),
    ):
        forged.save(stored)
        assert not replay(stored, [POSITIVE]).holds
    replace(true, data={"rows": rows}).save(stored)
    assert "not refuted any more" in replay(stored, [POSITIVE]).message


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "no JSON"), ("[]", "no witness"), ('{"schema": 1}', "no witness"), ('{"schema": 99}', "schema")],
)
def test_a_file_that_is_no_witness_is_refused(tmp_path, text, message):
    (tmp_path / "w.json").write_text(text)
    with pytest.raises(WitnessError, match=message):
        load(tmp_path / "w.json")
    with pytest.raises(WitnessError, match="cannot be read"):
        load(tmp_path / "absent.json")


def test_an_interrupted_write_leaves_the_old_file(stored, monkeypatch):
    before = stored.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace(load(stored), control="other").save(stored)
    assert stored.read_bytes() == before
    assert len(list(stored.parent.iterdir())) == 1


def test_a_witness_of_what_is_gone_is_refused(stored):
    with pytest.raises(SearchError, match="no control here"):
        replay(stored, [GRAM_POSITIVE])
    with pytest.raises(SearchError, match="no lemma here"):
        replay(stored, [GRAM_SEPARATION])


def test_interruption_gets_through(monkeypatch):
    def interrupted(rows):
        raise KeyboardInterrupt

    claim = DataClaim(_least_eigenvalue, interrupted)
    with pytest.raises(KeyboardInterrupt):
        search(replace(POSITIVE, about_data=claim), examples=5, ascents=0)


def test_a_claim_that_raises_is_not_a_counterexample():
    def broken(rows):
        raise ZeroDivisionError("broken claim")

    with pytest.raises(ZeroDivisionError, match="broken claim"):
        search(replace(POSITIVE, about_data=DataClaim(_least_eigenvalue, broken)), examples=5, ascents=0)


def test_undecided_is_no_counterexample():
    claim = DataClaim(_least_eigenvalue, lambda rows: Proof(None, 0.0, 0.0, "no sign"))
    outcome = search(replace(POSITIVE, about_data=claim), examples=10, ascents=0)
    assert outcome.witness is None
    assert outcome.attempt.undecided > 0
    assert "undecided" in outcome.summary()


def test_time_is_kept():
    outcome = search(POSITIVE, examples=10**6, ascents=0, seconds=0.3)
    assert outcome.seconds < 20
    assert "out of time" in outcome.summary()


@pytest.mark.parametrize("budget", [{"examples": -1}, {"ascents": -1}, {"seconds": 0}, {"seconds": float("nan")}])
def test_a_budget_must_be_one(budget):
    with pytest.raises(SearchError, match="budget"):
        search(POSITIVE, **budget)


def test_nothing_is_left_where_the_user_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    search(POSITIVE, DISTINCT, examples=20, ascents=0)
    assert list(tmp_path.iterdir()) == []


def test_degenerate_configurations_are_common():
    """Every kind of degeneracy that the strategy promises turns up in 150 draws."""
    seen = set()

    @settings(max_examples=150, database=None, derandomize=True, deadline=None)
    @given(configurations())
    def draw(rows):
        rays = primitive_rows(rows)
        unit = np.array(unit_rows(rows))
        inner = np.triu(unit @ unit.T, 1)
        seen.add("one row" if len(rays) == 1 else "rows")
        if len(set(rays)) < len(rays):
            seen.add("duplicate")
        if _distinct(rays) and not _no_two_parallel(rays):
            seen.add("antipodal")
        if _no_two_parallel(rays) and (np.abs(inner) > 0.999).any():
            seen.add("near-parallel")
        if len(rays) > len(rays[0]) > np.linalg.matrix_rank(unit):
            seen.add("low dimension")
        if len(rays) > 2 and inner[np.triu_indices(len(rays), 1)].min() > 0.9:
            seen.add("cluster")

    draw()
    expected = {"one row", "rows", "duplicate", "antipodal", "near-parallel", "low dimension", "cluster"}
    assert seen == expected


def test_drawn_studies_have_the_promised_extremes():
    widths, labels = set(), set()

    @settings(max_examples=150, database=None, derandomize=True, deadline=None)
    @given(trials())
    def draw(trial):
        widths.add(trial.width)
        assert (trial.steps == 0) == (trial.width == 65536)
        np.testing.assert_allclose(np.linalg.norm(trial.inputs, axis=1), 1.0, atol=1e-15)
        rows = list(trial.inputs)
        if any(rows[i] == rows[j] and trial.targets[i] != trial.targets[j] for j in range(len(rows)) for i in range(j)):
            labels.add("conflicting")
        if not any(trial.targets):
            labels.add("zero")

    @settings(max_examples=30, database=None, derandomize=True, deadline=None)
    @given(trials(tuned=True))
    def theorems(trial):
        assert trial.start == "gradient"
        assert {eta for _, eta, _ in trial.methods} == {None}

    draw()
    theorems()
    assert {1, 2, 3, 8, 64, 4096, 65536} <= widths
    assert labels == {"conflicting", "zero"}


def test_a_witness_says_what_it_is_about():
    witness = Witness("lemma", "control", "inputs", {"rows": [["1/0"]]}, {})
    assert witness.name == "lemma/control"
    with pytest.raises(WitnessError, match="no exact numbers"):
        witness.rows()


def test_the_page_about_the_search_runs_as_written(capsys):
    text = (Path(__file__).resolve().parents[3] / "docs" / "counterexamples.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    printed = re.findall(r"```text\n(.*?)\n\.\.\.", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/counterexamples.md", "exec"), {})  # our own page

    def without_time(line):
        return re.sub(r"in \d+ s", "in S s", line)

    shown = [without_time(line) for line in capsys.readouterr().out.splitlines()]
    assert [without_time(line) for line in printed[0].splitlines()] == shown[:3]
