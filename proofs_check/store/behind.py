"""The certificates behind rows of results: files beside them, whose digests the rows and the manifest hold."""

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from proofs_check.store.files import CERTIFICATES, MANIFEST, StoreError, sync_folder, write_json


def write_certificates(staging: Path, bodies: Mapping[str, Mapping[str, Any]], rows: Iterable[Any]) -> None:
    """Write the certificates that rows name, if any, into a folder of the staged files.

    Args:
        staging: the folder of the other files.
        bodies: by name of file.
        rows: those of the results.

    Raises:
        StoreError: if a row names a certificate that is not there, or is another one's.
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
        rows: those of results.json, as they were read.
        files: what the manifest holds digests of, which have been compared.

    Raises:
        StoreError: if a certificate is missing, or is not the one that a row speaks of.
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
    """(name, digest) of each certificate that a row names."""
    names: dict[tuple[str, str], None] = {}
    for row in rows:
        evidence = row.get("evidence") if isinstance(row, Mapping) else None
        if isinstance(evidence, Mapping) and isinstance(evidence.get("certificate"), str):
            names[evidence["certificate"], str(evidence.get("digest"))] = None
    return names
