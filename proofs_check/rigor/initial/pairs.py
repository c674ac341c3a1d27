"""Pairs (neuron, sample) of one network whose activation pattern can change: who is near its kink, and what that costs.

Notation of docs/initial-certificates.md: zeta_ri = sqrt(m) w_r.x_i, A_ri its pattern, s_ri = +-1 the sign of zeta_ri.
Before a neuron has flipped, zeta_ri moves by -a_r sum_j K_ij A_rj S_j(t): its own path. Neurons with the same pattern
and a_r share it.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from proofs_check.rigor.certificates.problem import Number, Problem
from proofs_check.rigor.initial.drawn import Draw, blocks, tolerance

_SPAN = 1 << 16
_ROOM = 1e-6
"""Relative room in each reach: pairs at the edge count as flipped, whatever another program's rounding."""


class Drawn(NamedTuple):
    """A training run as in `Problem`, of a network that is stated by how it is drawn.

    Attributes:
        inputs: (n, p).
        targets: (n,).
        draw: the network.
        eta, beta, gamma: step size, momentum and weight of the look-ahead.
        start: "gradient" or "extrapolated".
    """

    inputs: tuple[tuple[Number, ...], ...]
    targets: tuple[Number, ...]
    draw: Draw
    eta: Number
    beta: Number
    gamma: Number
    start: str = "gradient"


class Pairs:
    """The network at its first step, and the pairs that the bounds allow to flip so far.

    Attributes:
        width: m.
        kernel: K, (n, n).
        residual: xi(0), (n,).
        gram: H(0), (n, n).
        flipped: pairs of the selected neurons that can have flipped, (N, n).
    """

    def __init__(self, problem: Problem | Drawn) -> None:
        """Compute patterns, H(0) and xi(0) in float64."""
        self._problem = problem
        self._inputs = np.array([[float(x) for x in row] for row in problem.inputs])
        n = len(self._inputs)
        self.kernel = self._inputs @ self._inputs.T
        self.size = np.abs(self.kernel)
        together, outputs, self.width = np.zeros((n, n)), np.zeros(n), 0
        for scaled, signs, _ in self._chunks():
            active = (scaled >= 0).astype(np.float32)
            together += active.T @ active
            outputs += signs @ np.maximum(scaled, 0)
            self.width += len(signs)
        self.residual = outputs / self.width**0.5 - np.array([float(y) for y in problem.targets])
        self.gram = self.kernel * together / self.width

    def _chunks(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yield w_r.x_i, (N, n), a_r, (N,), and w_r, (N, p), of some neurons at a time."""
        problem = self._problem
        if isinstance(problem, Drawn):
            for weights, signs in blocks(problem.draw, self._inputs.shape[1]):
                yield weights @ self._inputs.T, signs, weights
        else:
            for k in range(0, len(problem.weights), _SPAN):
                some = slice(k, k + _SPAN)
                weights = np.array([[float(x) for x in row] for row in problem.weights[some]])
                yield weights @ self._inputs.T, np.array(problem.signs[some], dtype=float), weights

    def select(self, radius: np.ndarray) -> None:
        """Keep the neurons with a pre-activation within a radius of its kink, (n,); no pair has flipped."""
        kept, root = [], self.width**0.5
        for scaled, signs, weights in self._chunks():
            near = (np.abs(scaled) * root <= radius).any(axis=1)
            kept.append((scaled[near] * root, signs[near, None], weights[near]))
        scaled, signs, weights = (np.concatenate(parts) for parts in zip(*kept, strict=True))
        self._margin, self._mask = np.abs(scaled), (scaled >= 0).astype(float)
        if isinstance(self._problem, Drawn):  # the weights are known up to the tolerance
            self._margin -= 2 * root * tolerance(weights) @ np.abs(self._inputs).T
        classes, self._class = np.unique(np.concatenate([self._mask, signs], axis=1), axis=0, return_inverse=True)
        self._class = self._class.reshape(-1)
        self._masks = classes[:, :-1]
        # s_ri a_r: in which direction the own path brings sample i to its kink
        self._toward = np.where(self._masks > 0, 1.0, -1.0) * classes[:, -1:]
        self.flipped = np.zeros(self._margin.shape, bool)
        self._path, self._momentum, self._step = (np.zeros_like(self._margin) for _ in range(3))

    @property
    def count(self) -> int:
        """Number of pairs that can have flipped."""
        return int(self.flipped.sum())

    def own_reach(self, path: np.ndarray, deviation: np.ndarray) -> np.ndarray:
        """Compute how near to its kink the own path brings each pair: s a sum_j K_ij A_j S_j + sum_j |K_ij| A_j dS_j.

        Args:
            path: S of the linear model, (n,).
            deviation: dS, a bound on |S - path|, (n,).

        Returns:
            (N, n).
        """
        table = self._toward * ((self._masks * path) @ self.kernel) + (self._masks * deviation) @ self.size
        return table[self._class]

    def advance(
        self, time: int, reach: np.ndarray, path: np.ndarray, momentum: np.ndarray, decay: float, later: np.ndarray
    ) -> bool:
        """Add the pairs that can flip at a step, or after it; return True if there are any new ones.

        Args:
            time: the step t.
            reach: from `own_reach`.
            path: M(t), (n,), the path length of any filter.
            momentum: Q(t), (n,).
            decay: beta.
            later: M(t) for the pairs at this step, a bound on M for ever for those that can flip after it, (n,).
        """
        some = np.flatnonzero(self.flipped.any(axis=1))
        if some.size:
            sums = (1 - decay ** (time - self._step[some])) / (1 - decay)
            strayed = np.where(self.flipped[some], later - self._path[some] - sums * self._momentum[some], 0.0)
            reach[some] += strayed @ self.size
        new = (self._margin <= reach + _ROOM * np.abs(reach)) & ~self.flipped
        if not new.any():
            return False
        self.flipped |= new
        rows, columns = np.nonzero(new)
        self._path[rows, columns], self._momentum[rows, columns] = path[columns], momentum[columns]
        self._step[rows, columns] = time
        return True

    def effects(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Count what the flipped pairs do to the outputs: |K| C / m, |K| E / m and |K| D / m, (n, n) each.

        C_ij counts neurons active on i and flipped on j, j != i; E_ij those flipped on i, active on j and not flipped
        there; D_ij those flipped on both.
        """
        some = self.flipped.any(axis=1)
        flipped, mask = self.flipped[some].astype(float), self._mask[some]
        masked = mask.T @ flipped
        np.fill_diagonal(masked, 0.0)
        counts = masked, flipped.T @ (mask * (1 - flipped)), flipped.T @ flipped
        masked, moved, both = (self.size * count / self.width for count in counts)
        return masked, moved, both

    def copy_state(self) -> tuple[np.ndarray, ...]:
        """Return a copy of what `advance` changes."""
        return tuple(part.copy() for part in (self.flipped, self._path, self._momentum, self._step))

    def set_state(self, state: tuple[np.ndarray, ...]) -> None:
        """Return to a state that `copy_state` gave."""
        self.flipped, self._path, self._momentum, self._step = (part.copy() for part in state)
