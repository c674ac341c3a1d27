"""The documentation site: sphinx-build -W docs docs/_build. Notebooks are executed, warnings are errors."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
sys.path.insert(0, str(HERE))

import nag_ntk  # noqa: E402
from proofs_check.running import session  # noqa: E402

session.silence()

project = "nag-ntk"
author = "The nag-ntk authors"
project_copyright = f"2026, {author}"
release = nag_ntk.__version__
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "site_mathematics",
    "site_pages",
]
exclude_patterns = ["_build", "reference/_*"]
html_theme = "furo"
html_title = f"nag-ntk {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
nitpicky = False

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
nb_execution_mode = "cache"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_type_aliases = {"Evidence": "Evidence", "Check": "Check"}
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_custom_sections = ["Cost", "Accuracy", "Source"]
