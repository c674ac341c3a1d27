"""The table of losses: its chains telescope, proved links never gain, and looseness that is planted is seen."""

import io
import itertools
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiers import family

from nag_ntk import companion_power_norms, gradient_descent, heavy_ball, nesterov, spectral_radius
from nag_ntk.theorem import THEOREMS
from proofs_check.judging.finding import Finding, Verdict
from proofs_check.judging.result import Tables
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Inequality, Trials
from proofs_check.lemma.selection import select
from proofs_check.lemmas import CATALOGUE
from proofs_check.report import overview, terminal
from proofs_check.running.prepare import RunSetup
from proofs_check.running.runner import execute, verify
from proofs_check.slack import chain, draw, linear, slack_rows, slack_table, training
from proofs_check.slack.chain import Link, Value
from proofs_check.study.load import parse_study

BASE = {
    "dataset": {"source": "digits", "samples": 6},
    "methods": ["gradient_descent", "heavy_ball", "nesterov", "nesterov_increasing"],
    "width": 512,
    "seeds": 6,
    "steps": 80,
}
ROUNDING = 1e-9  # of a decimal logarithm: sums of a few thousand terms in double precision


def study(**overrides):
    return parse_study(json.dumps({**BASE, **overrides}), name="slack", base=Path())


def execute_with(spec, lemmas):
    return execute(spec, RunSetup.of(spec, lemmas, 0.1), 0.1)


def simulated(**overrides):
    return execute_with(study(**overrides).runs[0], CATALOGUE)


@pytest.fixture(scope="module")
def run():
    return simulated()


@pytest.fixture(scope="module", params=[{}, {"start": "extrapolated", "dataset": {"source": "sphere", "samples": 4,
                                                                                  "dimension": 3}}])  # fmt: skip
def table(request, run):
    return slack_rows(run if not request.param else simulated(**request.param))


def of(rows, **wanted):
    return [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]


def test_every_step_and_method_is_there(table):
    assert {row.method for row in table} == {"", *BASE["methods"]}
    draws = {"initial residual", "concentration", "width"}
    trained = {"distance", "sharp distance", "flips", "remainder", "deviation", "prefactor", "rate"}
    assert {row.step for row in of(table, method="")} == draws
    for method in BASE["methods"]:
        assert {row.step for row in of(table, method=method)} == trained
    missing = [row for row in table if row.lost is None]
    assert all(row.reason and row.seeds == 0 for row in missing)
    # what no theorem speaks of, and a prefactor of 1: all else has a number
    assert {(row.method, row.step) for row in missing} == {
        ("gradient_descent", "prefactor"), ("nesterov_increasing", "prefactor"), ("nesterov_increasing", "rate"),
        ("nesterov_increasing", "distance"), ("nesterov_increasing", "sharp distance"),
    }  # fmt: skip


def test_consecutive_links_telescope(table):
    for key in {(row.method, row.step) for row in table}:
        links = [row for row in of(table, method=key[0], step=key[1]) if row.lost is not None]
        for one, following in itertools.pairwise(links):
            assert one.actual == pytest.approx(following.claimed, rel=ROUNDING)
        if links:
            whole = np.log10(links[0].claimed / links[-1].actual)
            assert sum(row.lost for row in links) == pytest.approx(whole, abs=ROUNDING)


def test_a_proved_link_never_gains(table):
    proved = [row for row in table if row.proved and row.lost is not None]
    assert len(proved) > 30
    assert min(row.least for row in proved) > -ROUNDING
    assert all(row.least <= row.lost + ROUNDING <= row.most + 2 * ROUNDING for row in proved)


