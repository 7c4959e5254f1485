"""Measuring: the compared images, the values, and the protocol."""

import numpy as np
import pytest
from small import FakeGenerator, blocky, image_dataset, write_inception

from utils.metrics import diversity, measure, ms_ssim, registry
from utils.metrics.features import open_network
from utils.sampling import latents

METRICS = {metric.name: metric for metric in registry.METRICS}


@pytest.fixture
def tiny(tiny, tmp_path):
    return tiny._replace(run=tiny.run._replace(cache_dir=str(tmp_path / "cache")))


@pytest.fixture
def without_ms_ssim(monkeypatch):
    """Skip MS-SSIM, to save the time to build its graph."""
    monkeypatch.setattr(ms_ssim, "MsSsim", lambda shape: lambda images: 0.3)


def with_run(settings, **changes):
    return settings._replace(run=settings.run._replace(**changes))


def with_inception(tmp_path):
    """Return run settings that select the small stand-in for Inception."""
    return {"metrics_network": "inception", "inception_graph": write_inception(tmp_path / "small.pb")}


def open_measurer(images, settings, count):
    """Return a Measurer for images, [N, H, W, C] uint8, with the network that the settings select."""
    return measure.Measurer(image_dataset(images), settings, count, open_network(settings.run, "none"))


def test_values_of_perfect_and_of_collapsed_samples(tiny, tmp_path):
    settings = with_run(tiny, **with_inception(tmp_path))
    measurer = open_measurer(blocky(), settings, 1000)
    assert measurer.count == 40
    same = measurer(FakeGenerator(measurer.reals().images))
    assert same.values["ms_ssim"] == pytest.approx(same.reals.ms_ssim, abs=1e-6)
    assert same.values["fid"] == pytest.approx(0, abs=1e-3)
    assert (same.values["precision"], same.values["recall"]) == (1, 1)
    assert (same.values["distinct"], same.values["copies"]) == (pytest.approx(1), 1)
    worse = measurer(FakeGenerator(np.repeat(blocky()[:1], 40, axis=0)))
    assert set(worse.values) == {"ms_ssim", "fid", "kid", "precision", "recall", "distinct", "copies"}
    assert worse.values["ms_ssim"] > 0.99 and worse.values["fid"] > 100 and worse.values["distinct"] < 0.2
    assert worse.values["kid"] > same.values["kid"] and worse.values["recall"] < 0.5
    assert worse.fakes.images.shape == (40, 16, 16, 3) and worse.fakes.images.dtype == np.uint8
    # Samples that repeat a few of the images have high precision, but low recall.
    few = measurer(FakeGenerator(np.repeat(measurer.reals().images[:5], 8, axis=0)))
    assert few.values["precision"] == 1 and few.values["recall"] < 0.5


def test_values_and_comparison_are_those_of_earlier_versions(tiny):
    """Checkpoints record both: values from one version rank the checkpoints of a different version."""
    measurer = measure.Measurer(image_dataset(blocky(20)), tiny, 20)
    values = measurer(FakeGenerator(255 - blocky(20))).values
    assert values["ms_ssim"] == pytest.approx(0.12068, abs=1e-5)
    dataset = image_dataset(blocky(20))._replace(fingerprint="20 0123456789abcdef")
    assert measure.Measurer(dataset, tiny, 5).comparison == "20 0123456789abcdef 5 center 0 white None"


def test_larger_records_are_cropped_to_their_center(tiny, without_ms_ssim):
    records = np.zeros((5, 20, 20, 3), np.uint8)
    records[:, 2:18, 2:18] = 200
    reals = measure.Measurer(image_dataset(records), tiny, 4).reals()
    assert reals.images.shape == (4, 16, 16, 3) and (reals.images == 200).all()


@pytest.mark.parametrize("background, color", (("white", 255), ("black", 0)))
def test_images_with_alpha_are_measured_on_the_background(tiny, tmp_path, without_ms_ssim, background, color):
    settings = with_run(tiny, **with_inception(tmp_path), background=background)
    settings = settings._replace(network=settings.network._replace(channels=4))
    with_alpha = np.concatenate([blocky(), np.full((40, 16, 16, 1), 255, np.uint8)], axis=3)
    with_alpha[:, :8] = 0  # the upper half is transparent
    visible = with_alpha[..., :3].copy()
    visible[:, :8] = color
    result = open_measurer(with_alpha, settings, 40)(FakeGenerator(with_alpha))
    assert np.array_equal(result.fakes.images, visible)
    expected = open_measurer(visible, with_run(tiny, **with_inception(tmp_path)), 40)(FakeGenerator(visible))
    assert result.values == expected.values and result.values["copies"] == 1


def test_the_same_images_and_noise_are_compared_each_time(tiny, without_ms_ssim):
    dataset = image_dataset(blocky())._replace(labels=np.arange(40, dtype=np.int32) % 3)
    first, second = (measure.Measurer(dataset, tiny, 10) for _ in range(2))
    assert first.count == 10 and np.array_equal(first.reals().images, second.reals().images)
    assert len({image.tobytes() for image in first.reals().images}) == 10
    generators = [FakeGenerator(blocky()) for _ in range(2)]
    for measurer, generator in zip((first, second), generators):
        measurer(generator)
        measurer(generator)
    z = [fed[0] for generator in generators for fed in generator.fed]
    assert len(z) == 4 and all(np.array_equal(each, z[0]) for each in z[1:])
    assert np.array_equal(z[0][:10], latents.noise(tiny.run.seed, latents.MEASURING, range(10), tiny.network.z_dim))
    # Samples have the same classes as the real images.
    labels = generators[0].fed[0][1][:10]
    assert np.array_equal(labels, first.labels) and set(labels) == {0, 1, 2}


