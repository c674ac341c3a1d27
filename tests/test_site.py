"""The documentation site builds without a warning, runs the notebooks, owns every page, and fetches nothing.

And what it is made of: every public name is explained, every example is run by some test.
"""

import ast
import dataclasses
import inspect
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import nag_ntk
import proofs_check

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PUBLIC = [(module, name) for module in (nag_ntk, proofs_check) for name in module.__all__]
BLOCK = re.compile(r"^```python( no-run)?\n(.*?)^```", flags=re.M | re.S)
RUN_BY_ANOTHER_TEST = {
    "architecture.md": "test_extending.py",
    "counterexamples.md": "proofs_check/search/test_search.py",
    "extending.md": "test_extending.py",
    "resume.md": "proofs_check/study/test_sweep.py",
    "sweeps.md": "proofs_check/study/test_sweep.py",
    "tuning.md": "nag_ntk/test_linear_model.py",
}
RUN_HERE = ["README.md", "docs/data.md", "docs/devices.md", "docs/optimisers.md", "docs/python.md"]


def undocumented(item) -> list[str]:
    """What a public name lacks: a docstring, a word on each parameter, on each field."""
    if isinstance(item, tuple) and not inspect.isclass(item):
        return []  # the catalogue
    said = inspect.getdoc(item) or ""
    missing = [] if said and not said.startswith(f"{item.__name__}(") else ["a docstring"]
    if inspect.isclass(item):
        if dataclasses.is_dataclass(item):
            wanted = [field.name for field in dataclasses.fields(item) if not field.name.startswith("_")]
        else:
            wanted = list(getattr(item, "_fields", ()))
        for name, member in vars(item).items():
            documented = inspect.isfunction(member) or isinstance(member, property)
            if documented and not name.startswith("_") and name not in wanted and not inspect.getdoc(member):
                missing.append(f"a docstring of {name}")
    elif callable(item):
        wanted = list(inspect.signature(item).parameters)
        if len(wanted) == 1 and "Args:" not in said:
            wanted = []  # a sentence is enough
    else:
        return []
    words = set(re.findall(r"\w+", said))
    return missing + [f"a word on {name}" for name in wanted if name not in words]


@pytest.mark.parametrize(("module", "name"), PUBLIC, ids=lambda value: getattr(value, "__name__", value))
def test_every_public_name_is_explained(module, name):
    assert undocumented(getattr(module, name)) == []


def test_what_is_not_explained_is_noticed():
    @dataclasses.dataclass
    class Bare:
        """Attributes: left."""

        left: int
        right: int

        def turn(self):
            pass

    def function(one, two):
        """Only one."""

    assert undocumented(Bare) == ["a docstring of turn", "a word on right"]
    assert undocumented(function) == ["a word on two"]


def test_every_block_of_python_is_run_or_says_that_it_is_not():
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]:
        blocks = [text for skipped, text in BLOCK.findall(path.read_text(encoding="utf-8")) if not skipped]
        name = path.relative_to(ROOT).as_posix()
        if blocks and name not in RUN_HERE:
            tester = ROOT / "tests" / RUN_BY_ANOTHER_TEST[path.name]
            assert f'"{path.name}"' in tester.read_text(encoding="utf-8"), name
        for text in blocks:
            ast.parse(text)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUN_HERE)
def test_the_examples_of_a_page_run(name, tmp_path):
    text = "\n".join(text for skipped, text in BLOCK.findall((ROOT / name).read_text(encoding="utf-8")) if not skipped)
    end = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert end.returncode == 0, end.stderr


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it would load."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors, self.links, self.loads = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.update(filter(None, (given.get("id"), given.get("name") if tag == "a" else None)))
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") != "canonical" and given.get("href"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("myst_nb", reason="the site needs pip install '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    end = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", "html", "-d", str(out / "doctrees"), str(DOCS),
         str(out / "html")], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert end.returncode == 0, end.stderr[-5000:]
    return out / "html"


@pytest.fixture(scope="module")
def pages(site):
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site, pages):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                assert parts.scheme in ("https", "mailto"), link
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path.resolve()
            known = pages.get(target)
            if not target.is_file() or (parts.fragment and known and unquote(parts.fragment) not in known.anchors):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert broken == []


@pytest.mark.slow
def test_the_site_fetches_nothing(pages):
    assert [load for page in pages.values() for load in page.loads if urlsplit(load).netloc] == []


@pytest.mark.slow
def test_every_public_name_is_in_the_index(site):
    from sphinx.util.inventory import InventoryFile

    with (site / "objects.inv").open("rb") as file:
        inventory = InventoryFile.load(file, "", lambda base, path: path)
    known = {name for kind in inventory for name in inventory[kind]}
    assert [f"{module.__name__}.{name}" for module, name in PUBLIC if f"{module.__name__}.{name}" not in known] == []


@pytest.mark.slow
def test_the_notebooks_were_run_and_show_figures(site):
    for path in sorted((DOCS / "notebooks").glob("*.ipynb")):
        text = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert "SUPPORTED" in text, path.name
        assert re.search(r'<img[^>]+src="\.\./_images/[0-9a-f]+\.png"', text), path.name
    assert "REFUTED" in (site / "notebooks" / "own-lemma.html").read_text(encoding="utf-8")
