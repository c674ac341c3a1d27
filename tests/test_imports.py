"""The import rules of docs/architecture.md, read from the source, and what an import may not do.

A checker takes a project root and returns its offences; each is also shown projects that break its rule.
"""

import ast
import configparser
import graphlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("nag_ntk", "proofs_check")
ROOMS = {
    "nag_ntk": ("", "sources", "run", "engines", "training"),
    "proofs_check": tuple(
        "rigor statistics study lemma lemmas plugins slack judging certified store running testing search report "
        "formal bench results cluster commands".split()
    ),
}
"""In the order in which they may import each other; the files at the top of nag_ntk come first."""
DOORS = (
    "proofs_check/commands/",
    "proofs_check/study/",
    "proofs_check/judging/child.py",
    "proofs_check/running/session.py",
)
OPTIONAL = tuple("ctypes fcntl jax.experimental matplotlib orbax resource scipy sklearn submitit torch xarray".split())
"""Packages that may be imported inside functions: absent on some systems, or slow and rarely needed."""
# jaxtyping is absent: it needs no JAX. The others import it.
JAX = ("jax", "jaxlib", "optax", "chex")
HEAVY = (*JAX, "nag_ntk", "scipy", "sklearn", "matplotlib", "xarray", "h5py")
# Calls that start a backend, change a global flag or touch a file, by the end of their dotted name.
AT_IMPORT = tuple(
    "." + call
    for call in (
        "config.update enable_float64 jax.devices jax.local_devices jax.device_count jax.local_device_count "
        "jax.default_backend jax.device_put random.key random.PRNGKey "
        "open read_text read_bytes write_text write_bytes mkdir"
    ).split()
)


def sources(root: Path, *folders: str) -> Iterator[tuple[Path, ast.Module]]:
    """Each Python file below the folders (or the file itself), parsed."""
    for folder in folders:
        for path in sorted((root / folder).rglob("*.py")) if (root / folder).is_dir() else [root / folder]:
            yield path.relative_to(root), ast.parse(path.read_text(encoding="utf-8"))


