"""Every kind of image is decoded as viewers show it; every unusable file is skipped with a reason."""

import numpy as np
import odd_files
import pytest
from odd_files import COLOURS, motif, quarters
from PIL import Image
from preparing import decode_alone

from utils.data.decode import BadImageError, DecodeOptions, NotAnImageError
from utils.data.formats import has_image_extension
from utils.output.alpha import composite, unpremultiply

RECIPE = DecodeOptions(size=32, channels=3, crop="center", background=(255, 255, 255))
WITH_ALPHA = RECIPE._replace(channels=4, background=())
USABLE, UNUSABLE, OTHERS = odd_files.usable(), odd_files.unusable(), odd_files.others()


@pytest.mark.parametrize("name", sorted(USABLE))
def test_every_kind_looks_as_it_should(tmp_path, name):
    """Decode in color, in gray, with alpha, and composited on the background."""
    content, colors, tolerance = USABLE[name]
    (tmp_path / name).write_bytes(content)
    record = decode_alone(str(tmp_path / name), RECIPE)
    assert record.shape == (32, 32, 3) and record.dtype == np.uint8
    assert quarters(record) == pytest.approx(np.float64(colors), abs=tolerance)
    in_gray = decode_alone(str(tmp_path / name), RECIPE._replace(channels=1))
    assert in_gray.shape == (32, 32, 1)
    assert quarters(in_gray)[:, 0] == pytest.approx(odd_files.gray(np.float64(colors))[:, 0], abs=tolerance + 2)
    with_alpha = decode_alone(str(tmp_path / name), WITH_ALPHA)
    assert with_alpha.shape == (32, 32, 4) and with_alpha.dtype == np.uint8
    assert (with_alpha[..., :3] <= with_alpha[..., 3:]).all()
    assert quarters(composite(with_alpha, "white")) == pytest.approx(np.float64(colors), abs=tolerance + 2)


@pytest.mark.parametrize("name", sorted(UNUSABLE))
def test_every_unusable_image_has_a_reason(tmp_path, name):
    content, reason = UNUSABLE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises((BadImageError, NotAnImageError)) as raised:
        decode_alone(str(tmp_path / name), RECIPE)
    assert str(raised.value) and reason in str(raised.value)
    assert has_image_extension(str(tmp_path / name))


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_other_files_do_not_claim_to_be_images(tmp_path, name):
    (tmp_path / name).write_bytes(OTHERS[name])
    with pytest.raises(NotAnImageError):
        decode_alone(str(tmp_path / name), RECIPE)
    assert not has_image_extension(str(tmp_path / name))


def test_a_file_that_cannot_be_read_is_not_a_bad_image(tmp_path):
    with pytest.raises(FileNotFoundError):
        decode_alone(str(tmp_path / "gone.jpg"), RECIPE)


def test_transparency_shows_the_background(tmp_path):
    path = str(tmp_path / "a.png")
    odd_files.half_transparent("RGBA")[0].save(path)
    record = decode_alone(path, RECIPE._replace(background=(10, 120, 250)))
    assert quarters(record)[[0, 2]] == pytest.approx(np.float64([[10, 120, 250]] * 2), abs=1)
    # Half-transparent edges are half background: resizing leaves no dark seam.
    assert record[:, 14:18].min(0).min(0)[2] >= 30


