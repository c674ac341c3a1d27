"""Studies from Python and notebooks: run one, or read its results from a folder, and get tables, arrays and figures.

Results are read in the format of the store, so those of a new study and those from a folder are alike.
"""

import html
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray

from nag_ntk import InputError, Method
from proofs_check import store
from proofs_check.judging.finding import Verdict, code_of
from proofs_check.judging.result import StudyResult
from proofs_check.lemma import Lemma, Run
from proofs_check.plugins import own
from proofs_check.report import page
from proofs_check.report.curves import draw
from proofs_check.report.terminal import COLUMNS, NO_PROOF, cells, headline
from proofs_check.running import looks, observed_width, runner
from proofs_check.running.given import judged
from proofs_check.store import Series, read_series
from proofs_check.study.load import Study
from proofs_check.study.python import study_from, with_fields
from proofs_check.study.text import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nag_ntk import Dataset
    from nag_ntk.training.given import Weights


@dataclass(frozen=True, repr=False, eq=False)
class Results:
    """Results of a study. Its representation is a table of findings: with reasons in a notebook, without them in text.

    Attributes:
        study: name of the study.
        level: family-wise error level of the verdicts.
        rows: a mapping per lemma and run, with the keys of results.json (lemma, run, verdict, reason, observed, bound,
            margin, trials, violations, limit, worst_seed, witness, ...); infinity is "inf", a missing number None.
        slack: a mapping per link of the proof and method, with the orders of magnitude that it loses (docs/slack.md).
        made: the StudyResult of a new study, with Runs and Findings; None for results from a folder.

    Example:
        >>> import nag_ntk, proofs_check
        >>> nag_ntk.enable_float64()
        >>> study = {"dataset": {"source": "sphere", "samples": 4, "dimension": 3}, "methods": ["nesterov"],
        ...          "width": 64, "seeds": 8, "steps": 20}
        >>> results = proofs_check.verify(study, select=["distance", "flip-count", "nesterov-matrix"])
        >>> results.select(verdict="CERTIFIED")
        verdict    lemma            run   margin   violations  limit
        CERTIFIED  nesterov-matrix  once  +0.0833
        study: 1 finding: none refuted, 1 certified.
        >>> results.to_xarray()["study"].residual_norm.sizes
        Frozen({'seed': 8, 'algorithm': 1, 'step': 21})
    """

    study: str
    level: float
    rows: tuple[Mapping[str, Any], ...]
    slack: tuple[Mapping[str, Any], ...] = ()
    made: "StudyResult | None" = None
    _image: Callable[[], io.BytesIO] = field(default=io.BytesIO)

    def __repr__(self) -> str:
        table = [COLUMNS, *map(cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in table]
        return visible("\n".join([*lines, f"{self.study}: {headline(self.rows)}"]))

    def _repr_html_(self) -> str:
        def line(tag: str, texts: Sequence[str]) -> str:
            left = 'style="text-align: left; white-space: normal"'
            return "<tr>" + "".join(f"<{tag} {left}>{html.escape(text)}</{tag}>" for text in texts) + "</tr>"

        body = "".join(line("td", (*cells(row), row["reason"])) for row in self.rows)
        summary = html.escape(f"{self.study}: {headline(self.rows)}")
        table = f"<table><thead>{line('th', (*COLUMNS, 'reason'))}</thead><tbody>{body}</tbody></table>"
        return visible(f"<p><strong>{summary}</strong> {NO_PROOF}</p>{table}")

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def runs(self) -> "tuple[Run, ...]":
        """The Runs, for lemmas and probes of your own; () for results from a folder."""
        return self.made.runs if self.made else ()

    @property
    def exit_code(self) -> int:
        """Exit code of `nag-ntk verify`: 1 if anything is REFUTED, else 3 for an ERROR, else 0."""
        return code_of({row["verdict"] for row in self.rows})

    def select(self, lemma: str | None = None, *, run: str | None = None, verdict: str | None = None) -> "Results":
        """Select the rows of one lemma (all its parts, or one as "lemma/part"), of one run, or of one verdict.

        Raises:
            KeyError: for a lemma or run without a row, or an unknown verdict; the message lists the possible ones.
        """
        if verdict is not None and verdict not in Verdict.__members__:
            raise KeyError(f"no verdict is called {verdict}; there are: {', '.join(Verdict)}")
        rows = self.rows
        for key, wanted in (("lemma", lemma), ("run", run)):
            if wanted is None:
                continue
            matches = tuple(row for row in rows if row[key] == wanted or row[key].startswith(f"{wanted}/"))
            if not matches:
                known = ", ".join(dict.fromkeys(row[key] for row in self.rows))
                raise KeyError(f"no row has the {key} {wanted}; there are: {known}")
            rows = matches
        return replace(self, rows=tuple(row for row in rows if verdict in (None, row["verdict"])))

    def to_xarray(self) -> "xarray.DataTree":
        """Return the recorded arrays as a tree: a node per run with the dimensions seed, algorithm, step and sample.

        A run's node has `residual`, `residual_norm`, `flip_fraction`, `distance`, `undecided`, coordinates and units.
        For a lemma that is compared step by step, the node "Checks/RUN/LEMMA" has `observed` and `bound` as quantiles
        over the seeds. The tree is the contents of trajectories.nc, which `xarray.open_datatree` reads as well.

        Cost: a copy of all recorded arrays in memory.
        """
        with xarray.open_datatree(self._image(), engine="h5netcdf") as tree:
            return tree.load()

    def plot(
        self, name: str = "residual_norm", *, run: str | None = None, method: str | None = None,
        ax: "Axes | None" = None,
    ) -> "Axes":  # fmt: skip
        """Draw a recorded quantity, or both sides of a lemma's inequality, over the steps, with bands over the seeds.

        The bands are the range of the seeds and the range of their middle 80 %; they are no confidence bands.

        Args:
            name: "residual_norm", "relative_residual", "loss", "flip_fraction", "distance", or the id of a lemma, with
                its part after a slash. `distance`, which is both, means the lemma if it was checked.
            run: name of the run; None for the first run that has the quantity.
            method: one method alone; all if None.
            ax: axes of matplotlib to draw on; new ones of pyplot if None.

        Returns:
            The axes.

        Raises:
            KeyError: if no run has the quantity, or the lemma has several parts; the message lists the possible names.
        """
        series = self._find(name, run, method)
        if ax is None:
            from matplotlib import pyplot

            _, ax = pyplot.subplots(layout="constrained")
        draw(ax, series)
        facts = f"run {series.run}, width {series.width:,}, {series.seeds} seeds"
        ax.set_title(f"{series.name}, {facts}", fontsize="medium")
        ax.legend(fontsize="small")
        return ax

    def save(self, folder: str | Path) -> Path:
        """Write the files of `nag-ntk verify` into a folder, and report.html beside them.

        Args:
            folder: path of the folder, made if absent; a folder with other files than results is refused.

        Returns:
            The path of the report.

        Raises:
            StoreError: if the folder cannot be written.
            ValueError: for results from a folder.
        """
        if self.made is None:
            raise ValueError("these results were read from a folder: copy its files, there is nothing else to write")
        store.write(self.made, Path(folder), wall_time=sum(row["wall_time"] for row in self.rows))
        return page.write(Path(folder))

    @cached_property
    def _series(self) -> "tuple[Series, ...]":
        return read_series(self._image())

    def _find(self, name: str, run: str | None, method: str | None) -> "Series":
        """Find the series of a name, restricted to one method if `method` is given.

        A lemma comes before a recorded quantity of the same name; the name of a lemma also finds its only part.
        """
        matches = [
            s for s in self._series if (s.name == name or s.name.startswith(f"{name}/")) and run in (None, s.run)
        ]
        matches.sort(key=lambda s: s.bound is None)  # "distance" is a lemma and a recorded quantity
        parts = dict.fromkeys(s.name for s in matches if s.name != name)
        if len(parts) > 1:
            raise KeyError(f"{name} has several parts; name one: {', '.join(parts)}")
        if not matches:
            known = ", ".join(dict.fromkeys(f"{s.name} @ {s.run}" for s in self._series))
            raise KeyError(f"nothing over the steps is called {name}{f' @ {run}' if run else ''}; there are: {known}")
        if method is None:
            return matches[0]
        for series in matches:
            if method in series.methods:
                k = [series.methods.index(method)]
                bound = None if series.bound is None else series.bound[k]
                return replace(series, methods=(method,), observed=series.observed[k], bound=bound)
        raise KeyError(f"{name} has no method {method}; it has: {', '.join(matches[0].methods)}")


def _listed(methods: "Method | str | Sequence[Method | str] | None") -> "list[Method | str] | None":
    return None if methods is None else [methods] if isinstance(methods, str | Method) else list(methods)


_HERE = (
    "lemmas that are handed over as objects are checked in this process, on copies of the record and without limits of "
    "time and memory; hand over the file that holds them, and they run in a process of their own"
)


_SAME_ID = "two lemmas have the same id, or one has an id of the catalogue; rename yours"


def verify(
    study: "str | Path | Mapping[str, Any] | Study | None" = None, *, data: "Dataset | None" = None,
    methods: "Method | str | Sequence[Method | str] | None" = None, width: int | None = None, steps: int | None = None,
    select: Sequence[str] = (), seeds: int | None = None, max_seeds: int | None = None,
    lemmas: "Sequence[Lemma | str | Path]" = (), out: str | Path | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Results:  # fmt: skip
    """Run a study and decide all its claims, as `nag-ntk verify` does.

    `verify(data=dataset)` asks the default study's questions of your own data; methods, width, seeds and steps
    replace its numbers.

    Call `nag_ntk.enable_float64()` first, or say `dtype: float32` in the study.

    Args:
        study: name of a bundled study, path of a YAML file, a mapping with the keys of such a file (a Dataset and
            Methods may stand in it), or a Study. None for the default study, or for one on `data`.
        data: a dataset, of at most 500,000 numbers, which the results will hold; `study` is None or a mapping.
        methods: methods, or names of methods with their theorem's tuning; beside `data` or a mapping.
        width: neurons m; beside `data` or a mapping.
        steps: training steps; beside `data` or a mapping.
        select: ids of lemmas to check, or one id; they may be lemmas of your own. Empty for those that the study names.
        seeds: replaces the number of seeds of every run.
        max_seeds: double the seeds until every claim is decided or this number is reached; None for no doubling.
        lemmas: lemmas of your own or Python files with some, besides catalogue, plugins and the study's `lemma_files`.
        out: folder to write the files and the report to; nothing is written if None.
        progress: called with (run, done, total) between chunks of steps.

    Returns:
        Results.

    Raises:
        ConfigError: for a study with mistakes; the message lists them all.
        InputError: for an unknown lemma, an id that is taken, or a configuration that cannot run.
        LemmaError: for a file of lemmas that cannot be used.
        StoreError: if `out` cannot be written.

    Cost: that of the runs; the default study takes half a minute to 90 s on two cores, compilation included.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> points = nag_ntk.sphere(4, 3)
        >>> verify(data=points, methods="nesterov", width=64, seeds=8, steps=20, select=["distance"])
        verdict       lemma     run    margin  violations  limit
        INCONCLUSIVE  distance  study  ...
        >>> verify("no-such-study")
        Traceback (most recent call last):
        proofs_check.study.yaml.ConfigError: no-such-study: no such file, and no study of that name is bundled (...)
    """
    if out is not None:
        store.check_writable(Path(out))
    fields = {"dataset": data, "methods": _listed(methods), "width": width, "steps": steps}
    given, known = _understood(study, fields, lemmas)
    given = given.narrowed([select] if isinstance(select, str) else select, seeds)
    options: dict[str, Any] = {"lemmas": known, "progress": progress}
    made = (
        runner.verify(given, **options)
        if max_seeds is None
        else looks.verify_until_decided(given, max_seeds, **options)
    )
    tables = made.tables
    arrays = partial(store.image, made.runs, made.curves)
    results = Results(tables.study, tables.level, tables.rows, tables.slack, made, arrays)
    if out is not None:
        results.save(out)
    return results


def _understood(
    study: "str | Path | Mapping[str, Any] | Study | None",
    fields: "Mapping[str, Any]",
    lemmas: "Sequence[Lemma | str | Path]",
) -> "tuple[Study, list[Lemma]]":
    """Return the study that arguments of `verify` describe, and the lemmas to choose from."""
    files = [item for item in lemmas if isinstance(item, str | Path)]
    known: list[Lemma] = []

    def ids(study_files: Sequence[str]) -> Sequence[str]:
        loaded = own.available_lemmas((*study_files, *files))
        for note in loaded.notes:  # a plugin that was left out
            warnings.warn(visible(note), stacklevel=4)
        known[:] = loaded.lemmas
        known.extend(item for item in lemmas if not isinstance(item, str | Path))
        return [lemma.id for lemma in known]

    if any(not isinstance(item, str | Path) for item in lemmas):
        warnings.warn(_HERE, stacklevel=3)
    given = study_from(with_fields(study, fields), ids)
    if len({lemma.id for lemma in known}) < len(known):
        raise InputError(_SAME_ID)
    return given, known


def least_width(
    claim: str, study: "str | Path | Mapping[str, Any] | Study | None" = None, *, data: "Dataset | None" = None,
    methods: "Method | str | Sequence[Method | str] | None" = None, steps: int | None = None, run: str | None = None,
    delta: float | None = None, level: float | None = None, most: int = observed_width.MOST_WIDTH,
    max_seeds: int | None = None, ratio: float = observed_width.RATIO,
    lemmas: "Sequence[Lemma | str | Path]" = (), progress: Callable[[observed_width.Look], None] | None = None,
) -> observed_width.LeastWidth:  # fmt: skip
    """Find how wide networks must be for a claim: the least width m at which runs support it.

    A claim is supported at a width if the failure probability is at most delta there, at an error level that all
    looks of the search share. The search assumes that what is supported at a width is so at larger ones.

    Args:
        claim: id of a lemma, or of one part of it, such as "nesterov-contraction/sharp".
        study: as for `verify`; its widths and seeds are not used.
        data: as for `verify`.
        methods: as for `verify`.
        steps: as for `verify`.
        run: name of the run of the study whose data, methods and steps are used; None for the first that fits.
        delta: failure probability of the claim; the study's (0.1) if None.
        level: error level of all looks together; the study's (0.001) if None.
        most: largest width to look at.
        max_seeds: largest number of networks at a width; None for four times those that the first look needs.
        ratio: the search ends when the width is known up to this factor.
        lemmas: as for `verify`.
        progress: called with each Look.

    Returns:
        A LeastWidth: `width`, `below`, the next smaller width looked at, and `looks` with the violations.

    Raises:
        ConfigError: for a study with mistakes.
        InputError: for an unknown claim, one that no run of the study could be asked, or numbers out of range.

    Cost: some ten widths of about a hundred networks each: 65 s for 30 samples and 500 steps on two cores.

    Source: error level spent over the looks as in statistics.look_level.

    Example:
        >>> import nag_ntk
        >>> nag_ntk.enable_float64()
        >>> points = nag_ntk.sphere(4, 3)
        >>> found = least_width("flip-count", data=points, methods="nesterov", steps=0, level=0.3, ratio=9, most=64)
        >>> print(found)
        flip-count: supported from width 16 on (not at 4)
        >>> found.looks[0].violations
        0
    """
    fields = {"dataset": data, "methods": _listed(methods), "steps": steps}
    given, known = _understood(study, fields, lemmas)
    return observed_width.least_width(
        given, claim, run=run, delta=delta, level=level, most=most, max_seeds=max_seeds, ratio=ratio, lemmas=known,
        progress=progress,
    )  # fmt: skip


def judge(
    data: "Dataset", weights: "Weights", signs: Any, *, seeds: int = 1, steps: int | None = None, name: str = "given",
    init: str = "given", select: Sequence[str] = (), lemmas: Sequence[Lemma | str | Path] = (), delta: float = 0.1,
    level: float = 1e-3, dtype: str | None = None,
) -> Results:  # fmt: skip
    """Check the lemmas on networks that were trained elsewhere, by any program and any optimiser.

    Lemmas that need to know how the weights moved are VACUOUS, and so are claims about the random draw unless `init`
    says that the networks were drawn as the theory draws them.

    Args:
        data: the dataset; the networks act on its inputs, which have length 1.
        weights: weights at some steps, the first before training, as for `nag_ntk.from_weights`.
        signs: the output signs, likewise.
        seeds: number of networks, if `weights` is a function.
        steps: T, if `weights` is a function.
        name: what the method is called.
        init: "given", or how the networks were drawn: "independent" or "antisymmetric".
        select: ids of lemmas to check, or one id; empty for all.
        lemmas: lemmas of your own or Python files with some, besides the catalogue and plugins.
        delta: failure probability that the lemmas are claimed for.
        level: family-wise error level of the verdicts.
        dtype: "float64" or "float32".

    Returns:
        Results; their `made` is None, so that there is no study to save.

    Raises:
        InputError: for weights or signs that make no networks, or an unknown lemma.
        LemmaError: for a file of lemmas that cannot be used.

    Cost: that of `nag_ntk.from_weights`, and of the checks.

    Example:
        >>> import nag_ntk, numpy
        >>> nag_ntk.enable_float64()
        >>> data = nag_ntk.sphere(4, 3)
        >>> rng = numpy.random.default_rng(0)
        >>> start, signs = rng.standard_normal((8, 64, 3)), rng.choice([-1.0, 1.0], (8, 64))
        >>> paths = numpy.stack([start, start + 0.1], axis=1)  # (networks, steps, neurons, coordinates)
        >>> judge(data, paths, signs, select=["flip-inclusion", "distance"], level=0.05)
        verdict       lemma           run    margin  violations  limit
        INCONCLUSIVE  flip-inclusion  given  ...
        VACUOUS       distance        given
        given: 2 findings: none refuted, 1 inconclusive, 1 vacuous.
    """
    files = [str(item) for item in lemmas if isinstance(item, str | Path)]
    known = [*own.available_lemmas(files).lemmas, *(item for item in lemmas if isinstance(item, Lemma))]
    ids, wanted = [lemma.id for lemma in known], [select] if isinstance(select, str) else select
    if len(set(ids)) < len(ids):
        raise InputError(_SAME_ID)
    if unknown := [each for each in wanted if each not in ids]:
        raise InputError(f"unknown lemma {', '.join(unknown)}; known: {', '.join(ids)}")
    chosen = [lemma for lemma in known if not wanted or lemma.id in wanted]
    run, findings, curves = judged(
        data, weights, signs, chosen, delta, level, seeds=seeds, steps=steps, name=name, init=init, dtype=dtype
    )
    rows = tuple(finding.to_row() for finding in findings)
    return Results(name, level, rows, _image=partial(store.image, (run,), curves))


def _contents(path: Path) -> io.BytesIO:
    return io.BytesIO(path.read_bytes())


def read(folder: str | Path) -> Results:
    """Read the results in a folder that `nag-ntk verify` or `Results.save` wrote, without computing anything.

    Raises:
        StoreError: if the folder holds no results, or they are damaged or changed.

    Example:
        >>> read("no-such-folder")
        Traceback (most recent call last):
        proofs_check.store.files.StoreError: no-such-folder holds no results: ...
    """
    stored, path = store.read(Path(folder)), Path(folder) / store.TRAJECTORIES
    return Results(stored.study, stored.level, stored.rows, stored.slack, None, partial(_contents, path))