def dotted(node: ast.AST) -> str:
    """`a.b.c` for a chain of attributes; a base that is no name counts as empty."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imports(path: Path, tree: ast.Module) -> Iterator[str]:
    """Absolute dotted names of all a file imports, lazily or not; `from a import b` gives `a.b`."""
    package = path.with_suffix("").parts[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*base, alias.name]) for alias in node.names)
        elif isinstance(node, ast.Call) and dotted(node.func).endswith(("import_module", "__import__")):
            if node.args and isinstance(node.args[0], ast.Constant):
                yield str(node.args[0].value)


def within(name: str, *tops: str) -> bool:
    return any(name == top or name.startswith(top + ".") for top in tops)


def importing(root: Path, folders: list[str], forbidden: tuple[str, ...], but: tuple[str, ...] = ()):
    """What the files below the folders import of the forbidden names, those within `but` excepted."""
    return [
        f"{path.as_posix()} imports {name}"
        for path, tree in sources(root, *folders)
        for name in imports(path, tree)
        if within(name, *forbidden) and not within(name, *but)
    ]


def library_knows_no_checks(root: Path) -> list[str]:
    return importing(root, ["nag_ntk"], ("proofs_check",))


def rigorous_part_stands_alone(root: Path) -> list[str]:
    rigor = "proofs_check/rigor"
    recheckers = [str(path.relative_to(root)) for path in (root / rigor).glob("*/recheck*")]
    drawing = [path for path in recheckers if path.endswith("recheck_drawn.py")]  # draws networks again, with NumPy
    # what the later programs share with those before them
    first, second = (f"proofs_check.rigor.{room}.recheck" for room in ("certificates", "initial"))
    others = [path for path in recheckers if path not in drawing]
    return [
        *importing(root, [rigor], (*JAX, *PACKAGES), but=("proofs_check.rigor",)),
        *importing(root, others, ("proofs_check.rigor", "numpy", "scipy"), but=(first,)),
        *importing(
            root, drawing, ("proofs_check.rigor", "scipy"), but=(first, second, "proofs_check.rigor.initial.drawn")
        ),
    ]


def room(module: str) -> str:
    """The room of a module or of a name in one; "" for what lies at the top of nag_ntk."""
    package, _, rest = module.partition(".")
    first = rest.partition(".")[0]
    return first if first in ROOMS.get(package, ()) else ""


def rooms_import_downwards(root: Path) -> list[str]:
    """Each file imports from its own room and from those before it; the doors of the packages import anything."""
    offences = []
    for path, tree in sources(root, *PACKAGES):
        package, module = path.parts[0], ".".join(path.with_suffix("").parts)
        if path.name in ("__init__.py", "__main__.py") and len(path.parts) == 2:
            continue
        order, here = ROOMS[package], room(module)
        if here not in order or (not here and len(path.parts) > 2):
            offences.append(f"{path.as_posix()} lies in no room of the list")
            continue
        names = [name for name in imports(path, tree) if within(name, package) and room(name) in order]
        above = sorted({name for name in names if order.index(room(name)) > order.index(here)})
        offences += [f"{path.as_posix()} imports {name} of a later room" for name in above]
    return offences


def files_import_no_circle(root: Path) -> list[str]:
    files = {
        ".".join(path.with_suffix("").parts).removesuffix(".__init__"): path for path, _ in sources(root, *PACKAGES)
    }
    graph: dict[str, set[str]] = {}
    for path, tree in sources(root, *PACKAGES):
        # `from a.b import c` names a.b.c: the file c if there is one, else the file a.b
        modules = {name if name in files else name.rpartition(".")[0] for name in imports(path, tree)}
        found = {files[name].as_posix() for name in modules & files.keys() - set(PACKAGES)}
        graph[path.as_posix()] = found - {path.as_posix()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [" -> ".join(error.args[1])]
    return []


def imports_are_absolute(root: Path) -> list[str]:
    return [
        f"{path.as_posix()}:{node.lineno} is relative"
        for path, tree in sources(root, *PACKAGES)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def imports_stand_at_the_top(root: Path) -> list[str]:
    """But in commands, which must start quickly, in the records of a study, and of packages in OPTIONAL."""
    offences = []
    for path, tree in sources(root, *PACKAGES):
        if path.as_posix().startswith(DOORS):
            continue
        inside = [
            node
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
        for node in inside:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            if not any(within(name, *OPTIONAL) for name in names):
                offences.append(f"{path.as_posix()}:{node.lineno} imports {names[0]} inside a function")
    return offences


def few_files_at_the_top(root: Path) -> list[str]:
    allowed = {"__init__.py", "__main__.py", "cluster.py", "results.py", "testing.py"}
    here = {path.name for path in (root / "proofs_check").glob("*.py")}
    return [f"proofs_check/{name} lies at the top" for name in sorted(here - allowed)]


def lemmas_know_no_other_lemma(root: Path) -> list[str]:
    files = [f"proofs_check/lemmas/{path.name}" for path in (root / "proofs_check/lemmas").glob("[!_]*.py")]
    return importing(
        root, files, ("proofs_check.lemmas",), but=("proofs_check.lemmas.radii", "proofs_check.lemmas.filters")
    )


def report_reads_the_store_only(root: Path) -> list[str]:
    allowed = ("proofs_check.store", "proofs_check.report", "proofs_check.study.text")
    return importing(root, ["proofs_check/report"], (*JAX, *PACKAGES), but=allowed)


def annotations_stay_objects(root: Path) -> list[str]:
    return importing(root, ["nag_ntk"], ("__future__.annotations",))


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes run at import: all but the bodies of functions and of `if __name__ == ...`."""
    yield node
    for field, value in ast.iter_fields(node):
        if field == "body" and (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            or (isinstance(node, ast.If) and "__name__" in ast.dump(node.test))
        ):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from run_at_import(child)


def nothing_happens_at_import(root: Path) -> list[str]:
    offences = []
    for path, tree in sources(root, *PACKAGES):
        for node in run_at_import(tree):
            if isinstance(node, ast.Call) and f".{dotted(node.func)}".endswith(AT_IMPORT):
                offences.append(f"{path.as_posix()}:{node.lineno} calls {dotted(node.func)}")
            elif isinstance(node, ast.Assign) and any(within(dotted(t), "jax.config") for t in node.targets):
                offences.append(f"{path.as_posix()}:{node.lineno} sets a flag of JAX")
    return offences


