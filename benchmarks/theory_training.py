"""Figures of the lemmas about training; drawn by theory_figures.py."""

import math

import numpy as np
from theory_plots import (
    BLUE,
    COLOURS,
    GREEN,
    GREY,
    NAMES,
    ORANGE,
    PINK,
    THREE,
    YELLOW,
    above,
    against_bound,
    band,
    compared,
    figure,
    run,
    training,
)

import nag_ntk
from proofs_check.lemma import Run
from proofs_check.lemmas.acceleration import linear_steps


@figure("residual-recursion")
def _(axes):
    against_bound(axes, "residual-recursion", training(), first=0, bound="rounding bound")
    flips = compared("residual-recursion", training(), control="no-flips").observed.max(axis=(0, 3))
    axes.plot(flips[2], color=GREY, lw=0.9, label=r"false: no $\varphi$ (Nesterov)")
    axes.set(ylabel="defect of the recursion")
    above(axes, 2)


@figure("remainder-bound")
def _(axes):
    against_bound(axes, "remainder-bound", training(), first=0)
    axes.set(ylabel=r"$\Vert e(t)\Vert$")
    axes.legend(ncols=2)


@figure("output-decomposition")
def _(axes):
    against_bound(axes, "output-decomposition", training(), "flips", bound="rounding bound")
    flips = compared("output-decomposition", training(), control="no-flips").observed.max(axis=(0, 3))
    axes.plot(flips[2], color=GREY, lw=0.9, label=r"$|\psi|$ itself (Nesterov)")
    axes.set(ylabel=r"$f(t)-f(0)+H(0)S(t)$, defect")
    above(axes, 2)


@figure("flip-set")
def _(axes):
    ratio = compared("flip-set", training()).observed
    for k, method in enumerate(THREE):
        band(axes, np.arange(301), ratio[:, k], COLOURS[method], NAMES[method])
    axes.axhline(1, color="k", ls="--", lw=0.9, label="claimed, 1")
    axes.set(xlabel="step $t$", ylabel=r"largest $|z(0)|$ / allowed", ylim=(0, 1.1))
    axes.legend(ncols=2, loc="lower right")


@figure("output-deviation")
def _(axes):
    against_bound(axes, "output-deviation", training())
    axes.set(ylabel=r"$|\psi(t)-\psi(t-1)|$")
    axes.legend(ncols=2)


@figure("comparison")
def _(axes):
    sphere = {"source": "sphere", "samples": 5, "dimension": 50}
    subject = run("comparison", dataset=sphere, width=32768, steps=60, init="antisymmetric")
    against_bound(axes, "comparison", subject, bound="majorant")
    axes.set(ylabel=r"$\max_i|\xi_i(t)|$")
    axes.legend(ncols=2)


@figure("distance")
def _(axes):
    against_bound(axes, "distance", training())
    sharp = compared("distance", training(), "sharp")
    axes.plot(np.arange(1, 301), sharp.bound[:, 2, 1:].min(axis=0), ":", color=GREEN, label="sharp (Nesterov)")
    axes.set(ylabel=r"$\max_r\Vert w_r(t)-w_r(0)\Vert$")
    axes.legend(ncols=2)


def tuned(name: str, kappa: float) -> nag_ntk.Method:
    """The theorem's tuning at lambda_max = 1 and lambda = 1/kappa."""
    return nag_ntk.theorem_tuning(name, nag_ntk.Spectrum(4 / (3 * kappa), 1 - 1 / (3 * kappa)))


@figure("gd-matrix")
def _(axes):
    k = np.arange(41)
    for kappa, colour in zip((2, 5, 20), (BLUE, ORANGE, GREEN), strict=True):
        z = np.linspace(1 / kappa, 1, 50)
        axes.plot(k, np.max(np.abs(1 - z)[:, None] ** k, axis=0), "o", ms=3, color=colour, label=rf"$\kappa={kappa}$")
        axes.plot(k, (1 - 1 / kappa) ** k, color=colour, lw=0.9)
        if kappa > 2:
            axes.plot(k, (1 - 2 / kappa) ** k, ":", color=colour, lw=0.9)
    axes.plot([], [], "-", color=GREY, lw=0.9, label=r"claim $(1-1/\kappa)^k$")
    axes.plot([], [], ":", color=GREY, lw=0.9, label=r"false, $(1-2/\kappa)^k$")
    axes.set(xlabel="power $k$", ylabel=r"$\Vert(I-\eta H)^k\Vert$", yscale="log", ylim=(1e-6, 2))
    above(axes, 3)


