"""Methods that are not of the family: optimisers of optax, and Nesterov's method with restarts as one of them.

An optimiser gets what optax documents: the gradient of L = |xi|^2 / 2 with respect to the weights, (m, d), the weights
themselves, and the keywords `value` (the loss) and `grad` (the gradient) where it takes them. Its updates are added to
the weights. The gradient is exact: row r is (a_r / sqrt m) sum_i 1{w_r.x_i >= 0} xi_i x_i.
"""

import hashlib
import itertools
import json
import logging
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nag_ntk.errors import InputError
from nag_ntk.method import Method, Rule, outside_family
from nag_ntk.precision import HIGHEST

RESTARTS = ("function", "speed")
_ROWS, _COLUMNS, _SPAN = 6, 4, 2  # of the weights on which an optimiser is tried, and of the span of its gradients
_TRIED = 16  # steps
_WEIGHTS = jax.ShapeDtypeStruct((_ROWS, _COLUMNS), np.float32)
_UNTRACED = itertools.count(1)


class Optimiser(NamedTuple):
    """An optimiser of optax on weights of one shape: how it begins, and how it moves.

    Attributes:
        begin: weights (m, d) -> state.
        move: (gradient (m, d), state, weights, loss) -> (update (m, d), state); `weights` is a nest of arrays, see
            `parameters`.
        parameters: weights (m, d) -> what the optimiser takes for its parameters: the weights, or for
            `optax.lookahead` the fast and the slow weights.
        fast: the inverse: the array at which the gradient is taken.
    """

    begin: Callable[[Any], Any]
    move: Callable[[Any, Any, Any, Any], tuple[Any, Any]]
    parameters: Callable[[Any], Any]
    fast: Callable[[Any], Any]


def from_optax(name: str, transformation: Any, *, rotation_invariant: bool = False) -> Method:
    """Make a method of an optimiser of optax, for `simulate` beside members of the family.

    Args:
        name: a label, different from the names in METHODS.
        transformation: any optax.GradientTransformation that computes updates from full gradients, the weights and the
            value of the loss: adam, lion, chains, schedules, clipping, weight decay, lookahead. Its parameters are one
            array, the weights (m, d).
        rotation_invariant: True to run on the coordinates of the inputs in their span, of dimension p <= d, which costs
            less where p < d. Only for optimisers that commute with rotations of the inputs and neither move nor read
            the part of the weights outside of the span, such as optax.sgd with momentum. One that is seen to do
            otherwise in a trial of some steps is refused; the declaration stays yours.

    Returns:
        A Method whose `rule` is the optimiser, and whose eta, beta and gamma are NaN.

    Raises:
        InputError: if it is no such transformation, or depends on the coordinates although it is declared not to.

    Source: optax, https://optax.readthedocs.io.

    Example:
        >>> import nag_ntk, optax
        >>> nag_ntk.enable_float64()
        >>> adam = from_optax("adam", optax.adam(1e-2))
        >>> data = nag_ntk.sphere(4, 6)
        >>> run = nag_ntk.simulate(data, [nag_ntk.theorem_tuning("nesterov", data), adam], 128, seeds=2, steps=20)
        >>> run.residual.shape, bool((run.residual_norm[:, 1, -1] < run.residual_norm[:, 1, 0]).all())
        ((2, 2, 21, 4), True)
    """
    if not all(callable(getattr(transformation, part, None)) for part in ("init", "update")):
        raise InputError(
            f"{name}: from_optax takes an optax.GradientTransformation, got {type(transformation).__name__}"
        )
    if not isinstance(rotation_invariant, bool):
        raise InputError(f"{name}: rotation_invariant must be True or False, got {rotation_invariant!r}")
    method = outside_family(name, Rule(_digest(transformation), transformation, rotation_invariant))
    if rotation_invariant and (why := _dependence(name, transformation)):
        raise InputError(f"{name} {why}: leave rotation_invariant out")
    return method


