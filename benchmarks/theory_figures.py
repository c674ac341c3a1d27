"""One figure per lemma, measured against bound; the pages of docs/theory show them.

    python benchmarks/theory_figures.py [ID ...] [--folder docs/figures]

Where a lemma compares an observed value with a bound, both are drawn as its own check returns them. Nothing is stored
between calls: each figure comes from the runs named beside it, so the same versions draw the same figures.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import theory_training  # noqa: F401 (registers its figures)
from scipy.special import erf
from theory_plots import (
    BLUE,
    COLOURS,
    FIGURES,
    GREY,
    NAMES,
    ORANGE,
    THREE,
    above,
    against_bound,
    band,
    compared,
    figure,
    run,
    save,
    training,
)

import nag_ntk
from proofs_check.lemmas.gram_concentration import chernoff_width, hoeffding_width
from proofs_check.lemmas.gram_separation import separation
from proofs_check.rigor.enclosure import decide_positive, enclose_extreme_eigenvalues


@figure("gram-limit")
def _(axes):
    data = {"source": "sphere", "samples": 16, "dimension": 3, "key": 1}
    subject = run("gram-limit", dataset=data, steps=0, methods=["gradient_descent"])
    rows, columns = np.triu_indices(16, 1)
    theta = np.asarray(nag_ntk.angles(subject.data.inputs))[rows, columns]
    shares = (subject.trajectory.initial_gram.mean(axis=0) / subject.data.kernel)[rows, columns]
    at = np.linspace(0, np.pi, 100)
    axes.plot(np.degrees(at), (np.pi - at) / (2 * np.pi), color=BLUE, label=r"claim $(\pi-\theta)/(2\pi)$")
    axes.plot(np.degrees(at), (np.pi - at) / np.pi, "--", color=GREY, label=r"false $(\pi-\theta)/\pi$")
    axes.plot(np.degrees(at), at / (2 * np.pi), ":", color=GREY, label=r"false $\theta/(2\pi)$")
    axes.plot(np.degrees(theta), shares, "o", ms=3, color=ORANGE, label="measured, one point per pair")
    axes.set(xlabel="angle of the two inputs (degrees)", ylabel="share of neurons active on both")
    axes.legend()


@figure("gram-positive")
def _(axes):
    sizes = (2, 4, 8, 16, 32, 64, 100)
    proofs = [decide_positive(nag_ntk.digits(n).inputs) for n in sizes]
    assert all(p.decided for p in proofs)
    axes.loglog(
        sizes, [p.lambda_min_low for p in proofs], "o-", color=BLUE, label=r"certified lower end of $\lambda_0$"
    )
    wide = [max(p.lambda_min_high - p.lambda_min_low, 2.0**-60) for p in proofs]
    axes.loglog(sizes, wide, "s--", color=ORANGE, label="width of the enclosure")
    axes.set(xlabel="samples $n$ (digits)", ylabel=r"$\lambda_0$, width")
    axes.set_xticks(sizes, [str(n) for n in sizes], minor=False)
    axes.set_xticks([], minor=True)
    axes.legend(loc="center left")


def _sets(count: int):
    """Inputs spread over the sphere, or close to one another's lines: (n, d) rows."""
    rng = np.random.default_rng(0)
    for _ in range(count):
        n, d = int(rng.integers(2, 13)), int(rng.integers(2, 6))
        rows = rng.standard_normal((n, d))
        if rng.random() < 0.7:  # a cluster around a line, as narrow as 10^-4
            rows = rows[:1] + 10 ** rng.uniform(-4, 0) * rows
            rows *= rng.choice([-1, 1], (n, 1))
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)


