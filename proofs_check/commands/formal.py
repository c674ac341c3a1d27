"""`nag-ntk formal`: compile the formal proofs and list every theorem with the axioms that it rests on."""

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from proofs_check.commands.console import Failure, say

if TYPE_CHECKING:
    from proofs_check.formal.coq import Compiled
    from proofs_check.formal.sources import Theorem


@click.command()
@click.option("--jobs", type=click.IntRange(min=1), help="Files compiled at the same time at most [one per core].")
@click.option("--keep", type=click.Path(path_type=Path), help="Compile in this folder, which is kept.")
@click.option("--words", is_flag=True, help="Show what every theorem says.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, with statements, axioms and times.")
def formal(jobs: int | None, keep: Path | None, words: bool, as_json: bool) -> int:
    """Compile the formal proofs with Coq.

    From scratch; lists every theorem with its axioms.

    Exit codes: 0 all proved, from no axioms but those of Coq's real numbers; 2 Coq is not installed; 3 not proved.
    """
    from proofs_check.formal import coq
    from proofs_check.formal.sources import gaps, texts, theorems

    try:
        coq.coqc()
    except coq.CoqMissing as error:
        raise Failure(f"{error}.") from None
    unproved = {name: words_left for name, text in texts().items() if (words_left := gaps(text))}
    if unproved:
        name, words_left = next(iter(unproved.items()))
        raise Failure(f"{name}.v leaves something unproved: {', '.join(words_left)}", 3)
    folder = _folder(keep)
    try:
        jobs = jobs or os.cpu_count() or 1
        compiled = coq.build(folder, jobs)
        listed = theorems()
        rests = coq.axioms(compiled, [theorem.id for theorem in listed], jobs)
    except coq.NotProved as error:
        raise Failure(str(error), 3) from None
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    foreign = sorted({axiom for names in rests.values() for axiom in names} - set(coq.CLASSICAL_REALS))
    say(_json(compiled, listed, rests) if as_json else _table(compiled, listed, rests, words))
    if foreign:
        raise Failure(f"axioms beyond those of Coq's real numbers: {', '.join(foreign)}", 3)
    return 0


def _folder(keep: Path | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="nag-ntk-formal-"))
    try:
        keep.mkdir(parents=True, exist_ok=True)
        (keep / "vectors.v").touch()
    except OSError as error:
        raise Failure(f"cannot write to {keep}: {error.strerror}") from None
    return keep


def _users() -> dict[str, list[str]]:
    """Return the ids of the catalogue's lemmas that name a theorem, by theorem."""
    from proofs_check.lemmas import CATALOGUE

    users: dict[str, list[str]] = {}
    for lemma in CATALOGUE:
        for name in lemma.formal:
            users.setdefault(name, []).append(lemma.id)
    return users


def _table(compiled: "Compiled", listed: "tuple[Theorem, ...]", rests: dict[str, tuple[str, ...]], words: bool) -> str:
    import textwrap

    columns = min(shutil.get_terminal_size().columns, 120) if sys.stdout.isatty() else 120
    numbers = {name: place for place, name in enumerate(sorted({a for names in rests.values() for a in names}), 1)}
    users, width = _users(), max(len(theorem.name) for theorem in listed) + 4
    signs = {theorem.id: ",".join(str(numbers[a]) for a in rests[theorem.id]) or "none" for theorem in listed}
    lines, file = [], ""
    for theorem in listed:
        if theorem.file != file:
            file = theorem.file
            lines += ["", f"{file}.v"]
        lines.append(
            f"  {theorem.name:<{width}}axioms {signs[theorem.id]:<7}{', '.join(users.get(theorem.id, ()))}".rstrip()
        )
        if words:
            lines += textwrap.wrap(theorem.words, columns, initial_indent="      ", subsequent_indent="      ")
    files = len(compiled.each)
    lines += ["", "axioms"]
    lines += [f"  {number} {name}" for name, number in numbers.items()]
    lines += [
        "",
        f"{len(listed)} theorems proved in {files} files by Coq {compiled.version} in {compiled.seconds:.0f} s",
    ]
    return "\n".join(lines).lstrip("\n")


def _json(compiled: "Compiled", listed: "tuple[Theorem, ...]", rests: dict[str, tuple[str, ...]]) -> str:
    import json

    users = _users()
    rows = [
        {
            "id": theorem.id, "words": theorem.words, "statement": theorem.statement,
            "axioms": list(rests[theorem.id]), "lemmas": users.get(theorem.id, []),
        }
        for theorem in listed
    ]  # fmt: skip
    document = {
        "coq": compiled.version,
        "seconds": round(compiled.seconds, 2),
        "files": compiled.each,
        "theorems": rows,
    }
    return json.dumps(document, indent=1, ensure_ascii=False)
