"""Optimisers of optax as methods, against programs of optax and jax.grad that share no code with the engines."""

import copy
import math
import pickle
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import oracles
import pytest

import nag_ntk
from nag_ntk import Dataset, InputError, Network, Probe, from_optax, gradient_descent, heavy_ball, nesterov, simulate
from nag_ntk.optimisers import restarted_transformation
from nag_ntk.run.checkpoint import SavedChunks, leaves_of, state_like
from nag_ntk.training.prepare import prepare_parts

WARM_UP = optax.warmup_cosine_decay_schedule(0.0, 0.2, 10, 50)
OPTIMISERS = {
    "adam": optax.adam(0.02),
    "adamw": optax.adamw(0.02, weight_decay=0.1),
    "adagrad": optax.adagrad(0.1),
    "lion": optax.lion(0.002),
    "rmsprop": optax.rmsprop(0.005),
    "warm": optax.adam(WARM_UP),
    "clipped": optax.chain(optax.clip_by_global_norm(0.5), optax.sgd(0.4, momentum=0.8)),
    "lookahead": optax.lookahead(optax.sgd(0.4), sync_period=5, slow_step_size=0.5),
    "plateau": optax.chain(optax.sgd(0.4), optax.contrib.reduce_on_plateau(patience=3, accumulation_size=4)),
}
STEPS = 50


@pytest.fixture(scope="module")
def data():
    """Fewer points than dimensions, so that the optimisers see other coordinates than the engines."""
    return Dataset(oracles.unit_rows(np.random.default_rng(1), 5, 8), [3.0, -2.0, 1.0, 0.5, -1.3])


@pytest.fixture(scope="module")
def network():
    rng = np.random.default_rng(2)
    return Network(rng.standard_normal((60, 8)), rng.choice([-1.0, 1.0], 60))


def plain(transformation, data, network, steps):
    """Train with optax and jax.grad alone: residuals (t+1, n), flips (t+1,) and weights (t+1, m, d)."""
    inputs, targets, signs = jnp.asarray(data.inputs), jnp.asarray(data.targets), jnp.asarray(network.signs)

    def residual(weights):
        return jax.nn.relu(inputs @ weights.T) @ signs / math.sqrt(len(signs)) - targets

    def loss(weights):
        return jnp.sum(residual(weights) ** 2) / 2

    pair = transformation is OPTIMISERS["lookahead"]
    params = jnp.asarray(network.weights)
    params = optax.LookaheadParams(params, params) if pair else params
    state = transformation.init(params)
    extended = optax.with_extra_args_support(transformation)

    @jax.jit
    def step(params, state):
        value, gradient = jax.value_and_grad(loss)(params.fast if pair else params)
        updates, state = extended.update(gradient, state, params, value=value)
        return optax.apply_updates(params, updates), state

    path = [np.asarray(network.weights)]
    for _ in range(steps):
        params, state = step(params, state)
        path.append(np.asarray(params.fast if pair else params))
    before = data.inputs @ path[0].T >= 0
    flips = [int(((data.inputs @ weights.T >= 0) != before).sum()) for weights in path]
    return np.stack([residual(weights) for weights in path]), np.array(flips), np.stack(path)


def restarted(data, network, eta, restart, delay, steps):
    """Nesterov's method with restarts in NumPy, written from the formulas of its docstring."""
    x, y, signs, w = data.inputs, data.targets, network.signs, network.weights
    velocity, speed, value, count, found = np.zeros_like(w), 0.0, np.inf, 0, []
    for _ in range(steps + 1):
        z = x @ w.T
        xi = np.maximum(z, 0) @ signs / math.sqrt(len(signs)) - y
        found.append(xi)
        gradient = ((z >= 0) * xi[:, None] * signs / math.sqrt(len(signs))).T @ x
        velocity = count / (count + delay) * velocity - eta * gradient
        new_speed, new_value = np.linalg.norm(velocity), xi @ xi / 2
        again = new_value > value if restart == "function" else new_speed < speed
        count = 0 if again else count + 1
        w = w - eta * gradient + count / (count + delay) * velocity
        speed, value = new_speed, new_value
    return np.stack(found)


