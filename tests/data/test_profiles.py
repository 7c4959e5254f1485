"""Images with embedded color profiles are converted to sRGB; all others keep their pixels."""

import io
import itertools
import struct
import zlib

import numpy as np
import odd_files
import pytest
from PIL import Image, ImageCms
from preparing import RECIPE, decode_here, load, own_folders

from utils.data import decode, depths, index, pool, prepare, profiles

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))  # XYZ of R, G, B
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
WHITE = (0.9642, 1.0, 0.8249)  # D50


def profile(space, tags, connection=b"XYZ "):
    """Return the bytes of an ICC profile, version 2; tags: {name: contents}."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x" + bytes(79), b"wtpt": xyz(WHITE), **tags}
    table, data, start = b"", b"", 132 + 12 * len(tags)
    for name, content in tags.items():
        table += struct.pack(">4sII", name, start + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    header = (
        struct.pack(">IIIII", start + len(data), 0, 0x02400000, *struct.unpack(">II", b"mntr" + space)) + connection
    )
    header = header.ljust(36, b"\0") + b"acsp"
    return (header.ljust(68, b"\0") + xyz(WHITE)[8:]).ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def xyz(values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65536 * value) for value in values))


def curve(gamma):
    """Return a curve with this exponent, or, for "sRGB", with 1024 values of the curve of sRGB."""
    values = [int(256 * gamma)] if gamma != "sRGB" else [int(65535 * linear(i / 1023.0)) for i in range(1024)]
    return b"curv" + bytes(4) + struct.pack(f">I{len(values)}H", len(values), *values) + bytes(2)


def linear(x):
    """Return the light of a value of sRGB, both in [0, 1]."""
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def rgb(primaries, gamma):
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    return profile(
        b"RGB ", {**dict(zip(names, map(xyz, primaries))), **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve(gamma))}
    )


def gray(gamma):
    return profile(b"GRAY", {b"kTRC": curve(gamma)})


INKS = np.array([(0, 158, 224), (230, 0, 126), (255, 237, 0), (30, 30, 30)]) / 255.0  # cyan, magenta, yellow, black


def cmyk():
    """A profile with a table of the colors of all mixtures of inks, none of which is darker than black ink."""
    table = b"".join(
        lab(np.prod([ink if used else np.ones(3) for ink, used in zip(INKS, mixture)], axis=0).clip(INKS[3]))
        for mixture in itertools.product((0, 1), repeat=4)
    )
    matrix = struct.pack(">9i", *np.int32(65536 * np.eye(3)).ravel())
    lookup = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + matrix + bytes(range(256)) * 4 + table + bytes(range(256)) * 3
    return profile(b"CMYK", {b"A2B0": lookup, b"A2B1": lookup}, connection=b"Lab ")


def lab(color):
    """Return the 8-bit Lab of an sRGB color in [0, 1]."""
    x, y, z = np.cbrt(linear(color) @ np.array(SRGB) / WHITE)  # close enough for bright colors
    return bytes(np.uint8([2.55 * (116 * y - 16), 128.5 + 500 * (x - y), 128.5 + 200 * (y - z)]).tolist())


def decoded(path, options=RECIPE):
    """Return the mean color of a file's record, and what became of its profile."""
    try:
        record, outcome = decode.decode(str(path), options, {})
    except depths.UnknownLevelError as error:
        record, outcome = decode.decode(str(path), options, depths.estimate_levels([error.value_range], 65535))
    return record.mean((0, 1)).round().tolist(), outcome


def save(path, color, mode, **options):
    Image.new(mode, (20, 16), color).save(str(path), **options)


@pytest.mark.parametrize(
    "form, mode, color, icc, expected",
    (
        ("PNG", "RGB", (234, 51, 35), rgb(P3, "sRGB"), (255, 0, 0)),
        ("PNG", "RGB", (219, 0, 0), rgb(ADOBE, 2.19921875), (255, 0, 0)),
        ("TIFF", "RGB", (144, 255, 60), rgb(ADOBE, 2.19921875), (0, 255, 0)),
        ("WEBP", "RGB", (234, 51, 35), rgb(P3, "sRGB"), (255, 0, 0)),
        ("JPEG", "RGB", (234, 51, 35), rgb(P3, "sRGB"), (255, 0, 0)),
        ("PNG", "L", 128, gray(1.0), (188, 188, 188)),
        ("PNG", "L", 128, rgb(SRGB, 1.0), (188, 188, 188)),
        ("PNG", "I;16", 128 * 257, gray(1.0), (188, 188, 188)),
        ("PNG", "LA", (128, 255), gray(1.0), (188, 188, 188)),
        ("PNG", "RGBA", (234, 51, 35, 255), rgb(P3, "sRGB"), (255, 0, 0)),
        ("JPEG", "CMYK", (255, 0, 0, 0), cmyk(), (0, 158, 224)),
        ("TIFF", "CMYK", (0, 255, 255, 0), cmyk(), (230, 0, 0)),
        ("TIFF", "CMYK", (0, 0, 0, 255), cmyk(), (0, 0, 0)),
    ),
)
def test_colors_are_converted(tmp_path, form, mode, color, icc, expected):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(form, {})
    save(tmp_path / "a", color, mode, format=form, icc_profile=icc, **options)
    mean, outcome = decoded(tmp_path / "a")
    assert mean == pytest.approx(expected, abs=6) and outcome == profiles.CONVERTED
    (in_gray,), _ = decoded(tmp_path / "a", RECIPE._replace(channels=1))
    assert in_gray == pytest.approx(odd_files.gray(np.array([expected]))[0, 0], abs=6)


