"""Read YAML text as plain Python values, with the line and column of every key.

The parser only composes a tree of nodes. This file builds the values, which are text, null, booleans, numbers, lists
and mappings only, so that no tag can construct an object and all problems are collected instead of the first.
"""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.error import MarkedYAMLError

from proofs_check.study.text import visible

MAX_NODES = 10_000  # a study has a few hundred; aliases of aliases can expand to billions
MAX_DEPTH = 50  # nesting of lists and mappings; the time of the parser grows like its square
MAX_NUMBER = 300  # characters; Python refuses to convert very long digit strings
_CORE = "tag:yaml.org,2002:"
_TEXT = {_CORE + kind for kind in ("str", "timestamp", "value")}  # YAML 1.2 knows no dates: they are text

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """Problem of a configuration.

    Args:
        line: line in the file, from 1; None if the problem has no line.
        path: the wrong key, such as ``runs.training.methods[1].eta``; empty for the file as a whole.
        message: the expected value, the given value, and a remedy.
        column: column in that line, from 1; None if it is unknown.
        option: the option of the command line that gave the value, such as ``--set width=yes``; "" if the file did.

    Example:
        >>> str(Problem(7, "widht", 'unknown key; did you mean "width"?', 3))
        '7:3: widht: unknown key; did you mean "width"?'
        >>> str(Problem(None, "widht", 'unknown key; did you mean "width"?', option="--set widht=8"))
        '--set widht=8: unknown key; did you mean "width"?'
    """

    line: int | None
    path: str
    message: str
    column: int | None = None
    option: str = ""

    def __str__(self) -> str:
        where = "".join(f"{number}:" for number in (self.line, self.column) if number is not None)
        path = self.path
        if self.option:
            where = f"{self.option}:"
            path = "" if self.option.startswith(f"--set {path}=") else path
        return " ".join(part for part in (where, path and f"{path}:", self.message) if part)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Sort problems in the order of the file, those without a line last."""
    return tuple(sorted(problems, key=lambda p: (p.line is None, p.line or 0, p.column or 0)))


class ConfigError(Exception):
    """Error of a configuration that cannot be used, with all its problems.

    Args:
        file: name of the file for messages.
        problems: all problems, in the order of the file.

    Example:
        >>> print(ConfigError("a.yaml", (Problem(2, "seeds", "missing"), Problem(None, "", "empty"))))
        a.yaml:2: seeds: missing
        a.yaml: empty
    """

    def __init__(self, file: str, problems: tuple[Problem, ...]):
        super().__init__(file, problems)
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(p) if p.option else f"{self.file}:{'' if p.line else ' '}{p}" for p in self.problems)


@dataclass
class Source:
    """Values of a YAML text, their places, and the problems of the text.

    Attributes:
        value: plain Python values.
        places: path of each key or list item -> (line, column), from 1.
        problems: problems of the YAML itself.
        opaque: paths whose value was refused; problems of such a value are not reported again.
        options: path of each key that an option of the command line gave -> the option; it has no place.
    """

    value: Any = None
    places: dict[KeyPath, tuple[int, int]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    opaque: set[KeyPath] = field(default_factory=set)
    options: dict[KeyPath, str] = field(default_factory=dict)

    def problem(self, path: KeyPath, message: str) -> Problem:
        """Make a problem at a path, with the place or the option of the path or of its nearest parent that has one.

        Example:
            >>> str(read_yaml("a: {b: 1}").problem(("a", "b", "c"), "missing"))
            '1:5: a.b.c: missing'
        """
        ancestors = (path[:k] for k in range(len(path), 0, -1))
        nearest = next((part for part in ancestors if part in self.places or part in self.options), ())
        line, column = self.places.get(nearest, (None, None))
        return Problem(line, path_text(path), message, column, self.options.get(nearest, ""))


def preview(value: object) -> str:
    """Write a value in few words and on one line, for messages.

    Example:
        >>> preview(True), preview("10"), preview(None), preview({"a": 1})
        ('true', 'the text "10"', 'nothing (null)', 'a mapping')
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'the text "{one_line(value)}"'
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    return one_line(repr(value))


def path_text(path: KeyPath) -> str:
    """Write a path as people write it.

    Example:
        >>> path_text(("runs", "training", "methods", 1, "eta"))
        'runs.training.methods[1].eta'
    """
    parts = (f"[{part}]" if isinstance(part, int) else f".{one_line(part) or '(empty)'}" for part in path)
    return "".join(parts).removeprefix(".")


def one_line(text: str, limit: int = 60) -> str:
    """Shorten text for a message: escape unprintable characters, and cut it at the limit."""
    shown = visible(text[:limit]).replace("\n", "\\n").replace("\t", "\\t")
    return shown + ("..." if len(text) > limit else "")


