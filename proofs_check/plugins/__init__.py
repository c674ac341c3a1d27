"""Child process for the lemmas of a user's own: what their code does there reaches the study as numbers alone.

process.py: the child as its study sees it; child.py: the program that it runs; record.py: the runs, as files that it
maps read-only; answers.py: evidence as arrays and JSON; function.py: a function that lives in the child.
"""

from proofs_check.plugins.function import Apart
from proofs_check.plugins.process import CHILD, possible

__all__ = ["CHILD", "Apart", "possible"]