@figure("gram-separation")
def _(axes):
    n = np.arange(2, 13)
    found = [(len(x), enclose_extreme_eigenvalues(x).lambda_min_low / separation(x)[1]) for x in _sets(500)]
    spread = np.random.default_rng(1).uniform(-0.25, 0.25, len(found))
    at = np.array([size for size, _ in found]) + spread
    axes.plot(at, [ratio for _, ratio in found], "o", ms=2, color=ORANGE, label="measured", rasterized=True)
    axes.plot(n, 1 / (10 * n * (n - 1)), "-", color=BLUE, label="sharp, $1/(10n(n-1))$")
    axes.plot(n, 1 / (100 * n**2), "--", color=BLUE, label="paper-form, $1/(100n^2)$")
    axes.plot(n, 1 / (3 * n * (n - 1)), ":", color=GREY, label="false, $1/(3n(n-1))$")
    axes.axhline(1 / 8, color=GREY, lw=0.8, label="false for $n>2$, $1/8$")
    axes.set(xlabel="inputs $n$", ylabel=r"$\lambda_0/\delta$", yscale="log", ylim=(4e-5, 20))
    above(axes, 2)


@figure("gram-concentration")
def _(axes):
    widths = 2 ** np.arange(7, 20, 3)
    data = nag_ntk.digits(8)
    spectrum = data.spectrum
    runs = [nag_ntk.simulate(data, nag_ntk.gradient_descent(0.1), int(m), 4, 0) for m in widths]
    far = np.array([np.linalg.norm(r.initial_gram - data.gram_limit, axis=(1, 2)) for r in runs]).T
    fall = np.array([spectrum.lambda_0 - np.linalg.eigvalsh(r.initial_gram)[:, 0] for r in runs]).T
    band(axes, widths, far / spectrum.lambda_0, BLUE, r"$\Vert H(0)-H^\infty\Vert_F/\lambda_0$")
    axes.plot(
        widths,
        fall.max(axis=0) / spectrum.lambda_0,
        "o-",
        color=ORANGE,
        label=r"$1-\lambda_{\min}(H(0))/\lambda_0$, worst",
    )
    axes.axhline(0.25, color="k", lw=0.9, ls="--", label="claimed, 1/4")
    norm = float(np.linalg.norm(data.kernel, 2))
    for width, name in (
        (chernoff_width(8, spectrum.lambda_0, norm, 0.1), "Chernoff"),
        (hoeffding_width(8, spectrum.lambda_0, 0.1), "Hoeffding"),
    ):
        axes.axvline(width, color=GREY, lw=0.9)
        axes.text(width / 1.12, 12, name, rotation=90, ha="right", va="top", fontsize=8, color="0.3")
    axes.set(xlabel="width $m$", ylabel=r"relative to $\lambda_0$", xscale="log", yscale="log", ylim=(3e-3, 15))
    axes.legend(loc="lower left")


@figure("gram-stability")
def _(axes):
    widths = (512, 2048, 8192, 16384)
    data = {"source": "digits", "samples": 8}
    found = [
        compared("gram-stability", run("gram-stability", dataset=data, width=m, steps=0, seeds=4), "three")
        for m in widths
    ]
    radii = np.array([x.bound[0] for x in found]) / 24
    band(axes, radii, np.array([x.observed for x in found]).T, BLUE, "supremum, counted from above")
    band(axes, radii, np.array([x.attained for x in found]).T, ORANGE, "supremum, attacked from below", "o:")
    axes.plot(radii, 16 * radii, "k--", lw=0.9, label="two, $2nR$")
    axes.plot(radii, 24 * radii, "k:", lw=0.9, label="three, $3nR$")
    axes.plot(radii, 2 * radii, "--", color=GREY, lw=0.9, label="false, $nR/4$")
    axes.set(xlabel="radius $R$", ylabel=r"$\Vert H(W)-H(0)\Vert_F$", xscale="log", yscale="log")
    axes.legend()


def _counts(radii) -> np.ndarray:
    """(s n, R): |S_i(R)|/m of every seed and sample."""
    made = nag_ntk.simulate(nag_ntk.digits(20), nag_ntk.gradient_descent(0.1), 2048, 16, 0, radii=tuple(radii))
    return np.moveaxis(made.near_boundary, 1, -1).reshape(-1, len(radii)) / 2048


@figure("flip-probability")
def _(axes):
    radii = np.linspace(0.01, 3, 60)
    band(axes, radii, _counts(radii), ORANGE, "measured: median and range")
    axes.plot(radii, erf(radii / math.sqrt(2)), color=BLUE, lw=0.9, label=r"claim $\mathrm{erf}(R/\sqrt{2})$")
    axes.plot(radii, erf(radii), "--", color=GREY, label=r"false $\mathrm{erf}(R)$")
    axes.plot(radii, erf(radii / math.sqrt(8)), ":", color=GREY, label=r"false $\mathrm{erf}(R/(2\sqrt{2}))$")
    axes.set(xlabel="radius $R$", ylabel="$|S_i(R)|/m$")
    axes.legend()


