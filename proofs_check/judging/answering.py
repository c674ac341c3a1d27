"""Answer requests in the child process: find the lemma, call it, and turn its evidence into plain values."""

import traceback
from pathlib import Path
from typing import Any

import jax
import numpy as np

from proofs_check.judging.ask import call_check
from proofs_check.lemma import Law, Lemma
from proofs_check.plugins import answers, own, record
from proofs_check.plugins.guard import attempt, defined_at, describe

_loaded: dict[str, tuple[Lemma, ...]] = {}
_laws: dict[tuple[int, int], Law] = {}
"""(number of the request, position of the part) -> law; later requests ask for its intervals."""


def answer(request: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """Answer a request: return the header of the answer, and add its arrays to `arrays`.

    Args:
        request: JSON values: `act` is "load", "check", "interval" or "numbers"; `lemma` and `what` are those of
            function.Apart; further keys depend on the act.
        arrays: dictionary that receives the arrays, by name.
    """
    try:
        return _answer(request, arrays)
    except KeyboardInterrupt as error:  # raised by the check itself: the user's Ctrl-C does not reach this process
        values = {"name": "", "error": describe(error), "traceback": _traceback(error)}
        return {"number": request["number"], "parts": [values], **values}


def _answer(request: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:

    jax.config.update("jax_enable_x64", request["x64"])
    function = attempt(lambda: _function(request["lemma"], request["what"]))
    if isinstance(function, Exception):
        values = {"name": "", "error": describe(function), "traceback": _traceback(function)}
        return {"number": request["number"], "parts": [values], **values}
    home = defined_at(function)

    def values_of(error: Exception) -> dict[str, Any]:
        return {"error": describe(error, home), "traceback": _traceback(error)}

    if request["act"] == "load":
        return {}
    if request["act"] == "numbers":
        numbers = attempt(lambda: [float(number) for number in function(*request["arguments"])])
        return values_of(numbers) if isinstance(numbers, Exception) else {"numbers": numbers}
    if request["act"] == "interval":
        number, position = request["part"]
        if (number, position) not in _laws:  # another process answered that request
            _check(function, request, number, {}, values_of)
        law = _laws.get((number, position))
        if law is None:
            return values_of(ValueError("the check returns another kind of evidence when it is asked again"))
        pair = attempt(lambda: [float(side) for side in law.interval(request["level"])])
        if not isinstance(pair, Exception) and len(pair) != 2:
            pair = ValueError(f"an interval is a pair of numbers, got {len(pair)}")
        return values_of(pair) if isinstance(pair, Exception) else {"interval": pair}
    return {"number": request["number"], "parts": _check(function, request, request["number"], arrays, values_of)}


def _check(
    function: Any, request: dict[str, Any], number: int, arrays: dict[str, np.ndarray], values_of: Any
) -> list[Any]:
    """Call a check and list its parts; the run is read anew, so that no check sees changes that another made."""
    subject = record.read(Path(request["record"]))
    parts: list[dict[str, Any]] = []
    for index, (name, evidence) in enumerate(call_check(function, subject).items()):
        part: Any = evidence
        if not isinstance(evidence, Exception):
            part = attempt(lambda evidence=evidence, index=index: answers.flattened(evidence, str(index), arrays))
            if isinstance(evidence, Law):
                _laws[number, index] = evidence
        parts.append({"name": str(name), **(values_of(part) if isinstance(part, Exception) else {"evidence": part})})
    return parts


def _function(lemma: dict[str, Any], what: str) -> Any:
    if lemma["digest"] not in _loaded:
        if "file" in lemma:
            lemmas, digest = own.load_here(lemma["file"])
        else:
            lemmas, digest = own.plugin_here(next(p for p in own.plugins() if own.name_of(p) == lemma["plugin"]))
        if digest != lemma["digest"]:
            raise ValueError(f"{lemma.get('file', lemma.get('plugin'))} was changed while the study ran")
        _loaded[digest] = lemmas
    lemma_here = next(each for each in _loaded[lemma["digest"]] if each.id == lemma["id"])
    kind, _, control = what.partition(" ")
    if kind == "control":
        return lemma_here.controls[int(control)].check
    return getattr(lemma_here, kind)


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))
