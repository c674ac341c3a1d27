"""Lemmas of a user's own that have passed the conformance kit: kept in the cache by the content of their file."""

import hashlib
from pathlib import Path

from nag_ntk import __version__
from proofs_check.running import session


def remember(digest: str, lemma: str) -> None:
    """Keep that a lemma passed; where there is no cache, or no room in it, nothing is kept.

    Args:
        digest: of the file that defines it.
        lemma: its id.
    """
    path = _path(digest, lemma)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    except OSError:
        pass


def has_passed(digest: str, lemma: str) -> bool:
    """Whether a lemma, as its file is now, has passed the kit of this version."""
    path = _path(digest, lemma)
    return path is not None and path.exists()


def _path(digest: str, lemma: str) -> Path | None:

    folder = session.cache_folder()
    name = hashlib.sha256(f"{__version__} {digest} {lemma}".encode()).hexdigest()
    return None if folder is None else folder / "passed" / name
