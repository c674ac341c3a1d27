"""Which networks are proved to converge from their first weights alone, and how long it takes.

    python benchmarks/initial_certificates.py [--seeds 16] [--only digits-10]

Each network is drawn as `verify` draws it, proved, written and rechecked; docs/initial-certificates.md shows the lines.
An hour on one core.
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import nag_ntk
from proofs_check.certified import networks
from proofs_check.certified.claims import stated_parts
from proofs_check.rigor.certificates.certificate import write
from proofs_check.rigor.certificates.prove import NotProved
from proofs_check.rigor.initial import confirm
from proofs_check.rigor.initial.certificate import body_of
from proofs_check.rigor.initial.prove import prove_initial

DATA = {
    "sphere-5-50": nag_ntk.sphere(5, 50),
    "sphere-8-8": nag_ntk.sphere(8, 8),
    "digits-5": nag_ntk.digits(5),
    "digits-10": nag_ntk.digits(10),
}
QUICK, SLOW = ("gradient_descent", "nesterov"), ("heavy_ball",)
CASES = (
    ("sphere-5-50", 300, QUICK), ("sphere-5-50", 1000, QUICK + SLOW), ("sphere-8-8", 10_000, QUICK),
    ("sphere-8-8", 100_000, QUICK), ("sphere-8-8", 500_000, SLOW), ("digits-5", 10_000, QUICK),
    ("digits-5", 300_000, QUICK + SLOW), ("digits-10", 400_000, QUICK), ("digits-10", 1_000_000, QUICK),
)  # fmt: skip


def attempt(data: nag_ntk.Dataset, method: nag_ntk.Method, width: int, seed: int) -> dict[str, Any]:
    """Prove one network from its first weights, and recheck the file."""
    one = networks.case(data, method, width, seed)
    parts = stated_parts(data, method)
    began = time.perf_counter()
    try:
        proof = prove_initial(one.problem, list(parts.values()))
    except NotProved as error:
        return {"seed": seed, "proved": False, "reason": str(error), "prove": time.perf_counter() - began}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "one.json"
        write(body_of(proof, one.name), path)
        found = {"seed": seed, "prove": time.perf_counter() - began, "bytes": path.stat().st_size}
        began = time.perf_counter()
        objection = confirm.objection(path)
    return {
        **found, "proved": not objection, "reason": objection, "recheck": time.perf_counter() - began,
        "rate": proof.rate, "steps": proof.steps, "allowed": proof.allowed, "pairs": width * len(data.targets),
        "parts": [part for part, pair in parts.items() if pair in proof.contraction],
    }  # fmt: skip


def main() -> None:
    """Prove all networks; print a line per dataset, width and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=16)
    parser.add_argument("--only", help="one dataset")
    options = parser.parse_args()
    nag_ntk.enable_float64()
    for name, width, methods in CASES:
        if options.only not in (None, name):
            continue
        for method in methods:
            tuned = nag_ntk.theorem_tuning(method, DATA[name])
            runs = [attempt(DATA[name], tuned, width, seed) for seed in range(options.seeds)]
            proved = [run for run in runs if run["proved"]]
            worst = {key: max((run.get(key, 0) for run in runs), default=0) for key in ("prove", "recheck", "allowed")}
            print(
                f"| {name} | {width:,} | {method} | {len(proved)} of {len(runs)} | "
                f"{sum(bool(run['parts']) for run in proved)} | {worst['allowed']:,} | "
                f"{worst['prove']:.1f} | {worst['recheck']:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