@figure("flip-count")
def _(axes):
    least = math.log(20 / 0.1) / 2048
    radii = np.geomspace(least / 4, 0.24, 40)
    shares = _counts(radii)
    axes.loglog(radii, shares.max(axis=0), color=ORANGE, label="largest of all seeds and samples")
    axes.loglog(radii, shares.mean(axis=0), ":", color=ORANGE, label="mean")
    axes.loglog(radii, 4 * radii, "--", color=BLUE, label="bound $4R$")
    axes.loglog(radii, radii / 2, "--", color=GREY, label="false, $R/2$")
    axes.axvline(least, color=GREY, lw=0.9)
    axes.text(least * 1.05, 0.8, r"$ne^{-mR}=\delta$", fontsize=8, color="0.3", va="top")
    axes.set(xlabel="radius $R$", ylabel="$|S_i(R)|/m$")
    axes.legend(loc="lower right")


@figure("flip-inclusion")
def _(axes):
    made = training().trajectory
    for k, method in enumerate(THREE):
        x, y = made.distance[:, k, 1::4].ravel(), made.flip_reach[:, k, 1::4].ravel()
        axes.plot(x, y, ".", ms=2, color=COLOURS[method], label=NAMES[method], rasterized=True)
    top = np.array([0, made.distance.max() * 1.03])
    axes.plot(top, top, "k--", lw=0.9, label="bound")
    axes.plot(top, top / 2, "--", color=GREY, lw=0.9, label="false, $R/2$")
    axes.set(xlabel=r"$R=\max_r\Vert w_r(t)-w_r(0)\Vert$", ylabel=r"largest $|w_r(0)\cdot x_i|$ of a flipped pair")
    axes.legend(markerscale=4)


@figure("flip-fraction")
def _(axes):
    subject = run("flip-fraction", dataset={"source": "digits", "samples": 8}, width=16384, seeds=8, steps=150)
    against_bound(axes, "flip-fraction", subject, "counted", bound="counted")
    found = compared("flip-fraction", subject, "linear")
    least = np.asarray(found.bound).min(axis=0)
    for k, method in enumerate(THREE):
        axes.plot(
            np.arange(1, 151), least[k, 1:], ":", color=COLOURS[method], label="linear (dotted)" if k == 2 else None
        )
    axes.set(ylabel="share of flipped pairs")
    axes.legend(ncols=2)


@figure("initial-residual")
def _(axes):
    made = nag_ntk.simulate(nag_ntk.digits(20), nag_ntk.gradient_descent(0.1), 512, 512, 0)
    square, moment = made.residual_norm[:, 0, 0] ** 2, 20 / 2 + 20.0
    axes.hist(square, bins=np.geomspace(10, 400, 45), color=ORANGE, alpha=0.7, label="512 seeds")
    axes.axvline(square.mean(), color=ORANGE, label=f"measured mean, {square.mean():.1f}")
    axes.axvline(moment, color=BLUE, ls="--", label=r"claim $n/2+\Vert y\Vert^2=30$")
    axes.axvline(moment / 0.1, color=BLUE, ls=":", label=r"tail at $\delta=0.1$, 300")
    axes.set(xlabel=r"$\Vert\xi(0)\Vert^2$", ylabel="seeds", xscale="log")
    above(axes, 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lemmas", nargs="*", metavar="ID", help="lemmas to draw; all if none is named")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "docs/figures")
    options = parser.parse_args()
    unknown = sorted(set(options.lemmas) - set(FIGURES))
    if unknown:
        parser.error(f"no figure for {', '.join(unknown)}")
    nag_ntk.enable_float64()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.lemmas or FIGURES:
        begun = time.perf_counter()
        path = options.folder / f"theory-{name}.png"
        save(name, path)
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB, {time.perf_counter() - begun:.1f} s", flush=True)


if __name__ == "__main__":
    main()
