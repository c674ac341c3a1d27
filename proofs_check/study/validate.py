"""Validate a study's values, and collect every problem in plain words with its place in the file.

``yaml`` reads the values and their places, ``models`` defines the permitted values.
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from proofs_check.study.models import (
    DATA_MODELS,
    EXPECTED,
    MethodSpec,
    OptaxSpec,
    RunFields,
    RunSpec,
    Study,
    StudyFields,
    field_names,
)
from proofs_check.study.sweep import data_keys, grid_points, run_problem, swept_keys, value_problems
from proofs_check.study.yaml import KeyPath, Problem, Source, in_order, one_line, preview

KnownLemmas = Sequence[str] | Callable[[Sequence[str]], Sequence[str]]
"""Known lemma ids (empty: all ids are allowed), or a function that returns them for the study's lemma files.

The function raises ValueError for a file that it cannot load."""


Place = Callable[[KeyPath], KeyPath]
"""Function from a path within a run to the path in the file at which that value is written."""


class StudyCheck:
    """Validation of one study, which collects its problems.

    Args:
        source: values of the YAML text and their places.
        base: folder that paths in the study are relative to.
    """

    def __init__(self, source: Source, base: Path):
        self.source, self.base = source, base
        self.problems: dict[tuple[KeyPath, str], None] = {}  # an ordered set: several runs may have the same problem
        self.places: dict[str, Place] = {}  # run name -> place, for the runs of the file

    def study(self, default_name: str, known_lemmas: KnownLemmas) -> Study | None:
        """Return the study, or None if it has problems, which ``all_problems`` returns."""
        data = self.source.value
        if not isinstance(data, dict):
            return None
        head = {key: data[key] for key in field_names(StudyFields) if key in data}
        shared = {key: data[key] for key in field_names(RunFields) if key in data}
        self._unknown_keys(data, (), (*field_names(StudyFields), *field_names(RunFields), "runs", "sweep"))
        fields = self._record(StudyFields, {"name": default_name, **head}, _itself)
        self._lemmas(head.get("lemmas"), self._known(known_lemmas, None if fields is None else fields.lemma_files))
        if "sweep" in data:
            runs = self._swept(data["sweep"], shared, beside_runs="runs" in data)
        elif "runs" not in data:
            name = default_name if fields is None else fields.name
            runs = [self._record(RunSpec, {**shared, "name": name}, _itself)]
        else:
            self._record(RunFields, shared, _itself, partial=True)  # also what every run overrides
            runs = [self._run(name, overrides, shared) for name, overrides in self._overrides(data["runs"])]
        resolved = tuple(run for run in runs if run is not None)
        self._check_places(resolved)
        if fields is None or self.problems or self.source.problems:
            return None
        return Study(**dict(fields), runs=resolved)

    def place(self, run: str, path: KeyPath) -> KeyPath:
        """Return the path in the file at which a value of a run is written."""
        return self.places.get(run, _itself)(path)

    def _overrides(self, runs: Any) -> Iterator[tuple[str, dict[str, Any]]]:
        if not isinstance(runs, dict) or not runs:
            got = "an empty mapping" if runs == {} else preview(runs)
            self._add(("runs",), f"expected a mapping from names of runs to what they change, got {got}")
            return
        for name, changes in runs.items():
            if isinstance(changes, dict) or changes is None:
                yield name, changes or {}
            else:
                message = f"expected a mapping of what the run changes, got {preview(changes)}"
                self._add(("runs", name), message)

    def _run(self, name: str, overrides: dict[str, Any], shared: dict[str, Any]) -> RunSpec | None:
        data = overrides.get("dataset", shared.get("dataset"))
        of_data = data_keys(data.get("source") if isinstance(data, dict) else None)
        self._unknown_keys(overrides, ("runs", name), (*field_names(RunFields), *of_data))
        own = {key: overrides[key] for key in field_names(RunFields) if key in overrides}
        inherited = shared.keys() - own.keys()
        merged = {**shared, **own, "name": name}
        changed = {key.partition(".")[2]: overrides[key] for key in of_data if key in overrides}
        if changed and isinstance(data, dict):
            merged["dataset"] = {**data, **changed}
        own_name = ("name",)  # a run's own name is its key under ``runs``, not a key within it

        def place(path: KeyPath) -> KeyPath:
            if not path:
                return ("runs", name)
            if path[0] == "dataset" and path[1:2] and path[1] in changed:
                return ("runs", name, f"dataset.{path[1]}", *path[2:])
            return path if path[0] in inherited else ("runs", name, *(() if path == own_name else path))

        self.places[name] = place
        return self._record(RunSpec, merged, place)

    def _swept(self, sweep: Any, shared: dict[str, Any], *, beside_runs: bool) -> list[RunSpec | None]:
        """Return the runs of a sweep; none if the sweep itself has problems."""
        before = len(self.problems)
        if beside_runs:
            self._add(("sweep",), "a study has runs or a sweep, not both; remove one of them")
        if not isinstance(sweep, dict) or not sweep:
            got = "an empty mapping" if sweep == {} else preview(sweep)
            self._add(("sweep",), f"expected a mapping from fields to lists of values, got {got}")
            return []
        dataset = shared.get("dataset")
        known = swept_keys(dataset.get("source") if isinstance(dataset, dict) else None)
        for key, values in sweep.items():
            if key not in known:
                self._add(("sweep", key), _unknown(key, known))
            for path, message in value_problems(values):
                self._add(("sweep", key, *path), message)
        if len(self.problems) == before and (whole := run_problem(sweep)):
            self._add(("sweep",), whole)
        if len(self.problems) > before:
            self._record(RunFields, shared, _itself, partial=True)
            return []
        grid = list(grid_points(sweep, shared))
        self.places |= {point.name: point.place for point in grid}
        return [self._record(RunSpec, {**point.values, "name": point.name}, point.place) for point in grid]

    def _check_places(self, runs: Sequence[RunSpec]) -> None:
        """Report runs that have the same position in a grid and a method of the same name."""
        occupants: dict[Any, str] = {}
        for run in runs:
            for method in {method.name for method in run.methods} if run.at else ():
                other = occupants.setdefault((run.at, method), run.name)
                if other != run.name:
                    self._add(("runs", run.name, "at"), f"the run {other} is there already, with {method} too")

    def _unknown_keys(self, data: Mapping[str, Any], at: KeyPath, known: Sequence[str]) -> None:
        for key in data:
            if key in known:
                continue
            if at and key in field_names(StudyFields):
                self._add((*at, key), "belongs at the top level of the file, not in a run")
            else:
                self._add((*at, key), _unknown(key, known))

    def _known(self, given: KnownLemmas, files: Sequence[str] | None) -> Sequence[str]:
        """Return the allowed lemma ids; empty, which allows all, if the lemma files cannot be loaded."""
        if not callable(given) or files is None:
            return () if callable(given) else given
        try:
            return given(files)
        except ValueError as error:
            self._add(("lemma_files",), str(error))
            return ()

    def _lemmas(self, listed: Any, known: Sequence[str]) -> None:
        for index, lemma in enumerate(listed if isinstance(listed, list) and known else ()):
            if isinstance(lemma, str) and lemma and lemma not in known:
                hint = did_you_mean(lemma, known) or "nag-ntk lemmas lists them"
                self._add(("lemmas", index), f"no lemma is called {preview(lemma)}; {hint}")

    def _record(
        self,
        model: Any,
        values: dict[str, Any],
        place: Place,
        *,
        partial: bool = False,
    ) -> Any:
        """Validate values as a record; return None if they have problems.

        ``place`` maps a path within the record to the file; with ``partial`` missing fields are no problem.
        """
        try:
            return model.model_validate(values, context={"base": self.base})
        except ValidationError as error:
            for item in error.errors(include_url=False, include_context=True):
                if not (partial and item["type"] == "missing" and len(item["loc"]) == 1):
                    path, message = _explain(item, values)
                    self._add(place(path), message)
            return None

    def _add(self, path: KeyPath, message: str) -> None:
        self.problems[path, message] = None

    def all_problems(self) -> tuple[Problem, ...]:
        """Return the problems of the YAML and of its values, in the order of the file, those without a line last."""
        opaque = self.source.opaque
        visible = [(p, m) for p, m in self.problems if not any(p[:k] in opaque for k in range(len(p) + 1))]
        problems = [self.source.problem(path, message) for path, message in visible]
        return in_order([*self.source.problems, *problems])


def _itself(path: KeyPath) -> KeyPath:
    return path


def _explain(error: Any, values: dict[str, Any]) -> tuple[KeyPath, str]:
    """Translate an error of pydantic: return the path in the file and the message in plain words."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    # an error of a whole record names the field to blame itself
    path, known = _file_path(error["loc"] or (context["field"],), values)
    if kind == EXPECTED:
        return path, f"expected {context['phrase']}, got {preview(value)}"
    if kind == "extra_forbidden":
        return path, _unknown(str(path[-1]), known)
    if kind == "missing":
        return path, "required, but missing"
    if path == ("lemmas",) and kind == "literal_error":
        hint = f"; {guess}" if (guess := did_you_mean(value, ["all"])) else ""
        return path, f"expected the word all or a list of lemma ids, got {preview(value)}{hint}"
    if kind == "literal_error" and path[0] == "methods":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return path, f"{_one_of(value, choices)}; an optimiser of optax is {{optax: adam, learning_rate: 0.01}}"
    if kind == "literal_error":
        return path, _one_of(value, re.findall(r"'([^']*)'", context["expected"]))
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        if not isinstance(value, dict) or "source" not in value:
            return (*path, "source"), f"required, but missing; choose one of {', '.join(DATA_MODELS)}"
        return (*path, "source"), _one_of(value["source"], list(DATA_MODELS))
    if kind == "tuple_type":
        hint = f'; write ["{one_line(value)}"]' if isinstance(value, str) else ""
        return path, f"expected a list, got {preview(value)}{hint}"
    if kind in ("model_type", "model_attributes_type", "dict_type"):
        what = "a method's name or a mapping" if path[0] == "methods" else "a mapping"
        return path, f"expected {what}, got {preview(value)}"
    return path, one_line(error["msg"], 300)


