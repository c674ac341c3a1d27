"""Wrapper of a user's own function that calls it in the child process."""

import functools
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check.lemma import Evidence, Inequality, Run
from proofs_check.plugins import answers
from proofs_check.plugins.guard import RemoteError, defined_at
from proofs_check.plugins.process import CHILD, Ended

_log = logging.getLogger(__name__)


class Apart:
    """Function of a lemma, such as its check, that runs in the child process of the study.

    Args:
        function: the function as loaded in this process; it is never called, and provides name and place.
        lemma: the lemma that the child loads, as JSON values: `file` or `plugin`, `digest` and `id`.
        what: "check", "control N" (N is the control's position), "radii" or "overlap_radii".
    """

    def __init__(self, function: Callable, lemma: Mapping[str, Any], what: str) -> None:
        """Take over name and docstring of the function."""
        functools.update_wrapper(self, function)
        self.lemma, self.what = lemma, what
        self._home = defined_at(function)

    @property
    def digest(self) -> str:
        """Digest of the file that defines the function."""
        return self.lemma["digest"]

    def call(
        self, subject: Run | tuple[Run, ...], seconds: float | None
    ) -> dict[str, Evidence | Inequality | Exception]:  # fmt: skip
        """Call a check in the child and return its parts by name; an error of the whole check is the part "".

        Args:
            subject: the run or runs to call the check with.
            seconds: time limit, None for no limit.
        """
        answer = self._request({"act": "check"}, seconds, subject)
        if isinstance(answer, Exception):
            return {"": answer}
        header, arrays = answer
        laws = any(part.get("evidence", {}).get("kind") == "Law" for part in header["parts"])
        files = CHILD.keep_record(subject) if laws else None
        parts: dict[str, Evidence | Inequality | Exception] = {}
        try:
            for index, part in enumerate(header["parts"]):
                if "error" in part:
                    _log.info("%s", part["traceback"])
                    parts[str(part["name"])] = RemoteError(part["error"])
                    continue
                interval = functools.partial(self._interval, files, (header["number"], index), seconds)
                parts[str(part["name"])] = answers.rebuilt(part["evidence"], str(index), arrays, interval)
        except (KeyError, TypeError, ValueError) as error:
            return {"": _damaged(error)}
        return parts

    def within(self, seconds: float | None) -> Callable[..., Any]:
        """Return a function from numbers to a tuple of numbers that runs in the child within a time limit."""

        def call(*numbers: float) -> tuple[float, ...]:
            answer = self._request({"act": "numbers", "arguments": list(numbers)}, seconds)
            if isinstance(answer, Exception):
                raise answer
            if "error" in answer[0]:
                raise RemoteError(answer[0]["error"])
            return tuple(float(number) for number in answer[0]["numbers"])

        return call

    def __call__(self, *arguments: Any) -> Any:
        """Call the function in the child without a time limit: a check of a run, or a function of numbers."""
        if self.what in ("radii", "overlap_radii"):
            return self.within(None)(*arguments)
        parts = self.call(arguments[0], None)
        for part in parts.values():
            if isinstance(part, Exception):
                raise part
        return parts[""] if list(parts) == [""] else parts

    def _interval(
        self, files: Path | None, part: tuple[int, int], seconds: float | None, level: float
    ) -> tuple[float, float]:  # fmt: skip
        """Compute the interval of a law at a level; a new child, which has no such law, calls the check again."""
        request = {"act": "interval", "part": part, "level": float(level)}
        answer = self._request(request, seconds, files)
        if isinstance(answer, Exception):
            raise answer
        if "error" in answer[0]:
            raise RemoteError(answer[0]["error"])
        low, high = answer[0]["interval"]
        return float(low), float(high)

    def _request(
        self, request: dict[str, Any], seconds: float | None, subject: Run | tuple[Run, ...] | Path | None = None
    ) -> tuple[dict[str, Any], dict[str, np.ndarray]] | Exception:  # fmt: skip
        answer = CHILD.request({**request, "lemma": self.lemma, "what": self.what}, seconds, subject)
        if not isinstance(answer, Ended):
            return answer
        place = answer.place(self._home)
        return RemoteError(f"{answer.sentence} ({place})" if place is not None else answer.sentence)


def _damaged(error: Exception) -> RemoteError:
    return RemoteError(
        f"ValueError: the answer of the check's process cannot be read: {' '.join(str(error).split())[:100]}"
    )


def apart(function: Callable, lemma: Mapping[str, Any], what: str) -> Callable:
    """Wrap a function so that it runs in the child; return a default function of `Lemma` unchanged."""
    place = defined_at(function)
    default = place is not None and Path(place.file) == Path(__file__).resolve().parents[1] / "lemma" / "__init__.py"
    return function if default else Apart(function, lemma, what)
