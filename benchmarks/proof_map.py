"""Draw the map of the proof, docs/figures/proof-map.png, and refresh what docs/theory says about the formal proofs.

Run from the project root: python benchmarks/proof_map.py. All is generated from the catalogue and the .v files.
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle
from matplotlib.path import Path as Curve

from proofs_check.formal.sources import theorems
from proofs_check.lemmas import CATALOGUE
from proofs_check.lemmas.backing import KINDS, evidence, paragraph

ROOT = Path(__file__).resolve().parents[1]
THEORY = ROOT / "docs" / "theory"
COLOURS = {"formal": "#1b7837", "certified": "#2166ac", "statistical": "#e08214", "recalled": "#878787"}
WIDTH, HEIGHT, COLUMN, ROW = 2.0, 0.46, 2.72, 0.7
BOOTSTRAP = "bootstrap"
# column and row of each statement; what is new and not listed here goes to the bottom of the last column
SPOTS = {
    "gram-limit": (0, 0), "flip-probability": (0, 2), "flip-inclusion": (0, 3.2), "residual-recursion": (0, 4.3),
    "distance": (0, 5.3), "initial-residual": (0, 6.3), "gd-matrix": (0, 7.4), "heavy-ball-matrix": (0, 8.4),
    "nesterov-matrix": (0, 9.4), "gram-positive": (1, 0), "gram-separation": (1, 0.9), "gram-stability": (1, 1.8),
    "flip-count": (1, 2.7), "remainder-bound": (1, 4.3), "output-decomposition": (1, 6.6), "flip-set": (2, 3.7),
    "output-deviation": (2, 6.6), "comparison": (3, 6.6), "gram-concentration": (2, 0), "flip-fraction": (2, 2.7),
    "lazy-exit": (3, 0.6), "width-scaling": (3, 1.6), BOOTSTRAP: (3, 5.3), "gd-contraction": (4, 7.4),
    "heavy-ball-contraction": (4, 8.4), "nesterov-contraction": (4, 9.4), "acceleration": (5, 7.2),
    "nesterov-vs-gd": (5, 8.2), "nesterov-vs-heavy-ball": (5, 9.2), "nesterov-increasing": (5, 0),
}  # fmt: skip


def arrows() -> dict[str, set[str]]:
    """What each statement rests on directly; what the contractions share goes through the bootstrap.

    Nothing is drawn twice, directly and by way of another.
    """
    rests = {lemma.id: set(lemma.rests_on) for lemma in CATALOGUE}
    contractions = [name for name in rests if name.endswith("-contraction")]
    shared = set.intersection(*(rests[name] for name in contractions))
    for name in contractions:
        rests[name] = rests[name] - shared | {BOOTSTRAP}
    rests[BOOTSTRAP] = shared

    def below(name: str) -> set[str]:
        return rests[name].union(*(below(other) for other in rests[name]))

    return {name: found - set().union(*(below(other) for other in found)) for name, found in rests.items()}


def draw(path: Path) -> None:
    """The map: a line from each statement to those that rest on it, and a square per kind of evidence."""
    kinds = {lemma.id: list(evidence(lemma)) for lemma in CATALOGUE} | {BOOTSTRAP: ["formal"]}
    new = [name for name in kinds if name not in SPOTS]
    cells = {name: SPOTS[name] for name in kinds if name in SPOTS} | {n: (5, 1 + r) for r, n in enumerate(new)}
    spots = {name: (column * COLUMN, -row * ROW) for name, (column, row) in cells.items()}
    figure, axes = plt.subplots(figsize=(14.5, 7), dpi=80)
    for name, found in arrows().items():
        x, y = spots[name]
        formal = "formal" in kinds[name]
        for other in found:
            left, low = spots[other]
            begin, end = (left + WIDTH, low + HEIGHT / 2), (x, y + HEIGHT / 2)
            reach = max(0.45 * (end[0] - begin[0]), 0.3)
            bend = Curve(
                [begin, (begin[0] + reach, begin[1]), (end[0] - reach, end[1]), end],
                [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4],
            )
            style = {"edgecolor": COLOURS["formal"] if formal else "#8c8c8c", "lw": 1.5, "alpha": 0.75}
            axes.add_patch(
                FancyArrowPatch(path=bend, arrowstyle="-|>", mutation_scale=9, facecolor="none", zorder=1, **style)
            )
        box = FancyBboxPatch(
            (x, y), WIDTH, HEIGHT, boxstyle="round,pad=0,rounding_size=0.07", zorder=2,
            facecolor="#eaf5ec" if formal else "white", edgecolor=COLOURS["formal"] if formal else "#555555", lw=1.2,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(x + 0.09, y + HEIGHT * 0.65, name, fontsize=9.5, va="center", zorder=3)
        for place, kind in enumerate(kinds[name]):
            axes.add_patch(Rectangle((x + 0.1 + 0.21 * place, y + 0.06), 0.16, 0.11, color=COLOURS[kind], zorder=3))
    axes.set_xlim(-0.12, max(x for x, _ in spots.values()) + WIDTH + 0.12)
    axes.set_ylim(min(y for _, y in spots.values()) - 0.15, HEIGHT + 0.12)
    axes.axis("off")
    words = {
        "formal": "formal: it or its deterministic part is proved in Coq",
        "certified": "certified: ball arithmetic",
        "statistical": "statistical: training runs",
        "recalled": "recalled: source not re-read",
    }
    handles = [Rectangle((0, 0), 1, 1, color=COLOURS[kind]) for kind in KINDS]
    figure.legend(handles, [words[kind] for kind in KINDS], loc="lower center", ncols=4, frameon=False, fontsize=10)
    figure.subplots_adjust(left=0.005, right=0.995, top=0.995, bottom=0.06)
    figure.savefig(path)
    plt.close(figure)


def table() -> str:
    """Every theorem, with its statement in words and the lemmas that name it."""
    users = {name: lemma.id for lemma in reversed(CATALOGUE) for name in lemma.formal}
    rows = ["| theorem | says | lemma |", "|---|---|---|"]
    for theorem in theorems():
        words = theorem.words
        for sign, instead in (("|", "\\|"), ("<", "&lt;"), ("*", "\\*"), ("[", "\\["), ("~", "\\~")):
            words = words.replace(sign, instead)
        lemma = users.get(theorem.id)
        rows.append(f"| `{theorem.id}` | {words} | {f'[`{lemma}`]({lemma}.md)' if lemma else ''} |")
    return "\n".join(rows)


def between(text: str, new: str) -> str:
    """The text with what stands between the markers of its generated part replaced."""
    begin, end = "<!-- generated: begin -->", "<!-- generated: end -->"
    head, rest = text.split(begin, 1)
    return f"{head}{begin}\n\n{new}\n\n{end}{rest.split(end, 1)[1]}"


def pages() -> None:
    """The table of formal.md and the paragraph on evidence of each lemma's page."""
    formal = THEORY / "formal.md"
    formal.write_text(between(formal.read_text(encoding="utf-8"), table()), encoding="utf-8")
    for lemma in CATALOGUE:
        page = THEORY / f"{lemma.id}.md"
        blocks = [
            block for block in page.read_text(encoding="utf-8").split("\n\n") if not block.startswith("**Evidence.**")
        ]
        blocks.insert(2, paragraph(lemma))
        page.write_text("\n\n".join(blocks), encoding="utf-8")


if __name__ == "__main__":
    draw(ROOT / "docs" / "figures" / "proof-map.png")
    pages()
