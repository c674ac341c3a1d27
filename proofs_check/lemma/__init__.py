"""Types of the checks: the check of a Lemma takes a Run and returns evidence; verdict.py turns evidence into a verdict.

A check returns an Inequality (compared for every seed), a Law (an exact distribution), a Proof (decided in ball
arithmetic) or NotApplicable (the hypotheses do not hold for this run). The caller of the check turns an Inequality into
Trials: it adds the seeds of the run and the claimed failure probability.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

import numpy as np

from nag_ntk import Dataset, Method, Probe, Trajectory, theorem_tuning
from proofs_check.lemma.sides import at_most


class Claim(StrEnum):
    """Kinds of claims that lemmas make; the text of a kind may be written in place of it."""

    IDENTITY = "identity"
    EXACT_LAW = "exact law"
    INSTANCE = "instance"
    PROBABILITY = "probability"
    EVERY_RUN = "every run"
    ALL_KAPPA = "all kappa"
    SCALING = "scaling"

    def failure(self, delta: float) -> float:
        """Return the failure probability that is claimed of an inequality: delta for PROBABILITY, else 0."""
        return delta if self is Claim.PROBABILITY else 0.0


@dataclass(frozen=True)
class Run:
    """One simulated configuration, the argument of a check.

    Attributes:
        name: the run's name in the study.
        data: the dataset.
        methods: the methods, in the order of the trajectory's axis k.
        trajectory: the record of the simulation.
        delta: the failure probability that probabilistic claims are stated for.
        unrecorded: id of a lemma -> the reason why the records that it needs are missing.
    """

    name: str
    data: "Dataset"
    methods: "tuple[Method, ...]"
    trajectory: "Trajectory"
    delta: float
    unrecorded: "Mapping[str, Exception | NotApplicable]" = field(default_factory=dict)

    def index(self, method: str) -> int | None:
        """Return the position of the first method of that name on axis k, or None when the run has none."""
        names = [m.name for m in self.methods]
        return names.index(method) if method in names else None

    def namesakes(self, method: str) -> str:
        """Return a note that only the first of several methods of this name is checked, or "" if it is the only one."""
        count = [m.name for m in self.methods].count(method)
        return f"the first of {count} methods called {method}" if count > 1 else ""

    def position(self, method: str) -> int:
        """Return the position of a method on axis k; KeyError when the run has none of that name."""
        position = self.index(method)
        if position is None:
            raise KeyError(f"the run {self.name} has no method {method}")
        return position

    def steps_to(self, method: str, share: float) -> np.ndarray:
        """Compute the first step from which |xi| <= share |xi(0)| until the end of the run, (s,); inf where none is."""
        norms = self.trajectory.residual_norm[:, self.position(method)]
        above = ~(norms <= share * norms[:, :1])
        last = norms.shape[1] - 1 - np.argmax(above[:, ::-1], axis=1)
        return np.where(above[:, -1], np.inf, last + 1.0)

    @property
    def singular(self) -> bool:
        """True if lambda_0 is 0 up to the rounding of its computation; gram-positive decides it exactly."""
        return self.data.singular

    def untuned(self, method: str) -> str:
        """Return the reason why a method's theorem does not apply in this run (other numbers or start), or ""."""
        if self.singular:
            return f"lambda_0 is 0 up to rounding, so no rate is claimed; {self.data.why_singular}"
        own, theorem = self.methods[self.position(method)], theorem_tuning(method, self.data)
        if self.trajectory.start != "gradient" and theorem.has_memory:
            return f"claimed for the gradient start, this run has the {self.trajectory.start} one"
        if not own.close_to(theorem):
            return (
                f"claimed for the tuning of the theorem, eta = {theorem.eta:.6g} and beta = {theorem.beta:.6g}; "
                f"this run has eta = {own.eta:.6g} and beta = {own.beta:.6g}"
            )
        return ""

    @property
    def coefficients(self) -> np.ndarray:
        """The numbers eta, beta and gamma of every method at the steps 0..T-1, (3, k, t)."""
        return np.stack([m.schedule(self.trajectory.steps) for m in self.methods]).transpose(2, 0, 1)


