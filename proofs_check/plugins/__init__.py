"""Child process that runs a user's own lemmas, so that their code reaches the study only through numbers.

process.py starts and watches the child, whose program is judging/child.py; record.py writes runs to files that the
child maps read-only; answers.py turns evidence into arrays and JSON; function.py wraps a function that runs in the
child.
"""

from proofs_check.plugins.function import Apart
from proofs_check.plugins.process import CHILD, possible

__all__ = ["CHILD", "Apart", "possible"]
