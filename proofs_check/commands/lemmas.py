"""Commands `nag-ntk lemmas` and `nag-ntk explain`; and `Lemmas`, which loads the lemmas of every command."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from proofs_check.commands.console import Failure, note, say
from proofs_check.commands.start import lemma_ids
from proofs_check.running import session

if TYPE_CHECKING:  # imported inside the commands, so that --help answers at once
    from proofs_check.lemma import Lemma
    from proofs_check.plugins.own import AvailableLemmas

_PROVENANCE = {
    "derived": "derived here, in docs/theory",
    "form of": "the form of the cited theorem, with constants of this project; source not re-read",
    "recalled": "source not re-read",
}


def lemma_files(command: Any) -> Any:
    """Add the option --lemmas to a command."""
    option = click.option(
        "--lemmas", "lemma_files", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
        help="Python file with lemmas of your own; may be repeated.",
    )  # fmt: skip
    return option(command)


class Lemmas:
    """Lemmas of a command: of the catalogue, of plugins, and of files named on the command line or in the study.

    They are loaded at the first access. JAX is prepared first, since a file may make arrays when it is loaded.
    """

    def __init__(self, files: Sequence[Path]):
        self._command_line = files
        self._available: AvailableLemmas | None = None
        self._prepared = False
        self.files: tuple[str, ...] = ()

    def load(self, study_files: Sequence[str]) -> Sequence[str]:
        """Load all lemmas, those in the study's files included, and return all ids; passed to load.load_study.

        Raises:
            ValueError: for files that cannot be used.
        """
        from proofs_check.plugins import own

        named_here = (path.absolute() for path in self._command_line)
        self.files = tuple(dict.fromkeys(str(path) for path in (*study_files, *named_here)))
        if self.files or own.plugins():
            self.prepare()
        self._available = own.available_lemmas(self.files)
        for sentence in self._available.notes:
            note(f"{session.PROGRAM}: {sentence}")
        return self._available.ids

    @property
    def available(self) -> "AvailableLemmas":
        """Loaded lemmas; the first access loads them.

        Raises:
            Failure: for files that cannot be used.
        """
        if self._available is None:
            from proofs_check.plugins.own import LemmaError

            try:
                self.load(())
            except LemmaError as error:
                raise Failure(str(error)) from None
        assert self._available is not None
        return self._available

    def find(self, lemma_id: str) -> "Lemma":
        """Return the lemma with an id; raise Failure, which suggests the nearest id, if there is none."""
        from proofs_check.study.validate import did_you_mean

        by_id = {lemma.id: lemma for lemma in self.available.lemmas}
        if lemma_id not in by_id:
            hint = did_you_mean(lemma_id.replace("_", "-"), list(by_id)) or f"{session.PROGRAM} lemmas lists them"
            raise Failure(f'no lemma is called "{lemma_id[:100]}"; {hint}')
        return by_id[lemma_id]

    def prepare(self) -> None:
        """Prepare JAX once, before any code of a user's is loaded: that code may initialise a device."""
        if not self._prepared:
            session.prepare_jax()
            self._prepared = True


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, with statements, hypotheses and sources.")
@lemma_files
def lemmas(as_json: bool, lemma_files: tuple[Path, ...]) -> None:
    """List the lemmas that can be checked."""
    session.silence()
    known = Lemmas(lemma_files).available.lemmas
    if as_json:
        import json

        say(json.dumps([lemma.described() for lemma in known], indent=1, ensure_ascii=False))
    else:
        width = max(len(lemma.id) for lemma in known) + 2
        say("\n".join(f"{lemma.id:<{width}}{lemma.kind:<12}{lemma.title}" for lemma in known))


@click.command()
@click.argument("lemma_id", metavar="ID", shell_complete=lemma_ids)
@lemma_files
def explain(lemma_id: str, lemma_files: tuple[Path, ...]) -> None:
    """Explain one lemma.

    What it claims and when, where it comes from, how it is decided, and which false variants must fall.
    """
    import shutil
    import textwrap

    from proofs_check.lemma import NEEDS, UNSTATED

    session.silence()
    lemma = Lemmas(lemma_files).find(lemma_id.partition("/")[0])  # rows of results name a part after the slash
    columns = min(shutil.get_terminal_size().columns, 100)
    sections = [
        ("statement", lemma.statement),
        ("hypotheses", lemma.hypotheses),
        ("kind", f"{lemma.kind}{f'; about {lemma.method}' if lemma.method else ''}"),
        ("needs", NEEDS[lemma.needs]),
        *([("constants", lemma.constants)] if lemma.constants else []),
        ("source", f"{lemma.source} ({_PROVENANCE.get(lemma.provenance, lemma.provenance)})"),
        ("decided", lemma.decision),
        *([("formal", f"{lemma.formal_part} In Coq: {', '.join(lemma.formal)}")] if lemma.formal else []),
        *((f"control {control.id}", f"must be REFUTED: {control.statement}") for control in lemma.controls),
    ]
    lines = [f"{lemma.id}: {lemma.title}"]
    for name, text in ((name, text) for name, text in sections if not text.startswith(UNSTATED)):
        lines.append(f"\n{name}")
        lines += textwrap.wrap(text, columns, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    say("\n".join(lines))
