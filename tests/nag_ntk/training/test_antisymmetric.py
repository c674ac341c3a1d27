"""Networks of antisymmetric pairs: what is drawn, that f(0) = 0 exactly, and how the pairs train, against NumPy."""

import os
import subprocess
import sys
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import tolerances
from tiers import family

import nag_ntk
from nag_ntk import Dataset, Method, Probe, draw, gradient_descent, heavy_ball, nesterov, seed_key, simulate
from nag_ntk.engines.screened import initial_thresholds
from nag_ntk.network import BLOCK, draw_block
from nag_ntk.run import neurons
from nag_ntk.run.encoding import decoded, encoded
from nag_ntk.training.prepare import prepare

PAIRS = {"init": "antisymmetric"}
ENGINES = ("weights", "preactivations", "screened")
SIZES = (("float64", 3002), ("float32", 3002), ("float64", 2))
METHODS = [gradient_descent(0.3), heavy_ball(0.2, 0.8), nesterov(0.2, 0.8), Method("unequal", 0.2, 0.7, 0.3)]
MOVEMENT = Probe("movement", lambda network: network.movement, 1)
PATTERN = Probe("pattern", lambda network: network.pattern.astype(float), 1)


@pytest.fixture(scope="module")
def data():
    return Dataset(oracles.unit_rows(np.random.default_rng(4), 5, 7), [3.0, -2.0, 4.0, 0.5, -1.3])


