"""`nag-ntk bench`: arguments and messages; the measurements are in the package bench."""

import sys
from pathlib import Path

import click

from proofs_check.commands.console import Failure, note, screen
from proofs_check.running import session

PARTS = ("programs", "shapes", "ceiling", "dense", "growth", "memory")


@click.command()
@click.option("--quick", is_flag=True, help="Smaller shapes, in under a minute; they have no targets.")
@click.option("--part", multiple=True, type=click.Choice(PARTS), help="Measure this only; may be repeated.")
@click.option("--rounds", type=click.IntRange(min=1), help="How often each program of a cell is timed, in turns.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Keep every time in this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Put the tables between the markers of this page.")
@click.option("--read", type=click.Path(path_type=Path), help="Measure nothing: show what --json has kept.")
@click.option("--quiet", is_flag=True, help="No progress.")
def bench(
    quick: bool, part: tuple[str, ...], rounds: int | None, json_file: Path | None, markdown: Path | None,
    read: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Measure speed and memory.

    Against an optax program, PyTorch if installed, and this machine's ceilings. The
    programs of a cell take turns in one process. All takes about a quarter of an hour; leave the machine alone.
    """
    session.silence()
    if read is not None and (quick or part or rounds or json_file):
        raise Failure(
            "--read shows what was measured before; of the other options it knows --markdown and --quiet only"
        )
    from proofs_check.bench import command, tables

    try:
        if markdown is not None:
            command.split(markdown)
        for path in (json_file, markdown):
            if path is not None:
                command.check_writable(path)
        if read is not None:
            report = command.read(read)
        else:
            session.prepare_jax()
            report = command.measure(
                part,
                quick=quick,
                rounds=rounds,
                command=" ".join([session.PROGRAM, *sys.argv[1:]]),
                note=(lambda line: None) if quiet else note,
            )
        if json_file is not None:
            command.write_json(report, json_file)
        if markdown is not None:
            command.write_markdown(report, markdown)
    except command.BenchError as error:
        raise Failure(str(error)) from None
    except KeyboardInterrupt:
        raise Failure("interrupted; nothing was written", 130) from None
    tables.render(report, screen())
    return 0
