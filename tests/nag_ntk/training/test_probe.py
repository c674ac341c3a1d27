"""Probes measure the networks of the run itself: everything they can see, against what the run records and NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tolerances
from tiers import family

import nag_ntk
from nag_ntk import InputError, Network, Probe, simulate
from nag_ntk.run import plan
from nag_ntk.run.plan import common_chunk
from nag_ntk.run.probe import measured_type
from proofs_check.lemma import Run
from proofs_check.lemma.selection import select
from proofs_check.store import Cells
from proofs_check.store.steps import Steps

DATA = nag_ntk.Dataset(
    [[0.6, 0.8, 0.0], [0.8, -0.6, 0.0], [-0.6, 0.8, 0.0], [1.0, 0.0, 0.0]], [1.0, -1.0, 0.5, 2.0]
)  # rank 2 in three dimensions
METHODS = (nag_ntk.gradient_descent(0.5), nag_ntk.nesterov(0.4, 0.8))


def everything(network):
    """All that a snapshot holds in one row per neuron, and what belongs to no neuron in the rows after."""
    _m, n = network.preactivations.shape
    signs = network.signs[:, None]
    wide = jnp.concatenate([network.initial, network.movement, network.preactivations, signs], axis=1)
    step = jnp.full(n, network.step, wide.dtype)
    rest = jnp.stack([network.residual, network.targets, step, *network.inputs.T])
    return jnp.concatenate([wide, jnp.pad(rest, ((0, 0), (0, wide.shape[1] - n)))])


ALL = Probe("all", everything, 3)
GRAM = Probe("gram", lambda network: network.pattern.T.astype(float) @ network.pattern.astype(float), 5)


@pytest.mark.parametrize("engine", family(["weights", "preactivations"], "preactivations".__eq__))
def test_a_snapshot_is_the_network_of_the_step(engine):
    width, steps = 40, 10
    run = simulate(DATA, METHODS, width, 3, steps, engine=engine, probes=[ALL, GRAM], gram_path=True)
    found, grams = run.probes["all"], run.probes["gram"]
    np.testing.assert_array_equal(found.steps, [0, 3, 6, 9])
    np.testing.assert_array_equal(grams.steps, [0, 5, 10])
    np.testing.assert_array_equal(run.gram_path.steps, [0, 10])
    p, n = run.rank, DATA.size
    assert p == 2
    close = tolerances.SAME_RUN
    for s in range(3):
        drawn = nag_ntk.draw(nag_ntk.seed_key(0, s), width, p, "float64")
        kernel = np.asarray(DATA.coordinates) @ np.asarray(DATA.coordinates).T
        for k in range(2):
            for c, t in enumerate(found.steps):
                table = found.values[s, k, c]
                initial, movement, z, signs = np.split(table[:width], [p, 2 * p, 2 * p + n], axis=1)
                residual, targets, step, *inputs = table[width:, :n]
                np.testing.assert_array_equal(initial, drawn.weights)
                np.testing.assert_array_equal(signs[:, 0], drawn.signs)
                np.testing.assert_array_equal(targets, DATA.targets)
                np.testing.assert_array_equal(np.array(inputs).T, DATA.coordinates)
                assert (step == t).all()
                np.testing.assert_allclose((initial + movement) @ DATA.coordinates.T, z, rtol=0, atol=close)
                outputs = np.maximum(z, 0).T @ signs[:, 0] / np.sqrt(width)
                np.testing.assert_allclose(outputs - targets, residual, rtol=0, atol=close)
                np.testing.assert_allclose(residual, run.residual[s, k, t], rtol=0, atol=close)
                distance = np.linalg.norm(movement, axis=1).max()
                np.testing.assert_allclose(distance, run.distance[s, k, t], rtol=0, atol=close)
                flipped = (z >= 0) != (initial @ DATA.coordinates.T >= 0)
                assert flipped.sum() == run.flips[s, k, t]
            path = run.gram_path
            for at, t in enumerate(path.steps):
                gram = kernel * grams.values[s, k, grams.steps == t][0] / width
                drift = np.linalg.norm(gram - run.initial_gram[s])
                np.testing.assert_allclose(drift, path.drift[s, k, at], rtol=0, atol=close)
    assert run.flips[..., -1].min() > 0  # patterns did change
    alone = simulate(DATA, METHODS, width, 3, steps, engine=engine)
    np.testing.assert_allclose(run.residual, alone.residual, rtol=0, atol=close)
    assert alone.probes == {}


def test_a_given_network_and_groups_of_seeds(monkeypatch):
    rng = np.random.default_rng(0)
    network = Network(rng.normal(size=(9, 3)), np.where(rng.random(9) < 0.5, -1.0, 1.0))
    run = simulate(DATA, METHODS[0], initial=network, steps=3, probes=[ALL])
    table = run.probes["all"].values[0, 0, 0]
    np.testing.assert_allclose(table[:9, :2], network.weights @ DATA.basis, rtol=0, atol=1e-15)  # one product of 3
    np.testing.assert_array_equal(table[:9, -1], network.signs)
    whole = simulate(DATA, METHODS, 16, 5, 10, probes=[ALL], engine="preactivations")
    monkeypatch.setattr(plan, "_GROUP_TARGET", 1)  # groups as small as can be
    parts = simulate(DATA, METHODS, 16, 5, 10, probes=[ALL], engine="preactivations")
    np.testing.assert_array_equal(whole.probes["all"].values, parts.probes["all"].values)
    some = simulate(DATA, METHODS, 16, [3, 1], 10, probes=[ALL], engine="preactivations")
    np.testing.assert_array_equal(whole.probes["all"].values[[3, 1]], some.probes["all"].values)
    chosen = select(Run("a", DATA, METHODS, whole, 0.1), seeds=[3], methods=[1]).trajectory.probes["all"]
    np.testing.assert_array_equal(chosen.values, whole.probes["all"].values[3:4, 1:])
    with pytest.raises(ValueError, match="read-only"):
        chosen.values[...] = 0


def test_kept_runs_and_unfinished_ones_have_them(tmp_path):
    whole = simulate(DATA, METHODS, 16, 5, 10, probes=[ALL])
    kept = Cells(tmp_path / "cells")
    (tmp_path / "cells").mkdir()
    kept.keep("a", 5, {}, whole)
    again = kept.read("a", 5, {})
    for name, probed in whole.probes.items():
        np.testing.assert_array_equal(again.probes[name].values, probed.values)
        np.testing.assert_array_equal(again.probes[name].steps, probed.steps)
    stop = {"at": 25}

    def progress(done, total):
        if done >= stop["at"]:
            raise KeyboardInterrupt

    options = {"probes": [ALL]}
    keeper = Steps(tmp_path / "steps", {}, print, every=0)
    with pytest.raises(KeyboardInterrupt):
        simulate(DATA, METHODS, 16, 5, 10, progress=progress, checkpoint=keeper, **options)
    stop["at"] = 1000
    keeper = Steps(tmp_path / "steps", {}, print, every=0)
    assert keeper.header["chunks"] == 2
    resumed = simulate(DATA, METHODS, 16, 5, 10, progress=progress, checkpoint=keeper, **options)
    for name, probed in whole.probes.items():
        np.testing.assert_array_equal(resumed.probes[name].values, probed.values)


def test_chunks_begin_where_something_is_measured():
    def identity(network):
        return network.step

    assert common_chunk([6, 4], 128) == 2
    assert common_chunk([300], 128) == 100
    assert common_chunk([7], 5) == 1
    calls = []
    run = simulate(
        DATA, METHODS, 8, 1, 25, probes=[Probe("a", identity, 10)], chunk=4, progress=lambda done, _: calls.append(done)
    )
    np.testing.assert_array_equal(run.probes["a"].values[0], [[0, 10, 20]] * 2)
    assert calls[0] == 2  # the longest divisor of 10 that is at most 4
    assert simulate(DATA, METHODS, 8, 1, 0, probes=[Probe("a", identity, 10)]).probes["a"].values.shape == (1, 2, 1)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("A b", abs), "a probe's name is small letters"),
        (("a.b", abs), "a probe's name is small letters"),
        (("a", abs, 0), "needs a whole number of steps of at least 1, got 0"),
        (("a", abs, True), "needs a whole number of steps"),
    ],
)
def test_bad_probes_are_refused_when_made(arguments, sentence):
    with pytest.raises(InputError, match=sentence):
        Probe(*arguments)


def test_what_cannot_be_measured_is_refused_before_the_run():
    good = Probe("a", lambda network: network.step, 1)
    for probes, sentence in (
        ([good, good], "two probes are called a"),
        ([Probe("a", lambda network: (network.step, network.step))], "must measure one array of real numbers"),
        ([Probe("a", lambda network: network.residual * 1j)], "must measure one array of real numbers"),
    ):
        with pytest.raises(InputError, match=sentence):
            simulate(DATA, METHODS, 8, 1, 2, probes=probes)
    with pytest.raises(ZeroDivisionError):
        simulate(DATA, METHODS, 8, 1, 2, probes=[Probe("a", lambda network: 1 // 0)])
    with pytest.raises(InputError, match=r"screened.* does not hold all neurons"):
        simulate(DATA, METHODS, 8, 1, 2, probes=[good], engine="screened")
    if jax.device_count() > 1:
        with pytest.raises(InputError, match="neurons are on one device"):
            simulate(DATA, METHODS, 4096, 1, 2, probes=[good], devices=(1, 2))
    assert measured_type(Probe("a", lambda network: network.movement), DATA, 7).shape == (7, 2)


def test_memory_counts_what_is_measured():
    usual = {
        "n": 4, "rank": 2, "width": 1000, "columns": lambda width: width, "seeds": 8, "methods": 2, "steps": 10,
        "rows": 2, "dtype": np.dtype(float), "recursion": False, "radii": 0, "chunk": 1, "limit": 1e12,
    }  # fmt: skip
    least = 2 * 8 * 2 * 10_000  # what is recorded of all seeds and methods, twice: on the device and on the host
    assert (
        plan.make_plan(**usual, probe_bytes=10_000).estimate >= plan.make_plan(**usual, probe_bytes=0).estimate + least
    )
    with pytest.raises(nag_ntk.CapacityError):
        simulate(
            DATA, METHODS, 1000, 8, 50, memory_limit=2e7, probes=[Probe("a", lambda network: network.preactivations, 1)]
        )
    simulate(DATA, METHODS, 1000, 8, 50, memory_limit=2e7)