@dataclass(frozen=True)
class Inequality:
    """Inequality observed <= bound, elementwise; axis 0 counts independent trials (seeds).

    Attributes:
        observed: (s, ...) values.
        bound: broadcastable against observed.
        axes: a name per axis of observed, the first "seed"; used to describe the witness.
        where: optional mask of the entries that are compared; the others are ignored.
        labels: optional names of the positions along an axis, e.g. {"method": ("nesterov",)}. Without them "method" is
            labelled with the methods of the run, and "time" with the steps at which H(t) was recorded, if their number
            fits.
        until: the last step of the run that an entry depends on, broadcastable against observed. None: the position on
            the axis called "step" or "time", or the last step of the run. Entries that depend on a step at which the
            run has left the floating-point numbers are not compared (overflow.py).
        note: a sentence appended to the reason of the verdict (rounding floor, numbers), or "".
        attained: for an observed side that is only an upper bound on a supremum, values that the supremum is at least,
            broadcastable against observed; NaN for none. Support counts violations by the upper bound, refutation
            counts violations by `attained`; a bound between the two is undecided.
        claim: Claim.EVERY_RUN or Claim.PROBABILITY, if it differs from the kind of the lemma; else None.
        proved: True where a proof covers this run, its width included: a refutation would contradict the proof and
            becomes an ERROR. False where the run lies outside of its hypotheses; None where nothing is said of them.

    The bound already contains its rounding allowance. NaN where the run is finite is a mistake of the check, an ERROR.
    """

    observed: np.ndarray
    bound: np.ndarray
    axes: tuple[str, ...] = ("seed",)
    where: np.ndarray | None = None
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    until: np.ndarray | int | None = None
    note: str = ""
    attained: np.ndarray | None = None
    claim: Claim | str | None = None
    proved: bool | None = None

    def relative_margin(self) -> np.ndarray:
        """Compute (bound - observed) / |bound|, NaN to -inf, entries that are not compared to +inf; shape of observed.

        Negative exactly where observed <= bound fails, also where float64 cannot tell the two sides apart.
        """
        violated = ~at_most(*np.broadcast_arrays(np.asarray(self.observed), np.asarray(self.bound)))
        observed, bound = np.broadcast_arrays(np.asarray(self.observed, float), np.asarray(self.bound, float))
        scale = np.where(np.abs(bound) > 0, np.abs(bound), 1.0)
        with np.errstate(invalid="ignore", over="ignore"):
            margin = np.where(observed == bound, 0.0, (bound - observed) / scale)
        margin = np.where(np.isposinf(bound) & np.isfinite(observed), 1.0, margin)
        margin = np.where(np.isnan(margin), -np.inf, margin)
        margin = np.where(violated & (margin >= 0), -np.finfo(float).eps, margin)
        return margin if self.where is None else np.where(self.where, margin, np.inf)