def _powers(axes, name: str, claim: int, false: float) -> None:
    for kappa, colour in zip((1, 4, 100, 10_000), (BLUE, ORANGE, GREEN, PINK), strict=True):
        method, root = tuned(name, kappa), math.sqrt(kappa)
        z = np.unique(np.concatenate([np.geomspace(1 / kappa, 1, 400), np.linspace(1 / kappa, 1, 400)]))
        k = np.arange(int(6 * root) + 7)
        rho = math.sqrt(method.beta * (1 - method.gamma / (method.beta or 1) * method.eta / kappa))
        norms = np.asarray(nag_ntk.companion_power_norms(method, z, len(k) - 1)) / rho**k / root
        axes.plot(k / root, norms, "-" if kappa > 10 else "o-", ms=3, color=colour, label=rf"$\kappa={kappa:,}$")
    axes.axhline(claim, color="k", ls="--", lw=0.9, label=f"claim, {claim}")
    axes.axhline(false, color=GREY, ls=":", label=f"false, {false:g}")
    axes.set(
        xlabel=r"$k/\sqrt{\kappa}$", ylabel=r"$\Vert M^k\Vert\,\rho^{-k}/\sqrt{\kappa}$", xlim=(-0.1, 7), ylim=(0, None)
    )
    above(axes, 3)


@figure("heavy-ball-matrix")
def _(axes):
    _powers(axes, "heavy_ball", 4, 1.9)


@figure("nesterov-matrix")
def _(axes):
    _powers(axes, "nesterov", 12, 8)


def _contraction(axes, name: str, parts: tuple[str, ...]) -> None:
    lemma = "gd" if name == "gradient_descent" else name.replace("_", "-")
    labels = {"": "bound", "paper-form": "paper-form", "sharp": "sharp"}
    for part, style in zip(parts, ("--", ":"), strict=False):
        found = compared(f"{lemma}-contraction", training(), part)
        axes.plot(found.bound[0] / found.observed[0, 0], style, color="k", lw=1, label=labels[part])
        if part == parts[0]:
            band(axes, np.arange(301), found.observed / found.observed[:, :1], COLOURS[name], "measured")
    fast = compared(f"{lemma}-contraction", training(), control="fast")
    axes.plot(fast.bound[0] / fast.observed[0, 0], "-.", color=GREY, lw=1, label="false rate")
    axes.set(xlabel="step $t$", yscale="log")
    axes.set_ylim(bottom=np.min(found.observed[:, -1] / found.observed[:, 0]) / 5)
    axes.legend()


@figure("gd-contraction")
def _(axes):
    _contraction(axes, "gradient_descent", ("",))
    axes.set(ylabel=r"$\Vert\xi(t)\Vert/\Vert\xi(0)\Vert$")


@figure("heavy-ball-contraction")
def _(axes):
    _contraction(axes, "heavy_ball", ("paper-form", "sharp"))
    axes.set(ylabel=r"$\Vert V(t)\Vert/\Vert V(0)\Vert$")


@figure("nesterov-contraction")
def _(axes):
    _contraction(axes, "nesterov", ("paper-form", "sharp"))
    axes.set(ylabel=r"$\Vert V(t)\Vert/\Vert V(0)\Vert$")


def _compared() -> Run:
    return run("nesterov-vs-gd", dataset={"source": "digits", "samples": 8})


