"""Rechecking of a file that was just written: nothing is called proved before the rechecker agrees."""

import io
from contextlib import redirect_stdout
from pathlib import Path

from proofs_check.rigor.certificates import recheck


def objection(path: Path) -> str:
    """Have a file rechecked; return the objection, or "" when it is confirmed.

    Args:
        path: the file; it alone is read, as by `nag-ntk recheck`.

    Returns:
        The sentence that `recheck` prints where it ends with 1 or 2.

    Cost:
        About that of `prove`.

    Example:
        >>> objection(Path("no such file"))[:15]
        'no certificate:'
    """
    with redirect_stdout(io.StringIO()) as output:
        code = recheck.main([str(path)])
    return "" if code == 0 else output.getvalue().strip()
