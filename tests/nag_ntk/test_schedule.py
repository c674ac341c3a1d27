"""Methods whose step size and momentum change with the step: any sequence of numbers, in every engine and claim."""

import itertools
import json
from pathlib import Path

import numpy as np
import oracles
import pytest
import tolerances
from hypothesis import given, settings
from hypothesis import strategies as st
from screened_cases import assert_agrees, both, tuned

import nag_ntk
from nag_ntk import Dataset, InputError, Method, Network, scheduled, simulate
from nag_ntk.run.encoding import decoded, encoded
from nag_ntk.schedule import coefficients, initial_momentum, schedules
from proofs_check import verify
from proofs_check.judging.finding import Verdict
from proofs_check.running import runner
from proofs_check.study.load import ConfigError, parse_study
from proofs_check.study.python import plain_values

STEPS, WIDTH, ROWS = 15, 12, (4, 6)
TEXT = """
dataset: {source: sphere, samples: 4, dimension: 6, key: 3}
methods: [METHOD]
width: 64
seeds: 4
steps: 6
lemmas: [distance, residual-recursion, remainder-bound, flip-inclusion, gd-contraction]
"""


def random_tables(rng, steps=STEPS):
    """Three methods: everything changes; the step size halves; restarts of a growing momentum."""
    restarts = np.tile([0.0, 0.25, 0.4, 0.5, 0.57], 20)[:steps]
    return [
        scheduled("wild", *(rng.uniform(low, high, steps) for low, high in ((0.01, 0.1), (0, 0.95), (0, 0.9)))),
        scheduled("halved", 0.15 * 0.5 ** np.arange(steps), 0.9, 0.3),
        scheduled("restarted", 0.1, restarts, restarts),
    ]


@pytest.mark.parametrize("start", ["gradient", "extrapolated"])
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_dense_engines_are_the_numpy_training_loop(start, seed):
    rng = np.random.default_rng(seed)
    rows, targets = oracles.unit_rows(rng, *ROWS), rng.standard_normal(ROWS[0])
    weights, signs = oracles.network(rng, WIDTH, ROWS[1])
    methods, data = random_tables(rng), Dataset(rows, targets)
    for engine in ("weights", "preactivations"):
        run = simulate(
            data, methods, steps=STEPS, engine=engine, start=start, initial=Network(weights, signs), recursion=True
        )
        for k, method in enumerate(methods):
            expected = oracles.train(rows, targets, weights, signs, method[1:], start, STEPS)
            for name in ("residual", "distance"):
                found, wanted = getattr(run, name)[0, k], getattr(expected, name)
                np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerances.SAME_RUN)
            assert run.flips[0, k].tolist() == expected.flips.tolist()


def test_the_screened_engine_is_the_dense_one():
    data = nag_ntk.near_parallel_pairs(1, 0.1, 3, 5)
    eta = [method.eta for method in tuned(data)]
    decaying = scheduled("decaying", np.linspace(eta[0], 0.1 * eta[0], 60), 0.0, 0.0)
    cyclic = scheduled("cyclic", eta[1], 0.9 * np.abs(np.sin(np.arange(60.0))), 0.0)
    look_ahead = scheduled("look ahead", eta[2], np.linspace(0, 0.95, 60), np.linspace(0.5, 0, 60))
    found, dense = both(data, [decaying, cyclic, look_ahead], 4_000, 2, 60)
    assert_agrees(found, dense)
    assert (dense.flips[..., -1] > 0).all()


def test_growing_momentum_as_a_table_is_growing_momentum():
    grows = nag_ntk.nesterov_increasing(0.1)
    eta, beta, gamma = grows.schedule(STEPS).T
    data = nag_ntk.sphere(4, 6, 3)
    run = simulate(data, [grows, scheduled("the same", eta, beta, gamma)], 64, 2, STEPS, chunk=4)
    np.testing.assert_array_equal(run.residual[:, 0], run.residual[:, 1])
    whole = simulate(data, [grows, scheduled("the same", eta, beta, gamma)], 64, 2, STEPS)
    np.testing.assert_array_equal(run.residual, whole.residual)