def test_chain_ends_are_the_lemmas_own_numbers(run):
    """First and last values of the chains are what the lemmas compare: nothing is counted twice or left out."""
    part = select(run, range(4), [2])
    lemma = {lemma.id: lemma for lemma in CATALOGUE}
    found = training.distance(part)
    sides = lemma["distance"].check(part)[""]
    assert found[1].actual == pytest.approx(_mean(sides.bound[:, 0, -1]))
    assert found[-1].actual == pytest.approx(_mean(sides.observed[:, 0, -1]))
    found = training.sharp_distance(part)
    assert found[0].claimed == pytest.approx(_mean(sides.bound[:, 0, -1]))
    assert found[1].claimed == pytest.approx(_mean(lemma["distance"].check(part)["sharp"].bound[:, 0, -1]))
    assert found[1].actual == pytest.approx(_mean(sides.observed[:, 0, -1]))
    (found,) = training.deviation(part)
    sides = lemma["output-deviation"].check(part)
    norms = [np.linalg.norm(side[:, 0], axis=-1).sum(axis=1) for side in (sides.bound, sides.observed)]
    # the lemma's bound has a rounding allowance
    assert found.claimed == pytest.approx(_mean(norms[0]), rel=1e-6)
    assert found.actual == pytest.approx(_mean(norms[1]))
    found = training.remainder_bound(part)
    sides = lemma["remainder-bound"].check(part)
    # the lemma's bound has a rounding allowance, of the order of 1e-10 here
    assert found[0].claimed == pytest.approx(_mean(sides.bound[:, 0].sum(axis=1)), rel=1e-6)
    assert found[-1].actual == pytest.approx(_mean(sides.observed[:, 0].sum(axis=1)))
    assert training.flips(part)[-1].actual == pytest.approx(_mean(part.trajectory.flip_fraction[:, 0, -1]))
    for k, name in enumerate(("gradient_descent", "heavy_ball", "nesterov")):
        chosen = select(run, methods=[k])
        stated = THEOREMS[name]
        factor, rate = stated.bound(chosen.data.spectrum.kappa, stated.paper_prefactor)
        trials = lemma[{"gradient_descent": "gd"}.get(name, name.replace("_", "-")) + "-contraction"].check(chosen)
        trials = trials["paper-form"] if isinstance(trials, dict) else trials
        start = run.trajectory.residual_norm[:, k, 0] * (1 if k == 0 else 2**0.5)
        np.testing.assert_allclose(trials.bound[:, 3], factor * rate**3 * start, rtol=1e-12)


def _mean(values):
    return float(np.exp(np.log(values).mean()))


def test_signed_changes_add_up_to_the_movement_without_flips():
    """One neuron that never flips: |w(T) - w(0)|^2 = c K c / m with c the sum of the changes, exactly."""
    single = simulated(dataset={"source": "sphere", "samples": 1, "dimension": 1}, width=1, steps=10, seeds=40)
    trajectory = single.trajectory
    still = (trajectory.flips.sum(axis=(1, 2)) == 0) & (trajectory.distance[:, 0, -1] > 0)
    assert still.sum() > 5
    changes = training.change(single).sum(axis=2)[..., 0]
    np.testing.assert_allclose(np.abs(changes[still]), trajectory.distance[still, :, -1], rtol=1e-9)


def test_unflipped_speed_is_the_worst_pattern():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((5, 3))
    kernel, change = rows @ rows.T, rng.standard_normal((4, 5))
    patterns = np.array(list(itertools.product([0, 1], repeat=5)))
    worst = np.abs((patterns[:, None] * change) @ kernel).max(axis=0)
    np.testing.assert_allclose(training.unflipped_speed(kernel, change), worst, rtol=1e-12)


@pytest.mark.parametrize("method", [gradient_descent(0.7), heavy_ball(0.7, 0.5), nesterov(0.3, 0.8)])
def test_linear_model_against_matrices(method):
    values = np.array([1.0, 0.4, 0.05])
    np.testing.assert_allclose(
        linear.power_norms(method, values, 30), np.asarray(companion_power_norms(method, values, 30)), rtol=1e-11
    )
    one = np.eye(3)
    h = np.diag(values)
    top = [
        (1 + method.beta) * one - method.eta * (1 + method.gamma) * h,
        -method.beta * one + method.eta * method.gamma * h,
    ]
    companion = np.block([top, [one, 0 * one]])
    radius = np.abs(np.linalg.eigvals(companion)).max()
    assert float(spectral_radius(method, values)) == pytest.approx(radius, rel=1e-10)
    start = np.array([[1.0, -2.0, 0.5]])
    state, norms = np.concatenate([start[0], start[0]]), []
    for _ in range(20):
        norms.append(np.linalg.norm(state))
        state = companion @ state
    np.testing.assert_allclose(linear._model(method, values, start, 19)[0], np.array(norms) / norms[0], rtol=1e-11)


