"""Guess thresholds, draw, run, check, and widen what was too narrow: a group of seeds in screened space.

A run is accepted only if, at every step of every method, no neuron left out could have flipped. What exceeded its
thresholds is drawn again from the same key with wider ones; after REPEATS times every neuron is put at risk.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from nag_ntk import plan
from nag_ntk.engines.engine import Drive, Outcome
from nag_ntk.engines.screened import run, thresholds
from nag_ntk.engines.screened.survey import Survey, distinct, survey
from nag_ntk.engines.screened.thresholds import expected_at_risk
from nag_ntk.errors import CapacityError
from nag_ntk.precision import whole_dtype
from nag_ntk.problem import Problem, Shape
from nag_ntk.trajectory import Screening

if TYPE_CHECKING:
    from nag_ntk.prepare import Prepared

REPEATS = 6


def _narrowed(found: Survey, limits: np.ndarray) -> Survey:
    """The survey with narrower thresholds: neurons no longer at risk leave their pattern."""
    kept = (np.abs(found.origin) <= limits[:, None]).any(axis=0)
    return found._replace(
        origin=found.origin[:, kept], signs=found.signs[kept], codes=found.codes[kept],
        patterns=distinct(np.concatenate([found.patterns, found.codes[~kept]])),
    )  # fmt: skip


def _check_memory(problem: Problem, shape: Shape, neurons: int, patterns: int, seeds: int, limit: int | float) -> None:
    """Refuse neurons at risk, and distinct patterns of the others, that do not fit."""
    n, methods = len(problem.targets), len(problem.pulls)
    item = np.dtype(shape.dtype).itemsize

    def needed(width: int) -> int:
        """At this or another width; neurons at risk are as the root of it, unless they are all."""
        share = width / shape.width
        at_risk = round(neurons * (share if neurons == shape.width else min(share**0.5, width / max(neurons, 1))))
        held = run.columns(n, at_risk) * run.column_bytes(n, shape.dtype) + patterns * 4 * -(-n // 32)
        return held * seeds * (2 * methods + 1) + 6 * item * n * run.columns(n, at_risk) + 4 * item * patterns

    if needed(shape.width) > limit:
        would = plan.advice(lambda width: needed(width) <= limit, shape.width)
        raise CapacityError(
            f"the screened engine has {neurons} of {shape.width} neurons at risk and needs about "
            f"{plan.readable(needed(shape.width))} for them and {patterns} patterns of the others, but "
            f"{plan.readable(limit)} may be used: {would}, take a smaller step size or fewer methods (neurons at risk "
            "are as many as pre-activations that may change sign)"
        )


def refuse(shape: Shape, problem: Problem, thresholds: np.ndarray, limit: int | float) -> None:
    """Refuse, before anything is drawn, a network that cannot be run: what is known of it is its thresholds.

    Raises:
        CapacityError: when the neurons at risk do not fit, or 2^31 neurons or more meet 32-bit integers.
    """
    if shape.width > np.iinfo(whole_dtype()).max:
        raise CapacityError(
            f"{shape.width} neurons are counted in 64-bit integers: call nag_ntk.enable_float64() first; the run "
            'itself may stay in dtype="float32"'
        )
    _check_memory(problem, shape, expected_at_risk(shape.width, thresholds), 0, 1, limit)


def accepted(share: np.ndarray, at_risk: int, width: int) -> bool:
    """Whether a run is exact: its thresholds held for every method (NaN does not), or no neuron was left out."""
    return bool((share <= 1).all()) or at_risk == width


def _surveyed(shape, problem, paces, seeds, limits, repeats, network, limit) -> tuple[list[Survey], list[np.ndarray]]:
    """A survey per seed, its thresholds narrowed to what the linear model foretells for this very network."""
    found = []
    for seed in seeds:
        refuse(shape, problem, limits[seed], limit)
        found.append(survey(shape, problem, limits[seed], seed, network))
    targets = np.asarray(problem.targets)
    residuals = np.stack([s.outputs - targets for s in found])
    grams = np.stack([s.recorded["initial_gram"] for s in found])
    narrow = []
    for index, foretold in enumerate(thresholds.predicted(shape, paces, problem, grams, residuals)):
        wide = limits[seeds[index]]
        if not np.isfinite(wide).all():  # everything is at risk: a scale is all that is needed
            narrow.append(1 + np.abs(found[index].origin).max(axis=1))
        elif repeats[seeds[index]]:  # what the linear model foretold was exceeded
            narrow.append(wide)
        else:
            narrow.append(np.minimum(wide, foretold))
            found[index] = _narrowed(found[index], narrow[-1])
    return found, narrow


def train(made: "Prepared", group: Sequence[int], drive: Drive) -> Outcome:
    """Run a group of seeds until every one is exact; "held" in a record says what its thresholds were worth.

    Raises:
        CapacityError: when the neurons at risk do not fit, or 2^31 neurons or more meet 32-bit integers.
    """
    shape, problem, paces, seeds = made.shape, made.problem, made.paces, group
    guessed, limit, together = made.choice.thresholds, made.allowed, made.layout.group
    limits = dict.fromkeys(seeds, guessed)
    repeats = dict.fromkeys(seeds, 0)
    done: dict[int, tuple] = {}
    pending = list(seeds)
    while pending:
        found, narrow = _surveyed(shape, problem, paces, pending, limits, repeats, made.given, limit)
        most = max(len(s.signs) for s in found), max(len(s.patterns) for s in found)
        _check_memory(problem, shape, *most, together, limit)
        filling = [len(pending) - 1] * (together - len(pending))
        drawn = run.together(shape, found + [found[i] for i in filling], narrow + [narrow[i] for i in filling])
        begun = run.begin(shape, problem, jax.tree.map(jnp.asarray, drawn), run.block_length(len(guessed)))
        del drawn
        record = drive(begun, pending, counts=not done and not any(repeats.values()))
        shares = record["held"].max(axis=-1)
        exceeded = []
        for index, seed in enumerate(pending):
            share = shares[index]
            if accepted(share, len(found[index].signs), shape.width):
                part = jax.tree.map(lambda x, index=index: x[index], record)
                done[seed] = part, found[index].recorded, len(found[index].signs), narrow[index], share
                continue
            repeats[seed] += 1
            factor = 1.5 * float(share.max())
            known = repeats[seed] < REPEATS and np.isfinite(factor)
            limits[seed] = narrow[index] * max(2.0, factor) if known else np.full_like(guessed, np.inf)
            exceeded.append(seed)
        pending = exceeded
    records, begun, at_risk, narrow, shares = zip(*(done[seed] for seed in seeds), strict=True)
    return Outcome(
        jax.tree.map(lambda *parts: np.stack(parts), *records),
        jax.tree.map(lambda *parts: np.stack(parts), *begun),
        Screening(
            np.array(at_risk), np.stack(narrow), np.stack(shares), np.array([repeats[seed] for seed in seeds])
        ),
    )  # fmt: skip
