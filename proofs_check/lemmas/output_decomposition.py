"""output-decomposition: what the residual owes to neurons whose pattern changed, and how the linear model passes it on.

psi(t) = f(t) - f(0) + H(0) S(t) comes from these neurons alone, and xi(t) = xi_lin(t) + sum_s Y(t-s) (psi(s) - psi(s-1)).
"""

import numpy as np
from scipy.fft import next_fast_len

from nag_ntk.precision import unit_roundoff
from nag_ntk.schedule import initial_momentum
from proofs_check.lemma import Claim, Control, Inequality, Lemma, NotApplicable, Run
from proofs_check.lemmas.filters import deviation, filtered, modes, rounding


def _convolve(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute sum_u first_u second_(t - u) for t = 0, ..., T - 1, the arrays being (s, T, n)."""
    steps = first.shape[1]
    length = next_fast_len(2 * steps, real=True)
    product = np.fft.rfft(first, length, axis=1) * np.fft.rfft(second, length, axis=1)
    return np.fft.irfft(product, length, axis=1)[:, :steps]


def _flips(run: Run, *, momentum: bool = True, share: float = 1.0) -> Inequality:
    """Compare f(t) - f(0) + H(0) S(t) with psi(t), the sum over the neurons whose pattern changed."""
    trajectory = run.trajectory
    xi, gram = np.asarray(trajectory.residual, float), np.asarray(trajectory.initial_gram, float)
    linear = np.einsum("sij,sktj->skti", gram, filtered(trajectory, momentum=momentum))
    defect = np.abs(xi - xi[:, :, :1] + linear - share * deviation(run).direct)
    return Inequality(defect, np.broadcast_to(rounding(trajectory), defect.shape), ("seed", "method", "step", "sample"))


def _response(run: Run, *, start: bool = False) -> Inequality | NotApplicable:
    """Compare xi(t) with the linear model's answers to xi(0) and to every change of psi, in the eigenbasis of H(0).

    The answer to a change of psi starts without momentum; `start` gives it that of the first step, which is false.
    """
    trajectory, constant = run.trajectory, np.array([method.constant for method in run.methods])
    if not constant.any():
        return NotApplicable("the numbers of every method change with the step: there is no response Y(k)")
    values, vectors = np.linalg.eigh(np.asarray(trajectory.initial_gram, float))
    xi, steps, n = np.asarray(trajectory.residual, float), trajectory.steps, run.data.size
    psi = np.asarray(deviation(run).direct, float)
    change = np.einsum("sji,sktj->skti", vectors, np.diff(psi, axis=2))
    first = np.einsum("sji,skj->ski", vectors, xi[:, :, 0])
    observed, bound = np.full(xi.shape[:3], np.inf), np.full(xi.shape[:3], np.inf)
    u, error = unit_roundoff("float64"), rounding(trajectory)[..., 0]
    top = 16 * n * unit_roundoff(trajectory.dtype) * np.linalg.norm(values, axis=-1, ord=np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for k in constant.nonzero()[0]:
            left = initial_momentum(run.methods[k], trajectory.start)
            linear, _ = modes(run.methods[k], values, steps, left)
            answer, _ = modes(run.methods[k], values, steps, left if start else 0.0)
            passed = np.zeros_like(linear)
            passed[:, 1:] = _convolve(answer[:, :-1], change[:, k])
            predicted = np.einsum("sij,stj->sti", vectors, linear * first[:, k, None] + passed)
            observed[:, k] = np.linalg.norm(xi[:, k] - predicted, axis=-1)
            gain = np.maximum.accumulate(np.maximum(abs(answer), abs(linear)).max(-1), axis=1)
            size = np.linalg.norm(change[:, k], axis=-1)
            total = np.linalg.norm(first[:, k], axis=-1)[:, None] + np.pad(np.cumsum(size, axis=1), ((0, 0), (1, 0)))
            transform = np.sqrt(np.sum(answer**2, axis=(1, 2)) * np.sum(size**2, axis=1))[:, None]
            bound[:, k] = (
                gain * (2 * n**0.5 * np.cumsum(error[:, k], axis=1) + top[:, None] * trajectory.reach[:, k])
                + 64 * u * np.arange(1, steps + 2) * gain**2 * total
                + 64 * u * np.log2(4 * (steps + 1)) * transform
            )  # fmt: skip
    where = np.isfinite(observed) & np.isfinite(bound)
    observed, bound = np.where(where, observed, 0.0), np.where(where, bound, 0.0)
    return Inequality(observed, bound, ("seed", "method", "step"), where=where)


OUTPUT_DECOMPOSITION = Lemma(
    id="output-decomposition",
    needs="family",
    title="Exact decomposition of the output",
    group="residual",
    statement="psi(t) = f(t) - f(0) + H(0) S(t) is the sum over the neurons whose pattern changed up to t, and "
    "xi(t) = xi_L(t) + sum_{s=1}^t Y(t - s) (psi(s) - psi(s-1)), with xi_L and Y(k) of the linear model of H(0).",
    tex=r"$\psi(t) = f(t) - f(0) + H(0)S(t)$ is the sum over the neurons whose pattern changed up to $t$, and "
    r"$$\xi(t) = \xi_L(t) + \sum_{s=1}^t Y(t-s)\bigl(\psi(s) - \psi(s-1)\bigr),$$ with $\xi_L$ and $Y(k)$ of the linear "
    r"model of $H(0)$.",
    hypotheses="none for psi: every step of every run, both starts; constant numbers for the sum.",
    kind=Claim.EVERY_RUN,
    source="derived",
    provenance="derived",
    formal=("majorant.residual_decomposition", "majorant.filter_decomposition"),
    formal_part="The decomposition is proved for both starts; that other neurons add nothing is part of output-deviation.",
    decision="Both identities at every step against bounds on their rounding errors; one violation refutes. psi is summed over the "
    "neurons by the engine, S, Y and xi_L are computed apart from it. A part for each.",
    check=lambda run: {"flips": _flips(run), "response": _response(run)},
    controls=(
        Control("no-flips", "psi = 0: the outputs follow -H(0) S", lambda run: _flips(run, share=0.0)),
        Control("no-momentum", "S without its momentum term", lambda run: _flips(run, momentum=False)),
        Control(
            "start-momentum",
            "Y begins with the momentum of the gradient start",
            lambda run: _response(run, start=True),
        ),
    ),
    constants="None but those of the method: identities. The constants of the rounding bounds are rounded up, not optimised.",
    trains=True,
    records_deviation=True,
)
