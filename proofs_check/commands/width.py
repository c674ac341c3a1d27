"""`nag-ntk width`: the widths that the theory requires on the data of a study, without running it."""

from typing import TYPE_CHECKING, Any

import click

from proofs_check.commands.console import Failure, say
from proofs_check.running import session

if TYPE_CHECKING:
    from proofs_check.study.load import Study


@click.command()
@click.argument("config", default="quick")
@click.option(
    "--delta", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Failure probability [the study's]."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def width(config: str, delta: float | None, as_json: bool) -> None:
    """Print lambda_0, kappa and the widths that the theory asks for on the data of CONFIG.

    Nothing is simulated, and no width hides a constant. Closed forms proved in Coq (nag-ntk formal) are astronomically
    large. By comparison with its linear model the convergence theorem is proved for these very data, from a width on
    that a computer can hold if the data are well separated. That takes seconds for 10 samples, half a minute for 20;
    --json has what the proof loses at which step.
    """
    session.silence()
    from nag_ntk import InputError
    from proofs_check.study.load import ConfigError, load_study

    try:
        study = load_study(config)
        session.prepare_jax()
        results = datasets(study, study.delta if delta is None else delta)
    except (ConfigError, InputError) as error:
        raise Failure(str(error)) from None
    if as_json:
        import json

        say(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        say("\n\n".join(_table(one) for one in results["datasets"]) + f"\n\n{_NOTE}")


def datasets(study: "Study", delta: float) -> dict[str, Any]:
    """Collect for each dataset and init of a study its numbers, the widths of its runs, and the required widths."""
    from proofs_check.judging.finding import plain
    from proofs_check.running import widths

    results: dict[Any, dict[str, Any]] = {}
    for run in study.runs:
        key = run.dataset, run.init
        if key not in results:
            data = run.dataset.build()
            inits = ("independent", "antisymmetric") if run.init == "independent" else (run.init,)
            asked = [
                *widths.required_widths(data, delta, run.init), *widths.compared_widths(data, delta, inits)
            ]  # fmt: skip
            rows = [row.to_row() for row in asked]
            results[key] = {**widths.facts(data), "init": run.init, "delta": delta, "runs": {}, "asked": rows}
        results[key]["runs"][run.name] = run.width
    return plain({"study": study.name, "datasets": list(results.values())})


_NOTE = (
    "Sufficient widths at failure probability delta, without a hidden constant. The theorem's (Coq) are the largest\n"
    "of what its three random events ask at delta/3 each and of the explicit width proved in Coq, with n, or with the\n"
    "norm of |K| in its place. By comparison: the least width found, within 1 %, at which the theorem's inequality is\n"
    "proved for these inputs and targets. From which width on runs do behave, nag-ntk verify measures."
)


def _table(one: dict[str, Any]) -> str:
    kappa = "none: lambda_0 is 0 up to rounding" if one["kappa"] is None else f"{one['kappa']:.4g}"
    runs = ", ".join(f"{name} {width:,}" for name, width in list(one["runs"].items())[:6])
    more = f" and {len(one['runs']) - 6} more" if len(one["runs"]) > 6 else ""
    drawn = "" if one["init"] == "independent" else f", {one['init']} networks"
    lines = [
        f"{one['name']}: n = {one['samples']}, d = {one['dimension']}, lambda_0 = {one['lambda_0']:.4g}, "
        f"kappa = {kappa}{drawn}",
        f"|K| = {one['kernel_norm']:.4g}, norm of |K| entrywise = {one['absolute_kernel_norm']:.4g}, "
        f"|y| = {one['targets_norm']:.4g}, delta = {one['delta']:g}",
        f"widths of the study: {runs}{more}",
    ]
    for row in one["asked"]:
        method = row["method"].replace("_", " ")
        lines.append(f"  m >= {float(row['width']):<9.3g} {row['words']}{', ' if method else ''}{method}")
    return "\n".join(lines)
