"""Answers of the child process: it finds the lemma, calls it, and reads the numbers of what it returns."""

import traceback
from pathlib import Path
from typing import Any

import numpy as np

from proofs_check import own
from proofs_check.examination import returned
from proofs_check.guard import attempt, defined_at, describe
from proofs_check.lemma import Law, Lemma

from . import answers, record

_loaded: dict[str, tuple[Lemma, ...]] = {}
_laws: dict[tuple[int, int], Law] = {}
"""Number of the request, position among the parts -> a law, whose intervals may be asked for."""


def answered(request: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Answer a request: return the header of the answer, and add arrays to `arrays`.

    Args:
        request: `act`, "load", "check", "interval" or "numbers"; `lemma` and `what`, as Apart has them; and what the
            act needs.
        arrays: filled.
    """
    try:
        return _answered(request, arrays)
    except KeyboardInterrupt as error:  # of the check's own making: the user's Ctrl-C does not come here
        told = {"name": "", "error": describe(error), "traceback": _traceback(error)}
        return {"number": request["number"], "parts": [told], **told}


def _answered(request: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    import jax

    jax.config.update("jax_enable_x64", request["x64"])
    found = attempt(lambda: _function(request["lemma"], request["what"]))
    if isinstance(found, Exception):
        error = {"name": "", "error": describe(found), "traceback": _traceback(found)}
        return {"number": request["number"], "parts": [error], **error}
    home = defined_at(found)

    def told(error: Exception) -> dict[str, Any]:
        return {"error": describe(error, home), "traceback": _traceback(error)}

    if request["act"] == "load":
        return {}
    if request["act"] == "numbers":
        numbers = attempt(lambda: [float(number) for number in found(*request["arguments"])])
        return told(numbers) if isinstance(numbers, Exception) else {"numbers": numbers}
    if request["act"] == "interval":
        of, position = request["part"]
        if (of, position) not in _laws:  # another process was asked
            _check(found, request, of, {}, told)
        law = _laws.get((of, position))
        if law is None:
            return told(ValueError("the check returns another kind of evidence when it is asked again"))
        pair = attempt(lambda: [float(side) for side in law.interval(request["level"])])
        if not isinstance(pair, Exception) and len(pair) != 2:
            pair = ValueError(f"an interval is a pair of numbers, got {len(pair)}")
        return told(pair) if isinstance(pair, Exception) else {"interval": pair}
    return {"number": request["number"], "parts": _check(found, request, request["number"], arrays, told)}


def _check(function: Any, request: dict[str, Any], number: int, arrays: dict[str, np.ndarray], told: Any) -> list[Any]:
    """Call a check and list the parts of its answer; the run is read anew, so that no check finds another's changes."""
    subject = record.read(Path(request["record"]))
    found: list[dict[str, Any]] = []
    for index, (name, evidence) in enumerate(returned(function, subject).items()):
        part: Any = evidence
        if not isinstance(evidence, Exception):
            part = attempt(lambda evidence=evidence, index=index: answers.flattened(evidence, str(index), arrays))
            if isinstance(evidence, Law):
                _laws[number, index] = evidence
        found.append({"name": str(name), **(told(part) if isinstance(part, Exception) else {"evidence": part})})
    return found


def _function(lemma: dict[str, Any], what: str) -> Any:
    if lemma["digest"] not in _loaded:
        if "file" in lemma:
            lemmas, digest = own.load_here(lemma["file"])
        else:
            lemmas, digest = own.plugin_here(next(p for p in own.plugins() if own.name_of(p) == lemma["plugin"]))
        if digest != lemma["digest"]:
            raise ValueError(f"{lemma.get('file', lemma.get('plugin'))} was changed while the study ran")
        _loaded[digest] = lemmas
    found = next(each for each in _loaded[lemma["digest"]] if each.id == lemma["id"])
    kind, _, control = what.partition(" ")
    if kind == "control":
        return found.controls[int(control)].check
    return getattr(found, kind)


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
