"""Images with more than 8 bits per channel: white is the same for the whole data set, and no image becomes black."""

import io
import os
import signal
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from preparing import decode_here, load, own_folders

from utils.data import depths, pool, prepare
from utils.data.decode import DecodeOptions

RECIPE = DecodeOptions(size=64, channels=3, crop="center", background=(255, 255, 255))
IN_PROCESSES = pool.decode_all
RAMP = np.tile(np.linspace(0.0, 1.0, 64), (64, 1))  # from black to white
DIM = RAMP * 0.3  # an image of the same data set without white pixels


@pytest.fixture
def pics(settings, tmp_path, monkeypatch):
    """Return (the folder of the images, the settings)."""
    monkeypatch.setattr(pool, "decode_all", decode_here)
    folder = tmp_path / "deep"
    folder.mkdir()
    return folder, own_folders(settings.run, folder, tmp_path)


def integers(values, bits, dtype=np.uint16):
    return dtype(np.round(values * (2**bits - 1)))


def save(folder, name, values):
    Image.fromarray(values).save(str(folder / name))


def is_ramp(record, white=1.0):
    return np.abs(record[32].astype(float) - 255 * np.clip(RAMP[0] * white, 0, 1)[:, None]).max() <= 1.5


def prepared(run):
    """Return the record of each file, by its name, and the Summary."""
    records, summary = load(run, RECIPE)
    return dict(zip(sorted(os.listdir(run.pics_dir)), records)), summary


@pytest.mark.parametrize("bits", (8, 10, 11, 12, 14, 16))
def test_white_is_that_of_the_whole_set(pics, bits):
    """A dim image stays dim, because white is estimated from the whole data set. Hot pixels are ignored."""
    folder, run = pics
    hot = integers(RAMP * 0.999, bits)  # not saturated
    hot[0, 0] = 65535
    for extension in ("png", "tif"):
        save(folder, f"bright.{extension}", hot)
        save(folder, f"dim.{extension}", integers(DIM, bits))
    records, summary = prepared(run)
    for extension in ("png", "tif"):
        assert is_ramp(records[f"bright.{extension}"]) and is_ramp(records[f"dim.{extension}"], 0.3)
    assert summary.high_bit_depth == {(f"16-bit {name}", (0.0, 2.0**bits - 1)): 2 for name in ("PNG", "TIFF")}


@pytest.mark.parametrize(
    "top, white", ((1, 1), (1.002, 1), (1.08, 1), (255, 255), (257, 255), (4095, 4095), (65535.0, 65535)), ids=str
)
def test_white_of_floats(pics, top, white):
    folder, run = pics
    save(folder, "bright.tif", np.float32(RAMP * top))
    save(folder, "dim.tif", np.float32(DIM * white))
    records, summary = prepared(run)
    assert is_ramp(records["bright.tif"], top / white) and is_ramp(records["dim.tif"], 0.3)
    assert summary.high_bit_depth == {("float TIFF", (0.0, white)): 2}


def test_values_below_zero_are_stretched_alike(pics):
    """Computed tomography: -1024 is air, 3071 the densest bone; an image need not contain both."""
    folder, run = pics
    save(folder, "soft.tif", np.int32(np.round(-1024 + 2048 * RAMP)))
    save(folder, "bone.tif", np.int32(np.round(-1024 + 4095 * RAMP)))
    records, summary = prepared(run)
    assert is_ramp(records["bone.tif"], 1.0) and is_ramp(records["soft.tif"], 0.5)
    assert summary.high_bit_depth == {("32-bit TIFF", (-1024.0, 3071.0)): 2}


def test_saturated_images_of_several_depths_in_one_folder(pics):
    """All images in a mixed folder look alike, whatever their bit depths; half of them must not be black."""
    folder, run = pics
    save(folder, "8.png", np.uint8(np.round(RAMP * 255)))
    for bits in (8, 10, 12, 14, 16):
        save(folder, f"{bits} in 16.png", integers(RAMP, bits))
        save(folder, f"{bits} in 16.tif", integers(RAMP, bits))
    save(folder, "8 in 32.tif", integers(RAMP, 8, np.int32))
    save(folder, "16 in 32.tif", integers(RAMP, 16, np.int32))
    over, under = RAMP.copy(), RAMP.copy()
    over[0, 0], under[0, 0] = 1.002, -0.002
    for name, values in (("1", RAMP), ("over 1", over), ("255", RAMP * 255), ("over 255", over * 255), ("0", under)):
        save(folder, f"float {name}.tif", np.float32(values))
    records, _ = prepared(run)
    assert len(records) == 18
    assert all(is_ramp(record) for record in records.values())


