"""Writer of report.html and the folder of figures, from a folder of results alone."""

import csv
import io
import json
from contextlib import suppress
from pathlib import Path

import jinja2

from proofs_check.report import losses, matrix, terminal
from proofs_check.report.claims import lemma_of
from proofs_check.report.contents import Contents, gather
from proofs_check.report.drawing import Figure
from proofs_check.report.numbers import number, violations, words
from proofs_check.store import FIGURES, REPORT, read, read_series, refuse_links, replaced
from proofs_check.study.text import visible

_INDEX = "index.json"
MEANINGS = {
    "CERTIFIED": (
        "proved in ball arithmetic, for the quantifiers stated",
        "anything about what the lemma does not quantify over",
    ),
    "SUPPORTED": (
        "an exact confidence limit lies within the claim, at the error level of the whole study",
        "a proof, or the claim at other widths or data",
    ),
    "REFUTED": (
        "a reproducible witness, or a confidence limit beyond the claim, here",
        "that the theorem is false: its “wide enough” may fail here",
    ),
    "INCONCLUSIVE": (
        "too few seeds or too little precision; the reason says, where it can be told, how many would decide",
        "that the claim is doubtful",
    ),
    "VACUOUS": (
        "the hypotheses do not hold here, or the bound says nothing; the reason says from which width it would",
        "that the claim is false",
    ),
    "ERROR": (
        "the check itself failed, or it contradicts a proof: one of the two is wrong",
        "anything about the claim",
    ),
}
"""Meaning of each verdict, and what it does not mean."""


def write(folder: Path) -> Path:
    """Read a folder of results and write its report.

    Args:
        folder: results of `nag-ntk verify`.

    Returns:
        The path of the page.

    Raises:
        StoreError: if the folder holds no results, or they are damaged.
    """
    folder = Path(folder)
    contents = gather(read(folder), read_series(folder))
    text = render(contents)
    refuse_links(folder)
    _write_figures(folder / FIGURES, contents.figures)
    _write(folder / REPORT, text)
    return folder / REPORT


def render(contents: Contents) -> str:
    """Render the page as HTML; all text from the study is escaped."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters.update(
        {"number": number, "violations": violations, "words": words, "lemma": lemma_of, "counts": terminal.counts}
    )
    stored = contents.stored
    used = [verdict for verdict in MEANINGS if any(row["verdict"] == verdict for row in stored.rows)]
    return environment.get_template("report.html.j2").render(
        contents=contents, stored=stored, manifest=stored.manifest, meanings=MEANINGS, used=used,
        signs={verdict: sign for verdict, (sign, *_) in matrix.STYLES.items()},
        headline=terminal.headline(stored.rows), no_proof=terminal.NO_PROOF,
        loosest=terminal.LOOSEST, shortly=terminal.SHORTLY, losses=losses.by_run(stored.slack), summed=losses.summed,
        runs=list(dict.fromkeys(row["run"] for row in stored.rows)),
        groups=list(dict.fromkeys(part.facts["group"] for part in contents.parts)),
    )  # fmt: skip


def _write_figures(folder: Path, figures: list[Figure]) -> None:
    """Write each figure, its data, and a list of them, after removing those of an earlier report."""
    _remove_figures(folder)
    folder.mkdir(exist_ok=True)
    listed = {figure.name: {"title": figure.title, "description": figure.description} for figure in figures}
    _write(folder / _INDEX, json.dumps(listed, indent=1, ensure_ascii=False) + "\n")
    for figure in figures:
        _write(folder / f"{figure.name}.svg", figure.alone)
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([figure.header, *figure.rows])
        _write(folder / f"{figure.name}.csv", table.getvalue())


def _write(path: Path, text: str) -> None:
    with replaced(path) as file:
        file.write(visible(text).encode())


def _remove_figures(folder: Path) -> None:
    with suppress(OSError, ValueError):
        for name in json.loads((folder / _INDEX).read_text(encoding="utf-8")):
            for suffix in (".svg", ".csv"):
                (folder / Path(name + suffix).name).unlink(missing_ok=True)
        (folder / _INDEX).unlink()


def discard(folder: Path) -> None:
    """Remove the report of earlier results, which would contradict the new ones."""
    refuse_links(Path(folder))
    (Path(folder) / REPORT).unlink(missing_ok=True)
    _remove_figures(Path(folder) / FIGURES)
    with suppress(OSError):
        (Path(folder) / FIGURES).rmdir()