def test_what_a_crop_keeps(tmp_path):
    # Three squares side by side: red, green, blue.
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, :40], wide[:, 40:80], wide[:, 80:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    for turned in (False, True):
        Image.fromarray(wide.transpose(1, 0, 2) if turned else wide).save(str(tmp_path / "a.png"))

        def strips(crop, turned=turned):
            record = decode_alone(str(tmp_path / "a.png"), RECIPE._replace(size=48, crop=crop, background=(9, 9, 9)))
            return (record.transpose(1, 0, 2) if turned else record).astype(int)

        assert np.abs(strips("center")[2:-2, 2:-2] - [0, 255, 0]).max() < 8
        record = strips("stretch")
        for i, color in enumerate(([255, 0, 0], [0, 255, 0], [0, 0, 255])):
            assert np.abs(record[:, 16 * i + 4 : 16 * i + 12] - color).max() < 8
        record = strips("pad")
        assert (record[:15] == 9).all() and (record[-15:] == 9).all()
        for i, color in enumerate(([255, 0, 0], [0, 255, 0], [0, 0, 255])):
            assert np.abs(record[18:30, 16 * i + 4 : 16 * i + 12] - color).max() < 8


@pytest.mark.parametrize("turned", (False, True))
def test_what_a_crop_to_a_rectangle_keeps(tmp_path, turned):
    # Crop a square of red, green, blue and gray strips to a record twice as wide as high, or both rotated.
    colors = np.uint8([[255, 0, 0], [0, 255, 0], [0, 0, 255], [128, 128, 128]])
    square = np.repeat(np.repeat(colors[:, None], 80, axis=1), 20, axis=0)
    Image.fromarray(square.transpose(1, 0, 2) if turned else square).save(str(tmp_path / "a.png"))

    def record_of(crop):
        size = "64x32" if turned else "32x64"
        record = decode_alone(str(tmp_path / "a.png"), RECIPE._replace(size=size, crop=crop, background=(9, 9, 9)))
        return (record.transpose(1, 0, 2) if turned else record).astype(int)

    assert record_of("center").shape == (32, 64, 3)
    for i, color in enumerate(colors[1:3]):  # the middle half of the height at full width
        assert np.abs(record_of("center")[16 * i + 4 : 16 * i + 12] - color).max() < 8
    for i, color in enumerate(colors):
        assert np.abs(record_of("stretch")[8 * i + 3 : 8 * i + 5] - color).max() < 25
        assert np.abs(record_of("pad")[8 * i + 3 : 8 * i + 5, 18:46] - color).max() < 25
    assert (record_of("pad")[:, :15] == 9).all() and (record_of("pad")[:, -15:] == 9).all()


@pytest.mark.parametrize("size", ((1, 1), (1, 500), (500, 1), (7, 3)))
def test_the_smallest_and_the_thinnest(tmp_path, size):
    Image.new("RGB", size, (200, 100, 50)).save(str(tmp_path / "a.png"))
    for to in (32, "16x64", "64x16"):
        for crop in ("center", "pad", "stretch"):
            options = RECIPE._replace(size=to, crop=crop, background=(200, 100, 50))
            record = decode_alone(str(tmp_path / "a.png"), options)
            assert record.shape == options.shape
            assert np.abs(record.astype(int) - [200, 100, 50]).max() <= 1, options


def test_shrinking_is_antialiased(tmp_path):
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(str(tmp_path / "a.png"))
    assert np.abs(decode_alone(str(tmp_path / "a.png"), RECIPE)[2:-2, 2:-2].astype(int) - 127).max() <= 3


@pytest.mark.parametrize("crop", ("center", "pad", "stretch"))
def test_a_large_jpeg_is_decoded_at_a_fraction_of_its_size(tmp_path, monkeypatch, crop):
    path, sizes = str(tmp_path / "a.jpg"), []
    motif(1200, 800).save(path, quality=90)
    load = Image.Image.load
    monkeypatch.setattr(Image.Image, "load", lambda self: sizes.append(self.size) or load(self))
    record = decode_alone(path, RECIPE._replace(crop=crop, background=(0, 0, 0)))
    assert max(sizes) == (150, 100)
    if crop != "pad":
        assert quarters(record) == pytest.approx(np.float64(COLOURS), abs=8)


def test_an_image_above_pillows_limit(tmp_path):
    """Its JPEG is decoded at an eighth of its size. Pillow's limit for the rest of the process stays what it was."""
    path, before = str(tmp_path / "a.jpg"), Image.MAX_IMAGE_PIXELS
    Image.new("L", (14000, 14000), 200).save(path)
    with pytest.raises(BadImageError) as raised:
        decode_alone(path, RECIPE)
    reason = "Image size (196000000 pixels) exceeds limit of 179000000 pixels; to use it, raise max_megapixels"
    assert str(raised.value) == reason
    assert (decode_alone(path, RECIPE._replace(max_pixels=196 * 10**6)) == 200).all()
    assert before == Image.MAX_IMAGE_PIXELS


def test_integers_beyond_16_bits_are_stretched(tmp_path):
    ramp = np.linspace(-(10**6), 10**6, 64).astype(np.int32) * np.ones((64, 1), np.int32)
    Image.fromarray(ramp).save(str(tmp_path / "a.tif"))
    record = decode_alone(str(tmp_path / "a.tif"), RECIPE._replace(size=64))
    assert np.abs(record[5, :, 0] - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.parametrize("white", (1, 255))
@pytest.mark.parametrize("over", (-0.05, -0.002, 1.002, 1.08), ids=str)
def test_slight_overshoots_of_floats_are_clipped(tmp_path, white, over):
    ramp = np.tile(np.linspace(0, 1, 64), (64, 1))
    ramp[0, 0] = over
    Image.fromarray(np.float32(ramp * white)).save(str(tmp_path / "a.tif"))
    record = decode_alone(str(tmp_path / "a.tif"), RECIPE._replace(size=64))
    assert np.abs(record[5, :, 0] - np.linspace(0, 255, 64)).max() <= 1
    assert record[0, 0, 0] == (0 if over < 0 else 255)


def test_nan_is_black(tmp_path):
    values = np.full((20, 20), 0.5, np.float32)
    values[:10] = np.nan
    Image.fromarray(values).save(str(tmp_path / "a.tif"))
    record = decode_alone(str(tmp_path / "a.tif"), RECIPE._replace(size=20))
    assert (record[:8] == 0).all() and np.abs(record[12:].astype(int) - 128).max() <= 1


def test_extensions_of_image_formats():
    for name in ("a.jpg", "A.JPEG", b"\xff.PNG", "x.y.webp", "p.heic", "scan.tiff"):
        assert has_image_extension(name)
    for name in ("a.arw", "a.orf", "a.rw2", "a.pef", "a.srw", "a.cr2", "a.CR3", "a.nef", "a.x3f", "a.dcm", "a.exr"):
        assert has_image_extension(name), name
    for name in ("a.hdr", "a.fits", "a.psd", "a.psb", "a.jxr", "a.jls", "a.jph", "a.xcf", "a.djvu"):
        assert has_image_extension(name), name
    for name in ("a.txt", "jpg", "a.jpg.part", "film.mpeg", "paper.pdf", ""):
        assert not has_image_extension(name)


def test_a_format_that_is_not_read_is_known_by_its_content(tmp_path):
    """DICOM files often have no extension."""
    (tmp_path / "IM0001").write_bytes(bytes(128) + b"DICM" + bytes(100))
    with pytest.raises(BadImageError, match="DICOM, not in a format that Pillow"):
        decode_alone(str(tmp_path / "IM0001"), RECIPE)


@pytest.mark.parametrize("options", ({}, {"progressive": True}, {"subsampling": 0}), ids=str)
def test_a_jpeg_of_which_pixels_are_missing_is_refused(tmp_path, options):
    """A truncated file is refused wherever it was cut, but a file that lacks only the end marker is decoded."""
    path, pixels = tmp_path / "a.jpg", np.random.RandomState(0).randint(0, 256, (48, 48, 3)).astype(np.uint8)
    jpeg = odd_files.saved(Image.fromarray(pixels), "JPEG", **options)
    path.write_bytes(jpeg)
    whole = decode_alone(str(path), RECIPE)
    for left_out in (1, 2):
        path.write_bytes(jpeg[:-left_out])
        assert np.array_equal(decode_alone(str(path), RECIPE), whole)
    for left_out in (*range(3, 60), 200, 500, 1000):
        path.write_bytes(jpeg[:-left_out])
        with pytest.raises(BadImageError, match="truncated"):
            decode_alone(str(path), RECIPE)


@pytest.mark.parametrize("crop", ("center", "pad", "stretch"))
@pytest.mark.parametrize("size", (16, 200))
def test_the_color_of_transparent_pixels_does_not_bleed_into_edges(tmp_path, crop, size):
    """A red disc; the transparent pixels around it are green, which must not show."""
    y, x = np.mgrid[:64, :80]
    disc = (y - 32) ** 2 + (x - 40) ** 2 < 20**2
    image = np.where(disc[..., None], np.uint8([200, 0, 0, 255]), np.uint8([0, 255, 0, 0]))
    Image.fromarray(image).save(str(tmp_path / "a.png"))
    record = decode_alone(str(tmp_path / "a.png"), WITH_ALPHA._replace(size=size, crop=crop))
    assert np.abs(record[..., 0] - record[..., 3] * (200 / 255.0)).max() <= 1.5  # the same red up to the edge
    assert not record[..., 1:3].any() and not unpremultiply(record)[..., 1:3].any()
    assert ((record[..., 3] > 0) & (record[..., 3] < 255)).any() and (record[0, :, 3] == 0).all()


def test_colors_never_exceed_alpha(tmp_path):
    """Resizing overshoots next to half-transparent black and white stripes."""
    stripes = np.uint8([[[255, 255, 255, 128]] * 5 + [[0, 0, 0, 128]] * 5] * 10)
    Image.fromarray(stripes).save(str(tmp_path / "a.png"))
    record = decode_alone(str(tmp_path / "a.png"), WITH_ALPHA._replace(size=64))
    assert (record[..., :3] <= record[..., 3:]).all() and record[..., :3].max() == 128


def test_what_has_no_alpha_is_opaque_and_borders_are_transparent(tmp_path):
    path = str(tmp_path / "a.png")
    Image.new("RGB", (20, 10), (10, 120, 250)).save(path)
    record = decode_alone(path, WITH_ALPHA._replace(crop="pad"))
    assert (record[9:23] == [10, 120, 250, 255]).all() and not record[:8].any() and not record[-8:].any()


@pytest.mark.parametrize("mode", ("P", "LA", "L", "RGB"))
def test_transparency_of_other_modes(tmp_path, mode):
    """The left half is gray, the right half transparent: by a palette entry, alpha, or a transparent color."""
    path, half = str(tmp_path / "a.png"), np.uint8([[200] * 16 + [3] * 16] * 32)
    if mode == "LA":
        Image.merge("LA", [Image.fromarray(half), Image.fromarray(np.uint8(half == 200) * 255)]).save(path)
    else:
        Image.fromarray(half).convert(mode).save(path, transparency={"P": 3, "L": 3, "RGB": (3, 3, 3)}[mode])
    record = decode_alone(path, WITH_ALPHA)
    assert (record[:, :16] == [200, 200, 200, 255]).all() and not record[:, 16:].any()