def packages_are_listed(root: Path) -> list[str]:
    """setup.cfg lists the packages by hand; a forgotten one would be missing from the wheel only."""
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")
    listed = set(config["options"]["packages"].split()) - {"proofs_check.configs"}
    found = {".".join(path.parent.parts) for path, _ in sources(root, *PACKAGES)}
    return [f"{name} is in setup.cfg or in the tree, not in both" for name in sorted(listed ^ found)]


BREAKS = [
    (library_knows_no_checks, "nag_ntk/gram.py", "def f():\n    from proofs_check import store"),
    (library_knows_no_checks, "nag_ntk/gram.py", "import_module('proofs_check.store')"),
    (rigorous_part_stands_alone, "proofs_check/rigor/enclosure/ball.py", "import jax.numpy as jnp"),
    (rigorous_part_stands_alone, "proofs_check/rigor/enclosure/ball.py", "from nag_ntk import gram_limit"),
    (rigorous_part_stands_alone, "proofs_check/rigor/enclosure/ball.py", "from ...lemma import Evidence"),
    (rigorous_part_stands_alone, "proofs_check/rigor/certificates/recheck.py", "from .make import spectrum"),
    (
        rigorous_part_stands_alone,
        "proofs_check/rigor/certificates/recheck.py",
        "from proofs_check.rigor.enclosure import ball",
    ),
    (rigorous_part_stands_alone, "proofs_check/rigor/certificates/recheck.py", "import numpy"),
    (rigorous_part_stands_alone, "proofs_check/rigor/initial/recheck.py", "import numpy"),
    (
        rigorous_part_stands_alone,
        "proofs_check/rigor/initial/recheck.py",
        "from proofs_check.rigor.initial.pairs import Pairs",
    ),
    (
        rigorous_part_stands_alone,
        "proofs_check/rigor/initial/recheck_drawn.py",
        "from proofs_check.rigor.initial.prove import prove_initial",
    ),
    (rigorous_part_stands_alone, "proofs_check/rigor/certificates/recheck/main.py", "import nag_ntk"),
    (rigorous_part_stands_alone, "proofs_check/rigor/certificates/flow.py", "from nag_ntk import gram_limit"),
    (rigorous_part_stands_alone, "proofs_check/rigor/certificates/prove.py", "from proofs_check.lemma import Proof"),
    (lemmas_know_no_other_lemma, "proofs_check/lemmas/flips.py", "from .gram import limit"),
    (lemmas_know_no_other_lemma, "proofs_check/lemmas/flips.py", "from . import gram"),
    (lemmas_know_no_other_lemma, "proofs_check/lemmas/flips.py", "from proofs_check import lemmas"),
    (report_reads_the_store_only, "proofs_check/report/page.py", "from proofs_check.running.runner import run"),
    (report_reads_the_store_only, "proofs_check/report/page.py", "from .. import verdict"),
    (report_reads_the_store_only, "proofs_check/report/page.py", "import nag_ntk"),
    (rooms_import_downwards, "nag_ntk/gram.py", "from nag_ntk.run import plan"),
    (rooms_import_downwards, "nag_ntk/run/plan.py", "import nag_ntk.engines.choice"),
    (rooms_import_downwards, "proofs_check/statistics/fit.py", "def f():\n    from proofs_check.store import read"),
    (rooms_import_downwards, "proofs_check/odd/file.py", ""),
    (rooms_import_downwards, "nag_ntk/odd/file.py", ""),
    (files_import_no_circle, "proofs_check/lemmas/flips.py", "def f():\n    from proofs_check.lemmas import CATALOGUE"),
    (imports_are_absolute, "nag_ntk/gram.py", "from .arrays import Array"),
    (imports_stand_at_the_top, "nag_ntk/gram.py", "def f():\n    import numpy"),
    (few_files_at_the_top, "proofs_check/odd.py", ""),
    (annotations_stay_objects, "nag_ntk/method.py", "from __future__ import annotations"),
    (nothing_happens_at_import, "nag_ntk/precision.py", "import jax\njax.config.update('x', 1)"),
    (nothing_happens_at_import, "nag_ntk/precision.py", "import jax\njax.config.jax_enable_x64 = True"),
    (nothing_happens_at_import, "nag_ntk/training/simulate.py", "import jax\ndef f(devices=jax.devices()): ..."),
    (nothing_happens_at_import, "proofs_check/store.py", "TEXT = Path('x').read_text()"),
    (packages_are_listed, "proofs_check/search/walk.py", ""),
]
RULES = list(dict.fromkeys(rule for rule, _, _ in BREAKS))

