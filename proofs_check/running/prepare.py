"""Prepare a study before it trains: make data and methods, choose what to record, and check that it fits into memory.

All mistakes of all runs are reported at once, at their places in the file. Runs with the same data share one dataset,
which saves memory: every finished run holds its data until the study ends.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from nag_ntk import CapacityError, Dataset, InputError, Method
from nag_ntk.engines.prepared import Prepared
from nag_ntk.training.prepare import prepare_parts
from proofs_check.certified import claims
from proofs_check.lemma import Lemma
from proofs_check.plugins.guard import defined_at, describe
from proofs_check.running.recording import Recording, recording_for
from proofs_check.study.load import ConfigError, RunSpec, Study
from proofs_check.study.yaml import KeyPath, in_order


class CannotRun(ConfigError, InputError):
    """Error of a study whose file is well formed but that cannot run; it lists all mistakes."""


class RunSetup(NamedTuple):
    """Data, methods and recording of a run; they do not depend on its number of seeds.

    Attributes:
        data: the dataset.
        methods: the methods, with step sizes and momenta for this dataset.
        recording: quantities that its lemmas need.
    """

    data: Dataset
    methods: tuple[Method, ...]
    recording: Recording

    @classmethod
    def of(
        cls, spec: RunSpec, lemmas: Sequence[Lemma], delta: float, seconds: float | None = None
    ) -> "RunSetup":  # fmt: skip
        """Make the setup of one run; `recording.unrecorded` names the lemmas whose quantities cannot be recorded.

        Raises:
            InputError: for data or methods that cannot be made.
        """
        data = spec.dataset.build()
        methods = tuple(method.build(data) for method in spec.methods)
        return cls(data, methods, _recording(spec, lemmas, data, delta, seconds))

    def options(self, spec: RunSpec, memory_limit_gib: float | None = None) -> dict[str, Any]:
        """Return all arguments of `simulate` except data, methods, width, seeds and steps."""
        limit = None if memory_limit_gib is None else memory_limit_gib * 2**30
        own = {name: getattr(spec, name) for name in _OPTIONS}
        return {**own, **self.recording.options, "memory_limit": limit}

    def question(self, spec: RunSpec) -> dict[str, Any]:
        """Return everything that the record of the run depends on, as JSON values; it identifies the record.

        Neither the name of the run nor the path of its data is part of it.
        """
        own = {name: getattr(spec, name) for name in ("width", "seeds", "steps", *_OPTIONS)}
        if spec.init == "independent":
            del own["init"]  # earlier versions, which drew no other networks, did not name it
        methods = [_method_fields(method) for method in self.methods]
        data = _digest(self.data.inputs, self.data.targets)  # a file of the user's own may have changed
        return {**own, "data": data, "methods": methods, "recorded": self.recording.described()}

    def planned(self, spec: RunSpec, memory_limit_gib: float | None = None) -> list[Prepared]:
        """Plan the run as `simulate` would do it: a part for the family of methods, one for the other methods.

        Raises:
            InputError: if `simulate` would refuse the run.
        """
        shape = (spec.width, spec.seeds, spec.steps)
        return prepare_parts(self.data, self.methods, *shape, **self.options(spec, memory_limit_gib))


_OPTIONS = ("engine", "start", "init", "dtype", "key", "chunk")
"""Fields of a run that `simulate` takes by the same names."""


def _method_fields(method: Method) -> dict[str, Any]:
    """Return what the record of a run depends on of a method, as JSON values."""
    fields = method._asdict()
    rule = fields.pop("rule")  # earlier versions had no methods with a rule, and did not name it
    return fields if rule is None else {"name": method.name, "rule": rule.text}


def _digest(*arrays: np.ndarray) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


@np.errstate(over="ignore", invalid="ignore")
def prepare(study: Study, lemmas: Sequence[Lemma], max_seeds: int | None = None) -> Mapping[str, RunSetup]:
    """Make data, methods and recording of every run of a study, and refuse a study that cannot run.

    Args:
        study: from proofs_check.study.load.load_study.
        lemmas: the lemmas that will be checked.
        max_seeds: largest number of seeds, which must fit into memory; the study's own if None.

    Returns:
        Run name -> setup.

    Raises:
        CannotRun: with all problems of all runs: data, methods, lemmas that cannot record what they need, arguments
            that do not fit together, too little memory.

    Cost: the data are read or drawn; no network is drawn.

    Example:
        >>> from proofs_check.study.load import load_study
        >>> study = load_study("quick").model_copy(update={"memory_limit_gib": 1e-4})
        >>> prepare(study, ())
        Traceback (most recent call last):
        proofs_check.running.prepare.CannotRun: quick.yaml:38:1: width: run training: the run needs about ...
        quick.yaml:62:5: runs.initialisation.width: run initialisation: the run needs about ...
    """
    problems = _Problems(study)
    built: dict[str, Dataset | InputError] = {}
    setups: dict[str, RunSetup] = {}
    if study.certify and (why := _nothing_to_certify(study, lemmas)):
        problems.add("", ("certify",), f"{study.certify} would prove nothing: {why}")
    for spec in study.runs:
        dataset_key = spec.dataset.model_dump_json()
        if dataset_key not in built:
            built[dataset_key] = _attempt(spec.dataset.build)
        data = built[dataset_key]
        if isinstance(data, InputError):
            problems.add(spec.name, problems.of_data(spec), str(data))
            continue
        methods = [_attempt(method.build, data) for method in spec.methods]
        wrong = {str(method): i for i, method in reversed([*enumerate(methods)]) if isinstance(method, InputError)}
        for message, index in wrong.items():  # the same data may spoil several methods: the first is named
            problems.add(spec.name, problems.of(spec, "methods", index), message)
        recording = _recording(spec, lemmas, data, study.delta, study.check_seconds)
        for lemma in lemmas:
            why = recording.unrecorded.get(lemma.id)
            if isinstance(why, Exception):
                message = f"what {lemma.id} needs cannot be recorded: {describe(why, defined_at(lemma.check))}"
                problems.add(spec.name, problems.of_lemma(lemma.id), message)
        built_methods = tuple(method for method in methods if isinstance(method, Method))
        if len(built_methods) < len(methods):
            continue
        setups[spec.name] = RunSetup(data, built_methods, recording)
        if max_seeds is not None and spec.seeds > max_seeds:
            message = f"max_seeds must not be below the study's number of seeds, got {max_seeds}"
            problems.add(spec.name, problems.of(spec, "seeds"), message)
            continue
        largest = spec if max_seeds is None else spec.model_copy(update={"seeds": max_seeds})
        planned = _attempt(setups[spec.name].planned, largest, study.memory_limit_gib)
        if isinstance(planned, CapacityError):
            look = "" if max_seeds is None else f"with {max_seeds} seeds, the largest look, "
            problems.add(spec.name, problems.of_size(spec), f"{look}{planned}")
        elif isinstance(planned, InputError):
            problems.add(spec.name, problems.of(spec), str(planned))
    problems.refuse()
    return setups


def _recording(
    spec: RunSpec, lemmas: Sequence[Lemma], data: Dataset, delta: float, seconds: float | None
) -> Recording:  # fmt: skip
    shape = (data, spec.width, spec.steps)
    return recording_for(lemmas, *shape, delta, engine=spec.engine, dtype=spec.dtype, seconds=seconds)


def _attempt(act: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function; return its result, or its InputError; a MemoryError becomes a CapacityError."""
    try:
        return act(*arguments)
    except InputError as error:
        return error
    except MemoryError as error:
        return CapacityError(f"this does not fit into memory ({error}): lower samples, dimension or steps")