def test_transparency_is_kept(tmp_path):
    """Fully transparent pixels of a palette, and half transparent ones; the background is not converted."""
    icc = rgb(P3, "sRGB")
    save(tmp_path / "half", (234, 51, 35, 128), "RGBA", format="PNG", icc_profile=icc)
    assert decoded(tmp_path / "half", RECIPE._replace(channels=4, background=()))[0] == [128, 0, 0, 128]
    image = Image.new("P", (20, 16), 1)
    image.putpalette([234, 51, 35, 7, 7, 7])
    image.paste(0, (10, 0, 20, 16))
    image.save(str(tmp_path / "palette"), format="PNG", icc_profile=icc, transparency=1)
    record, outcome = decode.decode(str(tmp_path / "palette"), RECIPE._replace(background=(10, 120, 250)), {})
    assert record[8, 1].tolist() == [10, 120, 250] and record[8, -2].tolist() == [255, 0, 0]
    assert outcome == profiles.CONVERTED


SRGB_PROFILES = {
    "none": None,
    "of LittleCMS": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    "with a table": rgb(SRGB, "sRGB"),
    "gray": gray("sRGB"),
}


@pytest.mark.parametrize("name", SRGB_PROFILES)
def test_srgb_keeps_its_pixels(tmp_path, name):
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (20, 16, 3)).astype(np.uint8))
    noise = noise.convert("L") if name == "gray" else noise
    noise.save(str(tmp_path / "plain.png"))
    noise.save(str(tmp_path / "a.png"), icc_profile=SRGB_PROFILES[name])
    (expected, _), (record, outcome) = (decode.decode(str(tmp_path / n), RECIPE, {}) for n in ("plain.png", "a.png"))
    assert np.array_equal(record, expected) and outcome == profiles.NONE


def with_bad_compression(png):
    """Return a PNG whose profile cannot be decompressed, although the checksum is right."""
    at = png.index(b"iCCP")
    (length,) = struct.unpack(">I", png[at - 4 : at])
    chunk = b"iCCP" + b"x\0\0" + b"\xff" * (length - 3)
    return png[:at] + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at + 8 + length :]


def with_half_a_profile(jpeg):
    """Return a JPEG that announces a second part of its profile, which is missing."""
    at = jpeg.index(b"ICC_PROFILE\0") + 13
    return jpeg[:at] + b"\2" + jpeg[at + 1 :]


DAMAGED = {
    "text": ("PNG", "RGB", b"no profile at all", bytes),
    "cut off": ("PNG", "RGB", rgb(P3, "sRGB")[:300], bytes),
    "black": ("PNG", "RGB", rgb([(0, 0, 0)] * 3, "sRGB"), bytes),
    "not compressed": ("PNG", "RGB", rgb(P3, "sRGB"), with_bad_compression),
    "half": ("JPEG", "RGB", rgb(P3, "sRGB"), with_half_a_profile),
    "of gray images": ("PNG", "RGB", gray(1.0), bytes),
    "of RGB images": ("JPEG", "CMYK", rgb(P3, "sRGB"), bytes),
    "of another space": ("TIFF", "RGB", profile(b"Luv ", {}), bytes),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_profile_is_ignored(tmp_path, name):
    form, mode, icc, change = DAMAGED[name]
    image, file = odd_files.motif().convert(mode), io.BytesIO()
    image.save(file, form, icc_profile=icc)
    (tmp_path / "a").write_bytes(change(file.getvalue()))
    image.save(str(tmp_path / "plain"), form)
    (expected, _), (record, outcome) = (decode.decode(str(tmp_path / n), RECIPE, {}) for n in ("plain", "a"))
    assert np.array_equal(record, expected) and outcome == profiles.DAMAGED


def test_a_large_jpeg_is_converted_at_a_fraction_of_its_size(tmp_path, monkeypatch):
    sizes, apply = [], ImageCms.ImageCmsTransform.apply
    save(tmp_path / "a", (234, 51, 35), "RGB", format="JPEG", icc_profile=rgb(P3, "sRGB"))
    decoded(tmp_path / "a")  # the transform exists from now on
    Image.new("RGB", (1200, 800)).save(str(tmp_path / "b"), format="JPEG", icc_profile=rgb(P3, "sRGB"))
    monkeypatch.setattr(ImageCms.ImageCmsTransform, "apply", lambda self, im: sizes.append(im.size) or apply(self, im))
    assert decoded(tmp_path / "b")[1] == profiles.CONVERTED and sizes == [(150, 100)]


def test_what_is_said_about_profiles(tiny, pics, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "decode_all", decode_here)
    run = own_folders(tiny.run, pics, tmp_path)
    for name, icc in (("1", rgb(P3, "sRGB")), ("2", rgb(P3, "sRGB")), ("3", rgb(SRGB, "sRGB")), ("4", b"no")):
        save(pics / "red" / name, (234, 51, 35), "RGB", format="PNG", icc_profile=icc)
    for decoded_files in (16, 0):  # the second time from the cache
        summary = load(run)[1]
        assert (summary.decoded, summary.profiles) == (decoded_files, {"converted": 2, "damaged": 1})
    dataset, _ = prepare.prepare_images(run, RECIPE)
    assert dataset.why_changed(4) == "; new in this version: color profiles are converted"
    assert dataset.why_changed(index.VERSION) == ""
    # Without LittleCMS: a cache with the converted images stays valid.
    profiles._transform.cache_clear()
    for name in ("core", "_imagingcms"):
        if hasattr(ImageCms, name):
            monkeypatch.setattr(ImageCms, name, Missing())
    (pics / "red" / "1").rename(pics / "red" / "5")
    summary = load(run)[1]
    assert summary.profiles == {"converted": 1, "unsupported": 1, "damaged": 1} and summary.decoded == 1


class Missing:
    """A module that Pillow was built without."""

    def __getattr__(self, name):
        raise ImportError("No module named _imagingcms")
