"""Change keys of a study that was read from YAML, before it is validated: the option ``--set KEY=VALUE``."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from proofs_check.study.validate import did_you_mean
from proofs_check.study.yaml import KeyPath, Problem, Source, one_line, path_text, preview, read_yaml

OPTION = "--set"


def change(source: Source, changes: Iterable[str]) -> None:
    r"""Replace or add keys of a study, in order; of two changes of one key the later one holds.

    Keys are joined by dots, as in ``dataset.samples``; ``runs.NAME.width`` is a key of one run. Values are YAML.
    Relative paths of data and of lemma files are made absolute from the current folder. Mistakes become problems of
    the source, and later problems of a changed key name its option instead of a line.

    Args:
        source: values of the study, a mapping; changed in place.
        changes: texts ``KEY=VALUE``.

    Example:
        >>> source = read_yaml("width: 8\nruns: {a: {width: 9}, b: {}}")
        >>> change(source, ["width=16", "runs.a.steps=3", "level=0.01", "runs.c.width=1"])
        >>> source.value
        {'width': 16, 'runs': {'a': {'width': 9, 'steps': 3}, 'b': {}}, 'level': 0.01}
        >>> print(*source.problems)
        --set runs.c.width=1: no run is called "c"; the study has a, b
    """
    applied: dict[KeyPath, str] = {}
    for text in changes:
        name, equals, written = text.partition("=")
        parts = [part.strip() for part in name.split(".")]
        option = f"{OPTION} {one_line('.'.join(parts) + equals + written.strip())}"
        if not equals or not all(parts):
            message = "expected KEY=VALUE, such as width=512 or dataset.samples=30"
            source.problems.append(Problem(None, "", message, option=option))
            continue
        path, value = _path(source.value, parts), read_yaml(written)
        wrong = [problem.message for problem in value.problems] or _set(source, path, value.value, option)
        source.problems += [Problem(None, path_text(path), message, option=option) for message in wrong]
        if wrong:
            source.opaque.add(path)
        else:
            applied[path] = option
    for path, option in applied.items():
        if message := _without_effect(source.value, path):
            source.problems.append(Problem(None, path_text(path), message, option=option))


def _path(study: Mapping[str, Any], parts: Sequence[str]) -> KeyPath:
    """Return the path of a key; a sweep, and a run without a dataset of its own, have keys with dots in them."""
    if parts[0] == "sweep":
        return ("sweep", *filter(None, [".".join(parts[1:])]))
    if parts[0] == "runs" and parts[2:3] == ["dataset"] and len(parts) > 3:
        whole = ".".join(parts[2:])
        run = _inside(_inside(study, "runs"), parts[1])
        if whole in run or not isinstance(run.get("dataset"), dict):
            return (*parts[:2], whole)
    return tuple(parts)


def _inside(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, dict) else {}


def _set(source: Source, path: KeyPath, value: Any, option: str) -> list[str]:
    """Write a value to a path of the study; return what is wrong with that, if anything."""
    if message := _no_such_run(source.value, path):
        return [message]
    within = source.value
    for depth, key in enumerate(path[:-1], 1):
        if within.get(key) is None:
            within[key] = {}
            _forget(source, path[:depth], option)
        if not isinstance(within[key], dict):
            at = path_text(path[:depth])
            return [f"{at} is {preview(within[key])}, which has no keys; replace it as a whole, {OPTION} {at}=..."]
        within = within[key]
    within[path[-1]] = _from_here(path, value)
    _forget(source, path, option)
    return []


def _no_such_run(study: Mapping[str, Any], path: KeyPath) -> str:
    """Say that a path leads into a run that the study lacks; "" if it does not. A run is added as a whole only."""
    runs = study.get("runs") or {}
    if path[0] != "runs" or len(path) < 3 or not isinstance(runs, dict) or path[1] in runs:
        return ""
    name = one_line(str(path[1]))
    if not runs:
        return f"the study lists no runs; leave out runs.{name}"
    return f'no run is called "{name}"; {did_you_mean(path[1], list(runs)) or "the study has " + ", ".join(runs)}'


def _forget(source: Source, path: KeyPath, option: str) -> None:
    """Forget where a value and all within it came from: it is the option's now."""
    for known in (source.places, source.options):
        for old in [old for old in known if old[: len(path)] == path]:
            del known[old]
    source.options[path] = option


def _from_here(path: KeyPath, value: Any) -> Any:
    """Make paths of files absolute: those of an option are relative to the current folder, not to the study's file."""
    if isinstance(value, dict):
        return {key: _from_here((*path, key), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_from_here(path, item) for item in value]
    file = path[-2:] == ("dataset", "path") or path[-1:] in (("dataset.path",), ("lemma_files",))
    return os.path.abspath(value) if file and isinstance(value, str) and value else value


def _without_effect(study: Mapping[str, Any], path: KeyPath) -> str:
    """Say why a change of a shared key would change no run; "" if it may."""
    keys = list(dict.fromkeys((path_text(path), str(path[0]))))
    swept = [key for key in keys if key in _inside(study, "sweep")]
    if swept:
        return f"the sweep gives every run its own {swept[0]}; change sweep.{swept[0]}"
    runs = _inside(study, "runs")
    own = {name: [key for key in keys if key in _inside(runs, name)] for name in runs}
    if own and all(own.values()):
        first, found = next(iter(own.items()))
        return f"every run has its own {found[0]}; change runs.{first}.{found[0]}"
    return ""
