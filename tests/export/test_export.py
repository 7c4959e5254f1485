"""Exports: the files draw the sampler's images, without this program; one that does not is never published."""

import collections
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT, Program
from PIL import Image

from utils.checkpoints import store
from utils.checkpoints.manifest import Manifest, SavedState
from utils.checkpoints.select import Selected
from utils.errors import RunError, UserError
from utils.export import export, formats
from utils.sampling.generator import CheckpointGenerator

IS_OLD = tf.__version__.startswith("1.")
HERE = [
    name
    for name, each in formats.FORMATS.items()
    if not (IS_OLD and each.needs_tensorflow_2) and all(map(importlib.util.find_spec, each.packages))
]
FILES = {
    "saved_model": ["saved_model"], "frozen": ["generator.pb"], "onnx": ["generator.onnx", "generator_float16.onnx"],
    "tflite": ["generator.tflite", "generator_float16.tflite"], "page": ["generator.html"],
}  # fmt: skip


def test_what_is_tested_here():
    """On TensorFlow 2 everything is, where tests/requirements.txt was installed."""
    expected = ["saved_model", "frozen", "page"] if IS_OLD else list(formats.FORMATS)
    assert expected == HERE


@pytest.fixture(scope="module", params=["color", "gray and classes"])
def exported(request, tmp_path_factory):
    """A program that was trained for two steps, and the folder of its export."""
    folder = tmp_path_factory.mktemp("exported")
    for i in range(12):
        (folder / "pics" / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 20 * i, np.uint8)).save(str(folder / "pics" / "ab"[i % 2] / f"{i}.png"))
    program = Program(folder / "a copy", folder / "pics")
    options = [] if request.param == "color" else ["--conditional", "1", "--channels", "1"]
    program.train("--max_steps", "2", "--metrics_every", "0", "--filters", "8", "--output_filters", "4", *options)
    program.said = program.train("--isTrain", "0", "--export", ",".join(HERE))
    (program.exported,) = program.samples.glob("export_00000002_run*")
    program.has_classes = request.param != "color"
    return program


@pytest.mark.slow
def test_all_formats_are_checked_and_described(exported):
    names = [name for format in HERE for name in FILES[format]]
    assert sorted(os.listdir(str(exported.exported))) == sorted([*names, "model.json"])
    for name in names:
        path = re.escape(str(exported.exported / name))
        (difference,) = re.findall(path + r": [0-9.]+ MB, 16 images differ by at most (\d) of 255", exported.said)
        assert int(difference) <= (3 if "float16" in name else 2 if name == "generator.html" else 1)
    content = json.loads((exported.exported / "model.json").read_text())
    assert content["step"] == 2 and content["network"]["image_size"] == 16
    assert content["outputs"]["images"]["shape"] == [None, 16, 16, 1 if exported.has_classes else 3]
    assert content["inputs"].get("labels", {}).get("classes", []) == (["a", "b"] if exported.has_classes else [])
    for name, facts in content["files"].items():
        data = (exported.exported / name).read_bytes()
        assert facts["sha256"] == hashlib.sha256(data).hexdigest() and facts["bytes"] == len(data)


def snippets():
    """Return the Python code of docs/sampling.md on exports, by the file that it reads."""
    with open(os.path.join(ROOT, "docs", "sampling.md"), encoding="utf-8") as file:
        section = file.read().split("\n## Export\n")[1].split("\n## ")[0]
    codes = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = ("saved_model", "generator.pb", "generator.tflite", "generator.onnx")
    assert len(codes) == len(names) and all(name in code for name, code in zip(names, codes))
    return dict(zip(names, codes))


@pytest.mark.slow
@pytest.mark.parametrize("name", ("saved_model", "generator.pb", "generator.tflite", "generator.onnx"))
def test_the_code_in_the_docs_uses_the_files(exported, name, tmp_path):
    if exported.has_classes or not (exported.exported / name).exists() or (IS_OLD and name == "saved_model"):
        pytest.skip("the code in the docs is for unconditional networks, and for TensorFlow 2")
    z_dim = json.loads((exported.exported / "model.json").read_text())["inputs"]["z"]["shape"][1]
    code = snippets()[name].replace("100", str(z_dim)) + "\nprint(images.shape, images.dtype)\n"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=str(exported.exported), env=environment, stdout=subprocess.PIPE, timeout=300
    )
    assert done.returncode == 0 and done.stdout.decode().strip().endswith("(4, 16, 16, 3) uint8")


@pytest.mark.slow
def test_the_precision_of_training_does_not_matter(exported):
    """bfloat16 would make the sampler's images differ from those of the files; float16 is refused without a GPU."""
    for precision in ("bfloat16", "float16"):
        said = exported.train("--isTrain", "0", "--export", "frozen", "--precision", precision)
        assert "16 images differ by at most 0 of 255" in said or "differ by at most 1 of 255" in said