def test_the_protocol(tiny, tmp_path, without_ms_ssim):
    line = measure.Measurer(image_dataset(blocky()), tiny, 30).protocol()
    assert line == "N = 30 samples against 30 images, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale"
    settings = with_run(tiny, **with_inception(tmp_path), crop="random")
    line = open_measurer(blocky(), settings, 30).protocol()
    digest = open_network(settings.run, "none").identity
    assert len(digest) == 16 and "crop = random" in line
    assert f"features by small.pb (sha256 {digest}), which resizes to 299x299" in line
    assert line.endswith("; with N < 2048 FID is biased high: compare it only at the same N")


def test_different_comparisons_have_different_names(tiny, tmp_path, without_ms_ssim):
    changes = ({}, {"crop": "pad"}, {"load_size": 20}, {"background": "red"})
    names = {open_measurer(blocky(), with_run(tiny, **change), n).comparison for change in changes for n in (5, 6)}
    names.add(open_measurer(blocky(), with_run(tiny, **with_inception(tmp_path)), 5).comparison)
    other_images = image_dataset(blocky())._replace(fingerprint="another")
    names.add(measure.Measurer(other_images, tiny, 5).comparison)
    assert len(names) == 10
    assert measure.Measurer(image_dataset(blocky()), tiny, 5).comparison in names


def test_a_new_metric_is_one_function_and_one_row(tiny, monkeypatch, without_ms_ssim):
    def brightness(reals, fakes):
        return abs(reals.images.mean() - fakes.images.mean())

    row = registry.Metric("brightness", brightness, registry.LOWER, tolerance=0.1)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row))
    measurer = measure.Measurer(image_dataset(np.full((40, 16, 16, 3), 90, np.uint8)), tiny, 40)
    assert measurer(FakeGenerator(np.full((40, 16, 16, 3), 100, np.uint8))).values["brightness"] == 10


def test_class_fractions(tiny, tmp_path, without_ms_ssim):
    """The images are red, green or blue; the samples are only red or green."""
    reals = np.uint8(180 * np.repeat(np.eye(3), 20, axis=0)[:, None, None] + blocky(60) // 8)
    dataset = image_dataset(reals)._replace(labels=np.repeat(np.int32([0, 1, 2]), 20), classes=["red", "green", "blue"])
    settings = with_run(tiny, **with_inception(tmp_path))
    measurer = measure.Measurer(dataset, settings, 60, open_network(settings.run, "none"))
    fractions = measurer(FakeGenerator(np.concatenate([reals[:40], reals[:20]]))).class_fractions
    expected = {"red": 2 / 3, "green": 1 / 3, "blue": 0}
    assert {name: fake for name, (fake, _) in fractions.items()} == pytest.approx(expected)
    assert [real for _, real in fractions.values()] == pytest.approx([1 / 3] * 3)
    assert measure.Measurer(dataset, tiny, 60)(FakeGenerator(reals)).class_fractions == {}  # without a network


@pytest.mark.parametrize("kind", ("inception", "patches", "none"))
def test_class_accuracy(tiny, tmp_path, without_ms_ssim, monkeypatch, kind):
    """The images are red or green. Samples are measured with their classes, in a random order."""
    reals = np.uint8(180 * np.repeat(np.eye(3)[:2], (45, 15), axis=0)[:, None, None] + blocky(60) // 8)
    dataset = image_dataset(reals)._replace(labels=np.repeat(np.int32([0, 1]), (45, 15)), classes=["red", "green"])
    settings = with_run(tiny, **{**with_inception(tmp_path), "metrics_network": kind})
    conditional = settings._replace(network=settings.network._replace(conditional=1))
    measurer = measure.Measurer(dataset, conditional, 60, open_network(settings.run, "none"))
    if kind == "none":
        assert set(measurer(FakeGenerator(reals)).values) == {"ms_ssim", "copies"}
        return
    calls, classify = [], diversity.classify
    monkeypatch.setattr(diversity, "classify", lambda *sets: calls.append(sets) or classify(*sets))
    right = measurer(FakeGenerator(measurer.reals().images))
    assert len(calls) == 1 and right.values["class_accuracy"] == right.reals.accuracy.value == 1
    assert right.fakes.accuracy.chance == 0.75**2 + 0.25**2
    reference = METRICS["class_accuracy"].reference
    assert reference(right) == "chance: 0.6250; real images: 1.0000"
    ignored = measurer(FakeGenerator(reals[:1].repeat(60, axis=0)))
    assert ignored.values["class_accuracy"] == 0.75 and reference(ignored) == "chance: 0.7500; real images: 1.0000"
    unconditional = measure.Measurer(dataset, settings, 60, open_network(settings.run, "none"))(FakeGenerator(reals))
    assert set(right.values) - set(unconditional.values) == {"class_accuracy"}
