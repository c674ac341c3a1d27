"""Selection of some seeds and methods of a run as a run of its own."""

from collections.abc import Sequence
from dataclasses import replace

from nag_ntk.pattern import OverlapRange
from nag_ntk.run.trajectory import Deviation, GramPath, Probed, Recursion
from proofs_check.lemma import Run

_BY_SEED = ("initial_gram", "mean_size", "mean_square", "near_boundary")
_BY_METHOD = ("residual", "flips", "undecided", "distance", "flip_reach")


def select(run: Run, seeds: Sequence[int] | None = None, methods: Sequence[int] | None = None) -> Run:
    """Return the run of some seeds and methods, by their positions and in the order given.

    Args:
        run: any run.
        seeds: positions on axis s, or None for all.
        methods: positions on axis k, or None for all.

    Returns:
        A Run. Its weights_digest is that of the whole run.

    Example:
        >>> from nag_ntk import gradient_descent, simulate, sphere
        >>> data, method = sphere(3, 2), gradient_descent(0.1)
        >>> run = Run("a", data, (method,), simulate(data, method, 16, 4, 2, dtype="float32"), 0.1)
        >>> select(run, seeds=[2, 0]).trajectory.seeds
        (2, 0)
    """
    trajectory = run.trajectory
    s = list(range(len(trajectory.seeds))) if seeds is None else list(seeds)
    k = list(range(len(run.methods))) if methods is None else list(methods)

    def both(array):
        return array[s][:, k]

    recursion, deviation, path = trajectory.recursion, trajectory.deviation, trajectory.gram_path
    chosen = tuple(run.methods[i] for i in k)
    parts = {name: getattr(trajectory, name)[s] for name in _BY_SEED}
    parts |= {name: both(getattr(trajectory, name)) for name in _BY_METHOD}
    part = replace(
        trajectory,
        **parts,
        overlap_range=OverlapRange(*(bound[s] for bound in trajectory.overlap_range)),
        recursion=None if recursion is None else Recursion(*(both(term) for term in vars(recursion).values())),
        deviation=None if deviation is None else Deviation(*(both(part) for part in vars(deviation).values())),
        gram_path=None if path is None else GramPath(path.steps, both(path.least_eigenvalue), both(path.drift)),
        probes={name: Probed(probed.steps, both(probed.values)) for name, probed in trajectory.probes.items()},
        methods=chosen,
        seeds=tuple(trajectory.seeds[i] for i in s),
    )
    return replace(run, methods=chosen, trajectory=part)
