"""Web pages in a single file."""

import hashlib
import json
import os
import re

import pytest

from utils.output import html

ODD = "<img src=x onerror=alert(1)> \"&' {{b}} \udc80"


def test_text_is_escaped_and_markup_is_not():
    filled = html.fill('<p title="{{a}}">{{a}}{{b}}</p>', a="<b> \"&' {{b}}", b=html.Markup("<i>"))
    escaped = "&lt;b&gt; &quot;&amp;&#x27; {{b}}"
    assert filled == f'<p title="{escaped}">{escaped}<i></p>' and isinstance(filled, html.Markup)
    assert html.join(["<", filled]) == "&lt;\n" + filled
    with pytest.raises(KeyError):
        html.fill("{{c}}", a="")


def test_no_text_ends_a_data_block():
    content = [ODD, "</script>", None, 1.5]
    block = html.data_block("some-id", content)
    assert block.count("<") == 2 and json.loads(re.sub("<.*?>", "", block)) == content


@pytest.mark.parametrize("text", ("a</SCRIPT>", "<!-- <script>", "a\r\nb"))
def test_a_script_whose_hash_would_be_wrong_is_refused(text):
    with pytest.raises(ValueError):
        html.page("", html.Markup(""), scripts=[text])


@pytest.fixture
def write(tmp_path):
    """A function that writes a page and returns its path."""

    def write(*arguments, **options):
        path = tmp_path / "a page #1.html"
        path.write_text(html.page(*arguments, **options), encoding="utf-8")
        return path

    return write


def test_a_browser_runs_what_is_in_a_page(browser, write):
    body = html.fill(
        '<p>{{odd}}</p><img alt="" src="{{uri}}">{{data}}',
        odd=ODD,
        uri=html.data_uri(b"GIF89a\1\0\1\0\x80\0\0\0\0\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;", "image/gif"),
        data=html.data_block("data", ODD),
    )
    style, script = "p { color: rgb(1, 2, 3) }", "document.body.title = JSON.parse(data.textContent)"
    browser.open(write(ODD, body, styles=[style], scripts=['"use strict"', script]))
    shown = ODD.replace("\udc80", "\\udc80")  # UTF-8 cannot encode this character
    assert browser.find("p").text == browser.driver.title == shown
    assert browser.run("return document.body.title === arguments[0] + '\\udc80'", ODD[:-1])
    assert browser.run("return getComputedStyle(document.querySelector('p')).color") == "rgb(1, 2, 3)"
    assert browser.run("return document.images[0].naturalWidth") == 1


def test_a_browser_runs_nothing_else(browser, write):
    body = """
        <script>document.title = 'run'</script>
        <img src="data:image/gif," onerror="document.title = 'run'">
        <img src='http://127.0.0.1:9/image'>
        <script src='http://127.0.0.1:9/script'></script>
        <style>p { color: red }</style>
        <p></p>
    """
    browser.open(write("title", html.Markup(body), scripts=["1"]))
    complaints = browser.complaints()
    assert len(complaints) == 5 and all("Content Security Policy" in each for each in complaints)
    assert browser.driver.title == "title" and not browser.requests()
    assert browser.run("return getComputedStyle(document.querySelector('p')).color") == "rgb(0, 0, 0)"


def test_additional_directives_of_the_policy():
    page = html.page("", html.Markup(""), scripts=["1"], policy={"worker-src": "blob:"})
    assert re.search("script-src 'sha256-[^']+'; worker-src blob:\"", page)
    assert "style-src" not in page


def test_uplot_is_unchanged():
    folder = os.path.join(str(html.SHARED), "uplot")
    with open(os.path.join(folder, "SHA256SUMS"), encoding="ascii") as file:
        sums = dict(reversed(line.split()) for line in file)
    assert sorted([*sums, "README.md", "SHA256SUMS"]) == sorted(os.listdir(folder))
    for name, expected in sums.items():
        with open(os.path.join(folder, name), "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == expected, name