def _logs(kappa) -> dict[str, np.ndarray]:
    """-ln rho of the three methods."""
    u = 1 / np.sqrt(kappa)
    square = (3 - 2 * u) / (3 + 2 * u) * (1 - u**2 / 2)
    with np.errstate(divide="ignore"):
        return dict(zip(THREE, (-np.log1p(-(u**2)), -np.log1p(-u / 2), -np.log(square) / 2), strict=True))


@figure("nesterov-vs-gd", panels=2)
def _(rates, curves):
    kappa = np.geomspace(1.01, 1e4, 200)
    for name in ("gradient_descent", "nesterov"):
        rates.loglog(kappa, _logs(kappa)[name], color=COLOURS[name], label=NAMES[name])
        norms = _compared().trajectory.residual_norm[:, THREE.index(name)]
        band(curves, np.arange(301), norms / norms[:, :1], COLOURS[name], NAMES[name])
    rates.axvline(9 / 4, color=GREY, lw=0.9)
    rates.text(2.5, 2e-4, r"claimed from $\kappa=9/4$", fontsize=8, color="0.3")
    rates.set(xlabel=r"$\kappa$", ylabel=r"$-\ln\rho$ per step")
    found = compared("nesterov-vs-gd", _compared(), "steps")
    curves.axhline(1e-3, color="k", ls="--", lw=0.9)
    for values, name in ((found.bound, "gradient_descent"), (found.observed, "nesterov")):
        curves.plot(values, np.full(len(values), 1e-3), "|", ms=9, color=COLOURS[name])
    curves.set(xlabel="step $t$", ylabel=r"$\Vert\xi(t)\Vert/\Vert\xi(0)\Vert$", yscale="log", ylim=(1e-6, 3))
    rates.legend()


@figure("nesterov-vs-heavy-ball", panels=2)
def _(rates, curves):
    kappa = np.geomspace(1, 1e4, 200)
    logs = _logs(kappa)
    rates.semilogx(kappa, logs["nesterov"] / logs["heavy_ball"], color=GREEN, label="Nesterov / heavy ball")
    for bound in (1, 2):
        rates.axhline(bound, color="k", ls="--", lw=0.9, label="claimed, 1 and 2" if bound == 1 else None)
    rates.axhline(4 / 3, color=GREY, ls=":", label="limit 4/3")
    rates.set(xlabel=r"$\kappa$", ylabel=r"ratio of $-\ln\rho$", ylim=(0.9, 2.1))
    rates.legend()
    norms = _compared().trajectory.residual_norm
    for name in ("heavy_ball", "nesterov"):
        values = norms[:, THREE.index(name)]
        band(curves, np.arange(301), values / values[:, :1], COLOURS[name], NAMES[name])
    curves.axhline(1e-3, color="k", ls="--", lw=0.9)
    curves.set(
        xlabel="step $t$", ylabel=r"$\Vert\xi(t)\Vert/\Vert\xi(0)\Vert$", yscale="log", xlim=(0, 150), ylim=(1e-6, 3)
    )
    curves.legend()


@figure("nesterov-increasing")
def _(axes):
    pair = {"source": "pairs", "pairs": 1, "angle": 0.05, "dimension": 2, "key": 2}
    subject = run("nesterov-increasing", dataset=pair, methods=["nesterov_increasing"], width=4096, steps=1200)
    found = compared("nesterov-increasing", subject)
    start, at = found.observed[:, :1], np.arange(1, 1201)
    band(axes, at, (found.observed / start)[:, 1:], ORANGE, "measured, momentum $t/(t+3)$")
    axes.loglog(at, np.min(np.asarray(found.bound) / start, axis=0)[1:], "--", color=BLUE, label="bound, $6E/t$")
    false = compared("nesterov-increasing", subject, control="accelerated")
    axes.plot(
        at, (false.bound / false.observed[:, :1])[0, 1:], ":", color=GREY, label="false: constant momentum's rate"
    )
    axes.set(xlabel="step $t$", ylabel=r"$\Vert\xi(t)\Vert/\Vert\xi(0)\Vert$", ylim=(1e-7, 1e4))
    axes.legend(loc="lower left")


