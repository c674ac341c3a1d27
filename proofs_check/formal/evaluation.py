"""The values of definitions in Coq, in exact rationals, for comparison with what the checks in Python compute."""

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import NamedTuple

from proofs_check.formal.coq import Compiled, NotProved, run

_VALUE = re.compile(r'\("([^"]+)", \(\(?(-?\d+)\)?(?:%Z)?, (\d+)(?:%Z)?\)\)')
_PAIR = re.compile(r"\(\(?(-?\d+)\)?(?:%Z)?, (\d+)(?:%Z)?\)")
_TWINS = "twin twinsteps"
_HEAD = (
    "From Coq Require Import QArith List String.\nFrom NagNtk Require Import {file}.\nImport ListNotations.\n"
    "Open Scope string_scope.\nSet Printing Depth 1000000.\nSet Printing Width 1000000.\n"
    'Goal True. idtac "@@". Abort.\n'
)


class Network(NamedTuple):
    """A small network with its bounds up to a step T, as a certificate at initialisation has them; see `recursion`.

    Attributes:
        kernel: K, n rows of n.
        gram: H(0), n rows of n.
        active: first patterns, m rows of n.
        flips: per step 0, ..., T the pairs that may have flipped, m rows of n.
        beta, p, lift, push: beta; eta (1+gamma); eta (beta (1+gamma) - gamma); q(0) = -push xi(0).
        residual: xi(0).
        bounds: X(0), ..., X(T), n each.
    """

    kernel: Sequence[Sequence[Fraction]]
    gram: Sequence[Sequence[Fraction]]
    active: Sequence[Sequence[bool]]
    flips: Sequence[Sequence[Sequence[bool]]]
    beta: Fraction
    p: Fraction
    lift: Fraction
    push: Fraction
    residual: Sequence[Fraction]
    bounds: Sequence[Sequence[Fraction]]


class Step(NamedTuple):
    """The right-hand sides of the conditions of step t, n numbers each: mu(t+1), e(t), D(t), f(t), dS(t+1), X(t+1)."""

    rise: list[Fraction]
    masks: list[Fraction]
    rises: list[Fraction]
    jumps: list[Fraction]
    totals: list[Fraction]
    residuals: list[Fraction]


def recursion(compiled: Compiled, network: Network) -> list[Step]:
    """Evaluate the right-hand sides of the conditions `initial.steps` with the definitions of Coq (twinsteps.v).

    Args:
        compiled: from `coq.build`.
        network: a network with n samples, m neurons and bounds up to step T.

    Returns:
        A Step for each t < T, exact.

    Raises:
        NotProved: Coq could not evaluate them.

    Cost:
        Numerators grow with T; seconds for n = 3, m = 12, T = 5.
    """
    n, m, last = len(network.residual), len(network.active), len(network.bounds) - 1
    flips = _list(network.flips, lambda pairs: _lists(pairs, _bit))
    answer = _evaluate(
        compiled,
        _TWINS,
        f"Definition K := {_table(network.kernel)}.",
        f"Definition H := {_table(network.gram)}.",
        f"Definition A (r i : nat) : bool := nth i (nth r {_lists(network.active, _bit)} []) false.",
        f"Definition F (t r i : nat) : bool := nth i (nth r (nth t {flips} []) []) false.",
        f"Definition xi (i : nat) : Q := nth i {_list(network.residual, _rational)} 0%Q.",
        f"Definition X := {_table(network.bounds)}.",
        f"Eval vm_compute in map (map (map (fun q => (Qnum q, Zpos (Qden q))))) (q_steps {n} {m} K H A F "
        f"{' '.join(map(_rational, (network.beta, network.p, network.lift, network.push)))} xi X {last}).",
    )
    values = _fractions(answer)
    rows = [values[k : k + n] for k in range(0, len(values), n)]
    return [Step(*rows[k : k + 6]) for k in range(0, len(rows), 6)]


