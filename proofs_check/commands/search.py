"""`nag-ntk search`: search for a counterexample, or replay one; the arguments are read in cli.py."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from proofs_check.lemma import Lemma
from proofs_check.search.driver import SearchError, replay, search
from proofs_check.search.witness import WitnessError

Say = Callable[[str], None]


def attack(
    lemma: Lemma, control_id: str | None, budget: int, seconds: float, seed: int, out: Path | None, say: Say, note: Say,
    files: Sequence[Path] = (),
) -> int:  # fmt: skip
    """Search for a counterexample, report the outcome, and store a witness.

    Args:
        lemma: the lemma to attack.
        control_id: id of a control of the lemma to attack instead, or None.
        budget: number of examples; a fifth of them start a gradient ascent.
        seconds: time limit.
        seed: seed of every random choice.
        out: file for the witness, or None.
        say: prints a result.
        note: prints progress.
        files: the files of lemmas that the call names, which a replay must name too.

    Returns:
        1 if the lemma is refuted, or the control, which must be refuted, is not; else 0.

    Raises:
        SearchError: for an unknown control, or a claim without free data.
        WitnessError: if the witness cannot be written; it is printed before.
    """
    controls = {control.id: control for control in lemma.controls}
    if control_id is not None and control_id not in controls:
        raise SearchError(f'{lemma.id} has no control "{control_id[:100]}"; it has {", ".join(controls)}')
    if out is not None and (out.is_dir() or (out.exists() and out.suffix != ".json")):
        raise WitnessError(f"{out} is there and no .json file; a witness goes to a file of its own")
    control = None if control_id is None else controls[control_id]
    outcome = search(
        lemma, control, examples=budget, ascents=budget // 5, seconds=seconds, seed=seed, progress=note
    )  # fmt: skip
    say(outcome.summary())
    if outcome.witness is not None and out is not None:
        outcome.witness.save(out)
        named = [word for file in files for word in ("--lemmas", str(file))]
        command = shlex.join(["nag-ntk", "search", "--replay", str(out), *named])
        say(f"Witness in {out}; {command} checks it again.")
    if control is None:
        return int(outcome.witness is not None)
    if outcome.witness is None:
        say("A control is false and must be refuted: give it a larger --budget, or suspect the search.")
    return int(outcome.witness is None)


def again(path: Path | None, lemmas: Sequence[Lemma], say: Say) -> int:
    """Replay a witness; return 0 if it refutes its claim again, else 1.

    Raises:
        SearchError, WitnessError: as for ``replay``.
    """
    if path is None:
        raise SearchError("give the ID of a lemma, or a file to replay")
    result = replay(path, lemmas)
    say(result.message)
    return int(not result.holds)
