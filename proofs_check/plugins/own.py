"""Load a user's own lemmas from Python files and installed plugins, to be checked after the catalogue.

The lemmas of a file are the Lemma objects that its module names, alone or in a tuple or list. A plugin is an installed
distribution with an entry point of the group `nag_ntk.lemmas` that names a Lemma, or a tuple or list of them.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from nag_ntk import Probe
from proofs_check import lemmas as catalogue
from proofs_check.lemma import KINDS, Control, Lemma
from proofs_check.plugins.function import apart
from proofs_check.plugins.guard import Place, attempt, defined_at, describe
from proofs_check.plugins.process import possible

GROUP = "nag_ntk.lemmas"
"""The entry point group of plugins."""
_ID = "[a-z0-9]+(-[a-z0-9]+)*"


class LemmaError(ValueError):
    """Error of lemmas that cannot be used; the message names file and line if they are known."""


class AvailableLemmas(NamedTuple):
    """Lemmas that a study can name.

    Attributes:
        lemmas: those of the catalogue, then of plugins, then of files.
        digests: id of each lemma outside the catalogue -> SHA-256 of the file that defines it.
        notes: a sentence per plugin that was left out.
    """

    lemmas: tuple[Lemma, ...]
    digests: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the lemmas, in their order."""
        return tuple(lemma.id for lemma in self.lemmas)


def available_lemmas(files: Sequence[str | Path] = ()) -> AvailableLemmas:
    """Load the catalogue, the installed plugins and the lemmas of some files.

    Args:
        files: Python files; a file that is listed twice is loaded once.

    Raises:
        LemmaError: for a file that does not run or holds no lemma, for an id that is taken, for a lemma whose fields
            are of the wrong kind. A plugin with such a fault is left out, and `notes` says why.

    Cost: the files and plugins are executed.

    Example:
        >>> available_lemmas().ids[:2]
        ('gram-limit', 'gram-positive')
    """
    by_id = {lemma.id: lemma for lemma in catalogue.CATALOGUE}
    digests: dict[str, str] = {}
    notes = []
    for point in plugins():
        try:
            lemmas, digest = plugin_here(point)
            lemmas = _in_child(lemmas, {"plugin": name_of(point), "digest": digest})
            _add_lemmas(by_id, lemmas)
        except LemmaError as error:
            notes.append(f"the plugin {name_of(point)} is left out: {error}")
        else:
            digests |= dict.fromkeys((lemma.id for lemma in lemmas), digest)
    for file in dict.fromkeys(Path(file).resolve() for file in files):
        lemmas, digest = load(file)
        _add_lemmas(by_id, lemmas)
        digests |= dict.fromkeys((lemma.id for lemma in lemmas), digest)
    return AvailableLemmas(tuple(by_id.values()), digests, tuple(notes))


def plugins() -> tuple[metadata.EntryPoint, ...]:
    """Return the installed entry points of the group, sorted by name, without importing them."""
    return tuple(sorted(metadata.entry_points(group=GROUP), key=name_of))


def load(file: str | Path) -> tuple[tuple[Lemma, ...], str]:
    """Execute a file and return its lemmas, whose functions run in the child process, and its digest.

    Raises:
        LemmaError: as for `available_lemmas`.
    """
    lemmas, digest = load_here(file)
    return _in_child(lemmas, {"file": str(Path(file).absolute()), "digest": digest}), digest