def read_yaml(text: str) -> Source:
    r"""Read YAML 1.2 without constructing anything but plain values.

    Args:
        text: one YAML document.

    Returns:
        Values, places and problems of the text, such as duplicate keys (the first counts) and foreign tags. No text
        raises an exception.

    Example:
        >>> source = read_yaml("level: 1e-3\nlevel: 2")
        >>> source.value, source.problems[0].line, source.problems[0].message
        ({'level': 0.001}, 2, 'this key came before, on line 1; keep one')
    """
    source = Source()
    if re.search(r"^%YAML\s+1\.[01]\b", text, re.MULTILINE):
        return _refuse(source, (None, None), "YAML 1.1 is not supported; remove the %YAML line (YAML 1.2 is assumed)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an anchor defined twice is legal YAML 1.2
            yaml = YAML(typ="safe", pure=True)
            yaml.max_depth = MAX_DEPTH
            node = yaml.compose(text)
        if node is not None:
            source.value = _Reader(source).read(node, ())
    except MaxDepthExceededError:
        return _refuse(source, (None, None), "nested too deeply to be a study")
    except _TooLarge as error:
        return _refuse(source, error.args[0], f"aliases expand to more than {MAX_NODES} values")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = " ".join(part for part in (error.context, error.problem) if part)
        place = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        return _refuse(source, place, f"broken YAML: {_clean(reason)}")
    except Exception as error:  # the parser raises anything from OverflowError to IndexError on odd text
        return _refuse(source, (None, None), f"broken YAML: {_clean(str(error) or type(error).__name__)}")
    return source


def _clean(reason: str) -> str:
    return " ".join(reason.splitlines()[0].split()) if reason.strip() else "not readable"


def _refuse(source: Source, place: tuple[int | None, int | None], message: str) -> Source:
    source.value = None
    source.problems, source.opaque = [Problem(place[0], "", message, place[1])], {()}
    return source


class _TooLarge(Exception):
    """Error of a text with more than MAX_NODES nodes; the argument is the place reached."""


def _place(node: Any) -> tuple[int, int]:
    """Return line and column of a node, from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


class _Reader:
    """Reader of nodes that returns plain values, and adds places and problems to a Source."""

    def __init__(self, source: Source):
        self.source = source
        self.open: list[Any] = []  # the nodes being read, from the root: an alias to one of them is a cycle
        self.count = 0

    def read(self, node: Any, path: KeyPath) -> Any:
        place = _place(node)
        self.count += 1
        if self.count > MAX_NODES:
            raise _TooLarge(place)
        if any(node is parent for parent in self.open):
            return self.refuse(path, place, "an alias here contains itself")
        if node.id == "scalar":
            return self.scalar(node, path, place)
        if node.tag not in (_CORE + "map", _CORE + "seq"):
            return self.refuse(path, place, f'the tag "{one_line(str(node.tag))}" is not allowed')
        self.open.append(node)
        value = self.mapping(node, path) if node.id == "mapping" else self.sequence(node, path)
        self.open.pop()
        return value

    def sequence(self, node: Any, path: KeyPath) -> list[Any]:
        values = []
        for index, item in enumerate(node.value):
            self.source.places[(*path, index)] = _place(item)
            values.append(self.read(item, (*path, index)))
        return values

    def mapping(self, node: Any, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, item in node.value:
            place = _place(key)
            if key.id == "scalar" and key.tag == _CORE + "merge":
                self.refuse((*path, "<<"), place, 'merge keys ("<<") are not supported; write the keys out')
            elif key.id != "scalar" or key.tag not in _TEXT:
                shown = f'; write "{one_line(key.value)}" in quotes' if key.id == "scalar" else ""
                self.refuse(path, place, f"a key here is not text{shown}", opaque=False)
            elif key.value in values:
                first = self.source.places[(*path, key.value)][0]
                message = f"this key came before, on line {first}; keep one"
                self.refuse((*path, key.value), place, message, opaque=False)
            else:
                self.source.places[(*path, key.value)] = place
                values[key.value] = self.read(item, (*path, key.value))
        return values

    def scalar(self, node: Any, path: KeyPath, place: tuple[int, int]) -> Any:
        if node.tag in _TEXT:
            return node.value
        kind, text = str(node.tag).removeprefix(_CORE), node.value.strip()
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            number = _number(kind, text)
            if number is not None:
                return number
            return self.refuse(path, place, f'"{one_line(text)}" is not a usable number')
        return self.refuse(path, place, f'the tag "{one_line(str(node.tag))}" is not allowed')

    def refuse(self, path: KeyPath, place: tuple[int, int], message: str, *, opaque: bool = True) -> None:
        self.source.problems.append(Problem(place[0], path_text(path), message, place[1]))
        if opaque:
            self.source.opaque.add(path)


def _number(kind: str, text: str) -> int | float | None:
    text = text.replace("_", "").lower()
    try:
        if len(text) > MAX_NUMBER:
            return None
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        based = re.fullmatch(r"([-+]?)(0[box][0-9a-f]+)", text)
        return int(text, 0 if based else 10)  # base 10 otherwise: YAML 1.2 reads 010 as ten
    except ValueError:
        return None
