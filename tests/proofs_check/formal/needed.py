"""Which files of the formal proofs a file needs."""

from functools import cache

from proofs_check.formal import sources


@cache
def needed_by(goal):
    """The files that one file requires, directly or through others, and itself."""
    texts, found, waiting = sources.texts(), set(), {goal}
    while waiting:
        found |= waiting
        waiting = {need for name in waiting for need in sources.requirements(texts[name])} - found
    return {name: texts[name] for name in sorted(found)}
