"""Self-contained web pages: text is escaped; images, styles and scripts are embedded, so nothing is requested.

A Content-Security-Policy allows only the styles and scripts of the page, by their hashes.
"""

import base64
import hashlib
import html
import json
import pathlib
import re

from utils.config.names import to_bytes

SHARED = pathlib.Path(__file__).resolve().parent / "web"  # contains base.css, the libraries and the page skeleton
# Styles that scripts set on an element (element.style) are always allowed, style="..." in HTML is never allowed.
_POLICY = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "img-src": "data:"}


class Markup(str):
    """Text that is already HTML; all other text is escaped."""


def fill(template, **values):
    """Return a template with each {{name}} replaced by its value, escaped unless it is Markup.

    A {{name}} may be inside a quoted attribute. Raise KeyError for a name without a value.
    """
    return Markup(re.sub(r"\{\{(\w+)\}\}", lambda match: _escape(values[match.group(1)]), template))


def join(parts):
    """Return the parts, Markup or text to be escaped, one per line."""
    return Markup("\n".join(map(_escape, parts)))


def _escape(value):
    return value if isinstance(value, Markup) else html.escape(str(value))


def data_block(name, content):
    """Return an element with the id `name` that holds JSON; content: anything JSON-serializable, without NaN.

    Scripts read it with JSON.parse(document.getElementById(name).textContent).
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return fill('<script type="application/json" id="{{name}}">{{text}}</script>', name=name, text=Markup(text))


def data_uri(data, media_type):
    """Return bytes as a data URI, for example for the src of an image; media_type: for example "image/png"."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def page(title, body, styles=(), scripts=(), policy=None):
    """Return the text of a page.

    body: Markup. styles, scripts: their texts. Scripts run after the body is parsed. policy: extra directives for the
    Content-Security-Policy, {directive: sources}, for example {"worker-src": "blob:"}.
    """
    hashes = {"style-src": _hashes(styles, "style"), "script-src": _hashes(scripts, "script")}
    directives = {**_POLICY, **hashes, **(policy or {})}
    text = fill(
        (SHARED / "page.html").read_text("utf-8"),
        title=title,
        policy=Markup("; ".join(f"{directive} {sources}" for directive, sources in directives.items() if sources)),
        styles=Markup("\n".join(f"<style>{style}</style>" for style in styles)),
        body=body,
        scripts=Markup("\n".join(f"<script>{script}</script>" for script in scripts)),
    )
    return to_bytes(text).decode("utf-8")  # file names may have characters that UTF-8 lacks


def _hashes(texts, element):
    """Return the policy sources that allow these texts.

    Raise ValueError if a text contains its element's tag or a carriage return.
    """
    for text in texts:
        if re.search(f"</?{element}", text, re.IGNORECASE) or "\r" in text:
            raise ValueError(f"a {element} of a page contains <{element}, </{element} or a carriage return")
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
