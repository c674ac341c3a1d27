"""Losses before training: in |xi(0)|, in the distance of the Gram matrix H(0) from its limit H_inf, in the width."""

import math

import numpy as np

from proofs_check.lemma import Run
from proofs_check.lemmas.gram_concentration import chernoff_width, hoeffding_width
from proofs_check.slack.chain import Link, SlackRow, Value, rows


def initial_residual(run: Run) -> tuple[SlackRow, ...]:
    """Compare the root of Markov's bound on |xi(0)|, its (1 - delta) quantile over seeds, and each seed's |xi(0)|."""
    norm = run.trajectory.residual_norm[:, 0, 0]
    moment = run.data.size / 2 + float(run.data.targets @ run.data.targets)
    pairs = run.trajectory.multiplicity > 1
    values = [
        Value("Markov's bound", "f = 0, so |xi(0)| = |y|" if pairs else math.sqrt(moment / run.delta)),
        Value("the quantile", float(np.quantile(norm, 1 - run.delta))),
        Value("|xi(0)|", norm),
    ]
    links = [
        Link("Markov / quantile", "Markov's inequality for |xi(0)|^2, which is concentrated", False),
        Link("quantile / typical", "the bound must hold for all but delta of the draws", False),
    ]
    return rows(run.name, "", "initial residual", values, links)


def concentration(run: Run) -> tuple[SlackRow, ...]:
    """Compare |H(0) - H_inf|_2 with its bound in the proof, n eps with eps = sqrt(ln(2 n^2 / delta) / (2 m)).

    m counts independent neurons, of which antisymmetric pairs are half as many.

    Let D = H(0) - H_inf and s the largest |D_ij / K_ij|. The links are: n eps >= eps |K|_F, since |K_ij| <= 1; eps
    against s, by Hoeffding's inequality and a union bound; s |K|_F >= |D|_F, entry by entry; |D|_F >= |D|_2; and |D|_2
    >= the shift of an end of the spectrum, by Weyl's inequality. The proof needs only this shift.
    """
    kernel, limit, size = run.data.kernel, run.data.gram_limit, run.data.size
    gram = run.trajectory.initial_gram
    difference = gram - limit
    eps = math.sqrt(math.log(2 * size**2 / run.delta) / (2 * run.trajectory.independent_neurons))
    frobenius = float(np.linalg.norm(kernel))
    share = np.abs(difference) / np.where(kernel == 0, np.inf, np.abs(kernel))
    ends, drawn = np.linalg.eigvalsh(limit)[[0, -1]], _ends(gram)
    values = [
        Value("n eps", size * eps),
        Value("eps |K|_F", eps * frobenius),
        Value("the largest entry's deviation", share.max(axis=(1, 2)) * frobenius),
        Value("|H(0) - H_inf|_F", np.linalg.norm(difference, axis=(1, 2))),
        Value("|H(0) - H_inf|_2", _spectral(difference)),
        Value("the shift of the spectrum's ends", np.abs(drawn - ends).max(axis=1)),
    ]
    links = [
        Link("entries 1 / |K_ij|", "each entry bounded as if inner products were 1", True),
        Link("Hoeffding and union / largest entry", "worst variance 1/4 and a union bound over n^2 entries", False),
        Link("all as large as the largest entry", "the largest deviation taken for every entry", True),
        Link("Frobenius / spectral norm", "errors of many eigenvalues are added up", True),
        Link("spectral norm / shift of the ends", "Weyl: only the ends of the spectrum matter", True),
    ]
    return rows(run.name, "", "concentration", values, links)


def width(run: Run) -> tuple[SlackRow, ...]:
    """Compare the widths for lambda_min(H(0)) >= 3/4 lambda_0 by Hoeffding, by matrix Chernoff, and observed.

    The observed width is extrapolated from these draws: the (1 - delta) quantile over seeds of lambda_0 -
    lambda_min(H(0)) falls like m^(-1/2).
    """
    lambda_0, size, m = run.data.spectrum.lambda_0, run.data.size, run.trajectory.width
    drawn_together = run.trajectory.multiplicity
    names = ("the width by Hoeffding", "the width by matrix Chernoff", "the width needed")
    if lambda_0 <= 0:
        figures: list[float | str] = [f"lambda_0 = {lambda_0:.3g}: no width suffices"] * 3
    else:
        norm = float(np.linalg.norm(run.data.kernel, 2))
        shortfall = float(np.quantile(lambda_0 - _ends(run.trajectory.initial_gram)[:, 0], 1 - run.delta))
        figures = [
            drawn_together * hoeffding_width(size, lambda_0, run.delta),
            drawn_together * chernoff_width(size, lambda_0, norm, run.delta),
            m * (4 * max(shortfall, 0.0) / lambda_0) ** 2,
        ]
    links = [
        Link("Hoeffding / matrix Chernoff", "entry by entry against the matrix as a whole", False),
        Link("matrix Chernoff / needed", "|K|/m as the size of every neuron's term, n as its dimension", False),
    ]
    return rows(run.name, "", "width", [Value(*pair) for pair in zip(names, figures, strict=True)], links)


def _ends(matrices: np.ndarray) -> np.ndarray:
    """Compute the smallest and the largest eigenvalue of each matrix, (s, 2)."""
    return np.linalg.eigvalsh(matrices)[:, [0, -1]]


def _spectral(matrices: np.ndarray) -> np.ndarray:
    return np.abs(_ends(matrices)).max(axis=1)
