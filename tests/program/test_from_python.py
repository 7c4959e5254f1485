"""A checkpoint opened from Python: `main.generator`, and the code in the docs that uses it."""

import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT, CalledProgram, contents, unoptimized
from PIL import Image

import main
from utils.errors import UserError
from utils.runtime import devices


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The program after a two-step conditional run."""
    folder = tmp_path_factory.mktemp("from python")
    for i, name in enumerate(("person", "role")):
        (folder / "pics" / name).mkdir(parents=True)
        for j in range(4):
            color = np.full((16, 16, 3), 100 * i + 20 * j, np.uint8)
            Image.fromarray(color).save(str(folder / "pics" / name / f"{j}.png"))
    program = CalledProgram(folder / "a copy", folder / "pics")
    program.train("--conditional", "1", "--max_steps", "2")
    return program


@pytest.fixture(autouse=True)
def quick_sessions(monkeypatch):
    """Make sessions of main.generator skip graph optimizations, like those of CalledProgram."""
    monkeypatch.setattr(devices, "session_config", unoptimized(devices.session_config))


def test_samples_are_those_of_the_program(run, tmp_path):
    picks = ("--picks", "role:5,person:5", "--sample_seed", "7", "--truncation", "0.5")
    run.train("--isTrain", "0", *picks, "--samples_dir", str(tmp_path))
    with main.generator(str(run.checkpoints)) as g:
        z = g.noise([5], seed=7, truncation=0.5, classes=["role", "person"])
        images = g.images(z, ["role", "person"])
    singles = [np.asarray(Image.open(str(tmp_path / name))) for name in sorted(contents(tmp_path)) if os.sep in name]
    assert len(singles) == 2 and np.array_equal(images[::-1], singles)  # sorted by class: person, role


def test_generators_are_independent_of_each_other_and_of_calls(run, tmp_path):
    """Close generators in any order, around a call to main.main(), which opens its own graphs and sessions."""
    before = tf.get_default_graph(), dict(os.environ)
    first, second = main.generator(str(run.checkpoints)), main.generator(str(run.checkpoints), 2)
    a, b = first.__enter__(), second.__enter__()
    z, labels = a.noise(range(3)), [0, 1, 0]
    images = a.images(z, labels)
    run.train("--isTrain", "0", "--num_samples", "1", "--samples_dir", str(tmp_path))
    first.__exit__(None, None, None)
    assert np.array_equal(b.images(z, labels), images) and (b.step, b.classes) == (2, ("person", "role"))
    second.__exit__(None, None, None)
    assert (tf.get_default_graph(), dict(os.environ)) == before


def test_mistakes(run):
    with pytest.raises(UserError, match=r"^no checkpoint in checkpoints_dir = .*train first"), main.generator("none"):
        pass
    with pytest.raises(UserError, match=r"lacks that step; it has 0, 2$"):
        main.generator(str(run.checkpoints), "7").__enter__()
    with pytest.raises(UserError, match="checkpoint = 'newest' is invalid; expected best, latest, or a step"):
        main.generator(str(run.checkpoints), "newest")


def snippets(*path):
    """Return the Python code of a document's section "From Python"."""
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        section = file.read().split("\n## From Python\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.mark.slow
def test_the_code_of_the_docs(run):
    """Run all the code as one script in a fresh process, with the folders from the docs replaced."""
    (readme,), (first, second) = snippets("README.md"), snippets("docs", "sampling.md")
    assert len(readme.splitlines()) <= 8
    # This network has classes, but two of the three snippets assume an unconditional network.
    codes = [code.replace("g.images(z)", "g.images(z, [0] * 3)") for code in (readme, first, second)]
    codes[0] = codes[0].replace("seed=7)", "seed=7), [0] * 16")
    code = "\n".join(codes).replace('"runs/classes/checkpoints"', repr(str(run.checkpoints)))
    code = code.replace('"checkpoints"', repr(str(run.checkpoints))) + "\nprint(images.shape, images.dtype)\n"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().splitlines()[-1] == "(8, 16, 16, 3) uint8"