def _file_path(location: KeyPath, values: dict[str, Any]) -> tuple[KeyPath, Sequence[str]]:
    """Return a path without the tags of unions that pydantic adds, and the keys that are known there."""
    first, rest = location[0], location[1:]
    if first == "dataset" and rest:
        return (first, *rest[1:]), field_names(DATA_MODELS[str(rest[0])])
    if first == "lemmas":
        return (first, *rest[1:]), ()
    if first == "methods" and len(rest) > 1:  # the second part is the tag of the union
        if isinstance(values["methods"][rest[0]], str):
            return (first, rest[0]), ()
        return (first, rest[0], *rest[2:]), field_names(OptaxSpec if rest[1] == "optax" else MethodSpec)
    return location, field_names(MethodSpec)


def _unknown(key: str, known: Sequence[str]) -> str:
    return f"unknown key; {did_you_mean(key, known) or 'known: ' + ', '.join(known)}"


def _one_of(value: object, choices: Sequence[str]) -> str:
    hint = f"; {guess}" if (guess := did_you_mean(value, choices)) else ""
    return f"expected {'one of ' if len(choices) > 1 else ''}{', '.join(choices)}, got {preview(value)}{hint}"


def did_you_mean(word: object, choices: Sequence[str]) -> str:
    """Return a question that names the nearest of the choices; empty if none is near.

    Example:
        >>> did_you_mean("Heavy ball", ["nesterov", "heavy_ball"])
        'did you mean "heavy_ball"?'
    """
    if not isinstance(word, str):
        return ""
    close = difflib.get_close_matches(word[:100].lower().replace(" ", "_"), choices, n=1)
    return f'did you mean "{close[0]}"?' if close else ""
