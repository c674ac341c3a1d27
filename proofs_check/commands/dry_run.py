"""`nag-ntk verify --dry-run`: list the runs of a study, their memory and time, and the claims that seeds can decide."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nag_ntk import InputError
from nag_ntk.run.plan import format_bytes, free_memory
from proofs_check.commands.console import Failure, say
from proofs_check.commands.processes import ALONE
from proofs_check.commands.verify import Call, all_problems, requested
from proofs_check.lemma import Lemma
from proofs_check.running.estimate import estimates
from proofs_check.running.possible import outlook
from proofs_check.running.prepare import RunSetup, prepare
from proofs_check.study.load import Study

_COLUMNS = (
    "run", "samples", "dimension", "width", "seeds", "steps", "init", "engine", "dtype", "memory", "time", "methods",
)  # fmt: skip


def look_ahead(call: Call) -> int:
    """Print a description of the runs without running them; raise Failure for a study that cannot run."""
    from proofs_check import store
    from proofs_check.running import runner
    from proofs_check.study.load import ConfigError

    if call.group != ALONE:
        raise Failure("--dry-run looks at one process: leave out --coordinator, --processes and --process-id")
    try:
        study, lemmas, folder = requested(call)
        lemmas.prepare()
        wanted = store.request(study, call.max_seeds, lemmas.available.digests)
        if call.resume and store.already_done(folder, wanted):
            say(f"Results in {folder} are of this study already; nothing would be run.")
            return 0
        changed = store.changed(folder, wanted, resume=True) if call.resume else ""
        chosen = runner.select_lemmas(study, lemmas.available.lemmas)
        setups = prepare(study, chosen, call.max_seeds)
        say(described(study, chosen, setups, call.max_seeds))
        say(standing(study, setups, folder, changed) if call.resume else _in_the_way(folder, wanted))
    except ConfigError as error:
        raise Failure(all_problems(error)) from None
    except (InputError, store.StoreError) as error:
        raise Failure(str(error)) from None
    return 0


def _in_the_way(folder: Path, wanted: Mapping[str, Any]) -> str:
    """Return a sentence: why a call without --resume would be refused, or the folder of its results."""
    from proofs_check import store

    try:
        store.changed(folder, wanted, resume=False)
    except store.StoreError as error:
        return f"Without --resume it would be refused: {error}."
    return f"Results would go to {folder}."


def described(
    study: Study, lemmas: Sequence[Lemma], setups: Mapping[str, RunSetup], max_seeds: int | None = None
) -> str:  # fmt: skip
    """Describe the runs of a study as text: their sizes, memory, time, and the claims that their seeds can decide.

    Args:
        study: the study as it would run.
        lemmas: the lemmas that would be checked.
        setups: run name -> setup, from prepare.prepare.
        max_seeds: number of seeds of the last look, whose memory and time are shown; None for a single look.

    Cost: that of estimate.estimates.
    """
    seeds = {} if max_seeds is None else {"seeds": max_seeds}
    largest = study.model_copy(update={"runs": tuple(spec.model_copy(update=seeds) for spec in study.runs)})
    plans = {spec.name: setups[spec.name].planned(spec, study.memory_limit_gib) for spec in largest.runs}
    times = estimates(largest, setups, plans)
    rows = []
    for spec, run in zip(study.runs, largest.runs, strict=True):
        data, parts = setups[spec.name].data, plans[spec.name]
        seed_range = str(spec.seeds) if run.seeds == spec.seeds else f"{spec.seeds} to {run.seeds}"
        sizes = (
            data.size,
            data.dimension,
            f"{spec.width:,}",
            seed_range,
            spec.steps,
            parts[0].shape.init,
            " + ".join(plan.shape.engine for plan in parts),
            parts[0].shape.dtype,
        )
        needs = (format_bytes(max(plan.layout.estimate for plan in parts)), duration(times[spec.name]))
        rows.append(tuple(map(str, (spec.name, *sizes, *needs, ", ".join(m.label for m in spec.methods)))))
    allowed = free_memory() if study.memory_limit_gib is None else study.memory_limit_gib * 2**30
    whose = "the machine has free" if study.memory_limit_gib is None else "the study allows"
    most = max(plan.layout.estimate for parts in plans.values() for plan in parts)
    total = sum(times.values()) * (1 if max_seeds is None else 2)
    looks = "" if max_seeds is None else ", all looks together at most"
    return "\n".join(
        [
            f"{study.name}: {_many(len(rows), 'run')}, {_many(len(lemmas), 'lemma')}; nothing was trained.",
            "",
            *_table([_COLUMNS, *rows]),
            "",
            f"Memory: {format_bytes(most)} for the largest run, {format_bytes(allowed)} {whose}.",
            f"Time: about {duration(total)} of training{looks}; checks, certificates and files come on top.",
            outlook(study, lemmas, max_seeds).as_text(),
        ]
    )


def duration(seconds: float) -> str:
    """Format seconds with a unit and two digits.

    Example:
        >>> duration(0.512), duration(75), duration(4000), duration(10**6)
        ('0.51 s', '75 s', '67 min', '280 h')
    """
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{float(f'{seconds / length:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} s"


def standing(study: Study, setups: Mapping[str, RunSetup], folder: Path, changed: str) -> str:
    """Describe, a line per run, what --resume would do with the saved runs in a folder, without changing them.

    Args:
        study: the study as it would run.
        setups: run name -> setup, from prepare.prepare.
        folder: folder of the results.
        changed: the changes since the study under way began, from store.changed; "" if there are none.
    """
    from proofs_check.store.cells import Cells
    from proofs_check.store.files import CELLS

    cells = Cells(folder / CELLS)
    lines = [
        f"{spec.name}: {cells.standing(spec.name, spec.seeds, setups[spec.name].question(spec))}" for spec in study.runs
    ]
    return "\n".join(
        (f"With --resume: {changed or 'the study is the one under way'}.", *(f"  {line}" for line in lines))
    )


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
