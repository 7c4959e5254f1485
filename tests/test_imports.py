"""Imports are one-way: a package in utils/ imports only packages below it, and only model.shapes from model/.

model/ never imports utils/. The tests check imports, at module level and inside functions, against
the tables in docs/developing.md.
"""

import ast
import glob
import os
import pathlib
import re
import subprocess
import sys

from conftest import ROOT

# From top to bottom: a package may import itself and the packages below it.
ROOMS = (
    "training",
    "tasks",
    "export",
    "projection",
    "metrics",
    "sampling",
    "checkpoints",
    "data",
    "output",
    "runtime",
    "config",
    "errors",
)

# The modules of model/ that each module of model/ may import; all may also import graph_mode.
MODEL = {
    "params": [],
    "shapes": [],
    "graph_mode": [],
    "replicas": [],
    "variables": ["replicas"],
    "fused_norm": ["replicas"],
    "norms": ["fused_norm", "replicas"],
    "layers": ["norms"],
    "upsampling": ["layers"],
    "clusters": ["shapes"],
    "generator": ["clusters", "layers", "norms", "shapes", "upsampling"],
    "discriminator": ["layers", "norms", "shapes"],
    "losses": [],
    "loss_scale": ["replicas", "variables"],
    "augment": [],
    "adaptive_augment": ["variables"],
    "random_streams": ["augment", "replicas"],
    "feature_critic": ["clusters", "replicas", "shapes"],
    "optimizers": ["replicas"],
    "ema": ["replicas", "variables"],
    "train_graph": [
        "adaptive_augment", "augment", "clusters", "discriminator", "ema", "feature_critic", "generator", "loss_scale",
        "losses", "norms", "optimizers", "random_streams", "replicas", "variables",
    ],
    "sample_graph": ["ema", "generator", "variables"],
}  # fmt: skip


def allowed(module):
    """Return the prefixes of the modules that `module` may import."""
    package, _, rest = module.partition(".")
    if package == "main":
        return ["model", "utils"]
    if package == "model" and rest:
        pure = rest in ("params", "shapes", "graph_mode")
        return ["model." + name for name in MODEL[rest] + ([] if pure else ["graph_mode"])]
    if package == "utils" and rest:
        return ["model.shapes"] + ["utils." + room for room in ROOMS[ROOMS.index(rest.split(".")[0]) :]]
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
    """Return the `names` that `module` must not import."""
    return [n for n in names if not any(n == a or n.startswith(a + ".") for a in allowed(module))]


def test_imports_point_downwards():
    found = {module: forbidden(module, imported(path)) for module, path in MODULES.items()}
    assert {module: names for module, names in found.items() if names} == {}


def test_only_tensorboard_uses_the_systems_clock():
    """It may be set back or forward: durations are measured by a monotonic clock."""
    texts = {module: pathlib.Path(path).read_text("utf-8") for module, path in MODULES.items()}
    assert [name for name, text in texts.items() if re.search(r"\btime\.time\b", text)] == ["utils.output.events"]


def test_forbidden_imports_are_detected(tmp_path):
    (tmp_path / "a.py").write_text(
        "import params\nfrom utils.output import history\n"
        "def f():\n    from model import losses, shapes\n    from utils.output.files import write\n"
    )
    names = imported(str(tmp_path / "a.py"))
    assert sorted(names) == ["model.losses", "model.shapes", "params", "utils.output.files", "utils.output.history"]
    assert forbidden("utils.training.run", names) == ["params", "model.losses"]
    assert forbidden("utils.runtime.lock", names) == [name for name in names if name != "model.shapes"]
    assert set(names) - set(forbidden("model.train_graph", names)) == {"model.losses"}
    assert forbidden("main", names) == ["params"]


def test_every_module_is_in_a_table():
    assert {"main", "params", "utils.errors", "utils.config.settings"} <= set(MODULES)
    assert {name.split(".")[1] for name in MODULES if name.startswith("model.")} == set(MODEL)
    assert {name.split(".")[1] for name in MODULES if name.startswith("utils.")} <= set(ROOMS)


def test_what_does_not_import_tensorflow():
    """Check shapes, decoding processes and task declarations. For --help, see tests/program/test_command.py."""
    imports = "import main, model.shapes, utils.data, utils.data.pool, utils.tasks"
    code = f"import sys; {imports}; print(sorted(name for name in sys.modules if name.startswith('tensor')))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT).strip() == b"[]"
