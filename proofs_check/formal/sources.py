"""The order of the .v files, and their theorems with the statement in words, read without Coq."""

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
_REQUIRE = re.compile(r"^From NagNtk Require Import ([\w\s]+)\.", flags=re.M)
_THEOREM = re.compile(
    r"(?:\(\*\*(?P<words>(?:(?!\*\)).)*)\*\)\s*\n)?"  # the comment right above
    r"^(?:Theorem|Corollary) (?P<name>\w+)(?P<statement>.*?)\.\n\s*Proof\.",
    flags=re.M | re.S,
)
_FORBIDDEN = re.compile(r"\b(Admitted|admit|give_up|Axioms?|Parameters?|Conjecture|Unset\s+\w+\s+Checking)\b")
_COMMENT = re.compile(r"\(\*(?:(?!\*\)).)*\*\)", flags=re.S)


@dataclass(frozen=True)
class Theorem:
    """A theorem of one of the files.

    Attributes:
        file: name of the file without its ending.
        name: name in Coq; a Lemma of the catalogue refers to the theorem as `file.name`.
        words: the comment above the theorem, on one line.
        statement: the formal statement, without the assumptions of its section.
    """

    file: str
    name: str
    words: str
    statement: str

    @property
    def id(self) -> str:
        """The id of the theorem in the catalogue, e.g. "powers.nesterov_powers"."""
        return f"{self.file}.{self.name}"


def texts(folder: Path = FOLDER) -> dict[str, str]:
    """Return the text of each file by its name without ending, in an order in which they can be compiled.

    Args:
        folder: the folder of the .v files; by default that of this package.

    Returns:
        name -> text; a file comes after the files that it requires.

    Raises:
        ValueError: a required file is missing, or files require each other in a circle.

    Example:
        >>> names = list(texts())
        >>> names.index("vectors") < names.index("contraction")
        True
    """
    read = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.v"))}
    needs = {name: requirements(text) for name, text in read.items()}
    missing = sorted({need for names in needs.values() for need in names} - set(read))
    if missing:
        raise ValueError(f"required but not there: {', '.join(f'{name}.v' for name in missing)}")
    ordered: dict[str, str] = {}
    while len(ordered) < len(read):
        ready = [name for name in read if name not in ordered and needs[name] <= set(ordered)]
        if not ready:
            raise ValueError(f"these files require each other: {', '.join(sorted(set(read) - set(ordered)))}")
        ordered |= {name: read[name] for name in ready}
    return ordered


def requirements(text: str) -> set[str]:
    r"""Return the files of this development that a file requires.

    Example:
        >>> sorted(requirements("From NagNtk Require Import vectors\n  matrices.\n"))
        ['matrices', 'vectors']
    """
    return {name for names in _REQUIRE.findall(text) for name in names.split()}


def theorems(folder: Path = FOLDER) -> tuple[Theorem, ...]:
    """Return every Theorem and Corollary, in the order of `texts`."""
    return tuple(
        Theorem(name, match["name"], _one_line(match["words"] or ""), _one_line(match["statement"]).removeprefix(": "))
        for name, text in texts(folder).items()
        for match in _THEOREM.finditer(text)
    )


def gaps(text: str) -> list[str]:
    """Find the commands of a file that leave something unproved, such as Admitted and Axiom.

    Example:
        >>> gaps("Lemma a : 1 = 2. Admitted. (* no Axiom here *)")
        ['Admitted']
    """
    return [match[0] for match in _FORBIDDEN.finditer(_COMMENT.sub("", text))]


def _one_line(text: str) -> str:
    return " ".join(text.split())
