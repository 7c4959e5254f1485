"""Exported files generate the sampler's images without this program; a file with different images is not published."""

import collections
import hashlib
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import ROOT
from exported import HERE, IS_OLD, export_program, exported  # noqa: F401  (fixture)

from utils.checkpoints import store
from utils.checkpoints.manifest import Manifest, SavedState
from utils.checkpoints.select import Selected
from utils.errors import RunError, UserError
from utils.export import export, formats
from utils.sampling.generator import CheckpointGenerator

FILES = {
    "saved_model": ["saved_model"], "frozen": ["generator.pb"], "onnx": ["generator.onnx", "generator_float16.onnx"],
    "tflite": ["generator.tflite", "generator_float16.tflite", "generator_1.tflite"], "page": ["generator.html"],
}  # fmt: skip


def test_formats_that_are_tested_here():
    """With TensorFlow 2 and tests/requirements.txt installed, all formats are tested."""
    expected = ["saved_model", "frozen", "page"] if IS_OLD else list(formats.FORMATS)
    assert expected == HERE


@pytest.mark.slow
def test_all_formats_are_checked_and_described(exported):  # noqa: F811
    names = [name for format in HERE for name in FILES[format]]
    assert sorted(os.listdir(str(exported.exported))) == sorted([*names, "model.json"])
    for name in names:
        path = re.escape(str(exported.exported / name))
        (difference,) = re.findall(path + r": [0-9.]+ MB, 16 images differ by at most (\d) of 255", exported.printed)
        assert int(difference) <= (3 if "float16" in name else 2 if name == "generator.html" else 1)
    assert f"{exported.exported / 'model.json'}: inputs, outputs and classes" in exported.printed
    content = json.loads((exported.exported / "model.json").read_text())
    assert content["step"] == 2 and content["network"]["filters"] == 8
    assert content["outputs"]["images"] == {"shape": [None, *exported.shape], "dtype": "uint8", "range": [0, 255]}
    assert content["inputs"].get("labels", {}).get("classes", []) == exported.classes
    for name, facts in content["files"].items():
        data = (exported.exported / name).read_bytes()
        assert facts["sha256"] == hashlib.sha256(data).hexdigest() and facts["bytes"] == len(data)


