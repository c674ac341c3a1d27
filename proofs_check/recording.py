"""Arguments of `simulate` that record what lemmas need of a run."""

import hashlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from nag_ntk import Dataset, Probe, simulate
from nag_ntk.probe import measured_type
from proofs_check.apart import Apart
from proofs_check.guard import attempt
from proofs_check.lemma import Lemma, NotApplicable, Run


class Wanted(NamedTuple):
    """Quantities that a simulation is to record for some lemmas.

    Attributes:
        options: arguments of `simulate`.
        failed: id of a lemma -> why what it asks for is not among them; the other lemmas lose nothing by it.
    """

    options: Mapping[str, Any]
    failed: Mapping[str, Exception | NotApplicable]

    def described(self) -> dict[str, Any]:
        """Return the options as JSON values: of a probe its name, its steps, and a digest of its code."""
        probes = [[probe.name, probe.every, _digest(probe.measure)] for probe in self.options["probes"]]
        return {**self.options, "probes": probes}


def wanted(
    lemmas: Sequence[Lemma], data: Dataset, width: int, steps: int, delta: float, *, engine: str = "auto",
    dtype: str | None = None, seconds: float | None = None,
) -> Wanted:  # fmt: skip
    """Collect what lemmas need of a run of this shape.

    Args:
        lemmas: those that will be checked; one that is about training asks nothing of a run without steps.
        data: the dataset.
        width: of the network.
        steps: T.
        delta: the failure probability of probabilistic claims.
        engine: of the run; the screened one measures no probes.
        dtype: of the run.
        seconds: most that radii of a lemma of one's own may take to be told, None for no limit.
    """
    radii: set[float] = set()
    overlaps: set[float] = set()
    probes: dict[str, Probe] = {}
    failed: dict[str, Exception | NotApplicable] = {}
    asking = [lemma for lemma in lemmas if steps > 0 or not lemma.trains]
    for lemma in asking:
        if lemma.probes and engine == "screened":
            failed[lemma.id] = NotApplicable("the engine of this run, screened, does not hold all neurons: no probes")
            continue
        found = attempt(partial(_balls, lemma, data.size, width, delta, seconds))
        if not isinstance(found, Exception):
            tried = attempt(partial(_tried, lemma, probes, data, width, dtype))
            found = tried if isinstance(tried, Exception) else found
        if isinstance(found, Exception):
            failed[lemma.id] = found
            continue
        radii |= found[0]
        overlaps |= found[1]
        probes |= {probe.name: probe for probe in lemma.probes}
    options = {
        "radii": sorted(radii),
        "overlap_radii": sorted(overlaps),
        "recursion": any(lemma.records_recursion for lemma in asking),
        "gram_path": any(lemma.records_gram_path for lemma in asking),
        "probes": tuple(probes.values()),
    }
    return Wanted(options, failed)


def _balls(
    lemma: Lemma, size: int, width: int, delta: float, seconds: float | None
) -> tuple[set[float], set[float]]:  # fmt: skip
    """Call a lemma's functions for its radii and overlap radii."""
    asks = [ask.within(seconds) if isinstance(ask, Apart) else ask for ask in (lemma.radii, lemma.overlap_radii)]
    sets = [{float(r) for r in ask(size, width, delta)} for ask in asks]
    bad = [r for radii in sets for r in radii if not (math.isfinite(r) and r >= 0)]
    if bad:
        raise ValueError(f"radii must be finite and not negative, got {bad[0]}")
    return sets[0], sets[1]


def _tried(lemma: Lemma, taken: Mapping[str, Probe], data: Dataset, width: int, dtype: str | None) -> None:
    """Measure a lemma's probes on a small network, so that a broken one raises before a run is made for all lemmas."""
    for probe in lemma.probes:
        if taken.get(probe.name, probe) != probe:
            raise ValueError(f"another lemma of this study has another probe called {probe.name}; rename one of them")
        measured_type(probe, data, width, dtype)


def _digest(measure: Callable) -> str:
    """Compute a digest of a function: of its source where there is one, else of its instructions and constants."""
    try:
        told = inspect.getsource(measure)
    except (OSError, TypeError):
        code = getattr(measure, "__code__", None)
        told = repr(measure) if code is None else f"{code.co_code!r} {code.co_names} {code.co_consts}"
    return hashlib.sha256(told.encode()).hexdigest()


def repeated(run: Run, lemma: Lemma, seeds: Sequence[int]) -> Run:
    """Simulate a run again with these seeds; it records what the run did, and the probes of a lemma."""
    t = run.trajectory
    trajectory = simulate(
        run.data, run.methods, t.width, seeds, t.steps, engine=t.engine, start=t.start, dtype=t.dtype, key=t.key,
        radii=tuple(t.radii), overlap_radii=tuple(t.overlap_radii), recursion=t.recursion is not None,
        gram_path=t.gram_path is not None, probes=lemma.probes,
    )  # fmt: skip
    return replace(run, trajectory=trajectory)
