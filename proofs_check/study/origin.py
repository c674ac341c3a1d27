"""Places of a study's values in its file, for mistakes that are found after the file was read."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from proofs_check.study.yaml import KeyPath, Problem, Source, path_text


def _of_run(run: str, path: KeyPath) -> KeyPath:
    return ("runs", run, *path)


@dataclass(frozen=True)
class Origin:
    """File that a study was read from, if any, and the places of its values.

    All origins compare equal, so that two studies with the same values are equal wherever they were read from.

    Attributes:
        file: name of the file; "" for a study made in Python.
        source: values and places of the YAML text.
        place: (run, path within the run) -> path in the file.
    """

    file: str = field(default="", compare=False)
    source: Source = field(default_factory=Source, compare=False)
    place: Callable[[str, KeyPath], KeyPath] = field(default=_of_run, compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """Leave the places behind when a study is pickled or copied in depth: they are of use to its reader alone."""
        return Origin, ()

    def problem(self, runs: tuple[str, ...], path: KeyPath, message: str) -> Problem:
        """Make a problem at a path of the file, with the runs that it concerns; no runs mean the whole study.

        Example:
            >>> str(Origin().problem(("wide",), ("width",), "too wide"))
            'width: run wide: too wide'
        """
        shown = ", ".join(runs[:_SHOWN]) + (f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else "")
        text = f"{'run' if len(runs) == 1 else 'runs'} {shown}: {message}" if runs else message
        return self.source.problem(path, text) if self.file else Problem(None, path_text(path), text)


_SHOWN = 3  # runs named in a message
