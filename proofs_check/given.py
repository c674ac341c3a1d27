"""Lemmas asked of networks that were trained by another program, from their weights at some steps."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nag_ntk import Dataset, InputError, from_weights
from proofs_check import store
from proofs_check.judging.ask import applies, outcomes_of
from proofs_check.judging.curves import curve_of
from proofs_check.judging.verdict import Outcome, decide
from proofs_check.lemma import Lemma, NotApplicable, Run
from proofs_check.plugins.own import available_lemmas
from proofs_check.results import Results
from proofs_check.running.recording import recording_for

if TYPE_CHECKING:
    from nag_ntk.training.given import Weights

_SECONDS = 300.0
_NO_PROBES = NotApplicable("the weights were trained elsewhere, where its probes were not measured")


@np.errstate(over="ignore", invalid="ignore")
def judge(
    data: Dataset, weights: "Weights", signs: Any, *, seeds: int = 1, steps: int | None = None, name: str = "given",
    init: str = "given", select: Sequence[str] = (), lemmas: Sequence[Lemma | str | Path] = (), delta: float = 0.1,
    level: float = 1e-3, dtype: str | None = None,
) -> Results:  # fmt: skip
    """Check the lemmas on networks that were trained elsewhere, by any program and any optimiser.

    Lemmas that need to know how the weights moved are VACUOUS, and so are claims about the random draw unless `init` says
    that the networks were drawn as the theory draws them.

    Args:
        data: the dataset; the networks act on its inputs, which have length 1.
        weights: weights at some steps, the first before training, as for `nag_ntk.from_weights`.
        signs: the output signs, likewise.
        seeds: number of networks, if `weights` is a function.
        steps: T, if `weights` is a function.
        name: what the method is called.
        init: "given", or how the networks were drawn: "independent" or "antisymmetric".
        select: ids of lemmas to check, or one id; empty for all.
        lemmas: lemmas of your own or Python files with some, besides the catalogue and plugins.
        delta: failure probability that the lemmas are claimed for.
        level: family-wise error level of the verdicts.
        dtype: "float64" or "float32".

    Returns:
        Results; their `made` is None, so that there is no study to save.

    Raises:
        InputError: for weights or signs that make no networks, or an unknown lemma.
        LemmaError: for a file of lemmas that cannot be used.

    Cost: that of `nag_ntk.from_weights`, and of the checks.

    Example:
        >>> import nag_ntk, numpy
        >>> nag_ntk.enable_float64()
        >>> data = nag_ntk.sphere(4, 3)
        >>> rng = numpy.random.default_rng(0)
        >>> start, signs = rng.standard_normal((8, 64, 3)), rng.choice([-1.0, 1.0], (8, 64))
        >>> paths = numpy.stack([start, 0.9 * start], axis=1)  # (networks, steps, neurons, coordinates)
        >>> judge(data, paths, signs, select=["flip-inclusion", "distance"], level=0.05)
        verdict       lemma           run    margin  violations  limit
        INCONCLUSIVE  flip-inclusion  given  ...
        VACUOUS       distance        given
        given: 2 findings: none refuted, 1 inconclusive, 1 vacuous.
    """
    chosen = _chosen([select] if isinstance(select, str) else select, lemmas)
    options = {"seeds": seeds, "steps": steps, "name": name, "init": init, "dtype": dtype}
    bare = [replace(lemma, probes=()) for lemma in chosen]
    width, trains = np.shape(signs)[-1:] or (0,), 1  # what is asked of step 0 does not depend on the number of steps
    asked = recording_for(bare, data, *width, trains, delta, seconds=_SECONDS)
    radii = {key: asked.options[key] for key in ("radii", "overlap_radii")}
    trajectory = from_weights(data, weights, signs, **options, **radii)
    unrecorded: Mapping[str, Exception | NotApplicable] = {
        **asked.unrecorded, **{lemma.id: _NO_PROBES for lemma in chosen if lemma.probes}
    }  # fmt: skip
    run = Run(name, data, trajectory.methods, trajectory, delta, unrecorded)
    outcomes: list[Outcome] = []
    for lemma in chosen:
        if lemma.scope != "study" and applies(lemma, run):
            outcomes += outcomes_of(lemma, run, "once" if lemma.scope == "once" else name, _SECONDS)
    curves = tuple(filter(None, map(curve_of, outcomes)))
    rows = tuple(finding.to_row() for finding in decide(outcomes, level))
    return Results(name, level, rows, _image=partial(store.image, (run,), curves))


def _chosen(select: Sequence[str], lemmas: Sequence[Lemma | str | Path]) -> list[Lemma]:
    """Return the lemmas with some ids, or all, of the catalogue, the plugins and those that are given.

    Raises:
        InputError: for an unknown id, or one that two lemmas have.
    """
    files = [str(item) for item in lemmas if isinstance(item, str | Path)]
    known = [*available_lemmas(files).lemmas, *(item for item in lemmas if isinstance(item, Lemma))]
    ids = [lemma.id for lemma in known]
    if len(set(ids)) < len(ids):
        raise InputError("two lemmas have the same id, or one has an id of the catalogue; rename yours")
    unknown = [each for each in select if each not in ids]
    if unknown:
        raise InputError(f"unknown lemma {', '.join(unknown)}; known: {', '.join(ids)}")
    return [lemma for lemma in known if not select or lemma.id in select]
