"""Request of a study: everything that its results depend on, and the part that must agree before --resume continues.

All else may change: every saved run holds its own question, and is read only if that is unchanged (cells.py).
"""

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

import nag_ntk
from nag_ntk.network import KEY_IMPLEMENTATION
from proofs_check.store.manifest import version
from proofs_check.study.load import Study, study_as_dict

_SHOWN = 3  # differences named in a message
_CURES = {
    "devices": "JAX_NUM_CPU_DEVICES={0} in the environment brings the earlier number back",
    "code": "install the code that the study was started with",
    "name": "give the study the name {0}",
}


def request(
    study: "Study", max_seeds: int | None = None, lemmas: Mapping[str, str] | None = None
) -> dict[str, Any]:  # fmt: skip
    """Collect everything that the numbers of a study depend on, as plain values; this may initialise JAX's devices.

    Args:
        study: the study as it will be run.
        max_seeds: the limit of ``looks.verify_until_decided``, or None.
        lemmas: id -> digest of the lemmas outside the catalogue; only those that the study names are included.

    Cost: a hundred small files are read.
    """
    configured = study_as_dict(study)
    for moved in ("out", "lemma_files"):  # folders and files may be moved: their contents count
        configured.pop(moved)
    own = {name: sha for name, sha in (lemmas or {}).items() if study.lemmas == "all" or name in study.lemmas}
    values = {
        "study": configured,
        "max_seeds": max_seeds,
        "versions": {name: version(name) for name in ("jax", "jaxlib", "numpy", "scipy")},
        "code": code_digest(),
        "file of the lemma": own,
        "key_implementation": KEY_IMPLEMENTATION,
        "x64": bool(jax.config.jax_enable_x64),  # pyright: ignore[reportAttributeAccessIssue]
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "machine": platform.machine(),
        "device_kind": jax.devices()[0].device_kind,
        "devices": len(jax.devices()),
    }
    return json.loads(json.dumps(values))  # as read from JSON: lists for tuples


def code_digest() -> str:
    """Return the version and the SHA-256 of all sources of both packages, as installed.

    Example:
        >>> code_digest() == code_digest()
        True
    """
    state = hashlib.sha256()
    for package in (Path(nag_ntk.__file__).parent, Path(__file__).parents[1]):
        for path in sorted(package.rglob("*.py")):
            content = path.read_bytes()
            state.update(f"{path.relative_to(package.parent).as_posix()} {len(content)}\n".encode() + content)
    return f"{nag_ntk.__version__} {state.hexdigest()}"


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Describe how two requests differ, with a remedy if one is known; return "" if they agree.

    Example:
        >>> difference({"devices": 8, "x64": True}, {"devices": 2, "x64": True})
        'devices was 8 and is 2 (JAX_NUM_CPU_DEVICES=8 in the environment brings the earlier number back)'
        >>> difference({"runs": {"a": {"width": 8}}}, {"runs": {"a": {"width": 9}, "b": {"width": 8}}})
        'runs.a.width was 8 and is 9; runs.b was absent and is there'
    """
    found = list(changes(before, now))
    sentences = []
    for key, *sides in found[:_SHOWN]:
        then, today = ("there" if isinstance(side, Mapping) else str(side)[:80] for side in sides)
        cure = _CURES.get(key)
        sentences.append(f"{key} was {then} and is {today}" + (f" ({cure.format(then)})" if cure else ""))
    more = len(found) - len(sentences)
    return "; ".join(sentences) + (f"; and {more} more" if more else "")


def fixed(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a request that must not change while a study is under way: name, code and machine.

    One manifest describes one version and one machine, and a study of another name must not discard the saved runs. All
    other values belong to the question of each run, or are computed anew from its record.

    Example:
        >>> fixed({"study": {"name": "a", "level": 0.1}, "max_seeds": 9, "file of the lemma": {}, "x64": True})
        {'name': 'a', 'x64': True}
    """
    free = ("study", "max_seeds", "file of the lemma")
    study = request.get("study")
    name = study.get("name") if isinstance(study, Mapping) else None
    return {"name": name, **{key: value for key, value in request.items() if key not in free}}


_ABSENT = "absent"


def changes(old: Any, new: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Iterate over the differences of two nests of mappings and lists: (path, old value, new value).

    A value that one side lacks is "absent" there.

    Example:
        >>> list(changes({"a": [1, 2], "b": 3}, {"a": [1, 4]}))
        [('a[1]', 2, 4), ('b', 3, 'absent')]
    """
    kinds = Mapping if isinstance(old, Mapping) else list
    if not (isinstance(old, kinds) and isinstance(new, kinds)):
        if old != new:
            yield path, old, new
        return
    before, now = ((dict(side) if isinstance(side, Mapping) else dict(enumerate(side))) for side in (old, new))
    for key in dict.fromkeys((*before, *now)):
        inner = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key
        yield from changes(before.get(key, _ABSENT), now.get(key, _ABSENT), inner)
