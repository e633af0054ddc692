"""What all pages share: one self-contained file from a template, with its style, script, data and plotly inside."""

import base64
import gzip
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs


def render(template: str, script: str | None, words: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    """A page as text.

    Args:
        template: A file of `page/`; what it is given is text, and stays text.
        script: A file of `page/`, which runs after the shared `page.js`; None for a page without plots.
        words: What the template names.
        data: What the script reads.
    """
    page = files("prepose.studies.pages") / "page"
    environment = Environment(
        loader=PackageLoader("prepose.studies.pages", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    own = [(page / name).read_text(encoding="utf-8") for name in (["page.js", script] if script else [])]
    return environment.get_template(template).render(
        **words,
        # Our own style and script go into the page as they are.
        css=Markup((page / "page.css").read_text(encoding="utf-8")),
        script=Markup("\n".join(own)),
        data=as_script(data),
        plotly=packed_plotly() if script else "",
    )


@cache
def packed_plotly() -> str:
    """plotly.js, gzipped and in base64: a third of its size."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def as_script(data: Mapping[str, Any]) -> Markup:
    """JSON for a script element, which "</script" would end early and "<!--<script" too late."""
    return Markup(json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))