@dataclass(frozen=True)
class Trials:
    """An inequality claimed to hold in a run with probability at least 1 - failure.

    Attributes:
        inequality: one trial per seed; a trial fails if any of its entries does.
        failure: the claimed failure probability; 0 for a claim about every run, which one violation refutes.
        seeds: seed numbers, (s,), to name the witness.
        note: as in Inequality; by default the note of the inequality.
        attained: as in Inequality; by default the values of the inequality.
        partial: (s,) bool, seeds whose run left the floating-point numbers before the comparison was complete: they can
            violate the claim, but not support it. Set by overflow.py.
    """

    inequality: Inequality
    failure: float
    seeds: tuple[int, ...]
    note: str = ""
    attained: np.ndarray | None = None
    partial: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Take over the note and the attained values of the inequality."""
        if isinstance(self.inequality, Inequality):  # else refused where it is judged
            object.__setattr__(self, "note", self.note or self.inequality.note)
            if self.attained is None:
                object.__setattr__(self, "attained", self.inequality.attained)

    @property
    def claim(self) -> Claim:
        """Kind of the claim: EVERY_RUN or PROBABILITY."""
        return Claim.PROBABILITY if self.failure else Claim.EVERY_RUN


@dataclass(frozen=True)
class Law:
    """A test of a claimed exact law or value: its p-value, and a simultaneous interval for the deviation.

    Attributes:
        p_value: valid p-value of the claim, corrected for the several comparisons of the check.
        interval: level -> (low, high), a simultaneous two-sided interval for the worst deviation
            (estimate - claimed), at confidence 1 - level.
        resolution: the claim is supported when the interval lies within +-resolution.
        deviation: the worst observed deviation from the claim, signed.
        trials: number of independent draws.
        witness: where the worst deviation is.
        note: a sentence for the reason, or "".
    """

    p_value: float
    interval: Callable[[float], tuple[float, float]]
    resolution: float
    deviation: float
    trials: int
    witness: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Proof:
    """A decision in ball arithmetic: True proved, False disproved (with a witness), None undecided.

    Attributes:
        decided: the decision.
        observed, bound: the two sides of the inequality, or of its worst instance.
        relation: the claimed relation, observed <= bound or observed >= bound; `decided` must agree with it.
        reason: a sentence with the numbers.
        witness: the place where the claim fails.
        evidence: what a reader needs to follow the proof (boxes, intervals, exact formulas); kept with the results.
    """

    decided: bool | None
    observed: float
    bound: float
    reason: str
    witness: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    relation: Literal["<=", ">="] = "<="


@dataclass(frozen=True)
class NotApplicable:
    """Evidence that says nothing: the hypotheses do not hold here, or the bound is weaker than the trivial one.

    Attributes:
        reason: a sentence that says which of the two, with the numbers.
    """

    reason: str


Evidence = Trials | Law | Proof | NotApplicable
Check = Callable[[Any], Evidence | Inequality | Mapping[str, Evidence | Inequality]]
"""A check of one Run or, for a lemma about a whole study, of the tuple of its Runs; see returned.py for the results."""
KINDS = tuple(Claim)
UNSTATED = "not stated"
"""Default of the texts of a lemma; the catalogue must replace every one."""


@dataclass(frozen=True)
class DataClaim:
    """A claim about the inputs alone, written so that a search can attack it.

    Attributes:
        score: (n, d) array of unit rows -> scalar, above 0 for a violation and larger the closer the rows are to one;
            differentiable by JAX almost everywhere.
        confirm: rows of exact rationals (floats or Fractions, of any length) -> Proof; False is a counterexample, and
            rows to which the hypotheses do not apply give True.
    """

    score: Callable[[Any], Any]
    confirm: Callable[[Sequence[Sequence[Any]]], Proof]


@dataclass(frozen=True)
class Control:
    """A false variant of a lemma, which the same machinery must refute.

    Attributes:
        id: short name, unique within the lemma.
        statement: the false claim in words.
        check: as for a lemma.
        study: overrides of the control study (a mapping of config fields), or {} for the lemma's own.
        about_data: the false claim in the form that the counterexample search attacks, or None.
    """

    id: str
    statement: str
    check: Check
    study: Mapping[str, Any] = field(default_factory=dict)
    about_data: DataClaim | None = None


NEEDS = {
    "any": "any method, also one outside of the family of gradient descent, heavy ball and Nesterov, such as Adam",
    "family": "methods of the family: step size eta, momentum beta and gradient weight gamma, at every step",
    "theorem": "the method named, with the numbers of its theorem",
}
"""What a lemma may need of the methods of a run, and the words for it; see `Lemma.needs`."""


def _no_radii(n: int, width: int, delta: float) -> tuple[float, ...]:
    return ()


@dataclass(frozen=True)
class Lemma:
    """A statement of the theory that can be checked on a run.

    Only the first five fields are required. The others decide how the lemma is checked and what a run must record, or
    are read by readers, the search and the formal proofs.

    Attributes:
        id: words joined by hyphens; in docs/theory each lemma of the catalogue has a page of that name.
        title: a few words.
        statement: the claim with its explicit constants, in plain text.
        check: Run -> Inequality or other evidence, or a mapping of part names to them for a claim in several parts.
        controls: false variants, at least two.
        kind: the kind of the claim, a Claim or its name. PROBABILITY claims an Inequality with probability 1 - delta,
            every other kind claims it of every run.
        method: the method that the lemma is about, or None for all; runs without this method are skipped.
        needs: what it needs of the methods, a key of NEEDS: "any", "family" or "theorem". Unless it is "any" the check
            sees the methods of the family alone, and a run without one is VACUOUS. Records of the recursion or of the
            deviation exist for the family alone, so a lemma that asks for them needs "family" at least.
        scope: "run": checked on every run; "study": on the tuple of all runs of a study, for claims about how
            something grows from run to run; "once": does not depend on any run, so that a study checks it once.
        study: overrides of the usual study that the lemma needs to be informative (more seeds, a larger width).
        trains: True if it needs a run of at least one step.
        records_recursion: True if it needs the terms of the residual recursion, run.trajectory.recursion.
        records_deviation: True if it needs the deviation from the linear model, run.trajectory.deviation.
        records_gram_path: True if it needs the spectrum of H(t) along the run, run.trajectory.gram_path.
        radii: (n, width, delta) -> the radii R at which it needs |S_i(R)| counted at initialisation.
        overlap_radii: the same for the overlaps of patterns within R, recorded in runs that the lemma applies to.
        probes: quantities that it needs and the trajectory does not record by itself: run.trajectory.probes[name].
        hypotheses: the conditions under which the statement is claimed.
        source: authors, year, arXiv id; or "derived".
        provenance: "derived", "form of" or "recalled" (source not re-read).
        decision: how the verdict is reached, in a sentence or two.
        constants: where each constant of the statement comes from and how sharp it is.
        tex: the statement with its mathematics in TeX between dollars (two for a line of its own), which the report
            shows; "" where the statement is to be shown as it is.
        group: the subject of the lemma; the report filters by it.
        rests_on: ids of the lemmas that the proof or the hypotheses use.
        about_data: the claim in the form that the counterexample search attacks, or None.
        formal: the theorems of proofs_check/formal that prove the lemma or its deterministic part, as "file.name".
        formal_part: a sentence that names the part of the lemma that these theorems prove; "" without such theorems.
    """

    id: str
    title: str
    statement: str
    check: Check
    controls: tuple[Control, ...]
    kind: Claim | str = Claim.EVERY_RUN
    hypotheses: str = UNSTATED
    source: str = UNSTATED
    provenance: str = UNSTATED
    decision: str = UNSTATED
    method: str | None = None
    needs: Literal["any", "family", "theorem"] = "any"
    trains: bool = False
    records_recursion: bool = False
    records_deviation: bool = False
    records_gram_path: bool = False
    scope: Literal["run", "study", "once"] = "run"
    constants: str = UNSTATED
    study: Mapping[str, Any] = field(default_factory=dict)
    about_data: DataClaim | None = None
    formal: tuple[str, ...] = ()
    formal_part: str = ""
    rests_on: tuple[str, ...] = ()
    radii: Callable[[int, int, float], tuple[float, ...]] = _no_radii
    overlap_radii: Callable[[int, int, float], tuple[float, ...]] = _no_radii
    probes: "tuple[Probe, ...]" = ()
    tex: str = ""
    group: str = "your own"

    def __post_init__(self) -> None:
        """Turn the name of a kind into its Claim; any other text stays, for the error that names it."""
        if isinstance(self.kind, str) and self.kind in KINDS:
            object.__setattr__(self, "kind", Claim(self.kind))

    @property
    def needs_family(self) -> bool:
        """True if the check sees only methods with eta, beta and gamma."""
        return self.needs != "any" or self.records_recursion or self.records_deviation

    def described(self) -> dict[str, Any]:
        """Return the texts of the lemma as values that JSON can hold."""
        names = "id title group statement tex hypotheses kind constants source provenance decision method needs".split()
        names += ["formal", "rests_on"]
        controls = [{"id": control.id, "statement": control.statement} for control in self.controls]
        return {**{name: getattr(self, name) for name in names}, "controls": controls}
