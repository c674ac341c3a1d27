"""Certificates beside the results: a file for each, with digests in the rows that name it and in the manifest."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from proofs_check.store.files import CERTIFICATES, MANIFEST, StoreError, sync_folder, write_json


def write_certificates(staging: Path, bodies: Mapping[str, Mapping[str, Any]], rows: Iterable[Any]) -> None:
    """Write the certificates of a study, if it has any, into a subfolder of the staging folder.

    Args:
        staging: folder in which all files of the results are written before they get their final names.
        bodies: file name -> certificate.
        rows: rows of the results; each certificate that a row names must be among `bodies`, with the row's digest.

    Raises:
        StoreError: if a row names a certificate that is missing or has another digest.
    """
    for name, digest in _named(rows):
        if name not in bodies or bodies[name].get("digest") != digest:
            raise StoreError(f"a row of the results names the certificate {name}, which is not that of its network")
    if bodies:
        folder = staging / CERTIFICATES
        folder.mkdir()
        for name, body in bodies.items():
            write_json(folder / name, body)
        sync_folder(folder)


def check_certificates(out: Path, rows: Any, files: Collection[str]) -> None:
    """Compare the digests in the rows with those in the certificates beside them.

    Args:
        out: folder of the results.
        rows: rows of results.json as read, not yet validated.
        files: names of the files in the manifest, whose digests agree already.

    Raises:
        StoreError: if a certificate that a row names is missing, damaged, or has another digest.
    """
    for name, digest in _named(rows if isinstance(rows, list) else ()):
        path = out / CERTIFICATES / name
        if f"{CERTIFICATES}/{name}" not in files:
            raise StoreError(f"{path} is named by a row of the results, and {MANIFEST} does not know it; verify again")
        try:
            stated = json.loads(path.read_bytes())["digest"]
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            raise StoreError(f"{path} is damaged: it is no certificate; verify again") from None
        if stated != digest:
            raise StoreError(f"{path} is not the certificate that a row of the results speaks of; verify again")


def _named(rows: Iterable[Any]) -> Iterable[tuple[str, str]]:
    """Return (file name, digest) of each certificate that a row names, without repetitions."""
    names: dict[tuple[str, str], None] = {}
    for row in rows:
        evidence = row.get("evidence") if isinstance(row, Mapping) else None
        if isinstance(evidence, Mapping) and isinstance(evidence.get("certificate"), str):
            names[evidence["certificate"], str(evidence.get("digest"))] = None
    return names
