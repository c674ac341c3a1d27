"""Formulas as MathML, as in the report: the site fetches nothing from the network."""

from typing import Any

from docutils import nodes
from sphinx.util import logging

from proofs_check.report.mathematics import formula

_LOGGER = logging.getLogger(__name__)


def setup(app: Any) -> dict[str, Any]:
    """What sphinx calls first."""
    app.add_html_math_renderer("mathml", inline_renderers=(_inline, None), block_renderers=(_display, None))
    return {"parallel_read_safe": True, "version": "1"}


def _inline(translator: Any, node: nodes.math) -> None:
    translator.body.append(_mathml(node, alone=False))
    raise nodes.SkipNode


def _display(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(f'<div class="mathematics">{_mathml(node, alone=True)}</div>')
    raise nodes.SkipNode


def _mathml(node: Any, alone: bool) -> str:
    try:
        return str(formula(node.astext(), alone))
    except Exception as error:  # the converter has no base class for what it does not understand
        _LOGGER.warning("a formula cannot be shown: %s: %s", node.astext(), error, location=node)
        return ""
