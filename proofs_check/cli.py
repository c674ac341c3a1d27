"""The command line. It decides nothing: it reads arguments, calls the runner and the store, and sets exit codes.

Exit codes: 0 nothing refuted; 1 something REFUTED; 2 wrong usage, configuration or folder; 3 a check ended in
ERROR, or the program did; 4 with --strict, something INCONCLUSIVE or VACUOUS; 130 interrupted.
"""

import io
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from proofs_check.certificates.command import certify, recheck

if TYPE_CHECKING:  # imported inside the commands, so that --help answers at once
    from .lemma import Lemma
    from .runner import StudyResult

PROGRAM = "nag-ntk"
_PROVENANCE = {
    "derived": "derived here, in docs/theory",
    "form of": "the form of the cited theorem, with constants of this project; source not re-read",
    "recalled": "source not re-read",
}


class Failure(Exception):
    """Ends the program with a sentence and an exit code."""

    def __init__(self, message: str, code: int = 2):
        super().__init__(message)
        self.code = code


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point: runs a command and exits with its code, after one sentence when it failed."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a sign gets "?" instead of a crash
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.Abort:
        click.echo(f"{PROGRAM}: interrupted", err=True)
        code = 130
    except Failure as error:
        click.echo(f"{PROGRAM}: {error}", err=True)
        code = error.code
    except click.ClickException as error:
        click.echo(f"{PROGRAM}: {error.format_message()}", err=True)
        code = error.exit_code
    except Exception as error:
        if os.environ.get("NAG_NTK_DEBUG"):
            traceback.print_exc()
        click.echo(f"{PROGRAM}: {_describe(error)}", err=True)
        code = 3
    if code == 130:
        _leave(code)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(code: int) -> None:
    """Ends the process at once: torn down in the middle of a computation, JAX crashes and hides the exit code."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _print_version(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        from nag_ntk import __version__

        _say(f"{PROGRAM} {__version__}")
        context.exit()


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
@click.pass_context
def cli(context: click.Context) -> int | None:
    """Check, on real training runs, the lemmas behind Nesterov's method for wide ReLU networks.

    A run on finitely many networks never proves a statement about all of them.
    """
    if context.invoked_subcommand is None:
        _say(context.get_help())
        return 2
    return None


@cli.command()
@click.argument("config", default="quick")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [nag-ntk-results/NAME].")
@click.option("--select", multiple=True, metavar="ID", help="Check this lemma only; may be repeated.")
@click.option("--seeds", type=click.IntRange(min=1), help="Replaces the number of seeds of every run.")
@click.option(
    "--max-seeds", type=click.IntRange(min=1), help="Double the seeds until every claim is decided or N are used."
)
@click.option("--strict", is_flag=True, help="Exit with 4 if anything is INCONCLUSIVE or VACUOUS.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table, only the headline.")
@click.option("--slack", is_flag=True, help="Show what every link of the proof loses, not only the sums of its steps.")
def verify(
    config: str, out: Path | None, select: tuple[str, ...], seeds: int | None, max_seeds: int | None, strict: bool,
    quiet: bool, slack: bool,
) -> int:  # fmt: skip
    """Run a study and decide: CONFIG is a YAML file or a bundled study (quick by default)."""
    begun = time.perf_counter()
    _silence()
    try:
        from nag_ntk import InputError
        from proofs_check import runner, store
        from proofs_check.config import ConfigError, load_study
        from proofs_check.finding import exit_code
        from proofs_check.lemmas import CATALOGUE

        try:
            study = load_study(config, known_lemmas=[lemma.id for lemma in CATALOGUE])
            chosen = [_find(name).id for name in select]
            folder = out or Path(study.out or Path(f"{PROGRAM}-results") / study.name)
            store.check_writable(folder)
            _prepare_jax()
            with _progress([run.name for run in study.runs], quiet) as progress:
                if max_seeds is None:
                    result = runner.verify(study, select=chosen, seeds=seeds, progress=progress)
                else:
                    started = study if seeds is None else runner.with_seeds(study, seeds)
                    result = runner.verify_until_decided(started, max_seeds, select=chosen, progress=progress)
        except ConfigError as error:
            raise Failure(_all_problems(error)) from None
        except (InputError, store.StoreError) as error:
            raise Failure(str(error)) from None
        spent = time.perf_counter() - begun
        unsaved = None
        try:
            store.write(result, folder, wall_time=spent)
        except store.StoreError as error:
            unsaved = error  # the verdicts are known: show them all the same
    except KeyboardInterrupt:
        raise Failure("interrupted; of this run nothing was kept, earlier results are untouched", 130) from None
    _show(result, quiet, slack)
    if unsaved is not None:
        raise Failure(str(unsaved))
    _say(f"Results in {folder}: {store.MANIFEST}, {store.RESULTS}, {store.TRAJECTORIES}; {spent:.0f} s.")
    return exit_code(result.findings, strict)


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with statements, hypotheses and sources.")
def lemmas(as_json: bool) -> None:
    """List the lemmas that can be checked."""
    from proofs_check.lemmas import CATALOGUE

    if as_json:
        import json

        _say(json.dumps([_as_dict(lemma) for lemma in CATALOGUE], indent=1, ensure_ascii=False))
    else:
        width = max(len(lemma.id) for lemma in CATALOGUE) + 2
        _say("\n".join(f"{lemma.id:<{width}}{lemma.kind:<12}{lemma.title}" for lemma in CATALOGUE))


@cli.command()
@click.argument("lemma_id", metavar="ID")
def explain(lemma_id: str) -> None:
    """Explain one lemma: what it claims, where it comes from, how it is decided."""
    import shutil
    import textwrap

    lemma = _find(lemma_id.partition("/")[0])  # rows of results name a part after the slash
    columns = min(shutil.get_terminal_size().columns, 100)
    sections = [
        ("statement", lemma.statement),
        ("hypotheses", lemma.hypotheses),
        ("kind", f"{lemma.kind}{f'; about {lemma.method}' if lemma.method else ''}"),
        *([("constants", lemma.constants)] if lemma.constants else []),
        ("source", f"{lemma.source} ({_PROVENANCE.get(lemma.provenance, lemma.provenance)})"),
        ("decided", lemma.decision),
        *((f"control {control.id}", f"must be REFUTED: {control.statement}") for control in lemma.controls),
    ]
    lines = [f"{lemma.id}: {lemma.title}"]
    for name, text in sections:
        lines.append(f"\n{name}")
        lines += textwrap.wrap(text, columns, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    _say("\n".join(lines))


@cli.command()
@click.argument("lemma_id", metavar="ID", required=False)
@click.option("--control", metavar="NAME", help="Attack this false variant of the lemma, which must fall.")
@click.option("--budget", type=click.IntRange(min=1), default=200, show_default=True, help="Examples to try.")
@click.option("--seconds", type=click.FloatRange(min=1), default=120, show_default=True, help="Time limit.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for a counterexample.")
@click.option("--replay", type=click.Path(path_type=Path), help="Check a stored counterexample again.")
@click.option("--quiet", is_flag=True, help="No progress.")
def search(
    lemma_id: str | None, control: str | None, budget: int, seconds: float, seed: int, out: Path | None,
    replay: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Attack a lemma with degenerate data: draw, climb, shrink, store.

    Exit codes: 1 when the lemma fell, or a control did not, or a replayed counterexample no longer holds; else 0.
    """
    _silence()
    if (lemma_id is None) == (replay is None) or (replay and (control or out)):
        raise Failure("give the ID of a lemma to attack, or --replay FILE and nothing else")
    try:
        lemma = None if lemma_id is None else _find(lemma_id)
        from nag_ntk import InputError
        from proofs_check.search.command import SearchError, WitnessError, again, attack

        _prepare_jax()
        note = (lambda line: None) if quiet else (lambda line: click.echo(line, err=True))
        try:
            return (
                again(replay, _say) if lemma is None else attack(lemma, control, budget, seconds, seed, out, _say, note)
            )
        except (InputError, SearchError, WitnessError) as error:
            raise Failure(str(error)) from None
    except KeyboardInterrupt:
        raise Failure("interrupted; nothing was written", 130) from None