def test_planted_looseness_is_seen(run, monkeypatch):
    """A bound ten times as large loses exactly one order more, in its own link and in no other."""
    part = select(run, methods=[2])
    before = {row.what: row.lost for row in training.remainder_bound(part)}
    majorant = training.majorant
    calls = []

    def enlarged(*args):
        calls.append(args)
        return majorant(*args) * (10.0 if len(calls) == 1 else 1.0)

    monkeypatch.setattr(training, "majorant", enlarged)
    after = {row.what: row.lost for row in training.remainder_bound(part)}
    more = {what: after[what] - before[what] for what in before}
    first = "largest distance / distance of flips"
    assert more.pop(first) == pytest.approx(1.0, abs=ROUNDING)
    assert list(more.values()) == pytest.approx([0.0] * len(more), abs=ROUNDING)


def test_planted_looseness_is_seen_in_constants(run, monkeypatch):
    before = {
        row.what: row.lost for row in (*draw.width(run), *linear.prefactor(select(run, methods=[1]), run.methods[1]))
    }
    monkeypatch.setattr(draw, "hoeffding_width", lambda *a, f=draw.hoeffding_width: 10 * f(*a))
    ten = replace(THEOREMS["heavy_ball"], paper_prefactor=Fraction(80))
    monkeypatch.setitem(THEOREMS, "heavy_ball", ten)
    after = {
        row.what: row.lost for row in (*draw.width(run), *linear.prefactor(select(run, methods=[1]), run.methods[1]))
    }
    grown = {what for what in before if after[what] == pytest.approx(before[what] + 1)}
    assert grown == {"Hoeffding / matrix Chernoff", "papers' form / derived"}
    assert sum(after.values()) == pytest.approx(sum(before.values()) + 2)


def test_values_without_a_logarithm():
    links = [Link("a/b", "", True), Link("b/c", "", True)]
    gone = chain.rows("r", "m", "s", [Value("a", 2.0), Value("b", "why not"), Value("c", np.ones(3))], links)
    assert [(row.lost, row.reason) for row in gone] == [(None, "why not")] * 2
    zero = chain.rows("r", "m", "s", [Value("a", 2.0), Value("b", np.ones(3)), Value("c", np.zeros(3))], links)
    assert zero[0].lost == pytest.approx(np.log10(2))
    assert zero[1].lost is None
    assert zero[1].reason == "c is 0 in every seed"
    some = chain.rows("r", "m", "s", [Value("a", np.array([100.0, np.nan])), Value("b", 1.0), Value("c", 1.0)], links)
    assert [(row.lost, row.seeds) for row in some] == [(2.0, 1), (0.0, 1)]
    apart = [Value("a", np.array([1.0, np.nan])), Value("b", np.array([np.nan, 1.0])), Value("c", 1.0)]
    assert all("in no seed" in row.reason for row in chain.rows("r", "m", "s", apart, links))
    with pytest.raises(ValueError, match="one more value than links"):
        chain.rows("r", "m", "s", apart[:2], links)


DEGENERATE = {
    "one-sample": {"dataset": {"source": "sphere", "samples": 1, "dimension": 1}, "width": 8},
    "parallel": {"dataset": {"source": "pairs", "pairs": 1, "angle": 1e-9, "dimension": 2}},
    "diverging": {"methods": ["gradient_descent", {"name": "nesterov", "eta": 1e30, "beta": 0.9}]},
    "one-step": {"steps": 1, "seeds": 1},
    "one-neuron": {"width": 1},
    "untuned": {"methods": [{"name": "heavy_ball", "eta": 0.01, "beta": 0.0}]},
    "still": {"methods": [{"name": "gradient_descent", "eta": 1e-12}], "steps": 2},
}


