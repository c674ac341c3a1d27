"""lazy-exit: from some width on, lambda_min(H(t)) >= lambda_0 / 2 at all steps, lambda_0 = lambda_min(H_inf)."""

import numpy as np

from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run


def _stays(run: Run, share: float) -> Inequality | NotApplicable:
    path, spectrum = run.trajectory.gram_path, run.data.spectrum
    if path is None:
        raise ValueError("the run did not record how H(t) moved")
    if run.singular:
        return NotApplicable(
            f"lambda_0 is 0 up to rounding, so there is nothing to stay above; {run.data.why_singular}"
        )
    loss = spectrum.lambda_0 - path.least_eigenvalue
    left = np.any(loss > (1 - share) * spectrum.lambda_0, axis=2)
    counts = ", ".join(f"{m.name} {count}" for m, count in zip(run.methods, left.sum(axis=0), strict=True))
    bound = np.full_like(loss, (1 - share) * spectrum.lambda_0)
    note = f"width {run.trajectory.width:,}; seeds that left: {counts}"
    return Inequality(loss, bound, ("seed", "method", "time"), note=note)


LAZY_EXIT = Lemma(
    id="lazy-exit",
    title="The run stays in the lazy regime",
    group="convergence",
    statement="lambda_min(H(t)) >= lambda_0/2 at all times looked at, with probability >= 1 - delta: the regime in which the "
    "linear model governs training.",
    tex=r"$\lambda_{\min}(H(t)) \ge \lambda_0/2$ at all times looked at, with probability at least $1-\delta$: the "
    r"regime in which the linear model governs training.",
    hypotheses="m large enough; a run that leaves shows that its width, step size or kappa lies beyond the boundary.",
    kind=Claim.PROBABILITY,
    source="form of Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054",
    provenance="form of",
    rests_on=("gram-concentration", "gram-stability", "distance"),
    decision="One trial per seed, which fails if any method leaves at any of the times looked at (every 128 steps or so, first and "
    "last included); exact binomial limit against delta. A study over widths or kappa shows the boundary: supported on "
    "one side, refuted on the other.",
    check=lambda run: _stays(run, 0.5),
    controls=(
        Control("narrow", "the claim at 16 neurons", lambda run: _stays(run, 0.5), {"width": 16}),
        Control(
            "steep",
            "the claim at 4 times the step size of gradient descent",
            lambda run: _stays(run, 0.5),
            {"methods": [{"name": "gradient_descent", "scale": 4.0}]},
        ),
        Control("frozen", "lambda_min(H(t)) never falls below lambda_0", lambda run: _stays(run, 1.0)),
    ),
    trains=True,
    records_gram_path=True,
    constants="1/2 is the convention of the proofs: H(0) keeps 3/4 of lambda_0 and flips may cost another quarter.",
    study={"width": 8192},
)
