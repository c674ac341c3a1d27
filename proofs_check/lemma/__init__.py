"""The vocabulary: a Lemma is checked on a Run and returns evidence; verdict.py alone turns evidence into a verdict.

A check returns an Inequality (compared for every seed, as the kind of its lemma claims it), a Law (an exact
distribution), a Proof (decided in ball arithmetic) or NotApplicable (the hypotheses do not hold here). Its caller makes
Trials of an Inequality: the seeds of the run and the failure probability that is claimed.
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
    """Everything that a lemma may look at: one simulated configuration.

    Attributes:
        name: the run's name in the study.
        data: the dataset.
        methods: the methods, in the order of the trajectory's axis k.
        trajectory: what the simulation recorded.
        delta: the failure probability that probabilistic claims are stated for.
        unrecorded: id of a lemma -> why what it asked for was not recorded.
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
        """Return a note for the reason if a run has several methods of one name, of which the first is looked at."""
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
        """Return the reason why the theorem of a method does not apply to it here (other numbers or start), or ""."""
        if self.singular:
            return "lambda_0 is 0 up to rounding: no rate is claimed"
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
        """Numbers eta, beta and gamma of every method at the steps 0..T-1, (3, k, t)."""
        return np.stack([m.schedule(self.trajectory.steps) for m in self.methods]).transpose(2, 0, 1)


@dataclass(frozen=True)
class Inequality:
    """Inequality observed <= bound, elementwise; axis 0 counts independent trials (seeds).

    Attributes:
        observed: (s, ...) values.
        bound: broadcastable against observed.
        axes: a name per axis of observed, the first "seed"; used to describe the witness.
        where: optional mask of the entries that are compared at all.
        labels: optional names of the positions along an axis, e.g. {"method": ("nesterov",)}. Without them "method" is
            labelled with the methods of the run, and "time" with the steps at which H(t) was recorded, if their number
            fits.
        until: the last step of the run that an entry rests on, broadcastable against observed. None: what the axis
            called "step" or "time" says, or the last step of the run. Once a run leaves the floating-point numbers,
            what rests on it is not compared (overflow.py).
        note: a sentence appended to the reason of the verdict (rounding floor, numbers), or "".
        attained: where the observed side is only an upper bound on what is meant (a supremum), values that are
            certainly attained, broadcastable against observed; NaN where no attempt was made. Support counts violations
            by the upper bound, refutation violations by these: between the two nothing is decided.
        claim: Claim.EVERY_RUN or Claim.PROBABILITY, where it is another claim than the lemma's kind says; else None.

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
        failure: the claimed failure probability; 0 for what holds in every run, where one violation refutes.
        seeds: seed numbers, (s,), to name the witness.
        note: as in the inequality, whose note it is by default.
        attained: likewise.
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
    """A claimed exact law or value: a p-value against it and a simultaneous interval for what was estimated.

    Attributes:
        p_value: valid p-value of the claim (already corrected for the comparisons inside this check).
        interval: level -> (low, high), a simultaneous two-sided interval for the worst deviation
            (estimate - claimed), at confidence 1 - level.
        resolution: the claim is supported when the interval lies within +-resolution.
        deviation: the worst observed deviation from the claim, signed.
        trials: number of independent draws behind it.
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
        relation: what is claimed of them, observed <= bound or observed >= bound; the decision must agree with it.
        reason: a sentence with the numbers.
        witness: where it fails.
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
        reason: a sentence that says which, with the numbers.
    """

    reason: str


Evidence = Trials | Law | Proof | NotApplicable
Check = Callable[[Any], Evidence | Inequality | Mapping[str, Evidence | Inequality]]
"""A check of one Run or, for a lemma about a whole study, of the tuple of its Runs. What it may return: returned.py."""
KINDS = tuple(Claim)
UNSTATED = "not stated"
"""What a lemma says where its author wrote nothing; the catalogue must say everything."""


@dataclass(frozen=True)
class DataClaim:
    """A claim about the inputs alone, written so that a search can attack it.

    Attributes:
        score: (n, d) array of unit rows -> scalar, the larger the closer to a violation; differentiable by JAX
            almost everywhere.
        confirm: rows taken as exact rationals (floats or Fractions, not necessarily of unit length) -> Proof.
            decided False is a counterexample; True also where the hypotheses do not hold.
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