@pytest.mark.parametrize("overrides", family(DEGENERATE, {"one-sample", "diverging"}.__contains__))
def test_degenerate_runs_give_rows_with_reasons(overrides):
    small = {"methods": ["gradient_descent", "nesterov"], "width": 64, "seeds": 3, "steps": 20, **overrides}
    if overrides.get("dataset", {}).get("source") == "pairs":
        small["methods"] = [{"name": "nesterov", "eta": 0.1, "beta": 0.5}]
    rows = slack_rows(simulated(**small))
    assert rows
    for row in rows:
        assert (row.lost is None) == bool(row.reason)
        assert row.lost is None or np.isfinite([row.lost, row.least, row.most, row.claimed, row.actual]).all()
        if row.proved and row.lost is not None:
            assert row.least > -1e-6  # near-parallel inputs leave few digits of the spectrum
    json.dumps([row.to_row() for row in rows], allow_nan=False)


def test_no_least_eigenvalue(run):
    """lambda_0 = 0 (a repeated input) leaves no theorem, no width and no crash."""
    data = run.data
    repeated = type(data)(np.repeat(data.inputs[:1], 6, axis=0), data.targets)
    repeated.__dict__["spectrum"] = data.spectrum._replace(lambda_0=0.0)
    rows = slack_rows(replace(run, data=repeated))
    missing = [row for row in rows if "lambda_0 = 0" in row.reason]
    assert {row.step for row in missing} >= {"width", "distance", "prefactor", "rate"}


@pytest.mark.slow
def test_counts_that_were_not_recorded(run):
    bare = execute_with(study(methods=["nesterov"], steps=2).runs[0], ())
    rows = slack_table(bare, 0)
    assert all("did not record" in row.reason for row in of(rows, step="remainder"))
    assert of(rows, what="theorem's prefactor / 1")[0].lost > 0
    assert slack_rows(execute_with(study(methods=["nesterov"], steps=0).runs[0], ())) == ()
    with pytest.raises(ValueError, match="without steps"):
        slack_table(execute_with(study(methods=["nesterov"], steps=0).runs[0], ()), 0)


