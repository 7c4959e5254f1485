"""Imports flow one way: params and errors <- norms <- layers <- networks, losses <- gan <- main, and utils <- main."""

import ast
import glob
import os

import pytest
from conftest import ROOT

# Who may import which of the project's own modules. Those of utils, which are not named, may import one another.
ALLOWED = {
    "params": [],
    "model.params": [],
    "model": [],
    "model.replicas": [],
    "model.norms": ["model.replicas"],
    "model.layers": ["model.norms"],
    "model.losses": [],
    "model.generator": ["model.layers", "model.norms"],
    "model.discriminator": ["model.layers", "model.norms", "model.generator"],
    "model.augment": [],
    "model.noise": ["model.augment", "model.replicas"],
    "model.train_graph": [
        "model.discriminator",
        "model.noise",
        "model.generator",
        "model.losses",
        "model.norms",
        "model.replicas",
    ],
    "main": ["model", "model.train_graph", "utils"],
}


def modules():
    nested = glob.glob(os.path.join(ROOT, "[mu]*", "**", "*.py"), recursive=True)
    for path in sorted(glob.glob(os.path.join(ROOT, "*.py")) + nested):
        name = os.path.relpath(path, ROOT)[: -len(".py")].replace(os.sep, ".")
        yield name[: -len(".__init__")] if name.endswith(".__init__") else name, path


def imported(path):
    """Return the project's own modules that a file imports, anywhere in it."""
    names = []
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "%s: relative import" % path
            submodules = node.module in ("model", "utils")
            names += [node.module + "." + alias.name for alias in node.names] if submodules else [node.module]
    return [name for name in names if name.split(".")[0] in ("main", "params", "model", "utils")]


def wrong_arrows(name, names):
    allowed = ALLOWED.get(name, ["utils"])
    return [
        other
        for other in names
        if not any(other == a or (a == "utils" and other.startswith("utils.")) for a in allowed)
    ]


@pytest.mark.parametrize("name, path", list(modules()), ids=lambda value: value if "/" not in value else "")
def test_no_arrow_points_the_wrong_way(name, path):
    assert wrong_arrows(name, imported(path)) == []


def test_a_wrong_arrow_is_seen(tmp_path):
    (tmp_path / "a.py").write_text(
        "def f():\n    from model import train_graph\n    import params\n    from utils.output.history import x\n"
    )
    names = imported(str(tmp_path / "a.py"))
    assert names == ["model.train_graph", "params", "utils.output.history"]
    assert wrong_arrows("utils.output.pictures", names) == ["model.train_graph", "params"]
    assert wrong_arrows("model.train_graph", names) == names


def test_every_module_was_looked_at():
    names = [name for name, _ in modules()]
    assert set(ALLOWED) <= set(names) and "utils.config.settings" in names