def restarted_nesterov(eta: float, restart: str = "function", delay: float = 3.0) -> Method:
    """Make Nesterov's method with growing momentum k / (k + r), k the steps since the last restart.

    With v(0) = 0 and k = 0,

        v(t+1) = beta v(t) - eta grad L(w(t)),    w(t+1) = w(t) - eta grad L(w(t)) + beta' v(t+1),

    beta = k / (k + r) the momentum of this step and beta' that of the next. A restart sets k to 0 for the next step.

    Args:
        eta: step size, positive, finite.
        restart: "function", when the loss at the weights is larger than a step before; "speed", when |v| is smaller
            than a step before.
        delay: r > 0.

    Raises:
        InputError: if an argument is out of range.

    Source: O'Donoghue, Candes 2015, arXiv 1204.3982 (function); Su, Boyd, Candes 2016, arXiv 1503.01243 (speed).

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> data = nag_ntk.sphere(4, 6)
        >>> methods = [nag_ntk.nesterov_increasing(0.5), restarted_nesterov(0.5)]
        >>> run = nag_ntk.simulate(data, methods, 256, seeds=1, steps=200)
        >>> bool(run.residual_norm[0, 1, -1] < run.residual_norm[0, 0, -1])
        True
    """
    transformation = restarted_transformation(eta, restart, delay)
    fields = {"optax": "restarted_nesterov", "eta": eta, "restart": restart, "delay": delay, "rotation_invariant": True}
    return outside_family(
        f"restarted_nesterov_{restart}", Rule(json.dumps(fields, sort_keys=True), transformation, True)
    )


class RestartedState(NamedTuple):
    """State of `restarted_transformation`: v, |v|, the loss of the step before, and k."""

    velocity: Any
    speed: Any
    value: Any
    count: Any


def restarted_transformation(
    eta: float, restart: str = "function", delay: float = 3.0
) -> optax.GradientTransformationExtraArgs:
    """Make the transformation of optax behind `restarted_nesterov`; "function" needs the loss as `value`.

    Raises:
        InputError: if an argument is out of range.

    Example:
        >>> state = restarted_transformation(0.5, "speed").init(np.zeros((2, 3)))
        >>> int(state.count)
        0
    """
    for what, number in (("step size eta", eta), ("delay", delay)):
        if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number < np.inf:
            raise InputError(f"restarted_nesterov: the {what} must be positive and finite, got {number!r}")
    if restart not in RESTARTS:
        raise InputError(f"restarted_nesterov: restart must be one of {', '.join(RESTARTS)}, got {restart!r}")

    def init(params: Any) -> RestartedState:
        dtype = jnp.result_type(*jax.tree.leaves(params))
        return RestartedState(
            optax.tree.zeros_like(params), jnp.zeros((), dtype), jnp.asarray(jnp.inf, dtype), jnp.zeros((), dtype)
        )

    def update(updates: Any, state: Any, params: Any = None, *, value: Any = None, **_: Any):
        velocity = jax.tree.map(
            lambda v, g: state.count / (state.count + delay) * v - eta * g, state.velocity, updates
        )  # fmt: skip
        speed = optax.tree.norm(velocity)
        if restart == "function":
            if value is None:
                raise ValueError("a restart by the function needs the loss: update(..., value=loss)")
            again = value > state.value
        else:
            again, value = speed < state.speed, state.value
        count = jnp.where(again, 0, state.count + 1)
        moved = jax.tree.map(lambda v, g: count / (count + delay) * v - eta * g, velocity, updates)
        return moved, RestartedState(velocity, speed, jnp.asarray(value, state.value.dtype), count)

    return optax.GradientTransformationExtraArgs(init, update)