def test_optimisers_train_as_plain_optax_does(data, network):
    methods = [from_optax(name, each) for name, each in OPTIMISERS.items()]
    run = simulate(data, methods, initial=network, steps=STEPS, gram_path=True)
    for k, (name, each) in enumerate(OPTIMISERS.items()):
        residual, flips, path = plain(each, data, network, STEPS)
        np.testing.assert_allclose(run.residual[0, k], residual, rtol=0, atol=1e-11, err_msg=name)
        np.testing.assert_array_equal(run.flips[0, k], flips, err_msg=name)
        moved = np.linalg.norm(path - path[0], axis=-1).max(axis=1)
        np.testing.assert_allclose(run.distance[0, k], moved, rtol=1e-9, atol=1e-12, err_msg=name)
        active = (data.inputs @ path[-1].T >= 0).astype(float)
        gram = data.kernel * (active @ active.T) / 60
        assert run.gram_path.least_eigenvalue[0, k, -1] == pytest.approx(np.linalg.eigvalsh(gram)[0], abs=1e-12)
    assert (run.flips[0, :, -1] > 0).all()  # else the comparison says little
    assert run.flip_reach[0, 0, -1] <= run.distance[0, 0].max()


@pytest.mark.parametrize("restart", ["function", "speed"])
def test_restarts_are_those_of_the_formulas(data, network, restart):
    run = simulate(data, nag_ntk.restarted_nesterov(0.7, restart), initial=network, steps=120)
    expected = restarted(data, network, 0.7, restart, 3.0, 120)
    np.testing.assert_allclose(run.residual[0, 0], expected, rtol=0, atol=1e-11)
    without = simulate(data, nag_ntk.nesterov_increasing(0.7), initial=network, steps=120, start="gradient")
    assert np.abs(run.residual[0, 0] - without.residual[0, 0]).max() > 1e-3  # there were restarts
    assert run.residual_norm[0, 0, -1] < without.residual_norm[0, 0, -1]


@pytest.mark.parametrize("invariant", [False, True])
def test_sgd_through_this_door_is_the_family(data, invariant):
    optimisers = [
        from_optax("plain", optax.sgd(0.3), rotation_invariant=invariant),
        from_optax("momentum", optax.sgd(0.3, momentum=0.8), rotation_invariant=invariant),
        from_optax("nag", optax.sgd(0.3, momentum=0.8, nesterov=True), rotation_invariant=invariant),
    ]
    family = [gradient_descent(0.3), heavy_ball(0.3, 0.8), nesterov(0.3, 0.8)]
    run = simulate(data, [*optimisers, *family], 64, seeds=3, steps=100, start="extrapolated", gram_path=True)
    np.testing.assert_allclose(run.residual[:, :3], run.residual[:, 3:], rtol=0, atol=1e-11)
    np.testing.assert_allclose(run.distance[:, :3], run.distance[:, 3:], rtol=0, atol=1e-11)
    np.testing.assert_array_equal(run.flips[:, :3], run.flips[:, 3:])
    np.testing.assert_allclose(run.flip_reach[:, :3], run.flip_reach[:, 3:], rtol=0, atol=1e-12)
    np.testing.assert_allclose(run.gram_path.drift[:, :3], run.gram_path.drift[:, 3:], rtol=0, atol=1e-12)
    assert run.dimension == (0 if invariant else 8)
    bound = np.sqrt(64) * run.distance * (1 + run.movement_rounding)
    assert (run.reach[:, :3] <= bound[:, :3]).all()
    assert np.isnan(run.coefficient_bound[:, :3]).all()


