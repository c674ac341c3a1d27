"""Asking the rechecker about a file that was just written: nothing is called proved before it agrees."""

import io
from contextlib import redirect_stdout
from pathlib import Path

from proofs_check.certificates import recheck


def doubt(path: Path) -> str:
    """What the rechecker has against a certificate, or "" when it confirms it.

    Args:
        path: the file; it alone is read, as by `nag-ntk recheck`.

    Returns:
        The sentence that `recheck` prints where it ends with 1 or 2.

    Cost:
        About that of `prove`.

    Example:
        >>> doubt(Path("no such file"))[:15]
        'no certificate:'
    """
    with redirect_stdout(io.StringIO()) as said:
        code = recheck.main([str(path)])
    return "" if code == 0 else said.getvalue().strip()