@pytest.mark.slow
def test_selection_is_the_run_of_those_seeds(run):
    """A selected run is what a simulation of these seeds and methods alone gives."""
    part = select(run, [4, 1], [2, 0])
    assert part.trajectory.seeds == (4, 1)
    assert [m.name for m in part.methods] == ["nesterov", "gradient_descent"]
    spec = study(methods=["nesterov", "gradient_descent"]).runs[0].model_copy(update={"seeds": (4, 1)})
    alone = execute_with(spec, CATALOGUE).trajectory
    for name in ("residual", "distance", "initial_gram", "mean_size"):
        np.testing.assert_allclose(getattr(part.trajectory, name), getattr(alone, name), rtol=0, atol=1e-12)
    for name in ("flips", "near_boundary"):
        np.testing.assert_array_equal(getattr(part.trajectory, name), getattr(alone, name))
    for one, other in zip(part.trajectory.overlap_range, alone.overlap_range, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(vars(part.trajectory.recursion).values(), vars(alone.recursion).values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_slack_of_a_finding():
    """log10 of the bound over the observed value at the tightest entry; ten times the bound is one order more."""
    observed = np.array([[1.0, 2.0], [4.0, 0.5], [0.1, 0.2]])
    for factor in (1.0, 10.0):
        trials = Trials(Inequality(observed, np.full((3, 2), 40.0 * factor), ("seed", "step")), 0.0, (0, 1, 2))
        (finding,) = decide([Outcome("a", "b", trials)], 1e-3)
        assert finding.slack == pytest.approx(1 + np.log10(factor))
        assert finding.median_slack == pytest.approx(np.log10(20 * factor))
        assert finding.to_row()["slack"] == finding.slack
    assert Finding("a", "b", Verdict.SUPPORTED, "", observed=0.0, bound=1.0).slack is None
    assert Finding("a", "b", Verdict.SUPPORTED, "", observed=-1.0, bound=1.0).to_row()["median_slack"] is None
    assert Finding("law", "b", Verdict.SUPPORTED, "", observed=0.1, bound=1.0, trials=9).slack is None


def test_a_study_carries_and_shows_its_losses():
    twice = [{"name": "nesterov", "eta": 0.1, "beta": beta} for beta in (0.5, 0.6)]
    result = verify(study(methods=twice, width=64, seeds=3, steps=20, runs={"a": {}, "drawn": {"steps": 0}}))
    assert {row.run for row in result.slack} == {"a"}
    labels = {"nesterov(beta=0.5)", "nesterov(beta=0.6)"}
    assert {row.method for row in result.slack} == {"", *labels}
    rows = [row.to_row() for row in result.slack]
    total = sum(row["lost"] for row in rows if row["step"] == "concentration")
    for links in (False, True):
        console = Console(width=120, file=io.StringIO())
        terminal.render(Tables("x", 1e-3, (), tuple(rows)), console=console, links=links)
        text = console.file.getvalue()
        if links:
            shown = f"{rows[2]['lost']:.2f}"
            assert len([line for line in text.split("\n") if "concentration" in line and shown in line]) == 1
        assert (f"factors {overview.loosest(rows)}." in " ".join(text.split())) is not links
        assert f"concentration 10^{total:.1f}" in overview.loosest(
            [row for row in rows if row["step"] == "concentration"]
        )
        assert "0 findings" in text.split("drawn")[0]
        assert ("Frobenius" in text) is links
    for width in (20, 40):
        console = Console(width=width, file=io.StringIO())
        terminal.render(Tables("x", 1e-3, (), tuple(rows)), console=console, links=True)
        assert max(map(len, console.file.getvalue().split("\n"))) <= width


def test_the_page_names_the_links_and_adds_up(table):
    """docs/slack.md shows the links that exist, in their order, and the prefactor's links sum to what distance says."""
    text = (Path(__file__).resolve().parents[3] / "docs" / "slack.md").read_text(encoding="utf-8")
    cells = [line.replace(r"\|", "¦").strip("|").split("|") for line in text.split("\n") if line.startswith("| ")]
    shown = [[cell.strip().replace("¦", "|") for cell in row] for row in cells if len(row) == 7][1:]
    links = dict.fromkeys((row.step, row.what, "yes" if row.proved else "") for row in table)
    assert [(row[0], row[1], row[6]) for row in shown] == list(links)
    for column in (4, 5):
        total = sum(float(row[column]) for row in shown if row[0] == "prefactor")
        (stated,) = [float(row[column]) for row in shown if row[1] == "theorem's prefactor / 1"]
        assert total == pytest.approx(stated, abs=0.03)  # roundings of five figures, and the start's own 1.0


def test_a_sum_without_one_of_its_links_is_marked():
    """Otherwise the chain with the infinite bound looks the tightest."""
    row = {"run": "a", "method": "nesterov", "what": "first", "step": "distance", "lost": 0.5}
    whole, partial, links = io.StringIO(), io.StringIO(), io.StringIO()
    for file, lost in ((whole, 0.25), (partial, None), (links, None)):
        rows = [row, {**row, "what": "second", "lost": lost, "reason": "it was not recorded"}]
        console = Console(width=100, file=file)
        terminal.render(Tables("x", 1e-3, (), tuple(rows)), console=console, links=file is links)
    assert "factors distance 10^0.8 (nesterov)." in whole.getvalue()
    assert "factors distance 10^0.5 at least (nesterov)." in partial.getvalue()
    assert "*" in links.getvalue()
    assert "a link has no number here" in links.getvalue()
    assert "distance: it was not recorded" in links.getvalue()