def test_a_set_that_grows_brighter_is_decoded_again(pics):
    folder, run = pics
    save(folder, "dim.png", integers(RAMP * 0.999, 10))
    save(folder, "of 8 bits.png", np.uint8(RAMP * 255))
    records, summary = prepared(run)
    assert is_ramp(records["dim.png"]) and summary.decoded == 2
    save(folder, "bright.png", integers(RAMP * 0.999, 12))
    records, summary = prepared(run)
    assert is_ramp(records["dim.png"], 0.25) and is_ramp(records["bright.png"])
    assert summary.decoded == 2  # both 16-bit images
    (folder / "bright.png").unlink()
    records, summary = prepared(run)
    assert is_ramp(records["dim.png"]) and summary.decoded == 1
    assert prepared(run)[1].decoded == 0


def test_white_level_is_a_setting(pics):
    folder, run = pics
    save(folder, "a.png", integers(RAMP, 10))
    save(folder, "b.tif", np.float32(RAMP * 1023))
    save(folder, "8.png", np.uint8(RAMP * 255))
    data = integers(RAMP, 12).astype(">u2").tobytes()
    (folder / "names its depth.pgm").write_bytes(b"P5 64 64 4095\n" + data)
    records, summary = prepared(run._replace(white_level=2046))
    assert is_ramp(records["names its depth.pgm"]) and summary.high_bit_depth.pop(("16-bit PPM", (0.0, 65535.0)))
    assert is_ramp(records["a.png"], 0.5) and is_ramp(records["b.tif"], 0.5) and is_ramp(records["8.png"])
    assert set(summary.high_bit_depth) == {("16-bit PNG", (0.0, 2046.0)), ("float TIFF", (0.0, 2046.0))}
    records, summary = prepared(run)
    assert is_ramp(records["a.png"]) and is_ramp(records["b.tif"]) and summary.decoded == 2


def test_decoding_processes_know_the_white(pics, monkeypatch):
    """Test processes started without signal masks, as on Windows; test_pool.py tests processes with them."""
    folder, run = pics
    monkeypatch.delattr(signal, "pthread_sigmask", raising=False)
    monkeypatch.setattr(pool, "decode_all", IN_PROCESSES)
    monkeypatch.setattr(pool, "cores", lambda: 1)
    save(folder, "dim.png", integers(DIM, 12))
    save(folder, "bright.png", integers(RAMP * 0.999, 12))
    records, _ = prepared(run)
    assert is_ramp(records["bright.png"]) and is_ramp(records["dim.png"], 0.3)


def test_a_killed_run_resumes_between_the_two_passes(pics, monkeypatch):
    folder, run = pics
    for i in range(5):
        save(folder, f"{i}.png", integers(RAMP * (0.999 if i else 0.3), 12))

    def killed(value_ranges, white_level):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(depths, "estimate_levels", killed)
        with pytest.raises(KeyboardInterrupt):
            load(run, RECIPE)
    records, summary = prepared(run)
    assert len(records) == 5 and is_ramp(records["0.png"], 0.3) and is_ramp(records["4.png"])
    assert summary.decoded == 5


def test_damaged_records_are_rebuilt_with_the_same_white(pics):
    folder, run = pics
    save(folder, "dim.png", integers(DIM, 12))
    save(folder, "bright.png", integers(RAMP * 0.999, 12))
    dataset, _ = prepare.prepare_images(run, RECIPE)
    before = dataset.records.take(np.arange(2))
    (path,) = [each for each in (folder.parent / "cache").iterdir() if each.suffix == ".records"]
    path.write_bytes(b"\1" * path.stat().st_size)
    assert np.array_equal(dataset.records.take(np.arange(2)), before)


