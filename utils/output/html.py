"""Web pages that are one file: text is escaped, images, styles and scripts are inside, nothing is requested.

A Content-Security-Policy in the page lets the browser run these scripts and styles only, by their hashes.
"""

import base64
import hashlib
import html
import json
import os
import re

# The folder of what pages share: base.css, and libraries.
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "web")
_SKELETON = os.path.join(SHARED, "page.html")
# Styles that scripts set on an element (element.style) are always allowed, style="..." in HTML never is.
_POLICY = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'", "img-src": "data:"}


class Markup(str):
    """Text that is HTML; any other text is escaped where it comes into a page."""


def read(path):
    """Return the text of a template, style or script; its line ends are \\n, as browsers hash them."""
    with open(path, encoding="utf-8") as file:
        return file.read()


def fill(template, **values):
    """Return a template with {{name}} replaced by the values: as they are if they are Markup, otherwise escaped.

    They may be inside quoted attributes, too. Raise KeyError for a name without a value.
    """
    return Markup(re.sub(r"\{\{(\w+)\}\}", lambda match: _escaped(values[match.group(1)]), template))


def joined(parts):
    """Return the parts, each Markup or text to be escaped, on lines of their own."""
    return Markup("\n".join(map(_escaped, parts)))


def _escaped(value):
    return value if isinstance(value, Markup) else html.escape(str(value))


def data_block(name, content):
    """Return `content`, anything that JSON can hold (NaN cannot), as an element with the id `name`.

    A script reads it by JSON.parse(document.getElementById(name).textContent).
    """
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return fill('<script type="application/json" id="{{name}}">{{text}}</script>', name=name, text=Markup(text))


def data_uri(data, media_type):
    """Return bytes as a URI, such as for the src of an image; media_type: such as "image/png"."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


def page(title, body, styles=(), scripts=(), sources=None):
    """Return the text of a page.

    body: Markup. styles, scripts: their texts; a script is run after the body has been read, in strict mode only if it
    says so itself. sources: {directive: what the Content-Security-Policy allows beside them}, such as
    {"script-src": "'wasm-unsafe-eval'"}.
    """
    allowed = dict(_POLICY, **{"style-src": _hashes(styles, "style"), "script-src": _hashes(scripts, "script")})
    for directive, source in (sources or {}).items():
        allowed[directive] = f"{allowed.get(directive, '')} {source}".strip()
    text = fill(
        read(_SKELETON),
        title=title,
        policy=Markup("; ".join(f"{directive} {source}" for directive, source in allowed.items() if source)),
        styles=Markup("\n".join(f"<style>{style}</style>" for style in styles)),
        body=body,
        scripts=Markup("\n".join(f"<script>{script}</script>" for script in scripts)),
    )
    # Names of files can have characters that UTF-8 lacks.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _hashes(texts, element):
    """Return the sources that allow these texts; raise ValueError if one of them would end its element."""
    for text in texts:
        if re.search(f"</?{element}", text, re.IGNORECASE) or "\r" in text:
            raise ValueError(f"a {element} of a page has <{element}, </{element} or a carriage return in it")
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