def optimiser(method: Method, rows: int, columns: int, dtype: Any) -> Optimiser:
    """Prepare the optimiser of a method for weights (rows, columns), and check that it can move them.

    Raises:
        InputError: if the method has no transformation, or this one needs more than gradients, weights and the loss, or
            cannot take weights of this shape, or its state changes its shape.
    """
    rule = method.rule
    if rule is None or rule.transformation is None:
        raise InputError(
            f"{method.name} cannot train: it stands for {'no rule' if rule is None else rule.text}, whose functions do "
            "not travel with a file or to another process; make it again with from_optax"
        )
    transformation = optax.with_extra_args_support(rule.transformation)
    weights = jax.ShapeDtypeStruct((rows, columns), dtype)
    parameters = _parameters(transformation)

    implementations: list[str | None] = []  # of the random keys in the state, which is kept as plain arrays

    def move(gradient, state, params, loss):
        keyed = _with_keys(state, implementations)
        updates, new = transformation.update(gradient, keyed, params, value=loss, grad=gradient)
        cast = jax.tree.map(lambda update: update.astype(gradient.dtype), updates)
        return cast, jax.tree.map(lambda old, now: now.astype(old.dtype), state, _without_keys(new)[0])

    def begin(weights):
        state, implementations[:] = _without_keys(transformation.init(parameters(weights)))
        # arrays of the types that a step gives them, so that steps can be scanned
        after = jax.eval_shape(
            lambda p, w: _without_keys(_one_step(transformation, p, w)[1])[0], parameters(weights), weights
        )
        return jax.tree.map(lambda old, new: jnp.asarray(old, new.dtype), state, after)

    def whole(weights):
        state = begin(weights)
        updates, after = move(weights, state, parameters(weights), weights[0, 0])
        return parameters(weights), updates, state, after

    try:
        params, updates, state, after = jax.eval_shape(whole, weights)
    except Exception as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(
            f"{method.name} cannot train weights ({rows:,}, {columns:,}) from their gradient and the loss alone: "
            f"{type(error).__name__}: {why}"
        ) from None
    for what, old, new in (("updates differ from the weights", params, updates), ("state changes", state, after)):
        if _shapes(old) != _shapes(new):
            raise InputError(f"{method.name} cannot train weights ({rows:,}, {columns:,}): its {what} in shape")
    return Optimiser(begin, move, parameters, _same if parameters is _same else lambda params: params.fast)


def state_numbers(method: Method, rows: int, columns: int, dtype: Any) -> int:
    """Return how many numbers the movement and the state of an optimiser hold for weights (rows, columns)."""
    made = optimiser(method, rows, columns, dtype)
    weights = jax.ShapeDtypeStruct((rows, columns), dtype)
    kept = jax.eval_shape(lambda weights: (made.parameters(weights), made.begin(weights)), weights)
    return sum(leaf.size for leaf in jax.tree.leaves(kept))


def _same(value: Any) -> Any:
    return value


def _parameters(transformation: Any) -> Callable[[Any], Any]:
    return optax.LookaheadParams.init_synced if _takes_pair(transformation) else _same


def _without_keys(state: Any) -> tuple[Any, list[str | None]]:
    """Return a state with random keys as plain arrays, and the implementation of the key of each array, or None."""
    leaves, structure = jax.tree.flatten(state)
    typed = [jnp.issubdtype(jnp.asarray(leaf).dtype, jax.dtypes.prng_key) for leaf in leaves]
    plain = [jax.random.key_data(leaf) if key else jnp.asarray(leaf) for leaf, key in zip(leaves, typed, strict=True)]
    names = [str(jax.random.key_impl(leaf)) if key else None for leaf, key in zip(leaves, typed, strict=True)]
    return structure.unflatten(plain), names


def _with_keys(state: Any, implementations: list[str | None]) -> Any:
    leaves, structure = jax.tree.flatten(state)
    return structure.unflatten([
        leaf if name is None else jax.random.wrap_key_data(leaf, impl=name)
        for leaf, name in zip(leaves, implementations, strict=True)
    ])  # fmt: skip