def test_a_mixed_run_is_its_parts_in_the_order_given(data):
    adam = from_optax("adam", OPTIMISERS["adam"])
    methods = [adam, nesterov(0.3, 0.8), from_optax("lion", OPTIMISERS["lion"]), gradient_descent(0.2)]
    moved = Probe("moved", lambda network: jnp.sum(network.movement**2), every=5)
    options = {"seeds": 5, "steps": 20, "recursion": True, "deviation": True, "gram_path": True, "radii": [0.1]}
    run = simulate(data, methods, 40, probes=[moved], **options)
    family = simulate(data, [methods[1], methods[3]], 40, probes=[moved], **options)
    others = simulate(data, [methods[0], methods[2]], 40, probes=[moved], **options)
    assert [method.name for method in run.methods] == ["adam", "nesterov", "lion", "gradient_descent"]
    for name in ("residual", "flips", "undecided", "distance", "flip_reach"):
        np.testing.assert_array_equal(getattr(run, name)[:, [1, 3]], getattr(family, name))
        np.testing.assert_array_equal(getattr(run, name)[:, [0, 2]], getattr(others, name))
    np.testing.assert_array_equal(run.recursion.forward[:, [1, 3]], family.recursion.forward)
    assert np.isnan(run.recursion.forward[:, [0, 2]]).all()
    assert np.isnan(run.deviation.bound[:, 0]).all()
    assert others.recursion is None
    assert others.engine == "optax"
    assert run.weights_digest == family.weights_digest == others.weights_digest
    np.testing.assert_allclose(run.initial_gram, others.initial_gram, rtol=0, atol=1e-15)
    np.testing.assert_array_equal(run.near_boundary, family.near_boundary)
    np.testing.assert_allclose(run.probes["moved"].values[:, [1, 3]], family.probes["moved"].values, rtol=1e-12)
    largest = run.probes["moved"].values[..., -1]
    assert (run.distance[..., 20] ** 2 <= largest).all()
    assert (largest <= 40 * run.distance[..., 20] ** 2).all()


def test_a_seed_does_not_depend_on_its_batch(data):
    adam, step = from_optax("adam", OPTIMISERS["adam"]), {"steps": 12, "chunk": 5}
    together = simulate(data, adam, 40, seeds=[4, 1, 7], **step)
    alone = simulate(data, adam, 40, seeds=[1], steps=12)
    np.testing.assert_array_equal(together.residual[1], alone.residual[0])
    np.testing.assert_array_equal(together.flips[1], alone.flips[0])
    wider = simulate(data, adam, 41, seeds=[1], steps=0)
    assert wider.residual.shape == (1, 1, 1, 5)
    double = simulate(data, adam, 40, seeds=[4, 1], init="antisymmetric", steps=12)
    np.testing.assert_allclose(double.residual[:, 0, 0], np.tile(-data.targets, (2, 1)), rtol=0, atol=0)


def test_the_weights_outside_of_the_span_are_normal_and_change_no_output(data):
    weights = Probe("weights", lambda network: network.weights, every=1)
    run = simulate(data, from_optax("adam", OPTIMISERS["adam"]), 400, seeds=3, steps=0, probes=[weights])
    drawn = run.probes["weights"].values[:, 0, 0]
    reduced = [np.asarray(nag_ntk.draw(nag_ntk.seed_key(0, seed), 400, 5).weights) for seed in range(3)]
    np.testing.assert_allclose(drawn @ data.basis, reduced, rtol=0, atol=1e-12)
    covariance = np.einsum("smi,smj->ij", drawn, drawn) / 1200
    np.testing.assert_allclose(covariance, np.eye(8), atol=5 / math.sqrt(1200))
    decay = from_optax("decay", optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1)))
    moved = simulate(data, decay, 400, seeds=1, steps=1).distance[0, 0, 1]
    assert moved > 0.04 * np.linalg.norm(drawn[0], axis=1).max()  # the part outside decays with the rest


