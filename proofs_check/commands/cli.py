"""Command line: read arguments, call the runner and the store, and set the exit code.

Exit codes: 0 nothing refuted; 1 something REFUTED, an ERROR beside it or not; 2 wrong usage, configuration or folder; 3
a check ended in ERROR, or the program did; 4 with --strict, something INCONCLUSIVE or VACUOUS; 130 interrupted; 143
terminated.
"""

import io
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from proofs_check.commands.bench import bench
from proofs_check.commands.certify import certify, recheck
from proofs_check.commands.changes import changes as study_changes
from proofs_check.commands.check import check
from proofs_check.commands.compare import compare
from proofs_check.commands.console import Failure, note, say
from proofs_check.commands.examples import epilog
from proofs_check.commands.formal import formal
from proofs_check.commands.lemmas import Lemmas, explain, lemma_files, lemmas
from proofs_check.commands.processes import Group
from proofs_check.commands.processes import options as process_options
from proofs_check.commands.report import report
from proofs_check.commands.start import bundled, completion, init, lemma_ids
from proofs_check.commands.width import width
from proofs_check.running import session
from proofs_check.running.session import PROGRAM


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit with its code, after one sentence if it failed; the entry point."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a character that the terminal lacks becomes "?" instead of an error
    try:
        code = cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except click.Abort:
        note(f"{PROGRAM}: interrupted")
        code = 130
    except Failure as error:
        note(f"{PROGRAM}: {error}")
        code = error.code
    except click.ClickException as error:
        note(f"{PROGRAM}: {error.format_message()}")
        code = error.exit_code
    except Exception as error:
        if os.environ.get("NAG_NTK_DEBUG"):
            note(traceback.format_exc())
        note(f"{PROGRAM}: {_describe(error)}")
        code = 3
    if code in (130, 143):
        _leave(code)
    sys.exit(code if isinstance(code, int) else 0)


def _leave(code: int) -> None:
    """End the process at once: in an ordinary exit within a computation, JAX crashes and hides the exit code."""
    if "proofs_check.plugins.process" in sys.modules:
        from proofs_check.plugins import CHILD

        CHILD.end()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from nag_ntk import __version__

        say(f"{PROGRAM} {__version__}")
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
        say(context.get_help())
        return 2
    return None


@cli.command()
@click.argument("config", default="quick", shell_complete=bundled)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results [nag-ntk-results/NAME].")
@click.option(
    "--select", multiple=True, metavar="ID", shell_complete=lemma_ids, help="Check this lemma only; may be repeated."
)
@lemma_files
@study_changes
@click.option("--seeds", type=click.IntRange(min=1), help="Replaces the number of seeds of every run.")
@click.option(
    "--max-seeds", type=click.IntRange(min=1), help="Double the seeds until every claim is decided or N are used."
)
@click.option(
    "--certify", type=click.IntRange(min=0), metavar="N",
    help="Prove the theorem's rate for the networks of the first N seeds; certificates go beside the results.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on with the study under way in the folder of the results.")
@click.option(
    "--dry-run", is_flag=True,
    help="Train and write nothing: show runs, memory, time (measured for a moment, good to a factor of 2) and what the "
    "seeds can decide; with --resume, which kept runs it reads.",
)  # fmt: skip
@click.option(
    "--save-every", type=click.FloatRange(min=0), metavar="SECONDS",
    help="Between two savings of the run in progress, which --resume goes on from (30).",
)  # fmt: skip
@process_options
@click.option("--strict", is_flag=True, help="Exit with 4 if anything is INCONCLUSIVE or VACUOUS.")
@click.option("--quiet", is_flag=True, help="No progress bar and no table, only the headline.")
@click.option("--verbose", "-v", is_flag=True, help="Show the reason of every verdict.")
@click.option("--slack", is_flag=True, help="Show what every link of the proof loses, in orders of magnitude.")
def verify(
    config: str, out: Path | None, select: tuple[str, ...], seeds: int | None, max_seeds: int | None,
    certify: int | None, strict: bool, quiet: bool, verbose: bool, slack: bool, resume: bool, save_every: float | None,
    coordinator: str | None, processes: int | None, process_id: int | None, lemma_files: tuple[Path, ...],
    dry_run: bool, changes: tuple[str, ...],
) -> int:  # fmt: skip
    """Run a study and decide its claims.

    CONFIG is a YAML file or a bundled study, quick by default.
    """
    session.silence()
    from proofs_check.commands.verify import Call, run_study

    group = Group(coordinator, processes, process_id)
    call = Call(
        config, out, select, seeds, max_seeds, certify, resume, save_every, strict, quiet, verbose, slack, group,
        lemma_files, dry_run, changes,
    )  # fmt: skip
    if dry_run:
        from proofs_check.commands.dry_run import look_ahead

        return look_ahead(call)
    return run_study(call)


@cli.command()
@click.argument("lemma_id", metavar="ID", required=False, shell_complete=lemma_ids)
@click.option("--control", metavar="NAME", help="Attack this false variant of the lemma, which must fall.")
@click.option("--budget", type=click.IntRange(min=1), default=200, show_default=True, help="Examples to try.")
@click.option("--seconds", type=click.FloatRange(min=1), default=120, show_default=True, help="Time limit.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Fixes every random choice.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for a counterexample.")
@click.option("--replay", type=click.Path(path_type=Path), help="Check a stored counterexample again.")
@click.option("--quiet", is_flag=True, help="No progress.")
@lemma_files
def search(
    lemma_id: str | None, control: str | None, budget: int, seconds: float, seed: int, out: Path | None,
    replay: Path | None, quiet: bool, lemma_files: tuple[Path, ...],
) -> int:  # fmt: skip
    """Attack a lemma with degenerate data.

    Draw, climb, shrink, store.

    Exit codes: 1 when the lemma fell, or a control did not, or a replayed counterexample no longer holds; else 0.
    """
    session.silence()
    if (lemma_id is None) == (replay is None) or (replay and (control or out)):
        raise Failure("give the ID of a lemma to attack, or --replay FILE and nothing else")
    try:
        known = Lemmas(lemma_files)
        lemma = None if lemma_id is None else known.find(lemma_id)
        from nag_ntk import InputError
        from proofs_check.commands.search import SearchError, WitnessError, again, attack

        known.prepare()
        progress = (lambda line: None) if quiet else note
        try:
            if lemma is None:
                return again(replay, known.available.lemmas, say)
            return attack(lemma, control, budget, seconds, seed, out, say, progress, lemma_files)
        except (InputError, SearchError, WitnessError) as error:
            raise Failure(str(error)) from None
    except KeyboardInterrupt:
        raise Failure("interrupted; nothing was written", 130) from None


for command in (bench, certify, check, compare, completion, explain, formal, init, lemmas, recheck, report, width):
    cli.add_command(command)


@cli.command()
def schema() -> None:
    """Print the JSON schema of a study.

    For an editor or a generator.
    """
    import json

    from proofs_check.study.load import study_schema

    say(json.dumps(study_schema(), indent=1, ensure_ascii=False))


for name, command in cli.commands.items():
    command.epilog = epilog(name)


def _describe(error: Exception) -> str:
    """Describe an unexpected failure on one line, with its place."""
    text = " ".join(str(error).split())[:300]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"internal error: {type(error).__name__}: {text}{place}; NAG_NTK_DEBUG=1 shows the traceback"
