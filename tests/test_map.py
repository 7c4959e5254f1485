"""The code map in docs/developing.md lists exactly the existing modules."""

import os
import re

from conftest import ROOT


def modules(folder):
    """Return the paths of the modules below a folder of the repository, except for __init__.py."""
    walk = os.walk(os.path.join(ROOT, folder))
    paths = [os.path.join(path, name) for path, _, names in walk for name in names if name.endswith(".py")]
    return {os.path.relpath(path, ROOT).replace(os.sep, "/") for path in paths if not path.endswith("__init__.py")}


def test_the_map_names_only_modules_that_exist():
    with open(os.path.join(ROOT, "docs", "developing.md"), encoding="utf-8") as file:
        rows = [line for line in file if line.startswith("| ") and re.search("`(utils|model)/", line)]
    named = set()
    for row in rows:
        folder = ""
        for name in re.findall(r"`([\w./]+)`", row):
            folder = os.path.dirname(name) or folder  # a row names the folder only once
            named.add(name if "/" in name or not folder else f"{folder}/{name}")
    named = {name for name in named if name.endswith(".py")}
    assert len(named) > 70 and named - modules("model") - modules("utils") - {"params.py"} == set()
