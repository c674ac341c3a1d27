"""What the site needs beside its pages: tables made from the code, plain docstrings, links that leave docs/."""

import json
import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
REFERENCE = HERE / "reference"


def setup(app: Any) -> dict[str, Any]:
    """What sphinx calls first."""
    app.connect("builder-inited", lambda _: write())
    app.connect("source-read", _stay)
    app.connect("autodoc-process-docstring", _plain, priority=100)  # before napoleon
    app.connect("autodoc-process-docstring", _whole, priority=900)  # after napoleon
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "version": "1"}


def _stay(app: Any, page: str, source: list[str]) -> None:
    """On the site CONTRIBUTING is a page of its own."""
    source[0] = source[0].replace("](../CONTRIBUTING.md)", "](/contributing.md)")


def _skip(app: Any, what: str, name: str, item: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what a NamedTuple says of its fields; the docstring of the class says more."""
    return True if str(getattr(item, "__doc__", "")).startswith("Alias for field number") else None


def _plain(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Docstrings are plain text: bars are norms, stars are products. Code stays as it is."""
    for number, line in enumerate(lines):
        if not re.match(r"\s*(>>>|\.\.\. )", line):
            pieces = re.split(r"(`[^`]*`)", line)
            lines[number] = "".join(p if p.startswith("`") else re.sub(r"([|*])", r"\\\1", p) for p in pieces)


def _whole(app: Any, what: str, name: str, item: Any, options: Any, lines: list[str]) -> None:
    """Give a property its sentence back: napoleon takes what stands before a colon in it for a type."""
    kinds = [line for line in lines if line.startswith(":type: ")]
    if what == "property" and kinds:
        said = next(line for line in lines if line)
        lines[lines.index(said)] = f"{kinds[0].removeprefix(':type: ')}: {said}"
        lines.remove(kinds[0])


def write() -> None:
    """Write the pages that other pages include."""
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "_study_keys.md").write_text(study_keys(), encoding="utf-8")
    (REFERENCE / "_catalogue.md").write_text(catalogue(), encoding="utf-8")


def study_keys() -> str:
    """A table of the keys of a study, from its JSON schema."""
    from proofs_check.study.load import study_schema

    schema = study_schema()
    lines = ["## The study and its runs", "", *_table(schema["properties"], schema)]
    for name, part in schema["$defs"].items():
        if part.get("properties"):
            said = " ".join(part.get("description", "").split("Example:")[0].split())
            lines += ["", f"## `{name}`", "", said, "", *_table(part["properties"], schema)]
    return "\n".join(lines) + "\n"


def _table(properties: dict[str, Any], schema: dict[str, Any]) -> list[str]:
    rows = ["| key | type | default | says |", "|---|---|---|---|"]
    for key, field in properties.items():
        default = "" if "default" not in field else f"`{json.dumps(field['default'])}`"
        says = " ".join(field.get("description", field.get("title", "")).split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {_type(field, schema)} | {default} | {says} |")
    return rows


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """The type in words; names of other tables as they are called there."""
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(dict.fromkeys(_type(each, schema) for each in field[several]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), schema)}"
    limits = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    said = [f"{sign} {field[name]:g}" for name, sign in limits.items() if name in field]
    kind = field.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{kind} {', '.join(said)}".strip().replace("<", "\\<")


def catalogue() -> str:
    """The lemmas with their pages."""
    from proofs_check.lemmas import CATALOGUE

    rows = ["| lemma | kind | about | provenance |", "|---|---|---|---|"]
    for lemma in CATALOGUE:
        title = lemma.title.replace("|", "\\|")
        named = f"[`{lemma.id}`](/theory/{lemma.id}.md): {title}"
        rows.append(f"| {named} | {lemma.kind} | {lemma.group} | {lemma.provenance} |")
    owned = ["", "```{toctree}", ":hidden:", "", *(f"/theory/{lemma.id}" for lemma in CATALOGUE), "```"]
    return "\n".join(rows + owned) + "\n"
