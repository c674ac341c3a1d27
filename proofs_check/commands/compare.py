"""`nag-ntk compare`: what differs between the results in two folders."""

import math
from pathlib import Path

import click

from proofs_check.commands.console import Failure, pipe_may_close, say, screen
from proofs_check.running import session

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("first", metavar="A", type=_FOLDER)
@click.argument("second", metavar="B", type=_FOLDER)
@click.option(
    "--tolerance", type=click.FloatRange(min=0), default=0.01, show_default=True,
    help="Margins that differ by at most this share of the larger one count as the same.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def compare(first: Path, second: Path, tolerance: float, as_json: bool) -> int:
    """Compare the results in two folders.

    A and B are folders of `nag-ntk verify`. Shown are the findings whose verdict changed, those whose margin alone
    changed, those that only one folder has, and the keys in which the two studies differ.

    Exit codes: 0 the same findings with the same verdicts, whatever their margins; 1 a verdict changed, or only one
    folder has a finding; 2 wrong usage, or a folder that cannot be read.
    """
    session.silence()
    from proofs_check import store
    from proofs_check.report import differences
    from proofs_check.report.terminal import print_indented
    from proofs_check.study.text import visible

    if not math.isfinite(tolerance):
        raise Failure(f"--tolerance is a finite number, such as 0.01, got {tolerance}")
    try:
        found = differences.differences(store.read(first), store.read(second), tolerance)
    except store.StoreError as error:
        raise Failure(str(error)) from None
    except (AttributeError, KeyError, TypeError, ValueError) as error:  # the digests agree, another version wrote them
        from proofs_check.plugins.guard import describe

        raise Failure(
            f"the results in {first} or {second} are not as this version writes them ({describe(error)}); verify again"
        ) from error
    if as_json:
        import json

        say(json.dumps({"A": str(first), "B": str(second), **found.as_dict()}, indent=1, ensure_ascii=False))
        return int(found.found_otherwise)
    console = screen()
    with pipe_may_close():
        for name, folder in (("A", first), ("B", second)):
            print_indented(console, visible(f"{name}: {folder}"), 0, 3)
        for title, lines in differences.sections(found):
            print_indented(console, title, 0, 0)
            for line in lines:
                print_indented(console, visible(line), 1, 4)
        print_indented(console, differences.headline(found), 0, 0)
    return int(found.found_otherwise)
