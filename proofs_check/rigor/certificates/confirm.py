"""Recheck of a certificate after it is written: a run counts as proved only if the recheck confirms the file."""

import io
from contextlib import redirect_stdout
from pathlib import Path

from proofs_check.rigor.certificates import recheck


def objection(path: Path) -> str:
    """Recheck a file; return the objection, or "" if the file is confirmed.

    Args:
        path: the file, which is read alone, as by `nag-ntk recheck`.

    Returns:
        The sentence that `recheck` prints if it exits with code 1 or 2.

    Cost:
        About that of `prove`.

    Example:
        >>> objection(Path("no such file"))[:15]
        'no certificate:'
    """
    with redirect_stdout(io.StringIO()) as output:
        code = recheck.main([str(path)])
    return "" if code == 0 else output.getvalue().strip()