def test_fista_is_its_two_lines():
    t = [1.0]
    for _ in range(STEPS + 1):
        t.append((1 + np.sqrt(1 + 4 * t[-1] ** 2)) / 2)
    momentum = [(now - 1) / soon for now, soon in itertools.pairwise(t)]
    rng = np.random.default_rng(4)
    rows, targets = oracles.unit_rows(rng, *ROWS), rng.standard_normal(ROWS[0])
    weights, signs = oracles.network(rng, WIDTH, ROWS[1])
    fista = [scheduled("fista", eta, momentum, momentum) for eta in (0.05, 0.1, 0.2)]
    run = simulate(
        Dataset(rows, targets), fista, steps=STEPS, engine="weights", start="extrapolated",
        initial=Network(weights, signs), recursion=True,
    )  # fmt: skip
    for k, method in enumerate(fista):
        wanted = oracles.nesterov_two_lines(
            rows, targets, weights, signs, method.eta, lambda index: momentum[index - 1], STEPS
        )
        np.testing.assert_allclose(run.residual[0, k], wanted.residual, rtol=0, atol=tolerances.SAME_RUN)


@settings(max_examples=50)
@given(st.integers(0, 6), st.integers(0, 2**32 - 1), st.sampled_from(["gradient", "extrapolated"]))
def test_two_sequences_are_the_three_term_recursion(steps, seed, start):
    """u += q + push G, q = decay q + lift G, against the recursion of the method in w with G = -g."""
    rng = np.random.default_rng(seed)
    method = random_tables(rng, max(steps, 1))[0]
    forces = rng.standard_normal(steps + 1)
    u, q = 0.0, -initial_momentum(method, start) * forces[0]
    path = [u]
    for (push, decay, lift), force in zip(coefficients(method, steps), forces, strict=False):
        u, q = u + q + push * force, decay * q + lift * force
        path.append(u)
    now = before = 0.0
    wanted = [now]
    for t in range(steps):
        eta, beta, gamma = method.table[t]
        earlier = forces[t - 1] if t else (forces[0] if start == "gradient" else 0.0)
        following = now + beta * (now - before) + eta * (1 + gamma) * forces[t] - eta * gamma * earlier
        now, before = following, now
        wanted.append(now)
    np.testing.assert_allclose(path, wanted, rtol=0, atol=1e-13)
    assert q == (0.0 if steps else -initial_momentum(method, start) * forces[0])


def test_a_network_rests_from_step_t_on():
    table = schedules([nag_ntk.nesterov(0.1, 0.9)], 3, 6)
    assert table.shape == (1, 6, 3)
    assert (table[0, :3, 0] > 0).all()
    assert not table[0, 3:].any()
    assert schedules([nag_ntk.nesterov(0.1, 0.9)], 0).tolist() == [[[0.0, 0.0, 0.0]]]


def test_the_linear_model_follows_the_table():
    rng = np.random.default_rng(0)
    h = np.diag([0.2, 0.5, 1.0])
    for method in random_tables(rng):
        for start in ("gradient", "extrapolated"):
            found = nag_ntk.linear_residual(method, h, np.ones(3), STEPS, start)
            wanted = oracles.linear_run(method[1:], h, np.ones(3), STEPS, start)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-13)
        with pytest.raises(InputError, match="numbers are not constant"):
            nag_ntk.companion_matrix(method, h)


def test_constants_are_a_method_for_any_number_of_steps():
    method = scheduled("mine", 0.1, 0.5, 0.25)
    assert method == Method("mine", 0.1, 0.5, 0.25)
    assert method.constant
    assert not random_tables(np.random.default_rng(1))[1].constant


