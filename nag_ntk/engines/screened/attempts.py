"""Training of a group of seeds by the screened engine: predict thresholds, draw, run, check, repeat if necessary.

The run of a seed is accepted only if, at every step of every method, no safe neuron can have flipped. Otherwise the
seed is repeated from the same key with wider thresholds; after REPEATS repetitions every neuron is at risk.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk.engines.engine import RunSteps, TrainedGroup
from nag_ntk.engines.prepared import Prepared
from nag_ntk.engines.screened import run, thresholds
from nag_ntk.engines.screened.survey import Survey, distinct, survey
from nag_ntk.engines.screened.thresholds import expected_at_risk
from nag_ntk.errors import CapacityError
from nag_ntk.precision import integer_dtype
from nag_ntk.run import plan
from nag_ntk.run.inputs import Inputs, Shape
from nag_ntk.run.trajectory import Screening

REPEATS = 6
"""Number of repetitions with wider thresholds before every neuron is at risk."""


def _narrow(result: Survey, limits: np.ndarray) -> Survey:
    """Apply narrower thresholds to a survey; only the patterns remain of the neurons that are no longer at risk."""
    at_risk = (np.abs(result.origin) <= limits[:, None]).any(axis=0)
    return result._replace(
        origin=result.origin[:, at_risk], signs=result.signs[at_risk], codes=result.codes[at_risk],
        patterns=distinct(np.concatenate([result.patterns, result.codes[~at_risk]])),
    )  # fmt: skip


def _check_memory(inputs: Inputs, shape: Shape, neurons: int, patterns: int, seeds: int, limit: int | float) -> None:
    """Raise CapacityError unless the neurons at risk and the safe patterns fit into memory."""
    n, methods = len(inputs.targets), len(inputs.initial_momenta)
    item = np.dtype(shape.dtype).itemsize

    def needed(width: int) -> int:
        """Return the bytes at a width; the number of neurons at risk grows like its root, unless all are at risk."""
        share = width / shape.width
        at_risk = round(neurons * (share if neurons == shape.width else min(share**0.5, width / max(neurons, 1))))
        stored = run.columns(n, at_risk) * run.column_bytes(n, shape.dtype, shape.deviation) + patterns * 4 * -(
            -n // 32
        )
        return stored * seeds * (2 * methods + 1) + 6 * item * n * run.columns(n, at_risk) + 4 * item * patterns

    if needed(shape.width) > limit:
        would = plan.advice(lambda width: needed(width) <= limit, shape.width)
        raise CapacityError(
            f"the screened engine has {neurons} of {shape.width} neurons at risk and needs about "
            f"{plan.format_bytes(needed(shape.width))} for them and {patterns} patterns of the others, but "
            f"{plan.format_bytes(limit)} may be used: {would}, take a smaller step size or fewer methods (neurons at "
            "risk are as many as pre-activations that may change sign)"
        )


def check_memory(shape: Shape, inputs: Inputs, thresholds: np.ndarray, limit: int | float) -> None:
    """Refuse a network before it is drawn if its expected number of neurons at risk does not fit into memory.

    Raises:
        CapacityError: if the neurons at risk do not fit, or for 2^31 or more neurons with 32-bit integers.
    """
    if shape.width > np.iinfo(integer_dtype()).max:
        raise CapacityError(
            f"{shape.width} neurons are counted in 64-bit integers: call nag_ntk.enable_float64() first; the run "
            'itself may stay in dtype="float32"'
        )
    _check_memory(inputs, shape, expected_at_risk(shape.width, thresholds), 0, 1, limit)


def is_exact(share: np.ndarray, at_risk: int, width: int) -> bool:
    """Return True if no method exceeded a threshold (NaN counts as exceeded), or every neuron was at risk.

    Args:
        share: (k,), a bound on the movement of the safe pre-activations as a share of the thresholds.
        at_risk: number of neurons at risk.
        width: m.
    """
    return bool((share <= 1).all()) or at_risk == width


def _survey_seeds(
    shape, inputs, schedules, seeds, limits, repeats, network, limit
) -> tuple[list[Survey], list[np.ndarray]]:
    """Survey the network of each seed, with thresholds narrowed to the linear model's prediction for this network."""
    surveys = []
    for seed in seeds:
        check_memory(shape, inputs, limits[seed], limit)
        surveys.append(survey(shape, inputs, limits[seed], seed, network))
    targets = np.asarray(inputs.targets)
    residuals = np.stack([s.outputs - targets for s in surveys])
    grams = np.stack([s.recorded["initial_gram"] for s in surveys])
    narrow = []
    for index, prediction in enumerate(thresholds.predict(shape, schedules, inputs, grams, residuals)):
        wide = limits[seeds[index]]
        if not np.isfinite(wide).all():  # every neuron is at risk, so the thresholds only scale the margins
            narrow.append(1 + np.abs(surveys[index].origin).max(axis=1))
        elif repeats[seeds[index]]:  # the movement exceeded the prediction
            narrow.append(wide)
        else:
            narrow.append(np.minimum(wide, prediction))
            surveys[index] = _narrow(surveys[index], narrow[-1])
    return surveys, narrow


def train(prepared: Prepared, seeds: Sequence[int], run_steps: RunSteps) -> TrainedGroup:
    """Run a group of seeds, and repeat those that exceeded their thresholds until every one is exact.

    Raises:
        CapacityError: if the neurons at risk do not fit, or for 2^31 or more neurons with 32-bit integers.
    """
    shape, inputs, schedules = prepared.shape, prepared.inputs, prepared.schedules
    initial, limit, group_size = prepared.choice.thresholds, prepared.memory_limit, prepared.layout.group
    limits = dict.fromkeys(seeds, initial)
    repeats = dict.fromkeys(seeds, 0)
    done: dict[int, tuple] = {}
    pending = list(seeds)
    while pending:
        surveys, narrow = _survey_seeds(shape, inputs, schedules, pending, limits, repeats, prepared.initial, limit)
        largest = max(len(s.signs) for s in surveys), max(len(s.patterns) for s in surveys)
        _check_memory(inputs, shape, *largest, group_size, limit)
        padding = [len(pending) - 1] * (group_size - len(pending))
        networks = run.stack_surveys(
            shape, surveys + [surveys[i] for i in padding], narrow + [narrow[i] for i in padding]
        )
        states = run.initialise(shape, inputs, jax.tree.map(jnp.asarray, networks), run.block_length(len(initial)))
        del networks
        record = run_steps(states, pending, counts=not done and not any(repeats.values()))
        shares = record["held"].max(axis=-1)
        exceeded = []
        for index, seed in enumerate(pending):
            share = shares[index]
            if is_exact(share, len(surveys[index].signs), shape.width):
                part = jax.tree.map(lambda x, index=index: x[index], record)
                done[seed] = part, surveys[index].recorded, len(surveys[index].signs), narrow[index], share
                continue
            repeats[seed] += 1
            factor = 1.5 * float(share.max())
            widen = repeats[seed] < REPEATS and np.isfinite(factor)
            limits[seed] = narrow[index] * max(2.0, factor) if widen else np.full_like(initial, np.inf)
            exceeded.append(seed)
        pending = exceeded
    records, initial_records, at_risk, narrow, shares = zip(*(done[seed] for seed in seeds), strict=True)
    return TrainedGroup(
        jax.tree.map(lambda *parts: np.stack(parts), *records),
        jax.tree.map(lambda *parts: np.stack(parts), *initial_records),
        Screening(
            np.array(at_risk), np.stack(narrow), np.stack(shares), np.array([repeats[seed] for seed in seeds])
        ),
    )  # fmt: skip
