"""How the site is made: `make docs`. It needs this checkout and no network, and a warning is an error."""

import os
import re
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
sys.path.insert(0, str(Path(__file__).parent))

from drawn import drawn_figures
from pygments.lexers.special import TextLexer

import guitarclf

project, version, release = "guitarclf", guitarclf.__version__, guitarclf.__version__
copyright = "the authors of guitarclf, under the MIT licence"
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx_click",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "gallery", "**/GALLERY_HEADER.rst", "sg_execution_times.rst", "README.md"]
suppress_warnings = ["config.cache"]  # the scraper below is a function, which no pickle keeps

smartquotes = False  # --flag is no dash

html_theme = "pydata_sphinx_theme"
html_title = f"guitarclf {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_context = {"default_mode": "auto"}
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
    "logo": {"text": "guitarclf"},
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": {"**": ["page-toc"], "compared": []},
}
html_sidebars = {"index": [], "start": [], "compared": []}

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autosummary_generate = True
autodoc_typehints = "none"  # numpydoc's sections have the types
autodoc_member_order = "groupwise"
autodoc_default_options = {"exclude-members": "set_fit_request, set_partial_fit_request, set_score_request"}
numpydoc_show_class_members = False  # the template of a class shows its own
templates_path = ["_templates"]
# Names of other packages, and of ours that have no page: nothing is fetched to look them up.
nitpick_ignore_regex = [
    ("py:.*", r"(torch|skorch|sklearn|numpy|np|pandas|pd|matplotlib|click|collections|builtins)\..*"),
    ("py:.*", r"guitarclf\.\w+\.\w+\.\w+|guitarclf\.priors\.\w+"),
    ("py:.*", r"Augment|Module|WindowReader\.read|watching_callbacks"),
]
SHOWN_AS_TEXT = ("audacity", "csv", "jsonl", "raven")  # formats of files, in docs/formats.md

sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "auto_gallery",
    "within_subsection_order": "drawn.InOrder",
    "filename_pattern": r"/plot_",
    "image_scrapers": (drawn_figures,),
    "capture_repr": ("_repr_html_",),
    "first_notebook_cell": "%matplotlib inline",
    "show_memory": False,
    "show_signature": False,
    "reset_modules": ("matplotlib",),
    "write_computation_times": False,
    "abort_on_example_error": True,
    "plot_gallery": "True",
}

# Links that hold in the checkout -> where the same text is on the site.
ON_THE_SITE = {
    r"\]\((?:\.\./)*SECURITY\.md": "](/project/security.md",
    r"\]\((?:\.\./)*CHANGELOG\.md": "](/project/changelog.md",
    r"\]\((?:\.\./)*CONTRIBUTING\.md": "](/project/contributing.md",
    r"\]\((?:\.\./)*(?:guitarclf/)?pretrained/MODEL_CARD\.md": "](/project/model_card.md",
    r"\]\((?:\.\./)*gallery/GALLERY_HEADER\.rst": "](/auto_gallery/index.rst",
    r"\]\((?:\.\./)*gallery/(plot_\w+)\.py": r"](/auto_gallery/\1.rst",
    r"\]\((?:\.\./)*(examples/\w+\.py)\)": r"](/\1)",
    r"\]\((?:\.\./)*docs/": "](/",
}


def turn_links(text: str) -> str:
    """Return a page's text with links to files of the checkout turned to pages of the site."""
    for pattern, page in ON_THE_SITE.items():
        text = re.sub(pattern, page, text)
    return text


def as_markup(app, ctx, lines: list[str]) -> None:
    """Turn a command's help, as sphinx-click has it, into reST: examples as code, and stars as stars."""
    turned: list[str] = []
    for line in lines:
        if not line.startswith("| "):
            turned.append(line.replace("*", r"\*"))
        else:
            turned += ([] if turned and turned[-1].startswith("   ") else ["", ".. code-block:: sh", ""]) + [
                f"   {line[2:].strip()}"
            ]
    lines[:] = turned


def setup(app) -> None:
    """Turn the links of each page, and of each file that a page includes."""
    for name in SHOWN_AS_TEXT:
        app.add_lexer(name, TextLexer)

    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", as_markup)

    def on_read(app, name, source):
        source[0] = turn_links(source[0])

    app.connect("source-read", on_read)
    app.connect("include-read", lambda app, path, name, source: on_read(app, name, source))
