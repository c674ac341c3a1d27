"""`nag-ntk certify` and `nag-ntk recheck`; slow imports are inside the functions."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from proofs_check.commands.changes import changes as study_changes

_SHARP = 1e-12
"""Largest accepted distance, as proved, of the float64 run from the exact run; above it the bits are doubled once."""

_SLIDES = 200
"""Number of steps from a late start of gradient descent after which every pair near a kink may count as sliding."""


@click.command()
@click.argument("config")
@study_changes
@click.option("--run", "run_name", help="Only this run of the study.")
@click.option("--method", help="Only this method.")
@click.option("--seeds", type=click.IntRange(min=1), help="Only the first N seeds of every run.")
@click.option(
    "--from", "begin", type=click.Choice(["start", "initialisation", "late"]), default="start", show_default=True,
    help="Follow the run from its first weights; prove from them without running it; or start late in a float64 run.",
)  # fmt: skip
@click.option("--steps", type=click.IntRange(min=1), default=20000, show_default=True, help="Steps to follow at most.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the certificates [nag-ntk-certificates/NAME].")
def certify(
    config: str, run_name: str | None, method: str | None, seeds: int | None, begin: str, steps: int, out: Path | None,
    changes: tuple[str, ...],
) -> int:  # fmt: skip
    """Prove that the networks of a study reach zero loss, each in a certificate of its own.

    CONFIG is a YAML file or a bundled study. Each file is rechecked as soon as it is written, as by `nag-ntk recheck`.
    Exit codes: 0 all proved and confirmed; 1 some not, each with its reason; 2 wrong usage.
    """
    from proofs_check.commands.console import Failure, say
    from proofs_check.running import session

    session.silence()
    try:
        from proofs_check.certified import networks
        from proofs_check.rigor.certificates.problem import ProblemError
        from proofs_check.rigor.certificates.prove import NotProved
        from proofs_check.study.load import ConfigError, load_study

        try:
            study = load_study(config, changes=changes)
        except ConfigError as error:
            raise Failure(str(error)) from None
        session.prepare_jax()
        folder = out or Path("nag-ntk-certificates") / study.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"cannot write to {folder}: {error.strerror}") from None
        attempted = failed = 0
        for one in networks.cases(study, seeds):
            if (run_name and not one.name.startswith(f"{run_name} ")) or (method and one.method.name != method):
                continue
            attempted += 1
            started = time.perf_counter()
            try:
                line = _prove_and_recheck(one, begin, steps, folder)
            except (ProblemError, NotProved, Unconfirmed) as error:
                failed, line = failed + 1, f"NOT PROVED, {error}"
            say(f"{one.name}: {line} ({time.perf_counter() - started:.1f} s)")
        if not attempted:
            raise Failure("no training run with constant momentum fits; see --run and --method")
        proved = f"{attempted - failed} of {attempted} proved, each file confirmed by recheck"
        say(f"{proved}. A proof is about one network, never about all of them.")
        return 1 if failed else 0
    except KeyboardInterrupt:
        raise Failure("interrupted; certificates written so far are complete", 130) from None


class Unconfirmed(Exception):
    """Error of a certificate that the rechecker does not confirm."""


def _prove_and_recheck(one: Any, begin: str, steps: int, folder: Path) -> str:
    """Prove one network, write its certificate and recheck it; return a line about the proof."""
    from proofs_check.certified import networks
    from proofs_check.rigor.certificates import certificate
    from proofs_check.rigor.certificates.prove import prove

    if begin == "initialisation":
        return _prove_at_initialisation(one, folder)
    problem, offset, note = networks.followable(one), 0, ""
    if begin == "late":
        problem, offset, last = networks.late(problem, steps)
        note = f", last flip seen {last}"
    # under gradient descent some pairs change sign for ever (slide); a late start shows soon which ones
    proof = prove(problem, steps if begin == "start" or problem.beta else min(steps, _SLIDES))
    name = f"{one.name}{f' from step {offset}' if offset else ''}"
    if begin == "start":
        rows = networks.simulated(one, proof.applied)
        deviation = certificate.distance(problem, proof.precision, rows)
        if deviation > _SHARP:  # the bound is dominated by the error of the shadow computation, not by float64
            proof = proof._replace(precision=2 * proof.precision)
            deviation = certificate.distance(problem, proof.precision, rows)
        body = certificate.body_of(proof, name, rows, deviation)
        note = f", float64 run within {deviation:.1e} of it"
    else:
        body = certificate.body_of(proof, name)
    path = _write_and_recheck(body, folder / certificate.file_name(name))
    but = f" but for {len(proof.sliding)} sliding pairs" if proof.sliding else ""
    return (
        f"proved, locked in from step {offset + proof.lock_in} on{but}, rate {proof.contraction.rate:.6f}, "
        f"{proof.flips} flips, {proof.precision} bits{note}, rechecked, {path.name}"
    )


def _prove_at_initialisation(one: Any, folder: Path) -> str:
    """Prove one network from its first weights, without running it; return a line about the proof."""
    from proofs_check.certified.claims import stated_parts
    from proofs_check.rigor.certificates.certificate import file_name
    from proofs_check.rigor.initial.certificate import body_of
    from proofs_check.rigor.initial.prove import prove_initial

    parts = stated_parts(one.data, one.method, one.problem.start)
    proof = prove_initial(one.problem, list(parts.values()))
    name = f"{one.name} at initialisation"
    path = _write_and_recheck(body_of(proof, name), folder / file_name(name))
    shown = [part or "one form" for part, pair in parts.items() if pair in proof.contraction]
    theorem = f"the theorem's inequality ({', '.join(shown)}) for all t, " if shown else ""
    pairs = one.width * one.data.size
    return (
        f"proved from the first weights, {theorem}rate {proof.rate:.6f} from step {proof.steps} on, at most "
        f"{proof.allowed} of {pairs} pairs flip, {proof.bits} bits, rechecked, {path.name}"
    )


def _write_and_recheck(body: dict[str, Any], path: Path) -> Path:
    from proofs_check.rigor.certificates import certificate
    from proofs_check.rigor.initial import confirm

    certificate.write(body, path)
    objection = confirm.objection(path)
    if objection:
        raise Unconfirmed(f"recheck does not confirm {path.name}: {objection}")
    return path


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--memory", type=click.FloatRange(min=0.1), default=4.0, show_default=True, help="GiB at most.")
@click.option("--seconds", type=click.FloatRange(min=1), default=7200.0, show_default=True, help="Seconds at most.")
def recheck(file: Path, memory: float, seconds: float) -> int:
    """Verify a certificate from its file alone.

    Exit codes: 0 proved; 1 a claim fails, or stays undecided; 2 the file is no certificate, altered or too
    large, or memory or time do not suffice.
    """
    from proofs_check.rigor.initial import confirm

    bounded: Callable[[Path, float, float], int] = confirm.bounded
    return bounded(file, memory, seconds)