def _shapes(tree: Any) -> Any:
    return jax.tree.structure(tree), [leaf.shape for leaf in jax.tree.leaves(tree)]


@lru_cache(maxsize=64)
def _takes_pair(transformation: Any) -> bool:
    """Return True for optax.lookahead, whose parameters are the fast and the slow weights."""

    def steps(parameters: Callable[[Any], Any]) -> bool:
        try:
            jax.eval_shape(lambda weights: _one_step(transformation, parameters(weights), weights), _WEIGHTS)
        except Exception:
            return False
        return True

    logger = logging.getLogger("absl")
    disabled, logger.disabled = logger.disabled, True  # it warns that it takes pairs
    try:
        return not steps(_same) and steps(optax.LookaheadParams.init_synced)
    finally:
        logger.disabled = disabled


def _one_step(transformation: Any, params: Any, gradient: Any) -> Any:
    """Return what an optimiser makes of a gradient in its first step: updates and state."""
    state = transformation.init(params)
    return transformation.update(gradient, state, params, value=gradient[0, 0], grad=gradient)


def _digest(transformation: Any) -> str:
    """Return a text that tells optimisers apart: a digest of what one computes for small weights."""
    try:
        extended = optax.with_extra_args_support(transformation)
        weights = jnp.ones((_ROWS, _COLUMNS))
        params = _parameters(extended)(weights)
        program = jax.make_jaxpr(partial(_one_step, extended))(params, weights)
        content = re.sub("0x[0-9a-f]+", "", str(program)).encode()
        for constant in jax.tree.leaves(_without_keys(program.consts)[0]):
            content += np.asarray(constant).tobytes()
    except Exception:  # it takes other weights only: `optimiser` tries it on those of the run
        return f"optax, given as number {next(_UNTRACED)}"
    return f"optax, digest {hashlib.sha256(content).hexdigest()[:12]}"


def _dependence(name: str, transformation: Any) -> str:
    """Say how an optimiser depends on the coordinates of the inputs, tried on some steps; "" if no trial shows it.

    Steps with gradients in the span of some coordinates are taken three times: on all coordinates, rotated, and on the
    coordinates of the span alone, as a run would take them.
    """
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((_COLUMNS, _COLUMNS)))[0]
    start = rng.standard_normal((_ROWS, _COLUMNS))
    gradients = rng.standard_normal((_TRIED, _ROWS, _COLUMNS))
    gradients[..., _SPAN:] = 0  # directions without gradient
    dtype = jnp.zeros(1).dtype

    def moved(turn: np.ndarray, scale: float) -> np.ndarray:
        made = optimiser(outside_family(name, Rule("", transformation)), _ROWS, turn.shape[1], dtype)
        move = jax.jit(made.move)
        weights = jnp.asarray(start @ turn)
        params, state = made.parameters(weights), made.begin(weights)
        for gradient in scale * gradients:
            turned = jnp.asarray(gradient @ turn)
            updates, state = move(turned, state, params, jnp.asarray(scale**2, dtype))
            params = jax.tree.map(jnp.add, params, updates)
        return np.asarray(jnp.matmul(made.fast(params) - weights, turn.T, precision=HIGHEST))

    for scale in (1.0, 1e-3, 1e3):
        plain, turned, reduced = (
            moved(turn, scale) for turn in (np.eye(_COLUMNS), rotation, np.eye(_COLUMNS)[:, :_SPAN])
        )
        allowed = 1e4 * float(jnp.finfo(dtype).eps) * max(scale, float(np.abs(plain).max()))
        if not np.allclose(plain, turned, rtol=0, atol=allowed):
            return "moves weights otherwise when the inputs are rotated"
        if np.abs(plain[:, _SPAN:]).max() > allowed:
            return "moves weights in a direction in which their gradient is 0"
        if not np.allclose(plain, reduced, rtol=0, atol=allowed):
            return "moves weights otherwise when their part outside of the span of the inputs is left out"
    return ""
