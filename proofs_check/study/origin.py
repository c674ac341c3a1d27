"""Places of a study's values in its file, for mistakes that show after it was read."""

from collections.abc import Callable
from dataclasses import dataclass, field

from proofs_check.study.yaml import KeyPath, Problem, Source, path_text


def _of_run(run: str, path: KeyPath) -> KeyPath:
    return ("runs", run, *path)


@dataclass(frozen=True)
class Origin:
    """The file that a study was read from; of a study made in Python it knows no file.

    Two studies with the same values are equal wherever they were read from, so all origins are equal.

    Attributes:
        file: as its reader knows it; "" where there is none.
        source: the text's values and places.
        place: (run, path within the run) -> the path in the file that it comes from.
    """

    file: str = field(default="", compare=False)
    source: Source = field(default_factory=Source, compare=False)
    place: Callable[[str, KeyPath], KeyPath] = field(default=_of_run, compare=False)

    def problem(self, runs: tuple[str, ...], path: KeyPath, message: str) -> Problem:
        """Make a problem at a path of the file, with the runs that it concerns; none: all of the study.

        Example:
            >>> str(Origin().problem(("wide",), ("width",), "too wide"))
            'width: run wide: too wide'
        """
        shown = ", ".join(runs[:_SHOWN]) + (f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else "")
        text = f"{'run' if len(runs) == 1 else 'runs'} {shown}: {message}" if runs else message
        return self.source.problem(path, text) if self.file else Problem(None, path_text(path), text)


_SHOWN = 3  # runs named in a message