def _nothing_to_certify(study: Study, lemmas: Sequence[Lemma]) -> str:
    trained = {method.name for spec in study.runs if spec.steps > 0 for method in spec.methods}
    return claims.why_no_rows(trained, tuple(lemma.id for lemma in lemmas))


class _Problems:
    """Mistakes of a study, each with the runs that make it."""

    def __init__(self, study: Study):
        self.study, self.origin = study, study.origin
        self.problems: dict[tuple[KeyPath, str], list[str]] = {}

    def add(self, run: str, path: KeyPath, message: str) -> None:
        """Add a problem at a path of the file; an empty `run` means the whole study."""
        self.problems.setdefault((path, message), []).extend([run] if run else [])

    def of(self, spec: RunSpec, *path: str | int) -> KeyPath:
        """Return the path in the file at which a value of a run is written."""
        return self.origin.place(spec.name, path)

    def of_data(self, spec: RunSpec) -> KeyPath:
        """Return the path of the first data field that this run sets; else of the data file; else of the dataset."""
        data, whole = type(spec.dataset).model_fields, self.of(spec, "dataset")
        own = [field for field in data if self.of(spec, "dataset", field) != (*whole, field)]
        named = [*own, *(["path"] if getattr(spec.dataset, "path", None) else [])]
        return self.of(spec, "dataset", *named[:1])

    def of_size(self, spec: RunSpec) -> KeyPath:
        """Return the path of the first of width, seeds and steps that this run sets; else of the width."""
        own = [name for name in ("width", "seeds", "steps") if self.of(spec, name) != (name,)]
        return self.of(spec, (own or ["width"])[0])

    def of_lemma(self, name: str) -> KeyPath:
        """Return the path at which the study names a lemma; "lemmas" if only the command line names it."""
        written = self.origin.source.value
        listed = written.get("lemmas") if isinstance(written, dict) else None
        return ("lemmas", listed.index(name)) if isinstance(listed, list) and name in listed else ("lemmas",)

    def refuse(self) -> None:
        """Raise all problems as one error.

        Raises:
            CannotRun: if there are any.
        """
        if self.problems:
            listed = (self.origin.problem(tuple(runs), *problem) for problem, runs in self.problems.items())
            raise CannotRun(self.origin.file or self.study.name, in_order(listed))
