"""nag-ntk: verify a study, list the lemmas, explain one. Heavy imports stay inside the commands that need them."""

import json
import os
import time
from pathlib import Path
from typing import Any, NoReturn

import click

CACHE_VARIABLE = "NAG_NTK_CACHE"


def _fail(message: object, code: int = 2) -> NoReturn:
    click.echo(f"nag-ntk: {message}", err=True)
    raise SystemExit(code)


def _prepare_jax() -> None:
    """float64, one CPU device per core, and compiled programs kept between calls; before any device is touched."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import jax

    import nag_ntk

    nag_ntk.enable_float64()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        jax.config.update("jax_num_cpu_devices", cores)
    except RuntimeError:  # a device was touched before, in a caller's process: keep what is there
        pass
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nag-ntk"
    folder = Path(os.environ.get(CACHE_VARIABLE) or default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nag-ntk")
def main() -> None:
    """Numerical verification of the convergence theory of wide two-layer ReLU networks."""


@main.command()
@click.argument("config", default="quick")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results. [nag-ntk-results/STUDY]")
@click.option("--select", "selected", multiple=True, metavar="ID", help="Check this lemma only; may be repeated.")
@click.option("--seeds", type=click.IntRange(min=1), help="Number of seeds, in place of the study's.")
@click.option("--strict", is_flag=True, help="Exit with 4 if anything is INCONCLUSIVE or VACUOUS.")
@click.option("--quiet", is_flag=True, help="No progress bar.")
def verify(
    config: str, out: Path | None, selected: tuple[str, ...], seeds: int | None, strict: bool, quiet: bool
) -> None:
    r"""Simulate a study, check its lemmas, print and store the verdicts.

    CONFIG is a YAML file or the name of a bundled study (quick, digits).

    \b
    Exit codes: 0 nothing refuted; 1 something REFUTED; 2 wrong usage or
    configuration; 3 a check ended in ERROR; 4 with --strict.

    \b
    Examples:
      nag-ntk verify
      nag-ntk verify my-study.yaml --out results/mine --seeds 256
      nag-ntk verify quick --select flip-count --select distance
    """
    begun = time.perf_counter()
    from proofs_check.config import ConfigError, load_study

    try:
        study = load_study(config)
    except ConfigError as error:
        _fail(error)
    from proofs_check import store

    folder = out or Path(study.out or Path("nag-ntk-results") / study.name)
    try:
        store.check_writable(folder)
        _prepare_jax()
        _verify(study, folder, selected, seeds, strict, quiet, begun)
    except ValueError as error:  # InputError, ConfigError, StoreError: the user's to mend
        if not type(error).__module__.startswith(("nag_ntk", "proofs_check")):
            raise
        _fail(error)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", 130)


def _verify(
    study: Any, folder: Path, selected: tuple[str, ...], seeds: int | None, strict: bool, quiet: bool, begun: float
) -> NoReturn:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from proofs_check import store
    from proofs_check.lemmas import CATALOGUE
    from proofs_check.report import terminal
    from proofs_check.runner import verify as run_study
    from proofs_check.verdict import exit_code

    known = [lemma.id for lemma in CATALOGUE]
    for name in selected:
        _known_lemma(name, known)
    if study.lemmas != "all":
        unknown = [name for name in study.lemmas if name not in known]
        if unknown:
            _known_lemma(unknown[0], known)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bar = Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), disable=quiet)
    tasks: dict[str, TaskID] = {spec.name: bar.add_task(spec.name, total=None) for spec in study.runs}
    with bar:
        result = run_study(
            study,
            select=selected,
            seeds=seeds,
            progress=lambda name, done, total: bar.update(tasks[name], completed=done, total=total),
        )
    store.write(result, folder, wall_time=time.perf_counter() - begun)
    terminal.render(store.read(folder).rows, Console(soft_wrap=False))
    click.echo(f"{time.perf_counter() - begun:.1f} s; results in {folder}")
    raise SystemExit(exit_code(result.findings, strict))


def _known_lemma(name: str, known: list[str]) -> None:
    if name in known:
        return
    import difflib

    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
    _fail(f"unknown lemma {name!r}; {hint}")


def _source(lemma: Any) -> str:
    note = {"recalled": " (source not re-read)", "form of": " (its form; the constants are this suite's)"}
    return lemma.source + note.get(lemma.provenance, "")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every field.")
def lemmas(as_json: bool) -> None:
    r"""List the lemmas, in the order of the proof.

    \b
    Example:
      nag-ntk lemmas --json | python -m json.tool
    """
    from proofs_check.lemmas import CATALOGUE

    if as_json:
        fields = ("id", "title", "statement", "hypotheses", "kind", "source", "provenance", "decision")
        rows = [
            {**{f: getattr(x, f) for f in fields}, "controls": {c.id: c.statement for c in x.controls}}
            for x in CATALOGUE
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    width = max(len(lemma.id) for lemma in CATALOGUE)
    for lemma in CATALOGUE:
        click.echo(f"{lemma.id:{width}}  {lemma.kind:11}  {lemma.title}")


@main.command()
@click.argument("lemma_id", metavar="ID")
def explain(lemma_id: str) -> None:
    r"""Explain one lemma: statement, hypotheses, constants, source, controls, and how its verdict is reached.

    \b
    Example:
      nag-ntk explain flip-count
    """
    import textwrap

    from proofs_check.lemmas import CATALOGUE

    _known_lemma(lemma_id, [x.id for x in CATALOGUE])
    lemma = next(x for x in CATALOGUE if x.id == lemma_id)
    click.echo(f"{lemma.id}: {lemma.title}\n")
    parts = {
        "Statement": lemma.statement,
        "Hypotheses": lemma.hypotheses,
        "Kind": lemma.kind,
        "Source": _source(lemma),
        "Verdict": lemma.decision,
    }
    for name, text in parts.items():
        click.echo(textwrap.fill(text, 100, initial_indent=f"{name + ':':12}", subsequent_indent=" " * 12))
    click.echo("Controls, false variants that the same check must refute:")
    for control in lemma.controls:
        click.echo(
            textwrap.fill(f"{control.id}: {control.statement}", 100, initial_indent="  - ", subsequent_indent=" " * 4)
        )


@main.command()
def schema() -> None:
    r"""Print the JSON schema of a study's YAML.

    \b
    Example:
      nag-ntk schema > study.schema.json
    """
    from proofs_check.config import study_schema

    click.echo(json.dumps(study_schema(), indent=1))