def load_here(file: str | Path) -> tuple[tuple[Lemma, ...], str]:
    """Execute a file in this process and return its lemmas and its digest.

    The folder of the file is appended to sys.path, so that the file can import modules beside it.

    Raises:
        LemmaError: as for `available_lemmas`.
    """
    path = Path(file)
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as error:
        raise LemmaError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    digest = hashlib.sha256(source).hexdigest()
    module = ModuleType(f"lemmas_of_{re.sub('[^A-Za-z0-9_]', '_', path.stem)}_{digest[:8]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and inspect look there
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    failed = attempt(lambda: exec(compile(source, str(path), "exec"), module.__dict__))
    if failed is not None:
        del sys.modules[module.__name__]
        raise LemmaError(f"{path} does not run: {describe(failed, Place(str(path), 1))}")
    lemmas = _lemmas_in(vars(module).values())
    if not lemmas:
        raise LemmaError(f"{path} holds no lemma: at the top level of the file, name a proofs_check.lemma.Lemma")
    return lemmas, digest


def lemmas_of_file(file: str | Path) -> tuple[Lemma, ...]:
    """Load the lemmas of one file, after checking that their ids are not taken.

    Raises:
        LemmaError: as for `available_lemmas`.
    """
    available = available_lemmas([file])
    digest = hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return tuple(lemma for lemma in available.lemmas if available.digests.get(lemma.id) == digest)


def is_own(lemma: Lemma) -> bool:
    """Return True if a lemma is not part of the catalogue."""
    return not any(lemma is other for other in catalogue.CATALOGUE)


def plugin_here(point: metadata.EntryPoint) -> tuple[tuple[Lemma, ...], str]:
    """Import a plugin in this process and return its lemmas and its digest.

    Raises:
        LemmaError: as for `available_lemmas`.
    """
    loaded: Any = attempt(point.load)
    if isinstance(loaded, Exception):
        raise LemmaError(f"it does not load: {describe(loaded)}")
    lemmas = _lemmas_in([loaded])
    if not lemmas:
        raise LemmaError(f"{point.value} is no Lemma and no sequence of them, but a {type(loaded).__name__}")
    file = getattr(sys.modules.get(point.module), "__file__", None)
    content = Path(file).read_bytes() if file and Path(file).is_file() else b""
    return lemmas, hashlib.sha256(name_of(point).encode() + content).hexdigest()


def name_of(point: metadata.EntryPoint) -> str:
    """Return the name of a plugin: entry point, distribution and version."""
    dist = point.dist
    return f"{point.name} of {dist.name} {dist.version}" if dist is not None else point.name


def _in_child(lemmas: Sequence[Lemma], source: Mapping[str, Any]) -> tuple[Lemma, ...]:
    """Wrap the functions of lemmas so that they run in the child process; probes stay, since JAX must trace them."""
    for lemma in lemmas:
        _validate(lemma)
    if not possible():
        return tuple(lemmas)
    moved = []
    for lemma in lemmas:
        where = {**source, "id": lemma.id}
        controls = (
            replace(each, check=apart(each.check, where, f"control {i}")) for i, each in enumerate(lemma.controls)
        )
        parts = {what: apart(getattr(lemma, what), where, what) for what in ("check", "radii", "overlap_radii")}
        moved.append(replace(lemma, controls=tuple(controls), **parts))
    return tuple(moved)


def _lemmas_in(values: Iterable[Any]) -> tuple[Lemma, ...]:
    """Select the lemmas among objects, alone or in tuples and lists; leave out those of the catalogue."""
    flat = [each for value in values for each in (value if isinstance(value, tuple | list) else [value])]
    unique = {id(each): each for each in flat if isinstance(each, Lemma) and is_own(each)}
    return tuple(unique.values())


def _add_lemmas(by_id: dict[str, Lemma], lemmas: Sequence[Lemma]) -> None:
    """Add all lemmas to a dictionary by id; raise LemmaError, and add none, if an id is taken."""
    new: dict[str, Lemma] = {}
    for lemma in lemmas:
        _validate(lemma)
        if lemma.id in by_id or lemma.id in new:
            other = by_id.get(lemma.id) or new[lemma.id]
            whose = _place(other) if is_own(other) else "in the catalogue"
            raise LemmaError(f'the id "{lemma.id}" ({_place(lemma)}) is taken: another lemma of that id is {whose}')
        new[lemma.id] = lemma
    by_id.update(new)


def _place(lemma: Lemma) -> str:
    return f"check at {defined_at(lemma.check) or 'an unknown place'}"


def _validate(lemma: Lemma) -> None:
    """Raise LemmaError for fields of the wrong kind, which would otherwise fail much later."""
    if not isinstance(lemma.id, str) or not re.fullmatch(_ID, lemma.id):
        raise LemmaError(f"the id {lemma.id!r} ({_place(lemma)}) is not lower-case words joined by hyphens")
    where = f"the lemma {lemma.id} ({_place(lemma)})"
    texts = "title statement kind hypotheses source provenance decision constants tex group formal_part".split()
    for name in texts:
        if not isinstance(getattr(lemma, name), str):
            raise LemmaError(f"{where}: {name} must be text, got {type(getattr(lemma, name)).__name__}")
    if lemma.probes:
        if not isinstance(lemma.probes, tuple) or not all(isinstance(probe, Probe) for probe in lemma.probes):
            raise LemmaError(f"{where}: probes must be a tuple of nag_ntk.Probe, got {lemma.probes!r:.80}")
    for name in ("check", "radii", "overlap_radii"):
        if not callable(getattr(lemma, name)):
            raise LemmaError(f"{where}: {name} must be a function, got {type(getattr(lemma, name)).__name__}")
    if lemma.kind not in KINDS:
        raise LemmaError(f"{where}: kind must be one of {', '.join(KINDS)}, got {lemma.kind!r}")
    if lemma.scope not in ("run", "study", "once"):
        raise LemmaError(f'{where}: scope must be "run", "study" or "once", got {lemma.scope!r}')
    if not isinstance(lemma.controls, tuple | list):
        raise LemmaError(f"{where}: controls must be a tuple of Control, got {type(lemma.controls).__name__}")
    for control in lemma.controls:
        if not isinstance(control, Control) or not isinstance(control.id, str) or not callable(control.check):
            raise LemmaError(f"{where}: each control must be a Control(id, statement, check), got {control!r:.80}")