@pytest.mark.slow
def test_a_batch_of_one_and_of_many_with_classes(exported, tmp_path):
    content = json.loads((exported.exported / "model.json").read_text())
    for count in (1, 70):
        feed = {"z": np.random.RandomState(0).uniform(-1, 1, (count, content["inputs"]["z"]["shape"][1]))}
        feed["z"] = feed["z"].astype(np.float32)
        if exported.has_classes:
            feed["labels"] = np.arange(count, dtype=np.int32) % 2
        drawn = []
        for format in HERE:
            code = export._CHECK.format(reader=formats.FORMATS[format].reader)
            paths = [str(exported.exported / FILES[format][0]), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
            np.savez(paths[1], **feed)
            subprocess.run([sys.executable, "-c", code, *paths], cwd=str(tmp_path), check=True, timeout=300)
            with np.load(paths[2]) as outputs:
                drawn.append(outputs["images"].astype(int))
        assert all(each.shape == (count, 16, 16, 1 if exported.has_classes else 3) for each in drawn)
        assert all(np.abs(each - drawn[0]).max() <= 2 for each in drawn)


@pytest.fixture
def network(graph, tiny, tmp_path):
    """A generator with a small network of one variable, and the settings."""
    z = tf.placeholder(tf.float32, [None, 5], "z")
    weight = tf.get_variable("weight", initializer=0.5)
    images = tf.ones([1, 4, 4, 3]) * tf.reshape(z[:, 0] * weight, [-1, 1, 1, 1])
    tf.cast(tf.clip_by_value(images * 127.5 + 128.0, 0.0, 255.0), tf.uint8, name="images")
    tf.identity(images, name="images_float")
    sampler = collections.namedtuple("Sampler", "z labels classes images")(z, tf.placeholder(tf.int32), None, images)
    manifest = Manifest(12, {"pics_dir": "pics"}, tiny.network, SavedState(run_id="0123456789abcdef"))
    selected = Selected(store.checkpoint_at(str(tmp_path), 12), manifest, "the latest", weights="0123456789ab")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        run = tiny.run._replace(samples_dir=str(tmp_path / "s"), export="frozen")
        yield CheckpointGenerator(session, sampler, selected), run


CHANGED = """
read_unchanged = read
def read(path, inputs):
    outputs = read_unchanged(path, inputs)
    {change}
    return outputs
"""


def with_reader(monkeypatch, change):
    """Let the reader of frozen graphs change its outputs."""
    frozen = formats.FORMATS["frozen"]
    reader = frozen.reader + CHANGED.format(change=change)
    monkeypatch.setitem(formats.FORMATS, "frozen", frozen._replace(reader=reader))


@pytest.mark.slow
def test_a_file_that_draws_other_images_is_not_published(network, monkeypatch, tmp_path):
    folder = tmp_path / "s" / "export_00000012_run012345"
    assert len(list(export.export(*network))) == 2
    before = (folder / "generator.pb").read_bytes()
    for change, difference in (("outputs['images'][3] ^= 8", 8), ("outputs['images_float'][0] += 0.1", 13)):
        with_reader(monkeypatch, change)
        lines = []
        with pytest.raises(RunError) as caught:
            lines += export.export(*network)
        assert str(caught.value) == f"not exported: generator.pb differs from the sampler by {difference} of 255"
        assert (folder / "generator.pb").read_bytes() == before
        monkeypatch.undo()
    with_reader(monkeypatch, "raise ValueError('no such\\nruntime')")
    with pytest.raises(RunError, match=r"not exported: generator\.pb cannot be read by its runtime \(runtime\)$"):
        list(export.export(*network))
    monkeypatch.undo()
    with_reader(monkeypatch, "del outputs['images']")
    with pytest.raises(RunError, match=r"not exported: generator\.pb cannot be read by its runtime \(KeyError: "):
        list(export.export(*network))
    assert sorted(os.listdir(str(folder))) == ["generator.pb", "model.json"]


@pytest.mark.slow
def test_a_broken_converter_does_not_end_the_other_formats(network, monkeypatch, tmp_path):
    def broken(*_):
        raise ImportError("no such name\nsomewhere")

    monkeypatch.setitem(formats.FORMATS, "onnx", formats.FORMATS["onnx"]._replace(write=broken))
    generator, run = network
    lines = []
    with pytest.raises(RunError) as caught:
        lines += export.export(generator, run._replace(export="onnx"))
    assert str(caught.value) == "not exported: onnx (ImportError: no such name)" and lines == []
    with pytest.raises(RunError):
        for line in export.export(generator, run._replace(export="onnx,frozen")):
            lines.append(line)
    assert [os.path.basename(line.split(": ")[0]) for line in lines] == ["generator.pb", "model.json"]


@pytest.mark.slow
def test_formats_are_added_and_other_weights_refused(network, tmp_path):
    generator, run = network
    list(export.export(generator, run))
    list(export.export(generator, run._replace(export="saved_model")))
    content = json.loads((tmp_path / "s" / "export_00000012_run012345" / "model.json").read_text())
    assert {name.split("/")[0] for name in content["files"]} == {"generator.pb", "saved_model"}
    with pytest.raises(
        UserError, match="has an export of other weights; move it away, or choose another --samples_dir"
    ):
        generator.weights = "ba9876543210"
        list(export.export(generator, run))


def test_what_a_format_needs_is_named_at_the_door(monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        formats.check("frozen, onnx")
    assert str(caught.value) == "export = 'onnx' needs other packages: pip install tf2onnx onnx onnxruntime"
    monkeypatch.setattr(formats.tf, "__version__", "1.15.5")
    with pytest.raises(UserError, match=r"export = 'tflite' needs TensorFlow 2, .* this is 1\.15\.5"):
        formats.check("tflite")


def test_why_a_program_failed():
    assert (
        export._reason("Error: bad\n    at f (x.js:1)\nFatal memory\n=== stack\n    /lib/x.so(+0x2)\n", 1)
        == "Fatal memory"
    )
    assert export._reason("\n", -9) == "exit code -9"


def test_names():
    assert formats.names_of("") == [] and formats.names_of("onnx, frozen") == ["onnx", "frozen"]
