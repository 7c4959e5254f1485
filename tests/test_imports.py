"""Imports point one way: a room of utils/ imports only rooms below it, utils/ never imports model/, and vice versa.

This holds the tables of docs/developing.md, at the top of a module and inside its functions alike.
"""

import ast
import glob
import os

import pytest
from conftest import ROOT

# From top to bottom: each may import the ones below it, and itself.
ROOMS = (
    "training",
    "tasks",
    "export",
    "metrics",
    "sampling",
    "checkpoints",
    "data",
    "output",
    "runtime",
    "config",
    "errors",
)

# Which modules of model/ each of them may import.
MODEL = {
    "params": [],
    "replicas": [],
    "variables": ["replicas"],
    "fused_norm": ["replicas"],
    "norms": ["fused_norm", "replicas"],
    "layers": ["norms"],
    "upsampling": ["layers"],
    "generator": ["layers", "norms", "upsampling"],
    "discriminator": ["layers", "norms"],
    "losses": [],
    "augment": [],
    "adaptive_augment": ["replicas"],
    "random_streams": ["augment", "replicas"],
    "optimizers": ["replicas"],
    "ema": ["replicas", "variables"],
    "train_graph": [
        "adaptive_augment", "augment", "discriminator", "ema", "generator", "losses", "norms", "optimizers",
        "random_streams", "replicas", "variables",
    ],
    "sample_graph": ["ema", "generator", "variables"],
}  # fmt: skip


def allowed(module):
    """Return the prefixes of the modules that `module` may import."""
    package, _, rest = module.partition(".")
    if package == "main":
        return ["model", "utils"]
    if package == "model" and rest:
        return ["model." + name for name in MODEL[rest]]
    if package == "utils" and rest:
        return ["utils." + room for room in ROOMS[ROOMS.index(rest.split(".")[0]) :]]
    return []


def modules():
    """Yield (module, path) of the program's own modules."""
    nested = [p for top in ("model", "utils") for p in glob.glob(os.path.join(ROOT, top, "**", "*.py"), recursive=True)]
    for path in sorted(glob.glob(os.path.join(ROOT, "*.py")) + nested):
        name = os.path.relpath(path, ROOT)[: -len(".py")].replace(os.sep, ".")
        yield name[: -len(".__init__")] if name.endswith(".__init__") else name, path


MODULES = dict(modules())


def imported(path):
    """Return the program's own modules that a file imports, anywhere in it."""
    names = []
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [name if name in MODULES else node.module for name in submodules]
    return [name for name in names if name.split(".")[0] in ("main", "params", "model", "utils")]


def forbidden(module, names):
    """Return those of `names` that `module` must not import."""
    return [n for n in names if not any(n == a or n.startswith(a + ".") for a in allowed(module))]


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_import_points_upwards(module):
    assert forbidden(module, imported(MODULES[module])) == []


def test_a_forbidden_import_is_noticed(tmp_path):
    (tmp_path / "a.py").write_text(
        "import params\nfrom utils.output import history\n"
        "def f():\n    from model import losses\n    from utils.output.files import write\n"
    )
    names = imported(str(tmp_path / "a.py"))
    assert sorted(names) == ["model.losses", "params", "utils.output.files", "utils.output.history"]
    assert forbidden("utils.training.run", names) == ["params", "model.losses"]
    assert forbidden("utils.runtime.lock", names) == names
    assert forbidden("model.train_graph", names) == ["params", "utils.output.history", "utils.output.files"]
    assert forbidden("main", names) == ["params"]


def test_every_module_is_in_a_room():
    assert {"main", "params", "utils.errors", "utils.config.settings"} <= set(MODULES)
    assert {name.split(".")[1] for name in MODULES if name.startswith("model.")} == set(MODEL)
    assert {name.split(".")[1] for name in MODULES if name.startswith("utils.")} <= set(ROOMS)
