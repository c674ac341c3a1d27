"""`nag-ntk width`: the widths that the theory requires on the data of a study, and the least that runs support."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from proofs_check.commands.changes import changes as study_changes
from proofs_check.commands.console import Failure, say, screen
from proofs_check.running import session
from proofs_check.study.text import visible

if TYPE_CHECKING:
    from proofs_check.lemma import Lemma
    from proofs_check.study.load import Study


@click.command()
@click.argument("config", default="quick")
@study_changes
@click.option(
    "--delta", type=click.FloatRange(0, 1, min_open=True, max_open=True), help="Failure probability [the study's]."
)
@click.option(
    "--observed", is_flag=True, help="Also train networks: find the least width at which runs support the claims."
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="ID",
    help="Lemma, or part of one, whose least width is looked for; repeat it [the convergence claims].",
)
@click.option("--most", type=click.IntRange(1), help="Largest width to train [131072].")
@click.option(
    "--max-seeds", type=click.IntRange(1), help="Most networks at one width [four times the fewest that can do]."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def width(
    config: str, delta: float | None, observed: bool, claims: tuple[str, ...], most: int | None, max_seeds: int | None,
    as_json: bool, changes: tuple[str, ...],
) -> None:  # fmt: skip
    """Print lambda_0, kappa and the widths that the theory asks for on the data of CONFIG.

    No width hides a constant, and nothing is simulated unless --observed or --claim is given: then networks are trained
    at some ten widths, to find the least at which the claim is SUPPORTED at delta; all looks share the study's level.
    That takes a minute or two for 30 samples. Closed forms proved in Coq (nag-ntk formal) are astronomically
    large. By comparison with its linear model the convergence theorem is proved for these very data, from a width on
    that a computer can hold if the data are well separated. That takes seconds for 10 samples, half a minute for 20;
    --json has what the proof loses at which step.
    """
    session.silence()
    from nag_ntk import InputError
    from proofs_check.plugins.own import available_lemmas
    from proofs_check.running.observed_width import default_claims, varied_run
    from proofs_check.study.load import ConfigError, load_study

    lemmas: "Sequence[Lemma]" = ()

    try:
        study = load_study(config, changes=changes)
        session.prepare_jax()
        if observed := observed or bool(claims):
            lemmas = available_lemmas(study.lemma_files).lemmas
            claims = claims or default_claims(study, lemmas)
            for claim in claims:
                varied_run(study, claim, lemmas)
        results = datasets(study, study.delta if delta is None else delta)
        if observed:
            limits = {"most": most, "max_seeds": max_seeds}
            given = {name: limit for name, limit in limits.items() if limit is not None}
            _observe(study, claims, lemmas, results, given)
    except (ConfigError, InputError) as error:
        raise Failure(str(error)) from None
    if as_json:
        import json

        say(json.dumps(results, indent=1, ensure_ascii=False))
    else:
        note = _OBSERVED if observed else _NOTE
        say("\n\n".join(_table(one) for one in results["datasets"]) + f"\n\n{note}")


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
            head = {**widths.facts(data), "why_singular": data.why_singular, "init": run.init, "delta": delta}
            results[key] = {**head, "runs": {}, "asked": rows}
        results[key]["runs"][run.name] = run.width
    return plain({"study": study.name, "datasets": list(results.values())})


def _observe(
    study: "Study", claims: Sequence[str], lemmas: "Sequence[Lemma]", results: dict[str, Any], limits: Any
) -> None:
    """Search the least widths of claims on each dataset, and add them to the results under "observed"."""
    from proofs_check.running.observed_width import Look, least_width

    console = screen(stderr=True)
    for one in results["datasets"]:
        part = study.model_copy(update={"runs": tuple(run for run in study.runs if run.name in one["runs"])})
        one["observed"] = []
        for claim in claims:
            with console.status(visible(f"{claim}: first width")) as status:

                def told(look: Look, claim: str = claim, status: Any = status) -> None:
                    status.update(visible(f"{claim}: width {look.width:,}, {look.seeds} seeds: {look.verdict}"))

                asked = {"delta": one["delta"], "level": study.level / len(claims), "lemmas": lemmas, "progress": told}
                found = least_width(part, claim, **asked, **limits)
            one["observed"].append(found.to_row() | {"words": str(found)})


_NOTE = (
    "Sufficient widths at failure probability delta, without a hidden constant. The theorem's (Coq) are the largest\n"
    "of what its three random events ask at delta/3 each and of the explicit width proved in Coq, with n, or with the\n"
    "norm of |K| in its place. By comparison: the least width found, within 1 %, at which the theorem's inequality is\n"
    "proved for these inputs and targets. From which width on runs do behave, --observed finds out."
)
_OBSERVED = (
    "Observed: the least width looked at from which on the claim is SUPPORTED, that is fails with probability at most\n"
    "delta, at the study's level for all looks together. That it holds at wider networks too is assumed, not proved."
)


_SIDE = {"REFUTED": "at least"}


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
    if one["why_singular"]:
        lines.insert(1, f"lambda_0 is 0, so no width is enough; {one['why_singular']}")
    for row in one["asked"]:
        method = row["method"].replace("_", " ")
        lines.append(f"  m >= {float(row['width']):<9.3g} {row['words']}{', ' if method else ''}{method}")
    for found in one.get("observed", ()):
        lines += ["", f"observed, {found['words']}"]
        last = {look["width"]: look for look in found["looks"]}  # of several looks at one width the last
        for _, look in sorted(last.items()):
            counted = "" if look["violations"] is None else f"{look['violations']} of {look['seeds']} seeds violate it"
            limit = "" if look["limit"] is None else f", {_SIDE.get(look['verdict'], 'at most')} {look['limit']:.3g}"
            lines.append(f"  m = {look['width']:<9,} {look['verdict']:<12} {counted or look['reason']}{limit}")
    return "\n".join(lines)
