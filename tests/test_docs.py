"""The documentation: a page and a figure per lemma that agree with the catalogue, and links that lead somewhere."""

import ast
import re
from pathlib import Path

import pytest

from proofs_check.formal.sources import theorems
from proofs_check.lemmas import CATALOGUE
from proofs_check.lemmas.backing import KINDS, evidence
from proofs_check.lemmas.backing import paragraph as told

ROOT = Path(__file__).parents[1]
THEORY = ROOT / "docs" / "theory"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted(THEORY.glob("*.md"))]
SECTIONS = ["Claim", "Hypotheses", "Derivation", "Constants", "Verdict", "Controls", "Figure"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def page(lemma) -> str:
    return (THEORY / f"{lemma.id}.md").read_text(encoding="utf-8")


def section(text: str, name: str) -> str:
    return text.split(f"\n## {name}\n", 1)[1].split("\n## ", 1)[0]


def prose(text: str) -> str:
    """Without fenced code, and without code in a line."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


def anchors(text: str) -> set[str]:
    """What a heading is called in a link, as GitHub makes it: lower case, no punctuation, spaces to hyphens."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> list[str]:
    """Relative links of a page to a file that is not there, or to a heading that is not in it."""
    broken = []
    for target in LINK.findall(prose(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        if not there.exists() or (anchor and anchor not in anchors(there.read_text(encoding="utf-8"))):
            broken.append(target)
    return broken


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_a_lemma_has_its_page(lemma):
    text = page(lemma)
    assert text.startswith(f"# `{lemma.id}`: ")
    assert re.findall(r"^## (.*)$", text, flags=re.M) == SECTIONS
    assert f"**{lemma.provenance}**" in text
    for name in SECTIONS:
        assert len(section(text, name).split()) >= 4, name


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_a_page_names_its_controls(lemma):
    found = re.findall(r"^(?:\| |- )`([a-z0-9-]+)`", section(page(lemma), "Controls"), flags=re.M)
    assert found == [control.id for control in lemma.controls]


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_a_page_shows_its_figure(lemma):
    assert f"](../figures/theory-{lemma.id}.png)\n" in section(page(lemma), "Figure")
    figure = ROOT / "docs" / "figures" / f"theory-{lemma.id}.png"
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert figure.stat().st_size < 60_000


@pytest.mark.parametrize("lemma", CATALOGUE, ids=lambda lemma: lemma.id)
def test_a_page_says_what_backs_its_lemma(lemma):
    assert f"\n\n{told(lemma)}\n\n## Claim" in page(lemma)
    assert evidence(lemma)
    assert all(kind in KINDS for kind in evidence(lemma))


def test_the_page_of_the_formal_proofs_lists_every_theorem():
    rows = re.findall(r"^\| `([\w.]+)` \|", (THEORY / "formal.md").read_text(encoding="utf-8"), flags=re.M)
    assert rows == [theorem.id for theorem in theorems()]


def test_the_map_of_the_proof_is_shown():
    assert "](../figures/proof-map.png)" in (THEORY / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "figures" / "proof-map.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_left_over():
    ids = {lemma.id for lemma in CATALOGUE}
    assert {path.stem for path in THEORY.glob("*.md")} == ids | {"README", "formal"}
    assert {path.stem for path in (ROOT / "docs" / "figures").glob("theory-*")} == {f"theory-{name}" for name in ids}


def test_every_figure_is_drawn_by_the_script():
    drawn = []
    for path in sorted((ROOT / "benchmarks").glob("theory_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "figure":
                assert isinstance(node.args[0], ast.Constant)
                drawn.append(node.args[0].value)
    assert sorted(drawn) == sorted(lemma.id for lemma in CATALOGUE)


def test_the_index_lists_the_catalogue_in_its_order():
    text = (THEORY / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[`([a-z-]+)`\]\(([a-z-]+)\.md\) \| (.+) \| ([a-z ]+) \| ([a-z ]+) \|$", text, flags=re.M)
    found = [(name, link, kind, provenance) for name, link, _, kind, provenance in rows]
    assert found == [(lemma.id, lemma.id, lemma.kind, lemma.provenance) for lemma in CATALOGUE]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(path):
    assert broken_links(path) == []


def test_a_broken_link_is_noticed(tmp_path):
    (tmp_path / "a.md").write_text("# One, *two*\n\n[gone](b.md) [here](#one-two) [no](a.md#three) `[code](c.md)`\n")
    assert broken_links(tmp_path / "a.md") == ["b.md", "a.md#three"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_mathematics_survives_markdown(path):
    """Markdown takes the backslash from these pairs before anything reads the formula; use \\lbrace, \\Vert, \\cr."""
    text = prose(path.read_text(encoding="utf-8"))
    # displays first, then what is left between single dollars in a paragraph
    formulas = re.findall(r"\$\$(.+?)\$\$", text, flags=re.S)
    for paragraph in re.sub(r"\$\$.+?\$\$", "", text, flags=re.S).split("\n\n"):
        assert paragraph.count("$") % 2 == 0, paragraph
        formulas += re.findall(r"\$(.+?)\$", paragraph, flags=re.S)
    wrong = [formula for formula in formulas if re.search(r"\\[,;:!#%&_{}|\\]", formula)]
    assert wrong == []
    assert all(formula.count("{") == formula.count("}") for formula in formulas)