@dataclass(frozen=True)
class Lemma:
    """A statement of the theory that can be checked on a run.

    Only the first five fields are required. The next decide how it is checked, then come those that say what a run must
    record; the rest is for readers, for the search and for the formal proofs.

    Attributes:
        id: words joined by hyphens; in docs/theory each lemma of the catalogue has a page of that name.
        title: a few words.
        statement: the claim with its explicit constants, in plain text.
        check: Run -> Inequality or other evidence, or a mapping of part names to them for a claim in several parts.
        controls: false variants, at least two.
        kind: what is claimed: a Claim, or its name. An Inequality is claimed with probability 1 - delta where it is
            PROBABILITY, else of every run.
        method: the method that it is about, or None for all; a run without it is skipped.
        scope: "run": checked on every run; "study": on the tuple of all runs of a study, for claims about how
            something grows from run to run; "once": does not depend on any run, so that a study checks it once.
        study: overrides of the usual study under which the lemma says something (more seeds, a larger width).
        trains: True if it needs a run of at least one step.
        records_recursion: True if it needs the terms of the residual recursion, run.trajectory.recursion.
        records_gram_path: True if it needs the spectrum of H(t) along the run, run.trajectory.gram_path.
        radii: (n, width, delta) -> the radii R at which it needs |S_i(R)| counted at initialisation.
        overlap_radii: likewise for the overlaps of patterns within R; asked for in runs that the lemma applies to.
        probes: quantities that it needs and the trajectory does not record by itself: run.trajectory.probes[name].
        hypotheses: when it is claimed.
        source: authors, year, arXiv id; or "derived".
        provenance: "derived", "form of" or "recalled" (source not re-read).
        decision: how the verdict is reached, in a sentence or two.
        constants: where each constant of the statement comes from and how sharp it is.
        tex: the statement with its mathematics in TeX between dollars (two for a line of its own), which the report
            shows; "" where the statement is to be shown as it is.
        group: what it is about; the report filters by it.
        rests_on: ids of the lemmas that its proof, or its hypotheses, use.
        about_data: the claim in the form that the counterexample search attacks, or None.
        formal: the theorems of proofs_check/formal that prove it or its deterministic part, as "file.name".
        formal_part: what they prove of it, in a sentence; "" where there are none.
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
    trains: bool = False
    records_recursion: bool = False
    records_gram_path: bool = False
    scope: Literal["run", "study", "once"] = "run"
    constants: str = UNSTATED
    study: Mapping[str, Any] = field(default_factory=dict)
    about_data: DataClaim | None = None
    formal: tuple[str, ...] = ()
    formal_part: str = ""
    rests_on: tuple[str, ...] = ()
    radii: Callable[[int, int, float], tuple[float, ...]] = lambda n, width, delta: ()
    overlap_radii: Callable[[int, int, float], tuple[float, ...]] = lambda n, width, delta: ()
    probes: "tuple[Probe, ...]" = ()
    tex: str = ""
    group: str = "your own"

    def __post_init__(self) -> None:
        """Turn the name of a kind into its Claim; any other text stays, for the error that names it."""
        if isinstance(self.kind, str) and self.kind in KINDS:
            object.__setattr__(self, "kind", Claim(self.kind))

    def described(self) -> dict[str, Any]:
        """Return its texts as values that JSON can hold."""
        names = "id title group statement tex hypotheses kind constants source provenance decision method".split()
        names += ["formal", "rests_on"]
        controls = [{"id": control.id, "statement": control.statement} for control in self.controls]
        return {**{name: getattr(self, name) for name in names}, "controls": controls}
