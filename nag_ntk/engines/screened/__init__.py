"""Screened space: neurons that provably cannot flip act through sums over them; only those at risk are simulated.

Let S, Q be the method's recursion driven by the residual itself, common to all neurons. While the pattern A_r of a
neuron stays, its coefficients are c_r = A_r o S + v_r, its momentum term A_r o Q + p_r, where v_r, p_r (zero until the
first flip) obey the recursion without forcing, so that

    f_j(t) = F_j - sum_i K_ij (O_ij S_i + V_ij),   F_j = sum_r (a_r / sqrt m) A_rj z_rj(0),   O = A^T A / m,
    V_ij = (1/m) sum_r v_ri A_rj,   V(t+1) = V(t) + P(t),   P(t+1) = beta P(t),

costs n^2 operations a step, and F, O, V, P change by what flips alone. Whether something flips is bounded: between two
steps |z_rj| moves by at most (spread_j(dS) + g |K p_r|_j) / sqrt m, where spread_j(x) is the larger one of the sums of
the positive and of the negative K_ij x_i. The neurons at risk are kept sorted by their margin at the last sorting, so
those that this bound has reached are a prefix; the others rest. When evaluating the growing prefix has cost as much as
sorting, everything is sorted anew. The largest movement is found in the same way, among neurons and patterns sorted by
it. Exact: nothing is left out that a bound does not exclude. Derived in docs/screened-space.md.
"""

from nag_ntk.engines.screened.attempts import check_memory, train
from nag_ntk.engines.screened.run import advance, column_bytes, columns, gram_now
from nag_ntk.engines.screened.thresholds import expected_at_risk, initial_thresholds

NAME = "screened"

__all__ = [
    "NAME",
    "advance",
    "check_memory",
    "column_bytes",
    "columns",
    "expected_at_risk",
    "gram_now",
    "initial_thresholds",
    "train",
]