def color_png(values, color_type):
    """Return a PNG with 16 bits per channel, which Pillow does not write: values [H, W, 3 or 4] uint16."""
    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
    ]
    parts = [
        struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in (*chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(values, photometric, order="<", compressed=False):
    """Return a TIFF with 16 bits per channel: values [H, W] or [H, W, C] uint16."""
    height, width, channels = (*values.shape, 1)[:3]
    data = values.astype(order + "u2").tobytes()
    data = zlib.compress(data) if compressed else data
    tags = [(256, width), (257, height), (258, None), (259, 8 if compressed else 1), (262, photometric), (273, None)]
    tags += [(277, channels), (278, height), (279, len(data))] + ([(338, 2)] if channels == 4 else [])
    after = 8 + 2 + 12 * len(tags) + 4
    bits = struct.pack(order + "%dH" % channels, *[16] * channels)
    directory = b""
    for tag, value in tags:
        if tag == 258:
            field = bits.ljust(4, b"\0") if channels == 1 else struct.pack(order + "I", after)
            directory += struct.pack(order + "HHI", tag, 3, channels) + field
        else:
            value = after + len(bits) if tag == 273 else value
            directory += struct.pack(order + "HHII", tag, 4, 1, value)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "IH", 8, len(tags))
    return head + directory + struct.pack(order + "I", 0) + bits + data


@pytest.mark.parametrize("bits", (10, 12, 16))
@pytest.mark.parametrize("channels", (3, 4))
def test_colors_of_more_than_8_bits(pics, bits, channels):
    """Pillow returns only the high byte, which makes 10-bit values in 16 bits black."""
    folder, run = pics
    values = np.stack([RAMP, RAMP * 0.5, 1 - RAMP] + [np.ones_like(RAMP)] * (channels - 3), -1)
    values = integers(values, bits)
    values[..., 3:] = 65535  # opaque
    (folder / "png").write_bytes(color_png(values, {3: 2, 4: 6}[channels]))
    for name, order, compressed in (("little", "<", False), ("big", ">", False), ("compressed", "<", True)):
        (folder / name).write_bytes(tiff(values, 2, order, compressed))
    records, summary = prepared(run)
    expected = np.stack([RAMP[32], RAMP[32] * 0.5, 1 - RAMP[32]], -1) * 255
    assert {name: np.abs(record[32] - expected).max() <= 1.5 for name, record in records.items()} == dict.fromkeys(
        ("png", "little", "big", "compressed"), True
    )
    level = 0.0, 2.0**bits - 1
    assert summary.high_bit_depth == {("16-bit PNG", level): 1, ("16-bit TIFF", level): 3}


def test_all_channels_count_in_a_large_image():
    """In large images, only some of the pixels are inspected, but all channels of each."""
    values = np.zeros((1500, 1400, 3), np.uint16)
    values[..., 2] = 4000
    assert depths._value_range(values, "PNG").high == 4000


def test_transparent_images_of_16_bits(pics):
    folder, run = pics
    values = integers(np.stack([RAMP, RAMP, RAMP, np.ones_like(RAMP)], -1), 12)
    values[..., 3] = 65535
    values[:32, :, 3] = 0
    (folder / "a.png").write_bytes(color_png(values, 6))
    ((record,), _) = load(run, RECIPE)
    assert (record[:28] == 255).all() and is_ramp(record)


def test_a_tiff_in_which_0_is_white(pics):
    folder, run = pics
    (folder / "a.tif").write_bytes(tiff(integers(1 - RAMP, 12), 0))
    ((record,), _) = load(run, RECIPE)
    assert is_ramp(record)


def test_depths_that_a_format_names(pics):
    folder, run = pics
    values = integers(DIM, 10)
    (folder / "a.pgm").write_bytes(b"P5 64 64 1023\n" + values.astype(">u2").tobytes())
    ((record,), summary) = load(run, RECIPE)
    assert is_ramp(record, 0.3) and summary.high_bit_depth == {("16-bit PPM", (0.0, 65535.0)): 1}


def test_rotation_of_16_bits(pics):
    folder, run = pics
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    Image.fromarray(integers(RAMP.T, 12)).save(data, "PNG", exif=exif)
    (folder / "a.png").write_bytes(data.getvalue())
    ((record,), _) = load(run, RECIPE)
    assert is_ramp(record[:, ::-1])


def test_a_note_survives_the_index():
    for low, high in ((0.0, 1.002), (float("-inf"), 5e-324), (0.1, 1e300)):
        value_range = depths.ValueRange("float TIFF", 0.0, low, high)
        assert depths.from_note(depths.to_note(value_range, (low, high))) == (value_range, (low, high))
        assert depths.from_note(depths.to_note(value_range)) == (value_range, ())