def deviation(
    compiled: Compiled, kernel: Sequence[Sequence[Fraction]], active: Sequence[Sequence[bool]],
    flips: Sequence[Sequence[bool]], path: Sequence[Fraction],
) -> tuple[list[list[Fraction]], list[Fraction]]:  # fmt: skip
    """Evaluate B and b of the comparison theorem with the definitions of Coq (twinsteps.v).

    Args:
        compiled: from `coq.build`.
        kernel: K, n rows of n.
        active: first patterns, m rows of n.
        flips: pairs that may have flipped, m rows of n.
        path: S, n numbers.

    Returns:
        (B, b): n rows of n, and the largest |sum_j K_ij a_j S_j| over masks a, n numbers.

    Raises:
        NotProved: Coq could not evaluate them.
    """
    n, m = len(path), len(active)
    answer = _evaluate(
        compiled,
        _TWINS,
        f"Definition K := {_table(kernel)}.",
        f"Definition A (r i : nat) : bool := nth i (nth r {_lists(active, _bit)} []) false.",
        f"Definition F (r i : nat) : bool := nth i (nth r {_lists(flips, _bit)} []) false.",
        f"Definition x (i : nat) : Q := nth i {_list(path, _rational)} 0%Q.",
        f"Eval vm_compute in map (fun q => let q := Qred q in (Qnum q, Zpos (Qden q))) (flat_map (fun i => map "
        f"(q_deviation_count K {m} A F i) (seq 0 {n})) (seq 0 {n}) ++ map (q_widest {n} K x) (seq 0 {n})).",
    )
    values = _fractions(answer)
    return [values[k : k + n] for k in range(0, n * n, n)], values[n * n :]


def _evaluate(compiled: Compiled, files: str, *lines: str) -> str:
    """Run lines of Coq after the files they need; return what is printed, the marker before it cut off."""
    text = _HEAD.format(file=files) + "\n".join(lines) + "\n"
    (compiled.folder / "evaluated.v").write_text(text, encoding="utf-8")
    return run(compiled.folder, "evaluated").split("@@", 1)[1]


def _fractions(answer: str) -> list[Fraction]:
    return [Fraction(int(top), int(low)) for top, low in _PAIR.findall(answer)]


def _table(rows: Sequence[Sequence[Fraction]]) -> str:
    return f"(fun i j : nat => nth j (nth i {_lists(rows, _rational)} []) 0%Q)"


def _lists(rows, write) -> str:
    return _list(rows, lambda row: _list(row, write))


def _list(values, write) -> str:
    return f"[{'; '.join(map(write, values))}]"


def _bit(value: bool) -> str:
    return "true" if value else "false"


def readings(compiled: Compiled, grid: Iterable[tuple[Fraction, Fraction]]) -> list[tuple[bool, dict[str, Fraction]]]:
    """Evaluate Coq's constants at s = sqrt(kappa) and an eigenvalue h of the spectrum [1, s^2]; see tie.v.

    Args:
        compiled: from `build`.
        grid: pairs (s, h), s >= 1.

    Returns:
        For each pair, True if the hypotheses of the theorems allow it, and the exact constants by name.
    """
    points = list(grid)
    pairs = "; ".join(f"({_rational(s)}, {_rational(h)})" for s, h in points)
    answer = _evaluate(compiled, "tie", f"Eval vm_compute in map (fun p => reading (fst p) (snd p)) [{pairs}].")
    parts = re.split(r"\((true|false),", answer)[1:]
    values = [
        (verdict == "true", {name: Fraction(int(top), int(low)) for name, top, low in _VALUE.findall(constants)})
        for verdict, constants in zip(parts[::2], parts[1::2], strict=True)
    ]
    if len(values) != len(points):
        raise NotProved(f"expected {len(points)} readings, Coq printed {len(values)}")
    return values


def _rational(value: Fraction) -> str:
    return f"({value.numerator} # {value.denominator})%Q"
