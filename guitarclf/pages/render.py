"""render: a page as one text that needs nothing beside it and loads nothing from anywhere."""

import base64
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

import guitarclf
from guitarclf.files.wording import shown

TEMPLATES = Path(__file__).parent / "templates"


def render(template_name: str, **values: Any) -> str:
    """Return a page as HTML.

    Parameters
    ----------
    template_name : str
        A file of ``guitarclf/pages/templates``, which extends ``base.html.j2``. That one has what a page may do: show
        what is in it, run the scripts and use the styles whose digests it names, and nothing else.
    **values
        What the template asks for; jinja2.UndefinedError if one is missing. All text is escaped. A value for a script
        is written as ``{{ value | tojson }}`` into a ``<script type="application/json">``, and has no NaN.
    """
    return _environment().get_template(template_name).render(values)


def data_uri(content: bytes, media_type: str) -> str:
    """Return the content of a file as an address that holds it."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=_asset, digest=_digest, version=guitarclf.__version__)
    environment.filters.update(shown=shown)
    return environment


def _asset(name: str) -> Markup:
    """Return a style sheet or a script of ours as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _digest(name: str) -> Markup:
    """Return an asset as a content security policy names it.

    A digest and no nonce: it holds for one text, and a page made twice has the same bytes.
    """
    digest = hashlib.sha256(_asset(name).encode()).digest()
    return Markup(f"'sha256-{base64.b64encode(digest).decode('ascii')}'")
