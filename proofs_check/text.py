r"""Text of a user's own on its way out: to a terminal, into a page, a figure, JSON or netCDF.

Names, reasons, paths and messages may hold characters that a terminal obeys, that turn around what stands beside
them, or that no file can hold. `visible` writes those as JSON writes them, such as ``\u001b``. The signs of JSON,
HTML and CSV are none of them, so a whole file can be passed through it, and JSON is read again as it was.

What a lemma of a user's own prints is not our text: it goes to standard error as it is (guard.py, apart/process.py).
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

_JOINERS = "\u200c\u200d"
"""Between two letters of Persian or two emoji they make one sign; elsewhere nobody sees them."""
_SUSPECT = re.compile("\r\n|[^\\x20-\\x7e\n\t]")


def visible(text: str) -> str:
    r"""The text with nothing in it that a terminal obeys, that is not seen, or that UTF-8 and XML cannot hold.

    Controls but line breaks and tabs, marks of direction or without width, line separators and halves of surrogate
    pairs become their escapes of JSON. All else stays, letters of any language too; so does what was made visible.

    Example:
        >>> visible("\x1b[31mred\ud800"), visible("naïve κ\nsecond line")
        ('\\u001b[31mred\\ud800', 'naïve κ\nsecond line')
    """
    return _SUSPECT.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    sign, text, at = found[0], found.string, found.start()
    if sign == "\r\n":
        return "\n"
    if not _hidden(sign) or (sign in _JOINERS and _joins(text[at - 1 : at]) and _joins(text[at + 1 : at + 2])):
        return sign
    return json.dumps(sign)[1:-1]


def _hidden(sign: str) -> bool:
    kind = unicodedata.category(sign)
    return kind in ("Cc", "Cf", "Cs", "Zl", "Zp") or sign in "\ufffe\uffff"


def _joins(sign: str) -> bool:
    return sign > "\x7f" and not _hidden(sign)


def everywhere(value: Any) -> Any:
    r"""The same plain value with every text in it `visible`, keys of mappings too.

    Example:
        >>> everywhere({"reason": ["a\x07", 1]})
        {'reason': ['a\\u0007', 1]}
    """
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {everywhere(key): everywhere(each) for key, each in value.items()}
    return type(value)(map(everywhere, value)) if type(value) in (list, tuple) else value
