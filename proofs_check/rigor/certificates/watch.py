"""The choice of signs to look at, of all m n: float64 arrays with bounds on their rounding, one row per sample.

A pair need not be looked at before its sample has moved by the pair's margin; then its pre-activation is evaluated in
float64, and only where that leaves the sign open, or it has changed, is more asked for. A sum of k products is within
(k + 2) 2^-53 of the sum of the moduli in any order, fused or not (Higham 2002, section 3.1); all else is given a share
of 2^-40.
"""

import numpy as np

_UNIT = 2.0**-52
_SHARE = 2.0**-40


class Watch:
    """Margins, and the own part of every neuron, in float64.

    Args:
        values: (n, m) pre-activations zeta at the start, samples first.
        errors: (n, m) bounds on their errors.
        drift: (n, m) what each moves in the first step on its own account, or None.
        kernel: (n, n) K in float64, correctly rounded.
        active: (m, n) the pattern, a view that changes as the run does.
        signs: (m,) the output weights.
        rest: a lower bound on 1 - beta.

    Attributes:
        limits: (n, m) the movement of its sample up to which the sign of a pair is known.
        moved: (n,) upper bounds on the movement of the samples since the start.
    """

    def __init__(self, values, errors, drift, kernel, active, signs, rest: float) -> None:
        """Start at step 0; see the class."""
        n, m = values.shape
        self._kernel, self._active, self._signs = kernel, active, signs
        self._rest = rest
        self._base, self._speed = values.copy(), np.zeros((n, m)) if drift is None else drift.copy()
        self._base_error = errors.max(axis=0)
        self._speed_error = np.abs(self._speed).max(axis=0) * _SHARE
        self._since = np.zeros(m, dtype=np.int64)
        self._powers, self._sums = np.array([1.0]), np.array([0.0])
        self.moved = np.zeros(n)
        own = np.abs(self._speed) * (1 + _SHARE) / self._rest
        self.limits = np.maximum((np.abs(values) - errors - own) * (1 - _SHARE), 0.0)

    def advance(self, moved, power: float, total: float) -> None:
        """Add a step's movement of the samples, upper bounds; append beta^t and its partial sum, correctly rounded."""
        self.moved = (self.moved + moved) * (1 + 2 * _UNIT)
        self._powers = np.append(self._powers, power)
        self._sums = np.append(self._sums, total)

    def look(self, step: int, common, slack):
        """Evaluate the pairs that are due.

        Args:
            step: t.
            common: (n,) the sequence S in float64.
            slack: (n,) how far the exact run may be from the shadow, per sample.

        Returns:
            (sample, neuron) of the pairs that float64 leaves open or shows to have changed, two arrays.
        """
        i, r = np.nonzero(~(self.limits > (self.moved + slack)[:, None] * (1 + _UNIT)))  # NaN is due
        if not len(i):
            return i, r
        values, errors, own = self._values(step, i, r, common)
        margins = np.abs(values) - errors
        clear = (margins > slack[i] * (1 + _SHARE)) & ((values >= 0) == (self._active[r, i] != 0))
        self._set(i, r, margins, own)
        return i[~clear], r[~clear]

    def settle(self, step: int, i, r, margins) -> None:
        """Set the limits of pairs whose margins were evaluated elsewhere; the margins are lower bounds."""
        own = self._own(step, i, r)
        self._set(i, r, margins, own)

    def _set(self, i, r, margins, own) -> None:
        self.limits[i, r] = (self.moved[i] + np.maximum(margins - own, 0.0)) * (1 - 4 * _UNIT)

    def _own(self, step: int, i, r):
        power = self._powers[step - self._since[r]]
        return (np.abs(self._speed[i, r]) * (1 + _SHARE) + self._speed_error[r]) * power / self._rest

    def _values(self, step: int, i, r, common):
        driven = self._kernel * common
        size = np.abs(driven).sum(axis=1)
        lag = step - self._since[r]
        carried = self._sums[lag] * self._speed[i, r]
        base = self._base[i, r]
        pulled = np.einsum("kj,kj->k", driven[i], self._active[r].astype(np.float64))
        values = base + carried - self._signs[r] * pulled
        errors = self._base_error[r] + self._sums[lag] * (1 + _SHARE) * self._speed_error[r]
        errors += (len(common) + 8) * _UNIT * (np.abs(base) + np.abs(carried) + size[i])
        return values, errors * (1 + _SHARE), self._own(step, i, r)

    def flip(self, step: int, r: int, samples, common, speed) -> None:
        """Update the own part of a neuron that has just flipped on these samples; `_active` is the new pattern."""
        lag = step - self._since[r]
        gain, power = self._sums[lag], self._powers[lag]
        turn = self._signs[r] * np.where(self._active[r, samples] != 0, 1.0, -1.0)
        columns = self._kernel[:, samples]
        carried, pushed = gain * self._speed[:, r], columns * (turn * common[samples])
        slower, thrust = power * self._speed[:, r], columns * (turn * speed[samples])
        unit = (8 + 2 * len(samples)) * _UNIT
        size = np.abs(self._base[:, r]) + np.abs(carried) + np.abs(pushed).sum(axis=1)
        self._base_error[r] += (gain * self._speed_error[r] + unit * size.max()) * (1 + _SHARE)
        self._speed_error[r] += unit * (np.abs(slower) + np.abs(thrust).sum(axis=1)).max() * (1 + _SHARE)
        self._base[:, r] += carried + pushed.sum(axis=1)
        self._speed[:, r] = slower + thrust.sum(axis=1)
        self._since[r] = step
        # what it moves on its own account from now on, besides what the limits have paid for already
        cost = np.abs(thrust).sum(axis=1) * (1 + _SHARE) / self._rest
        self.limits[:, r] -= cost + 4 * _UNIT * np.abs(self.limits[:, r])

    def exposed(self, ahead):
        """Return (samples, neurons) of the pairs whose sign a further movement of `ahead` per sample may change."""
        return np.nonzero(~(self.limits > (self.moved + ahead)[:, None] * (1 + _UNIT)))

    def margins(self, i, r):
        """Return how far the samples of these pairs may still move before their limits."""
        return self.limits[i, r] - self.moved[i]