# Allowed neighbours of the breaks: none of them may be an offence.
CLEAN = {
    "nag_ntk/gram.py": "import jax\nfrom nag_ntk.arrays import Array\ndef f():\n    return jax.devices()",
    "proofs_check/rigor/enclosure/ball.py": "from flint import arb\nfrom proofs_check.rigor.enclosure import matrix",
    "proofs_check/rigor/certificates/recheck.py": "from flint import arb",
    "proofs_check/rigor/initial/recheck.py": "from proofs_check.rigor.certificates.recheck import need",
    "proofs_check/rigor/initial/recheck_drawn.py": "import numpy\nfrom proofs_check.rigor.initial import recheck",
    "proofs_check/rigor/certificates/flow.py": "import numpy\nfrom proofs_check.rigor.enclosure import ball",
    "proofs_check/lemmas/flips.py": "from nag_ntk import gram\nfrom proofs_check.lemma import Lemma",
    "proofs_check/lemmas/__init__.py": "from proofs_check.lemmas import flips",
    "proofs_check/report/page.py": "import jinja2\nfrom proofs_check.store import read",
    "setup.cfg": "[options]\npackages =\n  nag_ntk\n  proofs_check.rigor.enclosure\n  proofs_check.rigor.certificates\n"
    "  proofs_check.rigor.initial\n  proofs_check.lemmas\n  proofs_check.report\n",
}


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_holds(rule):
    assert rule(ROOT) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_rule_allows_what_it_should(rule, tmp_path):
    assert rule(write(tmp_path, CLEAN)) == []


@pytest.mark.parametrize(("rule", "name", "text"), BREAKS)
def test_rule_notices_a_break(rule, name, text, tmp_path):
    (offence,) = rule(write(tmp_path, CLEAN | {name: text}))
    assert name in offence or rule is packages_are_listed


def python(code: str) -> str:
    """Standard output of a fresh interpreter in this checkout, with the default settings of JAX."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("JAX_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def modules() -> list[str]:
    paths = [path.with_suffix("") for path, _ in sources(ROOT, *PACKAGES) if path.name != "__main__.py"]
    return [".".join(path.parts).removesuffix(".__init__") for path in paths]


# What is left behind is read where JAX keeps it: it has no public question "has a backend been started?".
WATCH = """
import importlib, jax
from jax._src import xla_bridge
before = dict(jax.config.values)
{act}
changed = [name for name, value in jax.config.values.items() if before.get(name, value) != value]
print(xla_bridge.backends_are_initialized(), changed)
"""


def test_import_starts_no_backend_and_flips_no_flag():
    act = f"for name in {modules()}: importlib.import_module(name)"
    assert python(WATCH.format(act=act)).split("\n")[-2] == "False []"


@pytest.mark.parametrize(
    ("act", "seen"),
    [
        ("jax.numpy.zeros(1)", "True []"),
        ("jax.config.update('jax_enable_x64', True)", "False ['jax_enable_x64']"),
    ],
)
def test_watch_notices(act, seen):
    assert python(WATCH.format(act=act)).split("\n")[-2] == seen


def loaded(act: str) -> set[str]:
    """Which heavy packages a fresh process holds after the act."""
    code = f"import sys\ntry:\n    {act}\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    return set(python(code + f"print(*set({HEAVY}) & set(sys.modules))").split("\n")[-2].split())


def test_help_loads_nothing_heavy():
    assert loaded("from proofs_check.commands.cli import main; sys.argv = ['nag-ntk', '--help']; main()") == set()


def test_enclosure_loads_no_jax():
    assert loaded("import proofs_check.rigor.enclosure") & {*JAX, "nag_ntk"} == set()


def test_loaded_notices():
    assert "scipy" in loaded("import scipy")