cli.add_command(certify)
cli.add_command(recheck)


@cli.command()
def schema() -> None:
    """Print the JSON schema of a study, for an editor or a generator."""
    import json

    from proofs_check.config import study_schema

    _say(json.dumps(study_schema(), indent=1, ensure_ascii=False))


def _find(lemma_id: str) -> "Lemma":
    """The lemma of that id; a Failure naming the nearest one otherwise."""
    from proofs_check.config_check import did_you_mean
    from proofs_check.lemmas import CATALOGUE

    known = {lemma.id: lemma for lemma in CATALOGUE}
    if lemma_id not in known:
        hint = did_you_mean(lemma_id.replace("_", "-"), list(known)) or f"{PROGRAM} lemmas lists them"
        raise Failure(f'no lemma is called "{lemma_id[:100]}"; {hint}')
    return known[lemma_id]


def _as_dict(lemma: "Lemma") -> dict[str, Any]:
    names = "id title statement hypotheses kind constants source provenance decision method".split()
    controls = [{"id": control.id, "statement": control.statement} for control in lemma.controls]
    return {**{name: getattr(lemma, name) for name in names}, "controls": controls}


def _show(result: "StudyResult", quiet: bool, links: bool) -> None:
    from rich.console import Console

    from proofs_check.report import terminal

    class Output(Console):
        def on_broken_pipe(self) -> None:  # rich would exit with 1, which means REFUTED
            raise BrokenPipeError

    rows = [finding.to_row() for finding in result.findings]
    headed = {"console": Output(), "study": result.study.name, "level": result.study.level}
    with _pipe_may_close():
        if quiet:
            terminal.render_headline(rows, **headed)
        else:
            terminal.render(rows, **headed, slack=[row.to_row() for row in result.slack], links=links)


