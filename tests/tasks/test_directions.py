"""Directions of z, and walks along them."""

import numpy as np
import pytest
from running import image, opened

from utils.errors import UserError
from utils.sampling import latents
from utils.sampling.directions import directions, moved
from utils.tasks import walk
from utils.tasks.directions import write_directions

CLASSES = ("cat", "dog")


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), sample_seed=3)


@pytest.mark.parametrize("classes", ((), CLASSES))
def test_the_first_direction_changes_the_first_layer_most(graph, tiny, tmp_path, classes):
    with opened(tiny.network, classes, tmp_path) as generator:
        kernel = next(v for v in generator.sampler.variables if v.op.name.endswith("/dense/kernel"))
        gamma = next(v for v in generator.sampler.variables if v.op.name.endswith("/gamma"))
        # Only the third number of z has an effect, and only through the first channel.
        values = np.zeros(kernel.shape, np.float32)
        values[2, 0], values[1, 1] = 1.0, -3.0
        kernel.load(values, generator.session)
        scales = np.ones(gamma.shape, np.float32)
        scales[..., 1] = 0.1
        gamma.load(scales, generator.session)
        first, second = directions(generator, 2)
    expected = np.zeros(tiny.network.z_dim)
    expected[2] = 1.0
    assert first == pytest.approx(expected) and abs(second[1]) == pytest.approx(1.0) and second[1] > 0


def test_directions_are_orthogonal_unit_vectors(graph, tiny, tmp_path):
    with opened(tiny.network, (), tmp_path) as generator:
        vectors = directions(generator, tiny.network.z_dim)
    assert vectors @ vectors.T == pytest.approx(np.eye(tiny.network.z_dim), abs=1e-9)


def test_moved_changes_only_the_position_along_the_direction():
    z, vector = latents.noise(1, 0, [0], 8)[0], np.ones(8) / np.sqrt(8)
    before, after = latents.to_gaussian(z), latents.to_gaussian(moved(z, vector, [-3, 0.5, 3]))
    assert after @ vector == pytest.approx([-3, 0.5, 3], abs=1e-4)
    rest = before - (before @ vector) * vector
    assert after - np.outer(after @ vector, vector) == pytest.approx(np.stack(3 * [rest]), abs=1e-4)


@pytest.mark.parametrize("classes", ((), CLASSES))
def test_figure(graph, tiny, run, tmp_path, classes):
    with opened(tiny.network, classes, tmp_path) as generator:
        line, hint = write_directions(generator, run._replace(directions=2))
        height, width, _ = generator.image_shape
        sheet = image(line.rsplit(": ", 1)[1])
        z, vector = generator.noise(range(3), 3), directions(generator, 2)[1]
        labels = [0, 1, 0] if classes else None
        shown = generator.images(np.stack([moved(each, vector, [-1])[0] for each in z]), labels)
        picked = "dog:5" if classes else "5"
        (again, _) = write_directions(generator, run._replace(directions=2, picks=picked))
    assert sheet.shape == (2 * (height + 12), 3 * 7 * width, 3) and hint.endswith("--walk 25 --along 2")
    for i in range(3):  # the third of seven positions is -1
        assert (sheet[height + 24 :, (7 * i + 2) * width : (7 * i + 3) * width] == shown[i]).all()
    assert image(again.rsplit(": ", 1)[1]).shape[1] == 7 * width


def test_a_direction_that_does_not_exist(graph, tiny, run, tmp_path):
    with opened(tiny.network, (), tmp_path) as generator:
        with pytest.raises(UserError, match=rf"directions = 100 is too high: z has {generator.z_dim} directions"):
            list(write_directions(generator, run._replace(directions=100)))
        with pytest.raises(UserError, match=rf"along = 99 is too high: z has {generator.z_dim} directions"):
            list(walk.write_walk(generator, run._replace(walk=2, along=99)))


def test_walk_along_a_direction(graph, tiny, run, tmp_path, monkeypatch):
    monkeypatch.setattr(walk.animation, "write_mp4", lambda *_: False)
    with opened(tiny.network, (), tmp_path) as generator:
        lines = list(walk.write_walk(generator, run._replace(walk=2, along=1, picks="7,8")))
        _, width, _ = generator.image_shape
        (strip,) = tmp_path.glob("*walk2_along1_7+8_strip.png")
        first = generator.images(moved(generator.noise([8], 3)[0], directions(generator, 1)[0], [-3, 3]))
    assert lines[0].startswith("A walk with 12 frames")
    frames = np.split(image(str(strip)), 12, axis=1)  # two samples side by side
    assert (frames[0][:, width:] == first[0]).all() and (frames[6][:, width:] == first[1]).all()
    assert all((frames[i] == frames[12 - i]).all() for i in range(1, 6))
