"""Count the structure of a checkout: rooms, circles, lines, imports inside functions, files that a study enters.

    python benchmarks/structure.py [CHECKOUT ...]

One line per figure, one column per checkout, so that two of them can be compared. The tests hold the rules
(tests/test_imports.py); this says how far a tree is from them.
"""

import argparse
import ast
import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGES = ("nag_ntk", "proofs_check")
STUDY = {
    "dataset": {"source": "sphere", "samples": 4, "dimension": 3}, "methods": ["gradient_descent", "nesterov"],
    "width": 64, "seeds": 8, "steps": 20,
}  # fmt: skip
ENTERED = """
import json, sys
files = set()
def enter(frame, event, argument):
    if event == "call":
        files.add(frame.f_code.co_filename)
import nag_ntk, proofs_check
nag_ntk.enable_float64()
verify = proofs_check.verify
sys.setprofile(enter)
verify(json.loads(sys.argv[1]))
sys.setprofile(None)
roots = [module.__path__[0] for module in (nag_ntk, proofs_check)]
print(sum(any(name.startswith(root) for root in roots) for name in files))
"""


def parse(root: Path) -> dict[str, tuple[Path, ast.Module]]:
    """Each module of the two packages, by its dotted name."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    named = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    return {name: (path, ast.parse(path.read_text(encoding="utf-8"))) for name, path in named.items()}


def graph(modules: dict[str, tuple[Path, ast.Module]]) -> dict[str, set[str]]:
    """Imports of modules by modules, those inside functions and for type checkers included."""
    edges: dict[str, set[str]] = {}
    for name, (path, tree) in modules.items():
        package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
        edges[name] = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                targets = [f"{base}.{a.name}" if f"{base}.{a.name}" in modules else base for a in node.names]
            else:
                continue
            edges[name] |= {target for target in targets if target in modules and target != name}
    return edges


def circles(edges: dict[str, set[str]]) -> int:
    """Sets of modules that import each other."""
    reach = {name: set(targets) for name, targets in edges.items()}
    for middle in reach:
        for targets in reach.values():
            if middle in targets:
                targets |= reach[middle]
    return len(
        {frozenset(other for other in reach[name] if name in reach[other]) for name in reach if name in reach[name]}
    )


def inside_functions(tree: ast.Module) -> int:
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    nodes = [node for function in functions for node in ast.walk(function)]
    return len({node.lineno for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)})


def figures(root: Path) -> dict[str, int]:
    modules = parse(root)
    trees = [tree for _, tree in modules.values()]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", ENTERED, json.dumps(STUDY)]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=True)
    folders = {path.parent for path, _ in modules.values()}
    relative = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    return {
        "files at the top of proofs_check": len(list((root / "proofs_check").glob("*.py"))),
        "files at the top of nag_ntk": len(list((root / "nag_ntk").glob("*.py"))),
        "folders": len(folders) - len(PACKAGES),
        "modules": len(modules),
        "circles of modules": circles(graph(modules)),
        "lines": sum(len(path.read_text(encoding="utf-8").splitlines()) for path, _ in modules.values()),
        "relative imports": len(relative),
        "imports inside functions": sum(map(inside_functions, trees)),
        "files that a study enters": int(done.stdout.split()[-1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkouts", nargs="*", type=Path, default=[Path(__file__).resolve().parents[1]])
    columns = [figures(root.resolve()) for root in parser.parse_args().checkouts]
    for name in columns[0]:
        print(f"{name:<34}" + "".join(f"{column[name]:>10,}" for column in columns))


if __name__ == "__main__":
    main()
