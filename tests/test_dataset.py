"""From a folder of pictures to batches: on gradient pictures, not on zeros."""

import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from conftest import gradient
from PIL import Image

from utils import dataset
from utils.errors import UserError


def test_load_decodes_every_picture_in_the_order_of_paths(pics):
    pictures = dataset.load(str(pics), 16, 3)
    assert pictures.records.shape == (12, 16, 16, 3) and pictures.records.dtype == np.uint8
    assert pictures.classes == ["blue", "red"]
    assert pictures.labels.tolist() == [0] * 6 + [1] * 6
    assert pictures.skipped == []
    blue, red = pictures.records[0].mean((0, 1)), pictures.records[6].mean((0, 1))
    assert blue[2] > blue[1] > blue[0] and red[0] > red[1] > red[2]
    # Brightest at the top left, as the files are.
    assert (pictures.records[:, 0, 0].sum(1) > pictures.records[:, -1, -1].sum(1) + 100).all()


def test_a_wide_picture_is_cut_to_its_centre_square(tmp_path):
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, :20], wide[:, 20:40], wide[:, 40:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    Image.fromarray(wide).save(str(tmp_path / "a.png"))
    inner = dataset.decode(str(tmp_path / "a.png"), 16, 3)[2:-2, 2:-2]
    assert np.abs(inner - np.array([0, 255, 0])).max() < 5


def test_grey_transparent_and_palette_pictures(tmp_path):
    picture = Image.fromarray(gradient(24, 24))
    half = picture.copy()
    half.putalpha(Image.fromarray(np.uint8([[255] * 12 + [0] * 12] * 24)))
    half.save(str(tmp_path / "half.png"))
    picture.convert("L").save(str(tmp_path / "grey.png"))
    picture.convert("P").save(str(tmp_path / "palette.gif"))
    picture.convert("CMYK").save(str(tmp_path / "cmyk.jpg"), quality=95)
    pictures = dataset.load(str(tmp_path), 8, 3)
    cmyk, grey, half, palette = pictures.records.astype(int)
    assert (grey[..., 0] == grey[..., 2]).all()
    assert (half[:, 5:] > 250).all()  # white behind what is transparent
    assert np.abs(half[:, :3] - palette[:, :3]).mean() < 12 and np.abs(cmyk - palette).mean() < 12
    assert dataset.load(str(tmp_path), 8, 1).records.shape == (4, 8, 8, 1)


def test_sixteen_bit_grey_keeps_its_shades(tmp_path):
    ramp = np.uint16(np.linspace(0, 65535, 64)[None, :] * np.ones((64, 1)))
    Image.fromarray(ramp).save(str(tmp_path / "a.png"))
    record = dataset.decode(str(tmp_path / "a.png"), 64, 3).astype(int)
    assert np.abs(record[:, :, 0] - ramp / 257.0).max() <= 1


def test_links_are_followed_but_not_in_circles(pics, tmp_path):
    (tmp_path / "p").mkdir()
    os.symlink(str(pics / "red"), str(tmp_path / "p" / "linked"))
    os.symlink(str(tmp_path / "p"), str(tmp_path / "p" / "again"))
    pictures = dataset.load(str(tmp_path / "p"), 8, 3)
    assert len(pictures.records) == 6 and pictures.classes == ["linked"]


def test_broken_pictures_are_named_and_left_out(pics):
    whole = (pics / "red" / "0.jpg").read_bytes()
    (pics / "red" / "cut short.jpg").write_bytes(whole[: len(whole) // 2])
    (pics / "red" / "empty.jpg").write_bytes(b"")
    (pics / "red" / "a page.jpg").write_bytes(b"<html>")
    pictures = dataset.load(str(pics), 16, 3)
    assert len(pictures.records) == 12
    assert [name for name, _ in pictures.skipped] == [
        os.path.join("red", name) for name in ("a page.jpg", "cut short.jpg", "empty.jpg")
    ]
    text = dataset.describe(pictures, str(pics), 16)
    assert "12 pictures" in text and "blue 6, red 6" in text
    assert "Left out, because they cannot be read: 3" in text and "cut short.jpg" in text
    assert "Fewer pictures than batch_size = 16" in text


def test_folders_that_cannot_be_trained_on(tmp_path):
    for make, expected in (
        (lambda: None, "does not exist; pictures belong in it as <class>/<n>.jpg"),
        (lambda: (tmp_path / "p").write_text("x"), "is not a folder"),
        (lambda: (os.remove(str(tmp_path / "p")), (tmp_path / "p").mkdir()), "holds no pictures (0 other files)"),
        (lambda: (tmp_path / "p" / "notes.txt").write_text("x"), "holds no pictures (1 other files)"),
        (lambda: (tmp_path / "p" / "1.jpg").write_text("x"), "none of its 1 pictures can be read; the first is 1.jpg"),
    ):
        make()
        with pytest.raises(UserError) as raised:
            dataset.load(str(tmp_path / "p"), 16, 3)
        assert expected in str(raised.value) and str(tmp_path / "p") in str(raised.value)


@pytest.mark.parametrize("n", (1, 2, 7, 100))
def test_every_epoch_has_every_picture_once(n):
    order = dataset.Order(n, seed=5)
    taken = order.take(0, 5 * n).reshape(5, n)
    assert (np.sort(taken, axis=1) == np.arange(n)).all()
    if n == 100:
        assert len({tuple(epoch) for epoch in taken}) == 5
        assert not np.array_equal(taken[0], dataset.Order(n, seed=6).take(0, n))


def test_any_batch_is_found_without_those_before():
    walked = np.concatenate([dataset.Order(7, 1).take(start, 3) for start in range(0, 60, 3)])
    assert dataset.Order(7, 1).take(31, 20).tolist() == walked[31:51].tolist()
    far = dataset.Order(7, 1).take(7 * 10**12, 7)
    assert sorted(far) == list(range(7))


def test_batches_are_scaled_and_start_anywhere(graph, pics):
    records = dataset.load(str(pics), 16, 3).records
    batches = dataset.batches(records, 5, seed=3)
    assert batches.images.shape.as_list() == [5, 16, 16, 3] and batches.images.dtype == tf.float32
    with tf.Session() as session:
        session.run(batches.initializer, {batches.start: 0})
        taken = [session.run(batches.images) for _ in range(6)]
        session.run(batches.initializer, {batches.start: 20})
        again = session.run(batches.images)
    expected = records[dataset.Order(12, 3).take(0, 30)].reshape(6, 5, 16, 16, 3) / 127.5 - 1
    assert np.array(taken) == pytest.approx(expected, abs=1e-6)
    assert np.array(taken).min() >= -1 and np.array(taken).max() <= 1
    assert np.array_equal(again, taken[4])