@pytest.mark.parametrize(
    ("numbers", "told"),
    [
        (([0.1, 0.2], [0.5, 0.5, 0.5], 0.0), "sequences of one length"),
        ((np.array([0.1, "a"], object), 0.5, 0.0), "must be numbers"),
        (([], 0.5, 0.0), "at least one"),
        ((np.array([[0.1, 0.2]]), 0.5, 0.0), "sequences of one length"),
        (([0.1, 0.0], 0.5, 0.0), "step size eta must be positive and finite.* at step 1"),
        (([0.1, np.nan], 0.5, 0.0), "positive and finite"),
        ((0.1, [0.5, 0.9, 1.0], 0.0), r"beta must lie in \[0, 1\).* at step 2"),
        ((0.1, 0.5, [0.0, np.inf]), "finite"),
        ((0.1, 0.5, [0.0, -0.5]), "gamma must be finite and not negative, got -0.5 at step 1"),
        ((0.1, 0.5, -0.5), "gamma must be finite and not negative"),
    ],
)
def test_numbers_that_are_no_method_are_refused(numbers, told):
    with pytest.raises(InputError, match=told):
        scheduled("mine", *numbers)


def test_too_few_numbers_and_a_borrowed_name_are_refused():
    short = scheduled("short", [0.1, 0.1], 0.5, 0.0)
    with pytest.raises(InputError, match="short has numbers for 2 steps, 3 are asked for"):
        simulate(nag_ntk.sphere(4, 6, 3), short, 64, 1, 3)
    with pytest.raises(InputError, match="a method of its own"):
        scheduled("nesterov", [0.1, 0.1], 0.5, 0.0)


def test_a_method_by_hand_is_checked_by_the_same_function():
    data = nag_ntk.sphere(4, 6, 3)
    wrong = [
        Method("a", -1.0, 0.5, 0.0), Method("b", 0.1, 1.0, 0.0), Method("c", 0.1, 0.5, 0.0, -1.0),
        Method("d", 0.1, 0.5, np.inf), Method("e", 0.1, 0.5, 0.0, 0.0, ((0.1, 1.5, 0.0),)),
        Method("f", 0.1, 0.5, -0.5),
    ]  # fmt: skip
    for method in wrong:
        with pytest.raises(InputError, match=method.name):
            simulate(data, method, 64, 1, 1)


SPELT = (
    "{name: scheduled, title: stairs, eta: [0.2, 0.2, 0.2, 0.1, 0.1, 0.1], beta: 0.5, gamma: [0, 0, 0, 0.5, 0.5, 0.5]}"
)


def test_a_study_has_scheduled_methods_and_lemmas_hold_for_them():
    study = parse_study(TEXT.replace("METHOD", SPELT), name="stairs", base=Path())
    found = runner.verify(study)
    (run,) = found.runs
    (method,) = run.methods
    assert method.name == "stairs"
    assert method.table[3] == (0.1, 0.5, 0.5)
    verdicts = {row.lemma: row.verdict for row in found.findings}
    assert set(verdicts) == {"distance", "distance/sharp", "residual-recursion", "remainder-bound", "flip-inclusion"}
    assert verdicts["distance/sharp"] is Verdict.VACUOUS
    assert Verdict.REFUTED not in verdicts.values()
    assert Verdict.ERROR not in verdicts.values()
    assert found.skipped == ("gd-contraction @ stairs",)


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("{name: scheduled, eta: 0.1, beta: 0.5}", "needs title, gamma too"),
        ("{name: scheduled, title: a, eta: [0.1, 0.2], beta: [0.5], gamma: 0}", "lists of 1 and 2 numbers"),
        ("{name: scheduled, title: nesterov, eta: 0.1, beta: 0.5, gamma: 0}", "a method of its own"),
        ("{name: scheduled, title: a, eta: 0.1, beta: 0.5, gamma: 0, scale: 2}", "excludes eta"),
        ("{name: scheduled, title: a, eta: 0.1, beta: 0.5, gamma: 0, delay: 2}", "delay is for nesterov_increasing"),
        ("{name: nesterov, eta: [0.1, 0.2], beta: 0.5}", "for the name scheduled; see eta"),
        ("{name: heavy_ball, eta: 0.1, beta: 0.5, gamma: 0.1}", "for the name scheduled; see gamma"),
        ("{name: heavy_ball, delay: 2}", "delay is for nesterov_increasing"),
        ("{name: scheduled, title: a, eta: [], beta: 0.5, gamma: 0}", "a list with one for each step"),
        ("{name: scheduled, title: a, eta: [0.1, -1], beta: 0.5, gamma: 0}", "a list with one for each step"),
        ("{name: scheduled, title: a, eta: 0.1, beta: 0.5, gamma: -0.5}", "a finite number, 0 or more"),
    ],
)
def test_what_a_study_may_not_say(method, told):
    with pytest.raises(ConfigError, match=told):
        parse_study(TEXT.replace("METHOD", method), name="wrong", base=Path())


