"""Selection of the pairs (sample, neuron) whose sign must be evaluated, by float64 arrays with rounding bounds.

The sign of a pair is known until its sample has moved by the margin of the pair. Then the pre-activation is evaluated
in float64; only if this leaves the sign open, or shows that it changed, must the caller evaluate it in ball arithmetic.
A sum of k products has an error of at most (k + 2) 2^-53 times the sum of the moduli, in any order, fused or not
(Higham 2002, section 3.1); for all other operations a relative error of 2^-40 is allowed.
"""

import numpy as np

_UNIT = 2.0**-52
_SHARE = 2.0**-40


class Watch:
    """Margins of all pairs, and the own part of every neuron (neurons.py), in float64.

    Args:
        values: (n, m) pre-activations zeta at the start, samples first.
        errors: (n, m) bounds on their errors.
        drift: (n, m) the movement of each pre-activation in the first step that is not from S, or None.
        kernel: (n, n) K in float64, correctly rounded.
        active: (m, n) the pattern, a view that the run updates.
        signs: (m,) the output weights.
        rest: a lower bound on 1 - beta.

    Attributes:
        limits: (n, m) the movement of the sample up to which the sign of the pair is known.
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
        """Add upper bounds on the samples' movement in a step; append beta^t and its partial sum, correctly rounded."""
        self.moved = (self.moved + moved) * (1 + 2 * _UNIT)
        self._powers = np.append(self._powers, power)
        self._sums = np.append(self._sums, total)

    def look(self, step: int, common, slack):
        """Evaluate in float64 the pairs whose sample has moved up to their limit.

        Args:
            step: t.
            common: (n,) the sequence S in float64.
            slack: (n,) a bound on the distance of the exact pre-activations from those of the shadow, per sample.

        Returns:
            Two arrays, sample and neuron, of the pairs whose sign float64 leaves open or shows to be changed.
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
        """Set the limits of pairs from lower bounds on their margins, evaluated in ball arithmetic."""
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
        # the later movement by the new own part, which the limits did not include before
        cost = np.abs(thrust).sum(axis=1) * (1 + _SHARE) / self._rest
        self.limits[:, r] -= cost + 4 * _UNIT * np.abs(self.limits[:, r])

    def exposed(self, ahead):
        """Return (samples, neurons) of the pairs whose sign may change if each sample moves by `ahead`."""
        return np.nonzero(~(self.limits > (self.moved + ahead)[:, None] * (1 + _UNIT)))

    def margins(self, i, r):
        """Return the movement of the samples that is left before the limits of these pairs."""
        return self.limits[i, r] - self.moved[i]
