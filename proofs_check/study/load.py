"""Load a study from YAML and report every mistake in it at once.

The result is a ``Study``, whose runs have all their fields. Nothing here imports JAX or the mathematics, so a wrong
configuration is refused within a moment.
"""

import re
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from proofs_check.study.changes import change
from proofs_check.study.models import MethodSpec, RunFields, RunSpec, Study, StudyFields
from proofs_check.study.origin import Origin
from proofs_check.study.sweep import data_keys, swept_keys
from proofs_check.study.validate import KnownLemmas, StudyCheck, did_you_mean
from proofs_check.study.yaml import ConfigError, Problem, preview, read_yaml

__all__ = [
    "ConfigError",
    "MethodSpec",
    "Problem",
    "RunSpec",
    "Study",
    "bundled_configs",
    "load_study",
    "parse_study",
    "study_as_dict",
    "study_schema",
]

MAX_BYTES = 1_000_000


def load_study(source: str | Path, *, known_lemmas: KnownLemmas = (), changes: Sequence[str] = ()) -> Study:
    """Read and validate a study.

    Args:
        source: path to a YAML file, or the name of a bundled study such as ``quick`` or ``quick.yaml``. A
            file that exists wins over a bundled study of the same name.
        known_lemmas: ids that ``lemmas`` may list (empty: any), or a function that returns them for the study's
            ``lemma_files`` and raises ValueError if it cannot load them.
        changes: texts KEY=VALUE that replace or add keys before the study is validated, as `changes.change` reads them.

    Returns:
        The study, with one resolved run at least.

    Raises:
        ConfigError: if the file cannot be read or has problems; the error holds all of them.

    Example:
        >>> [(run.name, run.width, run.steps) for run in load_study("quick").runs]
        [('training', 1024, 500), ('initialisation', 32768, 0)]
        >>> [run.width for run in load_study("quick", changes=["width=64", "runs.initialisation.width=128"]).runs]
        [64, 128]
    """
    path, shown = Path(source), str(source)
    try:
        if not path.is_file() and shown.removesuffix(".yaml") in (bundled := bundled_configs()):
            path = bundled[shown.removesuffix(".yaml")]
            shown = path.name
        if not path.exists():
            raise _unusable(shown, _not_found(path))
        if path.is_dir():
            raise _unusable(shown, "a folder; give the YAML file of a study")
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise _unusable(shown, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(raw) > MAX_BYTES:
        raise _unusable(shown, f"more than {MAX_BYTES} bytes; this is no study")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _unusable(shown, f"not UTF-8 text (byte {error.start}); is it a YAML file?") from None
    return parse_study(text, name=shown, base=path.parent, known_lemmas=known_lemmas, changes=changes)


def parse_study(
    text: str, *, name: str, base: Path, known_lemmas: KnownLemmas = (), changes: Sequence[str] = ()
) -> Study:  # fmt: skip
    r"""Validate the text of a study.

    Args:
        text: YAML 1.2.
        name: name of the file, for messages and for the study's default name.
        base: folder that paths within the study are relative to.
        known_lemmas: ids that ``lemmas`` may list (empty: any), or a function that returns them for the study's
            ``lemma_files`` and raises ValueError if it cannot load them.
        changes: texts KEY=VALUE that replace or add keys before the study is validated, as `changes.change` reads them.

    Returns:
        The study.

    Raises:
        ConfigError: with all problems of the text, in its order.

    Example:
        >>> parse_study("widht: 3\nsteps: -1", name="a.yaml", base=Path("."))
        Traceback (most recent call last):
        proofs_check.study.yaml.ConfigError: a.yaml:1:1: widht: unknown key; did you mean "width"?
        a.yaml:2:1: steps: expected a whole number, 0 or more, got -1
        a.yaml: dataset: required, but missing
        a.yaml: methods: required, but missing
        a.yaml: width: required, but missing
        a.yaml: seeds: required, but missing
    """
    source = read_yaml(text)
    if not source.problems and not isinstance(source.value, dict):
        got = "the file is empty" if source.value is None else f"got {preview(source.value)}"
        raise _unusable(name, f"expected a mapping of keys such as dataset and methods; {got}")
    if isinstance(source.value, dict):
        change(source, changes)
    check = StudyCheck(source, base)
    study = check.study(default_name=_slug(Path(name).stem), known_lemmas=known_lemmas)
    problems = check.all_problems()
    if problems or study is None:
        raise ConfigError(name, problems)
    return study.placed(Origin(name, source, check.place))


def bundled_configs() -> dict[str, Path]:
    """Return the studies that come with the project, name -> file.

    They are package data in an installed wheel, and in the folder ``configs`` of a source checkout.

    Example:
        >>> names = sorted(bundled_configs())
        >>> names[:7]
        ['acceleration', 'bu2021', 'digits', 'du2019', 'liu2021', 'paper', 'quick']
        >>> names[7:]
        ['sweep', 'theorem', 'theorem_width', 'tuning', 'wang2021', 'width']
    """
    try:
        entries = list(resources.files("proofs_check.configs").iterdir())
    except (ImportError, OSError):
        entries = []
    paths = [entry for entry in entries if isinstance(entry, Path) and entry.suffix == ".yaml"]
    if not paths:
        paths = list((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))
    return {path.stem: path for path in sorted(paths)}


def study_as_dict(study: Study) -> dict[str, Any]:
    """Return the study as JSON values, with every default and in a fixed order of keys.

    The result is a valid configuration of the same study.

    Example:
        >>> list(study_as_dict(load_study("quick"))["runs"])
        ['training', 'initialisation']
    """
    runs = {run.name: run.model_dump(mode="json", exclude={"name"}) for run in study.runs}
    return {**study.model_dump(mode="json", exclude={"runs"}), "runs": runs}


def study_schema() -> dict[str, Any]:
    """Return the JSON schema of a study as its author writes it.

    Example:
        >>> study_schema()["properties"]["width"]["minimum"]
        1
    """
    models = [(StudyFields, "validation"), (RunFields, "validation")]
    definitions = models_json_schema(models, by_alias=True)[1]["$defs"]
    head, run = definitions.pop("StudyFields"), definitions.pop("RunFields")
    required = run.pop("required")
    fields = {key: {"description": "This field of the dataset, for this run."} for key in data_keys()}
    override = {**run, "properties": {**run["properties"], **fields}, "title": "Overrides", "type": ["object", "null"]}
    override["description"] = "What this run changes of the fields above."
    runs = {"type": "object", "minProperties": 1, "additionalProperties": override}
    runs["propertyNames"] = {"pattern": head["properties"]["name"]["pattern"]}
    item = {"type": ["number", "string", "boolean"]}
    sweep = {
        "type": "object",
        "description": "Lists of values for fields; the runs are their product.",
        "minProperties": 1,
        "propertyNames": {"enum": list(swept_keys())},
        "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True, "items": item},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study",
        "type": "object",
        "properties": {**head["properties"], **run["properties"], "runs": runs, "sweep": sweep},
        "additionalProperties": False,
        "anyOf": [{"required": ["runs"]}, {"required": required}, {"required": ["sweep"]}],
        "not": {"required": ["runs", "sweep"]},
        "$defs": definitions,
    }


def _unusable(file: str, message: str) -> ConfigError:
    return ConfigError(file, (Problem(None, "", message),))


def _not_found(path: Path) -> str:
    names = list(bundled_configs())
    hint = did_you_mean(path.name.removesuffix(".yaml").removesuffix(".yml"), names)
    return f"no such file, and no study of that name is bundled ({', '.join(names)})" + (hint and f"; {hint}")


def _slug(stem: str) -> str:
    return re.sub("[^a-z0-9_-]+", "-", stem.lower()).strip("-")[:100] or "study"