def spelt_and_built(method):
    """The method that a study has after the given one was written into it."""
    study = parse_study(json.dumps({**plain_values({
        "dataset": {"source": "sphere", "samples": 4, "dimension": 6}, "methods": [method], "width": 64, "seeds": 1,
        "steps": 2,
    }, "study")}), name="spelt", base=Path())  # fmt: skip
    return study.runs[0].methods[0].build(nag_ntk.sphere(4, 6))


@pytest.mark.parametrize(
    "method",
    [
        nag_ntk.gradient_descent(0.1), nag_ntk.heavy_ball(0.1, 0.9), nag_ntk.nesterov(0.1, 0.9),
        nag_ntk.nesterov_increasing(0.1), nag_ntk.nesterov_increasing(0.1, 7.0), Method("mine", 0.1, 0.5, 0.25),
        scheduled("stairs", [0.2, 0.1], 0.5, [0.0, 0.5]),
    ],
    ids=lambda method: f"{method.name}-{method.delay:g}",
)  # fmt: skip
def test_a_method_given_from_python_keeps_all_its_numbers(method):
    assert spelt_and_built(method) == method
    arrays = {}
    assert decoded(json.loads(json.dumps(encoded(method, "", arrays))), arrays) == method


def test_numbers_under_a_borrowed_name_are_not_lost_in_silence():
    for method in (Method("nesterov", 0.1, 0.9, 0.5), Method("gradient_descent", 0.1, 0.9, 0.0)):
        with pytest.raises((InputError, ConfigError), match="a method of its own"):
            spelt_and_built(method)
    with pytest.raises(InputError, match="growing momentum of its own"):
        spelt_and_built(Method("mine", 0.1, 0.9, 0.5, 2.0))


def test_verify_takes_a_scheduled_method():
    stairs = scheduled("stairs", [0.2] * 3 + [0.1] * 3, 0.5, [0.0] * 3 + [0.5] * 3)
    told = {"dataset": {"source": "sphere", "samples": 4, "dimension": 6, "key": 3}, "methods": [stairs], "width": 64,
            "seeds": 4, "steps": 6, "lemmas": ["distance"]}  # fmt: skip
    found = verify(told)
    assert found.rows[0]["lemma"] == "distance"
    assert found.rows[0]["verdict"] in ("SUPPORTED", "INCONCLUSIVE")
    assert found.runs[0].methods == (stairs,)


def test_too_short_a_schedule_is_refused_before_anything_trains(monkeypatch):
    monkeypatch.setattr(runner, "simulate", lambda *_, **__: pytest.fail("trained"))
    study = parse_study(TEXT.replace("METHOD", SPELT).replace("steps: 6", "steps: 7"), name="short", base=Path())
    with pytest.raises(InputError, match="stairs has numbers for 6 steps, 7 are asked for"):
        runner.verify(study)
