"""gram-limit: the closed form of H_inf equals the expectation of the Gram matrix at finite width, for each pair."""

from collections.abc import Callable

import numpy as np

from proofs_check import statistics
from proofs_check.lemma import Claim, Control, Law, Lemma, NotApplicable, Run

RESOLUTION = 0.01  # of a probability: 131,072 neurons pin every pair of 20 samples down to about 0.007
_LEAST_INNER_PRODUCT = 1e-6  # below it H_ij does not tell the count of common active neurons


def _law(run: Run, claimed: Callable[[np.ndarray], np.ndarray]) -> Law | NotApplicable:
    trajectory, kernel = run.trajectory, run.data.kernel
    rows, columns = np.triu_indices(run.data.size)
    inner = kernel[rows, columns]
    keep = np.abs(inner) > _LEAST_INNER_PRODUCT
    rows, columns, inner = rows[keep], columns[keep], inner[keep]
    neurons = trajectory.independent_neurons * len(trajectory.seeds)
    if not len(rows):
        return NotApplicable("all inputs are orthogonal, so H_inf is I/2 by definition")
    shares = trajectory.initial_gram[:, rows, columns] / inner
    counts = np.rint(shares * trajectory.independent_neurons).sum(axis=0).astype(np.int64)
    probability = np.clip(claimed(run.data.gram_limit[rows, columns] / inner), 0, 1)
    deviation = counts / neurons - probability
    worst = int(np.argmax(np.abs(deviation)))

    def interval(level: float) -> tuple[float, float]:
        low, high = statistics.binomial_interval(counts, neurons, level / len(counts))
        return float((low - probability).min()), float((high - probability).max())

    return Law(
        p_value=float(statistics.bonferroni(statistics.two_sided_binomial_p(counts, neurons, probability))),
        interval=interval,
        resolution=RESOLUTION,
        deviation=float(deviation[worst]),
        trials=neurons,
        witness={"samples": [int(rows[worst]), int(columns[worst])]},
        note=f"{len(counts)} pairs, {neurons} independent neurons",
    )


GRAM_LIMIT = Lemma(
    id="gram-limit",
    title="Gram matrix of infinite width",
    group="Gram matrix",
    statement="H_inf_ij = x_i.x_j (pi - theta_ij)/(2 pi) = E_w[x_i.x_j 1{w.x_i >= 0, w.x_j >= 0}], theta_ij the "
    "angle between x_i and x_j.",
    tex=r"$$H^\infty_{ij} = x_i\cdot x_j\frac{\pi - \theta_{ij}}{2\pi} = E_w\bigl[x_i\cdot x_j1\lbrace w\cdot x_i "
    r"\ge 0, w\cdot x_j \ge 0\rbrace \bigr],$$ $\theta_{ij}$ the angle between $x_i$ and $x_j$.",
    hypotheses="inputs of unit norm, w ~ N(0, I); of antisymmetric pairs one neuron is counted.",
    kind=Claim.IDENTITY,
    source="definition in Du, Zhai, Poczos, Singh 2019, arXiv 1810.02054; closed form derived",
    provenance="derived",
    decision="The neurons active on both samples of a pair are Binomial(m seeds, (pi - theta)/(2 pi)); an exact test per "
    "pair, Bonferroni over pairs. SUPPORTED when every exact interval lies within 0.01 of the claim.",
    check=lambda run: _law(run, lambda p: p),
    constants="2 pi is the full angle of the plane of x_i and x_j, of which the half-planes share pi - theta: exact, nothing to "
    "sharpen. The resolution 0.01 is this project's choice.",
    controls=(
        Control(
            "no-half",
            "(pi - theta)/pi in place of (pi - theta)/(2 pi)",
            lambda run: _law(run, lambda p: 2 * p),
        ),
        Control("theta", "theta in place of pi - theta", lambda run: _law(run, lambda p: 0.5 - p)),
    ),
)