def _say(text: str) -> None:
    with _pipe_may_close():
        click.echo(text)


@contextmanager
def _pipe_may_close() -> Iterator[None]:
    """A reader such as head may go away early; that is no failure and changes no exit code."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _progress(runs: Sequence[str], quiet: bool) -> Iterator[Any]:
    """A callback (run, done, total) that drives one bar per run on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as bars:
        # without a total a bar pulses: compiling takes a while before the first chunk is done
        tasks = {run: bars.add_task(run, total=None, start=run == runs[0]) for run in runs}

        def advance(run: str, done: int, total: int) -> None:
            bars.start_task(tasks[run])
            bars.update(tasks[run], completed=done, total=total)

        yield advance


def _silence() -> None:
    """No log lines of the libraries between our own; set before they are imported."""
    import logging

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("jax").setLevel(logging.ERROR)


def _prepare_jax() -> None:
    """float64, one CPU device per core, and compilations kept between calls."""
    import jax

    import nag_ntk

    nag_ntk.enable_float64()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    given = "JAX_NUM_CPU_DEVICES" in os.environ or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if not given:
        jax.config.update("jax_num_cpu_devices", cores)
    folder = _cache_folder()
    if folder is not None:
        jax.config.update("jax_compilation_cache_dir", str(folder))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)


def _cache_folder() -> Path | None:
    """NAG_NTK_CACHE, or our folder among the user's caches; None where it cannot be had, or is set to nothing."""
    try:
        given = os.environ.get("NAG_NTK_CACHE")
        if given is not None:
            folder = Path(given) if given else None
        elif sys.platform == "win32":
            folder = Path(os.environ["LOCALAPPDATA"]) / PROGRAM / "Cache"
        elif sys.platform == "darwin":
            folder = Path.home() / "Library" / "Caches" / PROGRAM
        else:
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / PROGRAM
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        return folder if folder is not None and os.access(folder, os.W_OK) else None
    except (OSError, KeyError, RuntimeError):  # RuntimeError: no home
        return None


def _all_problems(error: Any) -> str:
    lines = str(error).split("\n")
    return lines[0] if len(lines) == 1 else f"{len(lines)} problems in {error.file}:\n  " + "\n  ".join(lines)


def _describe(error: Exception) -> str:
    """An unexpected failure on one line, with the place."""
    text = " ".join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"internal error: {type(error).__name__}: {text}{place}; NAG_NTK_DEBUG=1 shows the traceback"
