"""Measuring: what is compared, the values, the protocol, and the table of metrics."""

import numpy as np
import pytest
from small import FakeGenerator, blocky, images_of, write_inception

from utils.metrics import features, measure, registry
from utils.metrics.features import open_network
from utils.sampling import latents


@pytest.fixture
def tiny(tiny, tmp_path):
    return tiny._replace(run=tiny.run._replace(cache_dir=str(tmp_path / "cache")))


def with_run(settings, **changes):
    return settings._replace(run=settings.run._replace(**changes))


def with_inception(tmp_path):
    """Return the run settings that make the small stand-in the network."""
    return {"metrics_network": "inception", "inception_graph": write_inception(tmp_path / "small.pb")}


def measurer_of(images, settings, count):
    """Return the Measurer of images, [N, H, W, C] uint8, with the network of the settings."""
    return measure.Measurer(images_of(images), settings, count, open_network(settings.run))


def measured(measurer, images):
    sampler = FakeGenerator(images)
    return measurer(sampler)


def test_samples_that_are_the_images_are_at_distance_zero(tiny, tmp_path):
    settings = with_run(tiny, **with_inception(tmp_path))
    reals = blocky()
    measurer = measurer_of(reals, settings, 1000)
    assert measurer.count == 40
    same = measured(measurer, measurer.reals())
    assert same.values["swd"] == pytest.approx(0, abs=1e-3)
    assert same.values["ms_ssim"] == pytest.approx(same.reals.ms_ssim, abs=1e-6)
    assert same.values["fid"] == pytest.approx(0, abs=1e-3)
    assert (same.values["precision"], same.values["recall"]) == (1, 1)
    worse = measured(measurer, np.repeat(reals[:1], 40, axis=0))
    assert worse.values["swd"] > 50 and worse.values["ms_ssim"] > 0.99 and worse.values["fid"] > 100
    assert worse.values["kid"] > same.values["kid"] and worse.values["recall"] < 0.5
    assert set(worse.values) >= {"swd", "ms_ssim", "fid", "kid", "precision", "recall"}
    assert (same.values["distinct"], same.values["copies"]) == (pytest.approx(1), 1)
    assert worse.values["distinct"] < 0.2
    assert worse.fakes.images.shape == (40, 16, 16, 3) and worse.fakes.images.dtype == np.uint8


def test_precision_is_of_samples_and_recall_of_real_images(tiny, tmp_path):
    """Samples that are only a few of the images are precise, but do not recall the others."""
    settings = with_run(tiny, **with_inception(tmp_path))
    measurer = measurer_of(blocky(), settings, 40)
    values = measured(measurer, np.repeat(measurer.reals()[:5], 8, axis=0)).values
    assert values["precision"] == 1 and values["recall"] < 0.5


def test_values_and_their_name_are_those_of_earlier_versions(tiny):
    """Checkpoints contain both: values of one version rank the checkpoints of another."""
    measurer = measure.Measurer(images_of(blocky(20)), tiny, 20)
    values = measured(measurer, 255 - blocky(20)).values
    assert values["swd"] == pytest.approx(88.57542, rel=1e-6)
    assert values["ms_ssim"] == pytest.approx(0.12068, abs=1e-5)
    dataset = images_of(blocky(20))._replace(fingerprint="20 0123456789abcdef")
    assert measure.Measurer(dataset, tiny, 5).comparison == "20 0123456789abcdef 5 center 0 white None"


def test_larger_records_are_cropped_to_their_center(tiny):
    records = np.zeros((5, 20, 20, 3), np.uint8)
    records[:, 2:18, 2:18] = 200
    measurer = measure.Measurer(images_of(records), tiny, 4)
    assert measurer.reals().shape == (4, 16, 16, 3) and (measurer.reals() == 200).all()


@pytest.mark.parametrize("background, color", (("white", 255), ("black", 0)))
def test_images_with_alpha_are_measured_on_the_background(tiny, tmp_path, background, color):
    """As the images that one sees: metrics of colors, and copies, never see alpha."""
    settings = with_run(tiny, **with_inception(tmp_path), background=background)
    settings = settings._replace(network=settings.network._replace(channels=4))
    with_alpha = np.concatenate([blocky(), np.full((40, 16, 16, 1), 255, np.uint8)], axis=3)
    with_alpha[:, :8] = 0  # the upper half is transparent
    seen = with_alpha[..., :3].copy()
    seen[:, :8] = color
    measurer = measurer_of(with_alpha, settings, 40)
    result = measured(measurer, with_alpha)
    assert np.array_equal(result.fakes.images, seen)
    expected = measured(measurer_of(seen, with_run(tiny, **with_inception(tmp_path)), 40), seen)
    assert result.values == expected.values and result.values["copies"] == 1


