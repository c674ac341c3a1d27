"""Turn the networks that a study trains into problems in exact numbers, from their first weights or from late ones.

This is the only file of the package that knows the simulator.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk import Dataset, Method, enable_float64, simulate
from nag_ntk.network import BLOCK, draw, draw_block, seed_key
from proofs_check.rigor.certificates.problem import Problem, ProblemError
from proofs_check.rigor.certificates.recheck import MAX_PAIRS
from proofs_check.rigor.initial.drawn import Draw, blocks, tolerance
from proofs_check.rigor.initial.pairs import Drawn


class Case(NamedTuple):
    """One network that a study draws, and the method that trains it.

    Attributes:
        name: run, method and seed, for the file of the certificate.
        data: the dataset.
        method: the method.
        problem: the same network, data and method in exact numbers; a network with more pairs of neuron and sample than
            a certificate may hold is stated by how it is drawn.
        seed: the seed.
        key: the study's base key.
        init: how the network was drawn.
    """

    name: str
    data: Dataset
    method: Method
    problem: Problem | Drawn
    seed: int
    key: int
    init: str = "independent"

    @property
    def width(self) -> int:
        """The number of neurons, m."""
        return self.problem.draw.width if isinstance(self.problem, Drawn) else len(self.problem.weights)


def _rows(array: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, np.asarray(array, dtype=np.float64).tolist()))


def case(
    data: Dataset, method: Method, width: int, seed: int = 0, *, start: str = "gradient", init: str = "independent",
    key: int = 0, run: str = "", label: str = "",
) -> Case:  # fmt: skip
    """Build the network of a seed from exactly the float64 numbers that `simulate` trains.

    Args:
        data: inputs and targets; the problem states the inputs by their coordinates in their span.
        method: a method whose step size and momentum do not change with the step.
        width: m, the number of neurons.
        seed: the seed.
        start: "gradient" or "extrapolated".
        init: "independent" or "antisymmetric".
        key: the study's base key.
        run: name of the run.
        label: name of the method in the name of the case; the method's own name if empty.

    Returns:
        A Case.

    Raises:
        ProblemError: the method's numbers change with the step, or a wide network is drawn otherwise on this machine.
        InputError: an odd width with antisymmetric pairs.

    Example:
        >>> one = case(Dataset([[1.0, 0.0]], [0.5]), Method("plain", 0.5, 0.0, 0.0), 4)
        >>> len(one.problem.weights), one.problem.inputs
        (4, ((1.0,),))
    """
    if not method.constant:
        raise ProblemError(f"{method.name}: numbers that change with the step have no linear rate to certify")
    enable_float64()
    coordinates = data.coordinates
    name = f"{run} {label or method.name} seed {seed}".strip()
    if width * data.size > MAX_PAIRS:
        wide = Drawn(
            _rows(coordinates), tuple(data.targets.tolist()), Draw(key, seed, width, init),
            method.eta, method.beta, method.gamma, start,
        )  # fmt: skip
        _compare_draws(wide.draw, coordinates.shape[1])
        return Case(name, data, method, wide, seed, key, init)
    network = draw(seed_key(key, seed), width, coordinates.shape[1], init=init)
    signs = tuple(int(sign) for sign in np.asarray(network.signs).tolist())
    problem = Problem(
        _rows(coordinates), tuple(data.targets.tolist()), _rows(network.weights), signs,
        method.eta, method.beta, method.gamma, start,
    )  # fmt: skip
    return Case(name, data, method, problem, seed, key, init)


def _compare_draws(drawing: Draw, dimension: int) -> None:
    """Check that what `simulate` draws is within the tolerance of what a certificate says.

    Raises:
        ProblemError: some weight or sign is not.
    """
    key, count = seed_key(drawing.key, drawing.seed), 0
    drawn = jax.jit(
        lambda indices: jax.lax.map(lambda k: draw_block(key, k, dimension, "float64", drawing.init), indices)
    )
    for weights, signs in blocks(drawing, dimension):
        indices = jnp.arange(count, count + -(-len(signs) // BLOCK), dtype=jnp.uint32)
        network = drawn(indices)
        same = np.asarray(network.weights).reshape(-1, dimension)[: len(signs)]
        if not (np.abs(weights - same) <= tolerance(weights)).all():
            raise ProblemError("JAX draws other weights on this machine than a certificate would state")
        if not (np.asarray(network.signs).reshape(-1)[: len(signs)] == signs).all():
            raise ProblemError("JAX draws other signs on this machine than a certificate would state")
        count += len(indices)


def followable(one: Case) -> Problem:
    """Return the problem of a network whose run can be followed.

    Raises:
        ProblemError: the network is too wide for that.
    """
    if isinstance(one.problem, Drawn):
        raise ProblemError(
            f"the run of {one.width} neurons on {one.data.size} samples is not followed, more than {MAX_PAIRS} pairs; "
            "a proof at initialisation may do"
        )
    return one.problem


def cases(study: Any, seeds: int | None = None) -> Iterator[Case]:
    """Yield every network of a study's training runs, with each of its methods that do not change with the step."""
    for spec in study.runs:
        if spec.steps == 0:
            continue
        data = spec.dataset.build()
        names = [fields.name for fields in spec.methods]
        for k, fields in enumerate(spec.methods):
            count = names[: k + 1].count(names[k])  # of several with one name
            label = f"{names[k]}-{count}" if count > 1 else names[k]
            method = fields.build(data)
            if not method.constant:
                continue
            numbers: Sequence[int] = range(spec.seeds) if isinstance(spec.seeds, int) else tuple(spec.seeds)
            for seed in numbers[:seeds]:
                yield case(
                    data, method, spec.width, seed, start=spec.start, init=spec.init, key=spec.key, run=spec.name,
                    label=label,
                )  # fmt: skip