def run_python(code, folder, *arguments):
    """Run code in a fresh Python process without this program; return its output."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=str(folder), env=environment, stdout=subprocess.PIPE, timeout=300, check=True)
    return done.stdout.decode()


@pytest.mark.slow
def test_the_code_in_the_docs_uses_the_files(tmp_path_factory):
    """The code assumes an unconditional network with 100 numbers in z; its SavedModel part assumes TensorFlow 2."""
    with open(os.path.join(ROOT, "docs", "sampling.md"), encoding="utf-8") as file:
        section = file.read().split("\n## Export\n")[1].split("\n## ")[0]
    codes = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    names = ("saved_model", "generator.pb", "generator.tflite", "generator.onnx")
    assert len(codes) == len(names) and all(name in code for name, code in zip(names, codes))
    program = export_program("color", tmp_path_factory)
    z_dim = json.loads((program.exported / "model.json").read_text())["inputs"]["z"]["shape"][1]
    tested = [
        code.replace("100", str(z_dim))
        for name, code in zip(names, codes)
        if (program.exported / name).exists() and not (IS_OLD and name == "saved_model")
    ]
    run = "for code in {!r}:\n    names = {{}}\n    exec(code, names)\n    print(names['images'].shape)\n"
    shapes = run_python(run.format(tested), program.exported).splitlines()
    assert shapes == ["(4, 64, 64, 3)"] * len(tested) and len(tested) == (1 if IS_OLD else 4)


@pytest.mark.slow
def test_the_precision_of_training_does_not_matter(tmp_path_factory):
    """With bfloat16 the sampler's images would differ from the file's; float16 would be rejected without a GPU."""
    program = export_program("color", tmp_path_factory)
    format = "onnx" if "onnx" in HERE else "frozen"
    for precision in ("bfloat16", "float16"):
        printed = program.train("--isTrain", "0", "--export", format, "--precision", precision)
        assert re.search("16 images differ by at most [01] of 255", printed)


def z_for(program, count):
    """Return z for this many images."""
    z_dim = json.loads((program.exported / "model.json").read_text())["inputs"]["z"]["shape"][1]
    return np.random.RandomState(0).uniform(-1, 1, (count, z_dim)).astype(np.float32)


def drawn_by_files(program, folder, *feeds, without=()):
    """Return {file: images, int, for each of the feeds}; one fresh process loads all files."""
    readers = {file: formats.FORMATS[name].READER for name in HERE if name not in without for file in FILES[name]}
    code = "import sys\nimport numpy as np\n"
    for i, feed in enumerate(feeds):
        np.savez(str(folder / f"{i}.npz"), **feed)
    for file, reader in readers.items():
        code += reader
        for i in range(len(feeds)):
            code += f"images = read({str(program.exported / file)!r}, dict(np.load('{i}.npz')))['images']\n"
            code += f"np.save('{file}_{i}.npy', images)\n"
    run_python(code, folder)
    return {file: [np.load(str(folder / f"{file}_{i}.npy")).astype(int) for i in range(len(feeds))] for file in readers}


@pytest.mark.slow
def test_a_batch_of_one_and_of_many(exported, tmp_path):  # noqa: F811
    """All files generate the same images for any number of z."""
    feeds = [{"z": z_for(exported, count)} for count in (1, 70)]
    if exported.classes:
        feeds = [{**feed, "labels": np.arange(len(feed["z"]), dtype=np.int32) % 2} for feed in feeds]
    drawn = drawn_by_files(exported, tmp_path, *feeds)
    for file, batches in drawn.items():
        assert [images.shape for images in batches] == [(count, *exported.shape) for count in (1, 70)]
        for images, expected in zip(batches, drawn["generator.pb"]):
            assert np.abs(images - expected).max() <= (4 if "float16" in file else 2), file


@pytest.mark.slow
@pytest.mark.skipif("tflite" not in HERE, reason="needs TensorFlow 2")
def test_generator_1_has_no_tensor_of_variable_shape(exported):  # noqa: F811
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    for file, sizes in (("generator.tflite", {-1}), ("generator_1.tflite", set())):
        tensors = interpreter.Interpreter(model_path=str(exported.exported / file)).get_tensor_details()
        assert {size for tensor in tensors for size in tensor["shape_signature"] if size < 0} == sizes


@pytest.mark.slow
def test_labels_out_of_range_are_clamped(tmp_path_factory, tmp_path):
    """No runtime generates an image without a class. The page has no labels."""
    program = export_program("gray, classes, not square", tmp_path_factory)
    described = json.loads((program.exported / "model.json").read_text())["inputs"]["labels"]
    assert described["range"] == [0, 1] and described["out_of_range"] == "clamped"
    feed = {"z": np.repeat(z_for(program, 1), 5, axis=0), "labels": np.int32([0, 1, 99, -1, -2])}
    drawn = drawn_by_files(program, tmp_path, feed, without=["page"])
    for file, ((first, last, above, *below),) in drawn.items():
        assert (first != last).any() and (above == last).all() and (below == first).all(), file


@pytest.fixture
def network(graph, tiny, tmp_path, monkeypatch):
    """A generator with one variable, the settings, and the outputs that an export check receives."""
    z = tf.placeholder(tf.float32, [None, 5], "z")
    weight = tf.get_variable("weight", initializer=0.5)
    images = tf.ones([1, 4, 4, 3]) * tf.reshape(z[:, 0] * weight, [-1, 1, 1, 1])
    tf.cast(tf.clip_by_value(images * 127.5 + 128.0, 0.0, 255.0), tf.uint8, name="images")
    tf.identity(images, name="images_float")
    sampler = collections.namedtuple("Sampler", "z labels classes images")(z, tf.placeholder(tf.int32), None, images)
    manifest = Manifest(12, {"pics_dir": "pics"}, tiny.network, SavedState(run_id="0123456789abcdef"))
    (tmp_path / "s").mkdir()
    selected = Selected(store.checkpoint_at(str(tmp_path), 12), manifest, "the latest", weights="0123456789ab")
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        generator = CheckpointGenerator(session, sampler, selected)
        names = {"images": "images:0", "images_float": "images_float:0"}
        outputs = session.run(names, {"z:0": generator.noise(range(16))})
        skip_process(monkeypatch, outputs)
        yield generator, tiny.run._replace(samples_dir=str(tmp_path / "s"), export="frozen"), outputs


def skip_process(monkeypatch, outputs):
    """Make the export check return these outputs instead of starting a process."""

    def write_outputs(command, cwd, **_):
        np.savez(os.path.join(cwd, command[-1]), **outputs)

    monkeypatch.setattr(export.subprocess, "check_output", write_outputs)


def test_a_file_that_draws_different_images_is_not_published(network, tmp_path):
    generator, run, outputs = network
    folder = tmp_path / "s" / "export_00000012_run012345"
    assert len(list(export.export(generator, run))) == 2
    before, correct = (folder / "generator.pb").read_bytes(), dict(outputs)
    for changed, reason in (
        ({"images": correct["images"] ^ 8}, "differs from the sampler by 8 of 255"),
        ({"images_float": correct["images_float"] + 0.1}, "differs from the sampler by 13 of 255"),
        ({"images": correct["images"][1:]}, "generates uint8 images of shape (15, 4, 4, 3)"),
    ):
        outputs.update({**correct, **changed})
        with pytest.raises(RunError) as caught:
            list(export.export(generator, run))
        assert str(caught.value) == f"not exported: generator.pb {reason}"
        assert (folder / "generator.pb").read_bytes() == before
    assert sorted(os.listdir(str(folder))) == ["generator.pb", "model.json"]


@pytest.mark.parametrize(
    "reader, reason",
    (("raise ValueError('no such\\nruntime')", "runtime"), ("read = lambda path, inputs: {}", "KeyError: 'images'")),
)
def test_the_error_of_a_file_that_cannot_be_read(tmp_path, reader, reason):
    with pytest.raises(RunError) as caught:
        export._check(tmp_path / "generator.pb", reader, {}, None, 1)
    assert str(caught.value) == f"generator.pb cannot be read by its runtime ({reason})"


def test_a_broken_converter_does_not_stop_the_other_formats(network, monkeypatch):
    def fail(*_):
        raise ImportError("no such name\nsomewhere")

    generator, run, _ = network
    monkeypatch.setattr(formats.FORMATS["saved_model"], "write", fail)
    for export_setting, files in (("saved_model", []), ("saved_model,frozen", ["generator.pb", "model.json"])):
        lines = []
        with pytest.raises(RunError) as caught:
            for line in export.export(generator, run._replace(export=export_setting)):
                lines.append(line)
        assert str(caught.value) == "not exported: saved_model (ImportError: no such name)"
        assert [os.path.basename(line.split(": ")[0]) for line in lines] == files


def test_a_file_without_a_checker_is_published_unchecked(network, tmp_path, monkeypatch):
    """The example is the page, whose checker nothing else needs; other formats in the same command are checked."""
    generator, run, _ = network

    def write(_, folder):
        (folder / "generator.html").write_text("a page")
        return {"generator.html": 2}

    monkeypatch.setattr(formats.FORMATS["page"], "write", write)
    monkeypatch.setattr(formats, "CHECKERS", {"page": {"no_such_racer": "no-such-racer"}})
    lines = list(export.export(generator, run._replace(export="page,frozen")))
    folder = tmp_path / "s" / "export_00000012_run012345"
    reason = "not checked; to check it, run 'pip install no-such-racer' and export again"
    assert lines[0] == f"{folder / 'generator.html'}: 0.0 MB, {reason}"
    assert lines[1].endswith("16 images differ by at most 0 of 255")
    described = json.loads((folder / "model.json").read_text())["files"]
    differences = {name: facts["largest_difference"] for name, facts in described.items()}
    assert differences == {"generator.html": None, "generator.pb": 0}


def test_formats_are_added_and_other_weights_refused(network, tmp_path):
    generator, run, _ = network
    for name in ("frozen", "saved_model"):
        list(export.export(generator, run._replace(export=name)))
    content = json.loads((tmp_path / "s" / "export_00000012_run012345" / "model.json").read_text())
    assert {name.split("/")[0] for name in content["files"]} == {"generator.pb", "saved_model"}
    generator.weights = "ba9876543210"
    message = "has an export of different weights; move it elsewhere, or choose another --samples_dir"
    with pytest.raises(UserError, match=message):
        list(export.export(generator, run))


def test_what_a_format_needs_is_checked_first(monkeypatch):
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    assert list(formats.parse("page")) == ["page"]  # only the check of a page needs a package
    with pytest.raises(UserError) as caught:
        formats.parse("frozen, onnx")
    assert str(caught.value) == "export = 'onnx' needs additional packages: pip install tf2onnx onnx onnxruntime"
    monkeypatch.setattr(formats.tf, "__version__", "1.15.5")
    with pytest.raises(UserError, match=r"export = 'tflite' needs TensorFlow 2, .* this is 1\.15\.5"):
        formats.parse("tflite")


def test_why_a_process_failed():
    output = b"Error: bad\n    at f (x.js:1)\nFatal memory\n=== stack\n    /lib/x.so(+0x2)\n"
    assert export._failure(output, 1) == "Fatal memory"
    assert export._failure(b"\n", 3) == "exit code 3"
    assert export._failure(b"\n", -9) == "signal 9"
    assert export._failure(b"notice\n*** Check failure stack trace: ***\n    @ 0x7f\n", -6) == "notice; signal 6"


def test_names():
    assert formats.parse("") == {} and list(formats.parse("saved_model, frozen")) == ["saved_model", "frozen"]
