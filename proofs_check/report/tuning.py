"""Figures of a grid of step sizes and momenta: where training converges and how fast, beside the linear model."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from proofs_check.report.drawing import (
    COLOURS,
    INK,
    PAPER,
    RULE,
    Figure,
    canvas,
    finish_figure,
    legend_below,
    method_styles,
    set_logarithmic,
)
from proofs_check.report.numbers import number, words
from proofs_check.report.overview import detuned

MOST = 6
"""Largest number of maps on a page."""
_LEAST = 1e-3  # the rate of the linear model can be 0, which a logarithmic axis cannot show
_DASHED = (0, (4, 2))


class _State(NamedTuple):
    """How training at a point of the grid ended, and the mark for it."""

    words: str
    colour: str
    marker: str
    filled: bool = True


_STATES = {
    "theorem": _State("theorem's bound, all seeds", COLOURS[0], "o"),
    "every": _State("a thousandth, all seeds", COLOURS[2], "s"),
    "some": _State("a thousandth, some seeds", COLOURS[1], "D", filled=False),
    "none": _State("a thousandth, no seed", INK, "x"),
    "grew": _State("grew or overflowed", COLOURS[3], "^"),
}
"""From the strongest statement to the weakest; the first that is true of a point is its state."""


class _Point(NamedTuple):
    """A run and one of its methods; the step size is shown as eta lambda_max of H_inf."""

    run: Mapping[str, Any]
    row: Mapping[str, Any]

    @property
    def top(self) -> float:
        return self.run["data"]["lambda_top"]

    @property
    def step(self) -> float:
        return self.row["eta"] * self.top

    @property
    def damping(self) -> float:
        return 1 - self.row["beta"]

    @property
    def radius(self) -> float:
        return float(self.row["tuning"]["spectral_radius"])

    @property
    def limit(self) -> float:
        return self.row["tuning"]["stable_below"] * self.top

    @property
    def theorem(self) -> Mapping[str, Any]:
        return self.row["tuning"].get("theorem", {})

    @property
    def rate(self) -> float | None:
        """The median of the observed rates."""
        return _middle(self.row["observed_rate"])

    @property
    def state(self) -> str:
        reached, fall = self.row["steps_to_thousandth"], _middle(self.row["fall"])
        if self.theorem.get("violations") == 0:
            return "theorem"
        if reached[0] is not None:
            return "every" if reached[-1] is not None else "some"
        return "none" if fall is not None and fall < 1 else "grew"


def grids(runs: Sequence[Mapping[str, Any]]) -> dict[str, list[_Point]]:
    """Find the grids over step size and momentum: the points of each method, and of each place on the other axes.

    A run belongs to a grid if its place has the axis "beta", and "eta" or "scale". A grid has at least two step sizes
    and two momenta.

    Args:
        runs: summaries, as in results.json.

    Returns:
        Grids by their name, which is that of the method and of the place on the other axes.
    """
    found: dict[str, list[_Point]] = {}
    for run in runs:
        place = run.get("at", {})
        if "beta" in place and {"eta", "scale"} & set(place):
            others = [f"{axis} {value}" for axis, value in place.items() if axis not in ("eta", "scale", "beta")]
            for row in run["methods"]:
                if "tuning" in row and "fall" in row:
                    found.setdefault(", ".join([words(row["name"]), *others]), []).append(_Point(run, row))
    return {
        title: points
        for title, points in found.items()
        if min(len({point.row[key] for point in points}) for key in ("eta", "beta")) > 1
    }


def tuning_map(title: str, points: Sequence[_Point], name: str) -> Figure:
    """Draw a mark for each step size and momentum, the boundary of stability, and where the theorem's tuning stands.

    Args:
        title: of the grid, from `grids`.
        points: of the grid.
        name: of the files.
    """
    figure, axes = canvas(4.6)
    counts = {state: sum(point.state == state for point in points) for state in _STATES}
    for state, look in _STATES.items():
        if counts[state]:
            marked = [point for point in points if point.state == state]
            axes.plot([point.step for point in marked], [point.damping for point in marked], linestyle="none",
                      marker=look.marker, color=look.colour, markersize=4.6, label=look.words,
                      markerfacecolor=look.colour if look.filled else PAPER)  # fmt: skip
    steps, dampings = [point.step for point in points], [point.damping for point in points]
    axes.set_xlim(min(steps) / 1.25, max(steps) * 1.25)
    axes.set_ylim(max(dampings) * 1.25, min(dampings) / 1.25)
    rows = sorted({point.row["beta"]: point for point in points}.values(), key=lambda point: point.row["beta"])
    heights, limits = [point.damping for point in rows], [point.limit for point in rows]
    axes.fill_betweenx(heights, min(steps) / 1.25, limits, color=RULE, alpha=0.4, linewidth=0, zorder=0)
    axes.plot(limits, heights, color=INK, label="linear model stable left")
    fast = [point for point in rows if point.theorem.get("between")]
    if fast:
        outline = [(point.theorem["between"][0] * point.top, point.damping) for point in fast]
        outline += [(point.theorem["between"][1] * point.top, point.damping) for point in reversed(fast)]
        axes.plot(*zip(*outline, outline[0], strict=True), color=INK, linestyle=_DASHED, linewidth=1.1,
                  label="as fast as the theorem")  # fmt: skip
    own, fastest = points[0].theorem, _fastest(points)
    if own:
        axes.plot([own["eta"] * points[0].top], [1 - own["beta"]], linestyle="none", marker="*", markersize=13,
                  color=INK, markerfacecolor=PAPER, label="theorem's tuning")  # fmt: skip
    if fastest:
        axes.plot([fastest.step], [fastest.damping], linestyle="none", marker="o", markersize=10, color=INK,
                  markerfacecolor="none", markeredgewidth=1.4, label="fewest steps")  # fmt: skip
    set_logarithmic(axes, "x")
    set_logarithmic(axes, "y")
    axes.set_xlabel("step size η λ_max (1)")
    axes.set_ylabel("1 − β (1): more momentum upwards")
    legend_below(figure, 2)
    table = [
        [
            point.row["name"], point.run["run"], point.row["eta"], point.row["beta"], point.step, point.state,
            point.theorem.get("violations"), point.run["seeds"], point.radius, point.limit, point.theorem.get("rate"),
            *point.row["observed_rate"], *point.row["fall"], *point.row["steps_to_thousandth"],
        ]
        for point in points
    ]  # fmt: skip
    header = [
        "method", "run", "eta", "beta", "eta_lambda_max", "state", "violations", "seeds", "spectral_radius",
        "stable_below_eta_lambda_max", "theorem_rate",
        *(f"{key}_q{level}" for key in ("rate", "fall", "steps_to_thousandth") for level in (0, 10, 50, 90, 100)),
    ]  # fmt: skip
    note = (
        "A point has the first mark whose words are true of it; a thousandth: the residual fell to 1/1000 of its "
        "start. Grey, line and dashes: the linear model of H∞, whose largest eigenvalue is λ_max."
    )
    described = _in_words(points, counts)
    return finish_figure(figure, name, f"Tuning map, {title}", described, header, table, note)


def _in_words(points: Sequence[_Point], counts: Mapping[str, int]) -> str:
    first, fastest, own = points[0], _fastest(points), points[0].theorem
    data, kappa = first.run["data"]["name"], number(first.run["data"]["kappa"]) or "none"
    reached = [point for point in points if point.row["steps_to_thousandth"][-1] is not None]
    beyond = [point.step / point.limit for point in reached if point.radius >= 1]
    parts = [
        f"{data}, κ = {kappa}, width {first.run['width']:,}, {first.run['seeds']} seeds, {first.run['steps']:,} steps",
        f"{len(points)} pairs of step size and momentum, the linear model is stable at "
        f"{sum(point.radius < 1 for point in points)} of them",
    ]
    if own:
        held = [point.radius < 1 for point in points if point.state == "theorem"]
        fast = [point.state == "theorem" for point in points if point.radius <= point.theorem["rate"]]
        parts.append(f"the theorem's bound held in every seed at {len(held)}, stable or not ({sum(held)} are)")
        parts.append(f"and at {sum(fast)} of the {len(fast)} where the linear model is as fast as the theorem")
    parts.append(f"the residual fell to a thousandth in every seed at {len(reached)}, {len(beyond)} of them not stable")
    if beyond:
        parts.append(f"the largest such step size is {number(max(beyond))} times the boundary at its momentum")
    parts += [f"{_STATES[state].words}: {counts[state]}" for state in ("some", "none", "grew") if counts[state]]
    if own:
        near, step = min(points, key=lambda point: detuned(point.row)), own["eta"] * first.top
        parts.append(f"the theorem's tuning is η λ_max = {number(step)}, β = {number(own['beta'])}")
        parts.append(f"nearest to it in the grid is {_told(near)}")
    if fastest:
        parts.append(f"fewest steps to a thousandth has {_told(fastest)}")
    return "; ".join(parts) + "."


def _told(point: _Point) -> str:
    """Describe a point by its place, its steps to a thousandth, its rates and its distance from the boundary."""
    steps, rate = _middle(point.row["steps_to_thousandth"]), point.rate
    return (
        f"η λ_max = {number(point.step)}, β = {number(point.row['beta'])}, "
        f"with {'no thousandth' if steps is None else f'{steps:.0f} steps'}, "
        f"rate {number(rate, '.4g') or 'none'} ({number(point.radius, '.4g')} in the linear model), "
        f"and stable up to {number(point.limit / point.step)} times its step size"
    )


def rate_against_model(points: Sequence[_Point], name: str) -> Figure | None:
    """Draw the observed rate of every point against the rate of the linear model; None if no rate was observed.

    Args:
        points: of all grids.
        name: of the files.
    """
    seen = [(point, rate) for point in points if (rate := point.rate) is not None and rate > 0]
    if not seen:
        return None
    figure, axes = canvas(3.6)
    methods = list(dict.fromkeys(point.row["name"] for point, _ in seen))
    for method, (colour, marker) in zip(methods, method_styles(methods), strict=True):
        own = [(max(point.radius, _LEAST), rate) for point, rate in seen if point.row["name"] == method]
        axes.plot(*zip(*own, strict=True), linestyle="none", color=colour, marker=marker, markersize=4,
                  markerfacecolor=PAPER, label=words(method))  # fmt: skip
    rates = [rate for _, rate in seen]
    low, high = min(rates), max(max(rates), 1.0)
    axes.plot([low, high], [low, high], color=INK, linewidth=1.1, label="equal")
    axes.axvline(1.0, color=INK, linestyle=_DASHED, linewidth=1.1, label="linear model unstable right")
    set_logarithmic(axes, "x", (0.01, 0.1, 0.2, 0.5, 0.7, 1, 2, 5, 10, 20, 50, 100))
    axes.set_xlabel("rate of the linear model at H∞ (1)")
    axes.set_ylabel("observed rate (1)")
    legend_below(figure, 2)
    gaps = sorted(abs(rate - point.radius) for point, rate in seen if point.radius < 1)
    beyond = [point for point, _ in seen if point.radius >= 1]
    parts = ["A point for each step size and momentum: median over seeds of the rate in the second half of the steps"]
    if gaps:
        parts.append(
            f"at {len(gaps)} points the linear model is stable, and the two rates differ by "
            f"{number(gaps[len(gaps) // 2])} in the median and {number(gaps[-1])} at most"
        )
    if beyond:
        reached = sum(point.row["steps_to_thousandth"][-1] is not None for point in beyond)
        parts.append(f"at {len(beyond)} it is not stable, and at {reached} of these all seeds reached a thousandth")
    header = ["method", "run", "eta", "beta", "spectral_radius", "rate_q50"]
    table = [[p.row["name"], p.run["run"], p.row["eta"], p.row["beta"], p.radius, rate] for p, rate in seen]
    return finish_figure(figure, name, "Observed rate and linear model", f"{'; '.join(parts)}.", header, table)


def _fastest(points: Sequence[_Point]) -> _Point | None:
    """Return the point with the fewest steps to a thousandth in the median, of those at which all seeds reached it."""

    def slower_half(point: _Point) -> tuple[int, ...]:
        levels = point.row["steps_to_thousandth"]
        return tuple(levels[len(levels) // 2 :])

    reached = [point for point in points if point.row["steps_to_thousandth"][-1] is not None]
    return min(reached, key=slower_half, default=None)


def _middle(levels: Sequence[Any]) -> float | None:
    value = levels[len(levels) // 2]
    return None if value is None else float(value)
