"""The least width at which every network of a sample is proved to obey the theorem's own inequality, by two proofs.

    python benchmarks/certified_widths.py [--only digits-10] [--seeds 16]

`initial`: from the first weights alone, without a step of training. `run`: by following the run until no activation
pattern can change any more (the lock-in certificate), with enclosures of every residual before. Both are rechecked.
The widths are those of a grid, from the smallest up, until all networks of the sample are proved in at least one form
of the theorem; the entries of one dataset replace those in docs/certified-widths.json, which the ladder reads. Half an
hour on one core for the three sets of points on spheres, an hour or more for each set of digits.
"""

import argparse
import json
import time
from pathlib import Path

from initial_certificates import attempt

import nag_ntk
from proofs_check.certified import networks
from proofs_check.certified.claims import ResidualBounds, recheck_objection, stated_parts
from proofs_check.rigor.certificates import certificate
from proofs_check.rigor.certificates.prove import NotProved, prove

_SETS = (nag_ntk.sphere(5, 50), nag_ntk.sphere(10, 100), nag_ntk.sphere(8, 8), nag_ntk.digits(10), nag_ntk.digits(20))
DATA = {data.name: data for data in _SETS}
METHODS = ("nesterov", "heavy_ball", "gradient_descent")
# half decades, as far as an hour or two reach; no width of 20 digits does
INITIAL = tuple(round(10 ** (k / 2)) for k in range(4, 14))
LIMITS = {"digits-10": {"gradient_descent": 10**6, "nesterov": 3_162_278, "heavy_ball": 0}, "digits-20": {}}
RUN = tuple(2**k for k in range(5, 13))
FILE = Path(__file__).parents[1] / "docs/certified-widths.json"


def from_first_weights(data: nag_ntk.Dataset, method: nag_ntk.Method, width: int, seed: int) -> bool:
    """Return True if a form of the theorem is proved for this network before training, and recheck confirms it."""
    found = attempt(data, method, width, seed)
    return found["proved"] and bool(found["parts"])


def from_run(data: nag_ntk.Dataset, method: nag_ntk.Method, width: int, seed: int) -> bool:
    """Return True if a form of the theorem is proved for this network by following its run, and recheck confirms it."""
    one, bounds = networks.case(data, method, width, seed), ResidualBounds()
    try:
        proof = prove(networks.followable(one), observe=bounds)
    except NotProved:
        return False
    parts = stated_parts(data, method).values()
    proved = [part for part in parts if bounds.decide_bound(proof, *part)[0]]
    return bool(proved) and not recheck_objection(certificate.body_of(proof, one.name, contraction=proved))


def least(decide, data: nag_ntk.Dataset, name: str, grid: tuple[int, ...], seeds: int) -> int | None:
    """Return the first width of the grid at which all seeds are proved, None without one; print what was tried."""
    method = nag_ntk.theorem_tuning(name, data)
    for width in grid:
        began, proved = time.perf_counter(), 0
        for seed in range(seeds):
            if not decide(data, method, width, seed):
                break
            proved += 1
        print(
            f"  {decide.__name__} {name} {width:,}: {proved} of {seeds}, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        if proved == seeds:
            return width
    return None


def main() -> None:
    """Find the widths of the datasets and keep them in the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=sorted(DATA), help="one dataset")
    parser.add_argument("--seeds", type=int, default=16)
    options = parser.parse_args()
    nag_ntk.enable_float64()
    for name, data in DATA.items():
        if options.only not in (None, name):
            continue
        print(name, flush=True)
        limits = LIMITS.get(name, dict.fromkeys(METHODS, INITIAL[-1]))
        grids = {method: tuple(m for m in INITIAL if m <= limits.get(method, 0)) for method in METHODS}
        found = {
            "initial": {key: least(from_first_weights, data, key, grids[key], options.seeds) for key in METHODS},
            "run": {key: least(from_run, data, key, RUN, options.seeds) for key in METHODS},
        }
        kept = json.loads(FILE.read_text()) if FILE.exists() else {}
        FILE.write_text(json.dumps({**kept, name: {"seeds": options.seeds, **found}}, indent=1) + "\n")


if __name__ == "__main__":
    main()
