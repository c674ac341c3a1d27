"""Lemmas asked of networks that were trained by another program, from their weights at some steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from nag_ntk import Dataset, InputError, from_weights
from proofs_check.judging.ask import applies, outcomes_of
from proofs_check.judging.curves import Curve, curve_of
from proofs_check.judging.finding import Finding
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Lemma, NotApplicable, Run
from proofs_check.running.recording import recording_for

if TYPE_CHECKING:
    from nag_ntk.training.given import Weights

_SECONDS = 300.0
_NO_PROBES = NotApplicable("the weights were trained elsewhere, where its probes were not measured")


@np.errstate(over="ignore", invalid="ignore")
def judged(
    data: Dataset, weights: "Weights", signs: Any, lemmas: Sequence[Lemma], delta: float, level: float, **options: Any
) -> tuple[Run, tuple[Finding, ...], tuple[Curve, ...]]:  # fmt: skip
    """Check lemmas on given networks; return the run, the findings, and the curves of their inequalities.

    Args:
        data: the dataset.
        weights: as for `nag_ntk.from_weights`.
        signs: likewise.
        lemmas: the lemmas to check; those that compare several runs are left out.
        delta: failure probability that the lemmas are claimed for.
        level: family-wise error level.
        **options: further arguments of `nag_ntk.from_weights`.

    Raises:
        InputError: for weights or signs that make no networks.
    """
    bare = [replace(lemma, probes=()) for lemma in lemmas]
    width = max(np.shape(signs)[-1:], default=0)
    asked = recording_for(bare, data, width, 1, delta, seconds=_SECONDS)  # radii do not depend on the number of steps
    radii = {key: asked.options[key] for key in ("radii", "overlap_radii")}
    trajectory = from_weights(data, weights, signs, **options, **radii)
    first = np.concatenate([trajectory.residual[:, 0, 0], trajectory.mean_size], axis=1)
    if len(np.unique(first, axis=0)) < len(first):
        raise InputError(
            "two of the networks are equal before training: verdicts count networks as independent trials; give each "
            "once"
        )
    unmeasured = {lemma.id: _NO_PROBES for lemma in lemmas if lemma.probes}
    unrecorded: Mapping[str, Exception | NotApplicable] = {**asked.unrecorded, **unmeasured}
    name = trajectory.methods[0].name
    run = Run(name, data, trajectory.methods, trajectory, delta, unrecorded)
    outcomes: list[Outcome] = []
    for lemma in lemmas:
        if lemma.scope != "study" and applies(lemma, run):
            outcomes += outcomes_of(lemma, run, "once" if lemma.scope == "once" else name, _SECONDS)
    return run, decide(outcomes, level), tuple(filter(None, map(curve_of, outcomes)))