def simulated(one: Case, steps: int) -> list[list[float]]:
    """Return the residuals of the float64 run at steps 0..steps, from `simulate`."""
    run = simulate(
        one.data, one.method, one.width, [one.seed], steps, start=one.problem.start, init=one.init,
        key=one.key,
    )  # fmt: skip
    return run.residual[0, 0].tolist()


class Late(NamedTuple):
    """Late start of a run for a certificate.

    Attributes:
        problem: the problem that starts from the weights of a late step.
        step: that step.
        last_flip: last step up to it at which a pre-activation changed its sign.
    """

    problem: Problem
    step: int
    last_flip: int


@np.errstate(over="ignore", invalid="ignore")  # a run that blows up is refused
def late(problem: Problem, max_steps: int, share: float = 1e-10, from_share: float = 1e-7) -> Late:
    """Train in float64 and return the earliest weights from which a certificate is likely to be found.

    A certificate proves that the activation pattern changes no more (lock-in). With momentum the run starts from the
    first two consecutive steps that have the final pattern. Under gradient descent some pre-activations may change
    their signs for ever (sliding along kinks); the run starts from the first step whose residual is at most
    `from_share` times the initial one.

    Args:
        problem: a run from its first weights.
        max_steps: largest number of steps.
        share: the run ends when the residual is this share of the initial one.
        from_share: share of the initial residual from which gradient descent starts.

    Returns:
        The problem that starts from these float64 weights, taken as exact: it is another run than the exact one.

    Raises:
        ProblemError: the problem starts late already, or the residual overflows.

    Cost:
        4 m n p operations per step.
    """
    if problem.before is not None:
        raise ProblemError("the problem starts late already")
    inputs, weights = np.array(problem.inputs), np.array(problem.weights)
    eta, beta, gain = float(problem.eta), float(problem.beta), float(problem.gamma)
    push, lift = eta * (1 + gain), eta * (beta * (1 + gain) - gain)
    scale = np.array(problem.signs) / np.sqrt(len(weights))
    targets = np.array(problem.targets, dtype=float)
    speed, pattern, first, step, last_flip = np.zeros_like(weights), None, 0.0, 0, 0
    before, chosen = weights, None
    while True:
        z = weights @ inputs.T
        active = z >= 0
        residual = scale @ np.maximum(z, 0) - targets
        size = float(np.linalg.norm(residual))
        if not np.isfinite(size):
            raise ProblemError(
                f"the residual is {size} at step {step} of the float64 run; a smaller step size would help"
            )
        first = first or size
        gradient = scale[:, None] * ((active * residual) @ inputs)
        if step == 0 and problem.start == "gradient":
            speed = eta * gain * gradient
        if pattern is not None and (active != pattern).any():
            last_flip = step
        if (chosen is None and size <= from_share * first) if beta == gain == 0 else step == last_flip + 1:
            chosen = (before.copy(), weights.copy(), step)
        if size <= share * first or step >= max_steps or (chosen and beta == gain == 0):
            break
        before, pattern, step = weights, active, step + 1
        weights = weights + speed - push * gradient
        speed = beta * speed - lift * gradient
    before, weights, step = chosen or (before, weights, step)
    if beta == gain == 0:
        return Late(problem._replace(weights=_rows(weights)), step, last_flip)
    return Late(problem._replace(weights=_rows(weights), before=_rows(before), start="state"), step, last_flip)