def _arrivals(angle: float, methods: tuple[str, ...], steps: int) -> tuple[float, np.ndarray]:
    """kappa of one near-parallel pair, and steps to 1e-6 for good, (s, k); NaN where a run has not arrived."""
    data = nag_ntk.near_parallel_pairs(1, angle, 2, key=1, labels="paired")
    tunings = [nag_ntk.theorem_tuning(name, data) for name in methods]
    norms = nag_ntk.simulate(data, tunings, 16384, 4, steps).residual_norm
    above = norms > 1e-6 * norms[..., :1]
    last = norms.shape[-1] - np.argmax(above[..., ::-1], axis=-1)
    return data.spectrum.kappa, np.where(above[..., -1], np.nan, last)


@figure("acceleration")
def _(axes):
    kappas = np.geomspace(10, 1e6, 21)
    for name, power in zip(THREE, ("1.0021", "0.5051", "0.5057"), strict=True):
        steps = linear_steps(name, kappas)
        slope = np.polyfit(np.log(kappas), np.log(steps), 1)[0]
        assert f"{slope:.4f}" == power, slope  # the pages quote it
        axes.loglog(kappas, steps, color=COLOURS[name], label=f"{NAMES[name]}, slope {slope:.4f}")
    for angle in (0.4, 0.2, 0.1, 0.07):
        for methods, power, factor in ((THREE[:1], 1.0, 20), (THREE[1:], 0.5, 60)):
            kappa, steps = _arrivals(angle, methods, int(factor * (6 / angle) ** power))
            for k, name in enumerate(methods):
                axes.plot(np.full(len(steps), kappa), steps[:, k], "o", ms=3.5, mfc="none", color=COLOURS[name])
    axes.plot([], [], "o", ms=3.5, mfc="none", color=GREY, label="networks, $m=16{,}384$")
    axes.set(xlabel=r"$\kappa$", ylabel=r"steps to $10^{-6}$")
    axes.legend()


@figure("width-scaling")
def _(axes):
    widths = (256, 1024, 4096, 16384)
    runs = [
        run("width-scaling", width=m, seeds=8, steps=100, dataset={"source": "digits", "samples": 8}) for m in widths
    ]
    flips = np.array([r.trajectory.flip_fraction[:, 2, -1] for r in runs]).T
    distance = np.array([r.trajectory.distance[:, 2].max(axis=1) for r in runs]).T
    far = [np.linalg.norm(r.trajectory.initial_gram - r.data.gram_limit, axis=(1, 2)) for r in runs]
    labels = ("distance", r"$\Vert H(0)-H^\infty\Vert_F$", "share of flips")
    for values, colour, label in zip((distance, np.array(far).T, flips), (BLUE, ORANGE, GREEN), labels, strict=True):
        band(axes, widths, values, colour, label, "o-")
        middle = np.exp(np.log(np.median(values, axis=0)).mean() - 0.5 * (np.log(widths) - np.log(widths).mean()))
        axes.plot(widths, middle, "k--", lw=0.8, label="slope $-1/2$" if colour == GREEN else None)
    axes.set(xlabel="width $m$", ylabel="after 100 steps", xscale="log", yscale="log")
    axes.legend()


@figure("lazy-exit")
def _(axes):
    for m, colour in zip((16, 64, 256, 1024, 4096), (PINK, ORANGE, YELLOW, GREEN, BLUE), strict=True):
        path = run("lazy-exit", width=m, chunk=25, methods=["nesterov"], seeds=8).trajectory.gram_path
        assert path is not None
        at = path.steps <= 300
        band(
            axes,
            path.steps[at],
            path.least_eigenvalue[:, 0, at] / training().data.spectrum.lambda_0,
            colour,
            f"$m={m:,}$",
        )
    axes.axhline(0.5, color="k", ls="--", lw=0.9, label="claimed, 1/2")
    axes.set(xlabel="step $t$", ylabel=r"$\lambda_{\min}(H(t))/\lambda_0$", ylim=(-0.02, 1.45))
    axes.legend(ncols=3, loc="upper center")