def drawn(seed, width, dimension, dtype="float64"):
    return tuple(map(np.asarray, draw(seed_key(0, seed), width, dimension, dtype, **PAIRS)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_neighbours_are_equal_and_opposite_and_pairs_are_not(dtype):
    weights, signs = drawn(3, 2 * BLOCK + 6, 4, dtype)
    assert (weights.dtype, weights.shape, signs.shape) == (dtype, (2 * BLOCK + 6, 4), (2 * BLOCK + 6,))
    np.testing.assert_array_equal(weights[::2], weights[1::2])
    np.testing.assert_array_equal(signs[::2], -signs[1::2])
    assert len(np.unique(weights, axis=0)) == BLOCK + 3
    assert set(signs[::2]) == {-1.0, 1.0}
    assert abs(signs[::2].mean()) < tolerances.SIGMAS / np.sqrt(BLOCK + 3)
    assert abs(weights[::2].std() - 1) < tolerances.SIGMAS / np.sqrt(2 * 4 * (BLOCK + 3))


@pytest.mark.parametrize("width", [2, 14, BLOCK, BLOCK + 2])
def test_the_first_neurons_of_a_wide_network_are_those_of_a_narrow_one(width):
    wide = drawn(5, 2 * BLOCK + 6, 3)
    for narrow, all_of_them in zip(drawn(5, width, 3), wide, strict=True):
        np.testing.assert_array_equal(narrow, all_of_them[:width])


def test_independent_neurons_are_drawn_as_ever():
    """The default must not change: kept results were made from these bits."""
    key = seed_key(2, 9)
    for index in (0, 3):
        normal, sign = jax.random.split(jax.random.fold_in(key, index))
        weights = jax.jit(lambda normal: jax.random.normal(normal, (BLOCK, 3), "float64"))(normal)
        expected = weights, jax.random.rademacher(sign, (BLOCK,), "float64")
        for init in ({}, {"init": "independent"}):
            network = jax.jit(lambda index, init=init: draw_block(key, index, 3, "float64", **init))(index)
            chex.assert_trees_all_equal(tuple(network), expected)


@pytest.mark.parametrize(
    ("engine", "start"),
    family(
        [(engine, start) for engine in ENGINES for start in ("gradient", "extrapolated")],
        lambda case: case[1] == "gradient",
    ),
)
def test_the_run_is_that_of_the_oracle(data, engine, start):
    width, steps = 26, 15
    run = simulate(data, METHODS, width, [0, 7], steps, engine=engine, start=start, **PAIRS)
    assert (run.init, run.multiplicity, run.independent_neurons) == ("antisymmetric", 2, 13)
    assert run.flips[..., -1].min() > 0
    for s, seed in enumerate(run.seeds):
        weights, signs = drawn(seed, width, run.rank)
        for k, method in enumerate(METHODS):
            numbers = (method.eta, method.beta, method.gamma)
            expected = oracles.train(data.coordinates, data.targets, weights, signs, numbers, start, steps)
            for name in ("residual", "distance"):
                found, wanted = getattr(run, name)[s, k], getattr(expected, name)
                np.testing.assert_allclose(found, wanted, rtol=0, atol=tolerances.SAME_RUN, err_msg=name)
            np.testing.assert_array_equal(run.flips[s, k], expected.flips)


FIRST = [(engine, dtype, width) for engine in ENGINES for dtype, width in SIZES]


@pytest.mark.parametrize(
    ("engine", "dtype", "width"), family(FIRST, {("weights", *SIZES[0]), ("weights", *SIZES[1])}.__contains__)
)
def test_the_first_residual_is_minus_the_targets_bit_for_bit(data, engine, dtype, width):
    """3,002 is no multiple of 4, where a plain dot product of pairs is not 0; other networks have outputs of size 1."""
    run = simulate(data, METHODS[2], width, 3, 2, engine=engine, dtype=dtype, **PAIRS)
    np.testing.assert_array_equal(run.residual[:, 0, 0], np.tile(-data.targets.astype(dtype), (3, 1)))
    silent = simulate(Dataset(data.inputs, np.zeros(5)), METHODS[2], width, 3, 2, engine=engine, dtype=dtype, **PAIRS)
    np.testing.assert_array_equal(silent.residual, 0)  # no targets that outputs of 1e-17 would be lost in
    np.testing.assert_array_equal(silent.distance, 0)
    counts = run.initial_gram[:, range(5), range(5)] * width  # of active neurons
    np.testing.assert_allclose(counts / 2, np.rint(counts / 2), rtol=0, atol=width * 1e-6)  # K_ii = 1 in float32


def test_a_given_network_of_pairs_starts_at_its_rounding_bound(data):
    """A dot product does not cancel exactly; what holds is the bound on its rounding."""
    weights, signs = np.repeat(np.random.default_rng(1).normal(size=(500, 7)), 2, axis=0), np.tile([1.0, -1.0], 500)
    run = simulate(data, METHODS[0], steps=0, initial=nag_ntk.Network(weights, signs))
    assert (run.init, run.multiplicity) == ("given", 1)
    assert np.linalg.norm(run.residual[0, 0, 0] + data.targets) <= run.residual_rounding[0]


def test_the_neurons_of_a_pair_move_oppositely_until_one_of_them_flips(data):
    """Their signs are opposite, so one climbs where the other descends: towards, and away from, a boundary."""
    run = simulate(data, METHODS[2], 200, 1, 30, engine="weights", probes=[MOVEMENT, PATTERN], **PAIRS)
    movement, pattern = (run.probes[name].values[0, 0] for name in ("movement", "pattern"))
    flipped = np.maximum.accumulate((pattern != pattern[0]).any(axis=2), axis=0)  # (t+1, m)
    flipped = flipped[:, ::2] | flipped[:, 1::2]
    together = np.linalg.norm(movement[:, ::2] + movement[:, 1::2], axis=2)  # 0 for opposite movements
    first = np.where(flipped.any(axis=0), flipped.argmax(axis=0), len(flipped))
    before = np.arange(len(flipped))[:, None] <= first  # a flip changes the gradient, and so the next step
    assert before.any()
    assert not before[-1].all()
    assert together[before].max() <= tolerances.SAME_RUN
    assert together[-1][first < 5].min() > tolerances.DIFFERENT * np.abs(movement[-1]).max()


def test_the_record_keeps_how_the_networks_were_drawn(data):
    run = simulate(data, METHODS[0], 4, 2, 1, **PAIRS)
    arrays: dict = {}
    kept = encoded(run, "", arrays)
    assert decoded(kept, arrays).init == "antisymmetric"
    del kept["fields"]["init"]  # a record of an earlier version
    assert decoded(kept, arrays).init == "independent"
    assert run.weights_digest != simulate(data, METHODS[0], 4, 2, 1).weights_digest


def test_the_neurons_at_risk_are_predicted_from_the_known_residual(data):
    made = prepare(data, METHODS, 40, 1, 9, engine="screened", **PAIRS)
    known = initial_thresholds(made.shape, made.schedules, made.inputs, -data.targets)
    np.testing.assert_array_equal(made.choice.thresholds, known)


def test_outputs_are_those_of_all_neurons(data):
    """Differences of pairs in place of single neurons: the same sum, for any pre-activations and signs of pairs."""
    shape = prepare(data, METHODS[0], 40, 1, 1, **PAIRS).shape
    rng = np.random.default_rng(0)
    z, signs = rng.normal(size=(5, 40)), np.stack([a := rng.choice([-0.1, 0.1], 20), -a], axis=1).reshape(-1)
    expected = [sum(a * max(x, 0.0) for a, x in zip(signs, row, strict=True)) for row in z]
    np.testing.assert_allclose(neurons.outputs(shape, jnp.asarray(z), jnp.asarray(signs)), expected, rtol=0, atol=1e-15)


TWO_DEVICES = """
import sys
import numpy as np, jax, nag_ntk
nag_ntk.enable_float64()
assert len(jax.devices()) == 2
with np.load(sys.argv[1]) as given:
    data = nag_ntk.Dataset(given["rows"], given["targets"])
method = nag_ntk.nesterov(0.2, 0.8)
found = {}
for name, mesh in (("seeds", (2, 1)), ("neurons", (1, 2))):
    run = nag_ntk.simulate(data, method, 1300, 3, 12, engine="weights", init="antisymmetric", devices=mesh)
    found |= {f"{name}.{part}": getattr(run, part) for part in ("residual", "distance", "flips", "weights_digest")}
np.savez(sys.argv[2], **found)
"""


@pytest.mark.slow
def test_devices_give_the_run_of_one(tmp_path, data):
    np.savez(tmp_path / "data.npz", rows=data.inputs, targets=data.targets)
    root = str(Path(nag_ntk.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "JAX_PLATFORMS": "cpu", "JAX_NUM_CPU_DEVICES": "2"}
    command = [sys.executable, "-c", TWO_DEVICES, str(tmp_path / "data.npz"), str(tmp_path / "run.npz")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    one = simulate(data, nesterov(0.2, 0.8), 1300, 3, 12, engine="weights", **PAIRS)
    with np.load(tmp_path / "run.npz") as two:
        for name in ("seeds", "neurons"):
            for part in ("residual", "distance"):
                found = two[f"{name}.{part}"]
                np.testing.assert_allclose(found, getattr(one, part), rtol=0, atol=tolerances.SAME_RUN)
            np.testing.assert_array_equal(two[f"{name}.flips"], one.flips)
            np.testing.assert_array_equal(two[f"{name}.residual"][:, 0, 0], np.tile(-data.targets, (3, 1)))
            assert str(two[f"{name}.weights_digest"]) == one.weights_digest