def test_undecided_counts_what_rounding_decides():
    data = Dataset([[1.0, 0.0], [0.0, 1.0]], [1.0, -1.0])
    network = Network(np.array([[0.0, 1.0], [1e-17, 2.0], [1e-3, -1.0]]), np.array([1.0, -1.0, 1.0]))
    run = simulate(data, from_optax("still", optax.sgd(0.0)), initial=network, steps=1)
    assert run.undecided[0, 0].tolist() == [2, 2]
    assert run.flips[0, 0].tolist() == [0, 0]


def test_numbers_that_are_not_finite_are_recorded_and_cost_nothing_else(data):
    broken = from_optax("broken", optax.chain(optax.sgd(0.1), optax.scale(math.nan)))
    run = simulate(data, [broken, gradient_descent(0.1)], 32, seeds=2, steps=4)
    assert np.isfinite(run.residual[:, 0, 0]).all()
    assert np.isnan(run.residual[:, 0, 1:]).all()
    assert np.isfinite(run.residual[:, 1]).all()
    assert run.overflow[0].tolist() == [[1, 5], [1, 5]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_optax("a", "adam"), r"takes an optax\.GradientTransformation, got str"),
        (lambda: from_optax("nesterov", optax.adam(0.1)), "nesterov is a method of its own"),
        (lambda: from_optax("", optax.adam(0.1)), "the name of a method is a text"),
        (lambda: from_optax("a", optax.adam(0.1), rotation_invariant=True), "otherwise when the inputs are rotated"),
        (
            lambda: from_optax("a", optax.add_decayed_weights(0.1), rotation_invariant=True),
            "in which their gradient is 0",
        ),
        (lambda: from_optax("a", optax.lars(0.1), rotation_invariant=True), "part outside of the span"),
        (lambda: from_optax("a", optax.contrib.dog(0.1), rotation_invariant=True), "part outside of the span"),
        (
            lambda: from_optax("a", optax.chain(optax.clip(10.0), optax.sgd(0.1)), rotation_invariant=True),
            "otherwise when the inputs are rotated",
        ),
        (lambda: nag_ntk.restarted_nesterov(0.0), "step size eta must be positive"),
        (lambda: nag_ntk.restarted_nesterov(0.1, "never"), "restart must be one of function, speed"),
        (lambda: nag_ntk.restarted_nesterov(0.1, delay=-1.0), "delay must be positive"),
    ],
)  # fmt: skip
def test_what_is_no_method_is_refused_in_a_sentence(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    ("transformation", "message"),
    [
        (optax.lbfgs(), "from their gradient and the loss alone: TypeError: .*value_fn"),
        (optax.masked(optax.sgd(0.1), {"other": True}), r"cannot train weights \(32, 8\)"),
        (optax.GradientTransformation(lambda p: (), lambda g, s, p=None: (g[:1], s)), "updates differ .* in shape"),
        (
            optax.GradientTransformation(lambda p: jnp.zeros(1), lambda g, s, p=None: (g, jnp.append(s, 0.0))),
            "its state changes in shape",
        ),
    ],
)  # fmt: skip
def test_an_optimiser_that_cannot_train_these_weights_is_refused(data, transformation, message):
    with pytest.raises(InputError, match=message):
        simulate(data, [gradient_descent(0.1), from_optax("mine", transformation)], 32, steps=2)


def test_the_engine_of_optimisers_is_for_them_alone(data):
    adam = from_optax("adam", OPTIMISERS["adam"])
    for methods, engine in ((adam, "weights"), (gradient_descent(0.1), "optax")):
        with pytest.raises(InputError, match="trains optimisers of optax, and no other engine does"):
            simulate(data, methods, 32, steps=1, engine=engine)
    parts = prepare_parts(data, [adam, gradient_descent(0.1)], 32, 2, 3, engine="preactivations")
    assert [part.shape.engine for part in parts] == ["preactivations", "optax"]
    with pytest.raises(InputError, match="devices"):
        simulate(data, adam, 2048, steps=1, devices=(1, 2))


