"""Arguments of `simulate` that make it record the quantities that lemmas need."""

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from nag_ntk import Dataset, Probe, simulate
from nag_ntk.run.probe import measured_type
from proofs_check.lemma import Lemma, NotApplicable, Run
from proofs_check.plugins import Apart
from proofs_check.plugins.guard import attempt


class Recording(NamedTuple):
    """Quantities that a simulation records for a list of lemmas.

    Attributes:
        options: arguments of `simulate`.
        unrecorded: lemma id -> the reason why the quantities of this lemma are not recorded; those of all others are.
    """

    options: Mapping[str, Any]
    unrecorded: Mapping[str, Exception | NotApplicable]

    def described(self) -> dict[str, Any]:
        """Return the options as JSON values; a probe becomes its name, its steps, and a digest of its code."""
        probes = [[probe.name, probe.every, _digest(probe.measure)] for probe in self.options["probes"]]
        return {**self.options, "probes": probes}


def recording_for(
    lemmas: Sequence[Lemma], data: Dataset, width: int, steps: int, delta: float, *, engine: str = "auto",
    dtype: str | None = None, seconds: float | None = None,
) -> Recording:  # fmt: skip
    """Collect the quantities that lemmas need from a run of this shape.

    Args:
        lemmas: the lemmas that will be checked; a lemma about training needs nothing from a run without steps.
        data: the dataset.
        width: m, the number of neurons.
        steps: T, the number of training steps.
        delta: failure probability of probabilistic claims.
        engine: name of the engine of the run; the screened engine cannot measure probes.
        dtype: floating-point type of the run; None for the default of `simulate`.
        seconds: time limit for the radii functions of a user's own lemma, None for no limit.
    """
    radii: set[float] = set()
    overlaps: set[float] = set()
    probes: dict[str, Probe] = {}
    unrecorded: dict[str, Exception | NotApplicable] = {}
    applicable = [lemma for lemma in lemmas if steps > 0 or not lemma.trains]
    for lemma in applicable:
        if lemma.probes and engine == "screened":
            unrecorded[lemma.id] = NotApplicable(
                "the engine of this run, screened, does not hold all neurons: no probes"
            )
            continue
        sets = attempt(partial(_radii, lemma, data.size, width, delta, seconds))
        error = (
            sets if isinstance(sets, Exception) else attempt(partial(_try_probes, lemma, probes, data, width, dtype))
        )
        if error is not None:
            unrecorded[lemma.id] = error
            continue
        assert not isinstance(sets, Exception)
        radii |= sets[0]
        overlaps |= sets[1]
        probes |= {probe.name: probe for probe in lemma.probes}
    options = {
        "radii": sorted(radii),
        "overlap_radii": sorted(overlaps),
        "recursion": any(lemma.records_recursion for lemma in applicable),
        "deviation": any(lemma.records_deviation for lemma in applicable),
        "gram_path": any(lemma.records_gram_path for lemma in applicable),
        "probes": tuple(probes.values()),
    }
    return Recording(options, unrecorded)


def _radii(
    lemma: Lemma, size: int, width: int, delta: float, seconds: float | None
) -> tuple[set[float], set[float]]:  # fmt: skip
    """Call the two functions of a lemma that return its radii and its overlap radii."""
    functions = [f.within(seconds) if isinstance(f, Apart) else f for f in (lemma.radii, lemma.overlap_radii)]
    sets = [{float(r) for r in radii(size, width, delta)} for radii in functions]
    bad = [r for radii in sets for r in radii if not (math.isfinite(r) and r >= 0)]
    if bad:
        raise ValueError(f"radii must be finite and not negative, got {bad[0]}")
    return sets[0], sets[1]


def _try_probes(lemma: Lemma, others: Mapping[str, Probe], data: Dataset, width: int, dtype: str | None) -> None:
    """Measure a lemma's probes on a small network, so that a broken probe raises before the run starts."""
    for probe in lemma.probes:
        if others.get(probe.name, probe) != probe:
            raise ValueError(f"another lemma of this study has another probe called {probe.name}; rename one of them")
        measured_type(probe, data, width, dtype)


def _digest(measure: Callable) -> str:
    """Compute a digest of a function: of its source if that can be read, else of its bytecode and constants."""
    try:
        text = inspect.getsource(measure)
    except (OSError, TypeError):
        code = getattr(measure, "__code__", None)
        text = repr(measure) if code is None else f"{code.co_code!r} {code.co_names} {code.co_consts}"
    return hashlib.sha256(text.encode()).hexdigest()


def simulate_again(run: Run, lemma: Lemma, seeds: Sequence[int]) -> Run:
    """Simulate a run again with other seeds; record the same quantities, but the probes of this lemma only."""
    t = run.trajectory
    trajectory = simulate(
        run.data, run.methods, t.width, seeds, t.steps, engine=t.engine, start=t.start, init=t.init, dtype=t.dtype,
        key=t.key, radii=tuple(t.radii), overlap_radii=tuple(t.overlap_radii), recursion=t.recursion is not None,
        deviation=t.deviation is not None, gram_path=t.gram_path is not None, probes=lemma.probes,
    )  # fmt: skip
    return replace(run, trajectory=trajectory)
