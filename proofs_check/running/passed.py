"""Registry of the user's own lemmas that passed the conformance kit: an empty file in the cache for each."""

import hashlib
from pathlib import Path

from nag_ntk import __version__
from nag_ntk.run.configuration import cache_folder


def remember(digest: str, lemma: str) -> None:
    """Record that a lemma passed the conformance kit; do nothing if the cache is missing or full.

    Args:
        digest: digest of the file that defines the lemma.
        lemma: id of the lemma.
    """
    path = _path(digest, lemma)
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    except OSError:
        pass


def has_passed(digest: str, lemma: str) -> bool:
    """Return True if a lemma of a file with this digest has passed the conformance kit of this version."""
    path = _path(digest, lemma)
    return path is not None and path.exists()


def _path(digest: str, lemma: str) -> Path | None:
    folder = cache_folder()
    name = hashlib.sha256(f"{__version__} {digest} {lemma}".encode()).hexdigest()
    return None if folder is None else folder / "passed" / name