def test_a_method_travels_without_its_functions(data, tmp_path):
    adam = from_optax("adam", OPTIMISERS["adam"])
    assert adam == from_optax("adam", optax.adam(0.02)) != from_optax("adam", optax.adam(0.03))
    run = simulate(data, [adam, gradient_descent(0.1)], 16, seeds=2, steps=3)
    again = nag_ntk.load(run.save(tmp_path / "run.npz"))
    assert again == run
    assert copy.deepcopy(run) == run
    assert pickle.loads(pickle.dumps(run)) == run
    assert copy.deepcopy(adam).rule.transformation is adam.rule.transformation
    with pytest.raises(InputError, match="make it again with from_optax"):
        simulate(data, again.methods[0], 16, steps=1)


def test_progress_counts_both_parts(data):
    seen = []
    methods = [from_optax("adam", OPTIMISERS["adam"]), gradient_descent(0.1)]
    simulate(data, methods, 16, seeds=2, steps=9, progress=lambda *numbers: seen.append(numbers))
    assert seen[-1] == (40, 40)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_restart_by_the_function_asks_for_the_loss():
    transformation = restarted_transformation(0.5)
    state = transformation.init(jnp.zeros((2, 2)))
    with pytest.raises(ValueError, match="needs the loss"):
        transformation.update(jnp.ones((2, 2)), state)


class Kept:
    """A store of chunks in memory, which gives back the first few of each call."""

    def __init__(self):
        self.parts, self.states, self.given_back = {}, {}, 0

    def restore(self, call, about):
        saved = self.parts.get(call, [])[: self.given_back]
        return SavedChunks(saved, lambda fresh: state_like(fresh, self.states[call, len(saved)])) if saved else None

    def keep(self, call, about, part, state, last):
        chunks = self.parts.setdefault(call, []) if self.given_back == 0 else []
        chunks.append(part)
        if self.given_back == 0:
            self.states[call, len(chunks)] = leaves_of(state)


def test_a_run_that_was_stopped_goes_on_to_the_same_bits(data):
    store = Kept()
    methods = [
        from_optax("adam", OPTIMISERS["adam"]),
        nesterov(0.3, 0.8),
        from_optax("noisy", optax.noisy_sgd(0.1, key=0)),
    ]
    options = {"width": 24, "seeds": 2, "steps": 19, "chunk": 5}
    whole = simulate(data, methods, checkpoint=store, **options)
    assert sorted(store.parts) == [0, 1]  # a call for the family, one for the optimisers
    store.given_back = 2
    again = simulate(data, methods, checkpoint=store, **options)
    assert again == whole == simulate(data, methods, **options)


ON_DEVICES = """
import sys, numpy as np, optax, nag_ntk
nag_ntk.configure(cpu_devices=3, cache=False)
methods = [nag_ntk.from_optax("adam", optax.adam(0.02)), nag_ntk.nesterov(0.3, 0.8)]
run = nag_ntk.simulate(nag_ntk.sphere(4, 6), methods, 24, seeds=5, steps=8, gram_path=True)
np.savez(sys.argv[1], residual=run.residual, flips=run.flips, drift=run.gram_path.drift)
"""


@pytest.mark.slow
def test_the_devices_share_the_seeds_and_change_no_bit(tmp_path):
    out = tmp_path / "run.npz"
    subprocess.run([sys.executable, "-c", ON_DEVICES, out], check=True)
    methods = [from_optax("adam", OPTIMISERS["adam"]), nesterov(0.3, 0.8)]
    run = simulate(nag_ntk.sphere(4, 6), methods, 24, seeds=5, steps=8, gram_path=True)
    with np.load(out) as spread:
        np.testing.assert_allclose(spread["residual"], run.residual, rtol=0, atol=1e-14)
        np.testing.assert_array_equal(spread["flips"], run.flips)
        np.testing.assert_allclose(spread["drift"], run.gram_path.drift, rtol=0, atol=1e-14)
