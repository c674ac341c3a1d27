"""`nag-ntk check`: run the conformance kit on the lemmas of a file."""

from pathlib import Path

import click

from proofs_check.commands.console import Failure, say
from proofs_check.running import session

_QUESTIONS = {
    "complete": "is everything said, with two controls at least",
    "not_refuted": "does it say something in its own study, and hold there",
    "controls_refuted": "is every control REFUTED, with a witness that replays",
    "margins_have_the_right_sign": "are margins negative exactly where something is violated",
    "same_in_any_batch": "does what is said of a seed depend on that seed alone",
    "fits_other_methods": "does it say of a run of Adam what it needs to",
}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--select", multiple=True, metavar="ID", help="This lemma only; may be repeated.")
@click.option("--seeds", type=click.IntRange(min=1), help="Replaces the number of seeds (64).")
def check(file: Path, select: tuple[str, ...], seeds: int | None) -> int:
    """Ask whether lemmas of your own conform.

    The lemmas of a Python FILE are asked what the catalogue is asked: do they conform, and do their controls fall? Each
    is run in its `study`, by default 8 digits, width 512, 64 seeds and 150 steps.

    Exit codes: 0 all is well; 1 there are problems; 2 the file cannot be used.
    """
    session.silence()
    from proofs_check.plugins.own import LemmaError, lemmas_of_file

    session.prepare_jax()
    try:
        lemmas = lemmas_of_file(file)
    except LemmaError as error:
        raise Failure(str(error)) from None
    unknown = set(select) - {lemma.id for lemma in lemmas}
    if unknown:
        raise Failure(f'{file} has no lemma called "{min(unknown)}"; it has {", ".join(lemma.id for lemma in lemmas)}')
    from proofs_check.plugins import Apart
    from proofs_check.running import passed
    from proofs_check.testing import BASE, answers

    wrong = 0
    try:
        for lemma in lemmas:
            if select and lemma.id not in select:
                continue
            say(f"{lemma.id}: {lemma.title}")
            before = wrong
            for question, problems in answers(lemma, seeds=seeds):
                say(f"  {'✗' if problems else '✓'} {question}: {_QUESTIONS[question]}?")
                for problem in problems:
                    say(f"      {problem}")
                wrong += len(problems)
            if wrong == before and isinstance(lemma.check, Apart) and (seeds is None or seeds >= BASE["seeds"]):
                passed.remember(lemma.check.digest, lemma.id)
    except KeyboardInterrupt:
        raise Failure("interrupted", 130) from None
    say("All is well." if not wrong else f"{wrong} problem{'s' if wrong > 1 else ''}.")
    return int(bool(wrong))
