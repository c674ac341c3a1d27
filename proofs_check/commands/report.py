"""`nag-ntk report`, and the report at the end of `nag-ntk verify`; if it fails, the results remain."""

from pathlib import Path

import click

from proofs_check.commands.console import Failure, note, say
from proofs_check.running.session import PROGRAM, Terminated


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def report(folder: Path) -> None:
    """Write the report of results again.

    DIR/report.html, from the results in DIR alone. Nothing is
    simulated and no lemma is computed; the figures and their data go to DIR/figures.
    """
    from proofs_check.report import page
    from proofs_check.store import StoreError

    try:
        say(f"Report in {page.write(folder)}.")
    except StoreError as error:
        raise Failure(str(error)) from None
    except OSError as error:
        raise Failure(f"cannot write the report to {folder}: {error.strerror or error}") from None
    except Exception as error:  # the digests agree, but another version wrote the rows
        from proofs_check.plugins.guard import describe

        raise Failure(
            f"the results in {folder} are not as this version writes them ({describe(error)}); verify again"
        ) from error


def after_results(folder: Path, anew: bool) -> None:
    """Write the report of new results; a failure is printed, and no report of earlier results is left.

    Args:
        folder: folder of the results.
        anew: True if the results are new; otherwise an existing report is left unchanged.
    """
    from proofs_check.store import REPORT

    if not anew and (folder / REPORT).exists():
        return
    try:
        from proofs_check.report import page

        page.discard(folder)
        page.write(folder)
    except KeyboardInterrupt as stop:
        word, code = ("terminated", 143) if isinstance(stop, Terminated) else ("interrupted", 130)
        again = f"{PROGRAM} report {folder} writes it"
        raise Failure(f"{word} while the report was made; the results are in {folder}; {again}", code) from None
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        note(
            f"{PROGRAM}: the results are written, the report is not: {type(error).__name__}: {text}; "
            f"{PROGRAM} report {folder} tries again"
        )