def test_the_same_images_and_noise_are_compared_each_time(tiny):
    first, second = (measure.Measurer(images_of(blocky()), tiny, 10) for _ in range(2))
    assert first.count == 10 and np.array_equal(first.reals(), second.reals())
    assert len({image.tobytes() for image in first.reals()}) == 10
    samplers = [FakeGenerator(blocky()) for _ in range(2)]
    for measurer, sampler in zip((first, second), samplers):
        measurer(sampler)
        measurer(sampler)
    z = [fed[0] for sampler in samplers for fed in sampler.fed]
    assert len(z) == 4 and all(np.array_equal(each, z[0]) for each in z[1:])
    assert np.array_equal(z[0][:10], latents.noise(tiny.run.seed, latents.MEASURING, 10, tiny.network.z_dim))


def test_samples_have_the_classes_of_the_real_images(tiny):
    dataset = images_of(blocky())._replace(labels=np.arange(40, dtype=np.int32) % 3)
    measurer, sampler = measure.Measurer(dataset, tiny, 10), FakeGenerator(blocky())
    measurer(sampler)
    assert np.array_equal(sampler.fed[0][1][:10], measurer.labels) and set(measurer.labels) == {0, 1, 2}


def test_the_protocol_says_how_values_were_measured(tiny, tmp_path):
    line = measure.Measurer(images_of(blocky()), tiny, 30).protocol()
    assert line == "N = 30 samples against 30 images, 16x16, crop = center, mirror = 0; MS-SSIM over 1 scale"
    settings = with_run(tiny, **with_inception(tmp_path), crop="random")
    line = measurer_of(blocky(), settings, 30).protocol()
    digest = open_network(settings.run).identity
    assert len(digest) == 16 and "crop = random" in line
    assert f"features by small.pb (sha256 {digest}), which resizes to 299x299" in line
    assert line.endswith("; with N < 2048 FID is biased high: compare it only at the same N")
    many = np.zeros((measure.ENOUGH_FOR_FID, 16, 16, 3), np.uint8)
    assert "biased" not in measurer_of(many, settings, 3000).protocol()


def test_each_comparison_has_a_name_of_its_own(tiny, tmp_path):
    names = {
        measure.Measurer(images_of(blocky()), settings, n).comparison
        for settings in (
            tiny,
            with_run(tiny, crop="pad"),
            with_run(tiny, load_size=20),
            with_run(tiny, background="red"),
        )
        for n in (5, 6)
    }
    names.add(measurer_of(blocky(), with_run(tiny, **with_inception(tmp_path)), 5).comparison)
    other_images = images_of(blocky())._replace(fingerprint="another")
    names.add(measure.Measurer(other_images, tiny, 5).comparison)
    assert len(names) == 10
    assert measure.Measurer(images_of(blocky()), tiny, 5).comparison in names


def test_a_new_metric_is_one_function_and_one_row(tiny, monkeypatch):
    def brightness(reals, fakes):
        return abs(reals.images.mean() - fakes.images.mean())

    row = registry.Metric("brightness", brightness, registry.LOWER, tolerance=0.1)
    monkeypatch.setattr(registry, "METRICS", (*registry.METRICS, row))
    measurer = measure.Measurer(images_of(np.full((40, 16, 16, 3), 90, np.uint8)), tiny, 40)
    assert measured(measurer, np.full((40, 16, 16, 3), 100, np.uint8)).values["brightness"] == 10
    assert registry.columns()[-1] == "brightness" and registry.get_metric("brightness") is row


def test_a_metric_is_measured_only_with_the_network_it_needs():
    def names(network):
        return [metric.name for metric in registry.available(network)]

    assert names(features.NONE) == ["swd", "ms_ssim", "copies"]
    assert names(features.INCEPTION) == ["swd", "ms_ssim", "fid", "kid", "precision", "recall", "distinct", "copies"]
    assert names(features.PATCHES) == ["swd", "ms_ssim", "patch_distance", "distinct", "copies"]
    others = ["precision", "recall", "frechet_distance", "kernel_distance", "distinct", "copies"]
    assert names(features.EFFICIENTNET) == ["swd", "ms_ssim", *others]


def test_the_columns_of_history_are_those_of_earlier_versions():
    assert registry.columns()[:6] == ("swd", "ms_ssim", "fid", "kid", "precision", "recall")


def test_which_classes_samples_look_like(tiny, tmp_path):
    """Images of three classes, red, green and blue ones: the samples are only of the first two."""
    reals = np.uint8(180 * np.repeat(np.eye(3), 20, axis=0)[:, None, None] + blocky(60) // 8)
    dataset = images_of(reals)._replace(labels=np.repeat(np.int32([0, 1, 2]), 20), classes=["red", "green", "blue"])
    settings = with_run(tiny, **with_inception(tmp_path))
    measurer = measure.Measurer(dataset, settings, 60, open_network(settings.run))
    shares = measured(measurer, np.concatenate([reals[:40], reals[:20]])).shares
    assert {name: share for name, (share, _) in shares.items()} == pytest.approx(
        {"red": 2 / 3, "green": 1 / 3, "blue": 0}
    )
    assert [of_reals for _, of_reals in shares.values()] == pytest.approx([1 / 3] * 3)
    assert measured(measure.Measurer(dataset, tiny, 60), reals).shares == {}  # without a network
