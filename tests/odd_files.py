"""Image files in many formats that all show the same motif, so that tests can check their colors."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

SIZE = 48
# The quarters of the motif: top left, top right, bottom left, bottom right.
COLOURS = np.array([[220, 40, 30], [40, 200, 60], [30, 60, 210], [240, 220, 60]], np.uint8)


def motif(width=SIZE, height=SIZE):
    """An RGB image with four quarters of different colors."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for i, color in enumerate(COLOURS):
        rows = slice(0, height // 2) if i < 2 else slice(height // 2, height)
        columns = slice(0, width // 2) if i % 2 == 0 else slice(width // 2, width)
        pixels[rows, columns] = color
    return Image.fromarray(pixels)


def quarters(record):
    """Return the mean color of the inner part of each quarter of a record: [4, C] float."""
    half = len(record) // 2
    inner = slice(half // 4, half - half // 4)
    corners = [record[:half, :half], record[:half, half:], record[half:, :half], record[half:, half:]]
    return np.array([corner[inner, inner].mean((0, 1)) for corner in corners])


def gray(colors=COLOURS):
    """Return the luminance of colors [n, 3], repeated in three channels: [n, 3]."""
    return np.repeat((colors @ np.array([0.299, 0.587, 0.114]))[:, None], 3, 1)


def saved(image, form, **options):
    """Return the bytes of an image file."""
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def half_transparent(mode, background=255):
    """The motif with its left half transparent, and its expected colors on a gray `background`."""
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[:, SIZE // 2 :] = 255
    image = motif().convert(mode[:-1])
    image.putalpha(Image.fromarray(alpha))
    colors = (COLOURS if mode == "RGBA" else gray()).astype(float)
    colors[[0, 2]] = background
    return image, colors


def palette_with_transparency():
    """The motif as a palette image whose first entry, the top left quarter, is transparent."""
    index = np.zeros((SIZE, SIZE), np.uint8)
    index[: SIZE // 2, SIZE // 2 :], index[SIZE // 2 :, : SIZE // 2], index[SIZE // 2 :, SIZE // 2 :] = 1, 2, 3
    image = Image.fromarray(index)
    image.putpalette(COLOURS.ravel().tolist())
    colors = COLOURS.astype(float)
    colors[0] = 255
    return image, colors


def oriented(orientation, form="JPEG", **options):
    """The motif, stored so that only applying the EXIF orientation makes it upright: bytes."""
    turns = {
        2: Image.FLIP_LEFT_RIGHT,
        3: Image.ROTATE_180,
        4: Image.FLIP_TOP_BOTTOM,
        5: Image.TRANSPOSE,
        6: Image.ROTATE_90,  # stored rotated left, to be displayed rotated right
        7: Image.TRANSVERSE,
        8: Image.ROTATE_270,
    }
    image = motif()
    if orientation in turns:
        image = image.transpose(turns[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    return saved(image, form, exif=exif.tobytes(), **options)


def one_bit():
    """A 1-bit image, and its colors: the left half black, the right half white."""
    image = Image.new("1", (SIZE, SIZE), 0)
    image.paste(1, (SIZE // 2, 0, SIZE, SIZE))
    return image, np.array([[0] * 3, [255] * 3, [0] * 3, [255] * 3])


def values(kind, scale):
    """The luminance of the motif times `scale`, converted to the given data type."""
    return Image.fromarray((np.asarray(motif().convert("L"), np.float64) * scale).astype(kind))


def animated(form):
    """Return an animation of two frames, the first of which is the motif: bytes."""
    others = [Image.new("RGB", (SIZE, SIZE), "black")]
    return saved(motif(), form, save_all=True, append_images=others, duration=100)


def usable():
    """Return {file name: (bytes, expected colors of the four quarters, tolerance)}."""
    rgb = motif()
    luminance, palette = gray(), palette_with_transparency()
    left = {mode: half_transparent(mode) for mode in ("RGBA", "LA")}
    files = {
        "rgb.jpg": (saved(rgb, "JPEG", quality=95), COLOURS, 8),
        "no end.jpg": (saved(rgb, "JPEG", quality=95)[:-2], COLOURS, 8),
        "half an end.jpg": (saved(rgb, "JPEG", quality=95)[:-1], COLOURS, 8),
        "no end progressive.jpg": (saved(rgb, "JPEG", quality=95, progressive=True)[:-2], COLOURS, 8),
        "no end.png": (saved(rgb, "PNG")[:-12], COLOURS, 1),
        "bad comment.png": (_with_bad_chunk(b"tEXt"), COLOURS, 1),
        "bad profile.png": (_with_bad_chunk(b"iCCP"), COLOURS, 1),
        "bad time.png": (_with_bad_chunk(b"tIME"), COLOURS, 1),
        "progressive.jpg": (saved(rgb, "JPEG", quality=95, progressive=True), COLOURS, 8),
        "rgb.png": (saved(rgb, "PNG"), COLOURS, 1),
        "rgb.bmp": (saved(rgb, "BMP"), COLOURS, 1),
        "rgb.tif": (saved(rgb, "TIFF"), COLOURS, 1),
        "deflated.tiff": (saved(rgb, "TIFF", compression="tiff_adobe_deflate"), COLOURS, 1),
        "rgb.webp": (saved(rgb, "WEBP", lossless=True), COLOURS, 1),
        "rgb.gif": (saved(rgb, "GIF"), COLOURS, 8),
        "rgb.ppm": (saved(rgb, "PPM"), COLOURS, 1),
        "rgb.tga": (saved(rgb, "TGA"), COLOURS, 1),
        "rgb.pcx": (saved(rgb, "PCX"), COLOURS, 1),
        "rgb.jp2": (saved(rgb, "JPEG2000"), COLOURS, 8),
        "rgb.ico": (saved(rgb, "ICO", sizes=[(SIZE, SIZE)]), COLOURS, 1),
        "rgb.sgi": (saved(rgb, "SGI"), COLOURS, 1),
        "UPPER.JPEG": (saved(rgb, "JPEG", quality=95), COLOURS, 8),
        "no ending": (saved(rgb, "PNG"), COLOURS, 1),
        "png called.jpg": (saved(rgb, "PNG"), COLOURS, 1),
        "jpeg called.txt": (saved(rgb, "JPEG", quality=95), COLOURS, 8),
        "gray.jpg": (saved(rgb.convert("L"), "JPEG", quality=95), luminance, 8),
        "gray.png": (saved(rgb.convert("L"), "PNG"), luminance, 2),
        "cmyk.jpg": (saved(rgb.convert("CMYK"), "JPEG", quality=95), COLOURS, 8),
        "cmyk.tif": (saved(rgb.convert("CMYK"), "TIFF"), COLOURS, 3),
        "ycbcr.tif": (saved(rgb.convert("YCbCr"), "TIFF", compression="jpeg"), COLOURS, 12),
        "lab.tif": (saved(_lab(rgb), "TIFF"), COLOURS, 12),
        "palette.png": (saved(rgb.convert("P", palette=Image.ADAPTIVE), "PNG"), COLOURS, 8),
        "palette hole.png": (saved(palette[0], "PNG", transparency=0), palette[1], 1),
        "palette hole.gif": (saved(palette[0], "GIF", transparency=0), palette[1], 1),
        "rgb hole.png": (saved(rgb, "PNG", transparency=tuple(COLOURS[0].tolist())), palette[1], 1),
        "rgba.png": (saved(left["RGBA"][0], "PNG"), left["RGBA"][1], 1),
        "rgba.webp": (saved(left["RGBA"][0], "WEBP", lossless=True), left["RGBA"][1], 1),
        "rgba.tif": (saved(left["RGBA"][0], "TIFF"), left["RGBA"][1], 1),
        "la.png": (saved(left["LA"][0], "PNG"), left["LA"][1], 2),
        "1 bit.png": (saved(one_bit()[0], "PNG"), one_bit()[1], 1),
        "1 bit.tif": (saved(one_bit()[0], "TIFF", compression="group4"), one_bit()[1], 1),
        "16 bit.png": (saved(values(np.uint16, 257), "PNG"), luminance, 2),
        "16 bit hole.png": (_sixteen_bit_hole(), np.array([[255] * 3, *luminance[1:]]), 2),
        "16 bit.tif": (saved(values(np.uint16, 257), "TIFF"), luminance, 2),
        "float to 1.tif": (saved(values(np.float32, 1 / 255.0), "TIFF"), luminance, 2),
        "float to 255.tif": (saved(values(np.float32, 1), "TIFF"), luminance, 2),
        "animated.gif": (animated("GIF"), COLOURS, 8),
        "animated.webp": (animated("WEBP"), COLOURS, 40),  # lossy
        "animated.png": (animated("PNG"), COLOURS, 1),
        "broken exif.jpg": (saved(rgb, "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"), COLOURS, 8),
    }
    for orientation in range(1, 9):
        files[f"turned {orientation}.jpg"] = (oriented(orientation, quality=95), COLOURS, 8)
    files["turned 6.png"] = (oriented(6, "PNG"), COLOURS, 1)
    files["turned 6.webp"] = (oriented(6, "WEBP"), COLOURS, 40)
    files["turned 6.tif"] = (oriented(6, "TIFF"), COLOURS, 1)
    files["turned 8.tif"] = (oriented(8, "TIFF", compression="tiff_lzw"), COLOURS, 1)
    return files


def _sixteen_bit_hole():
    """A 16-bit gray PNG whose tRNS chunk has the value of the top left quarter transparent: bytes."""
    png = saved(values(np.uint16, 257), "PNG")
    hole = int(np.asarray(motif().convert("L"))[0, 0]) * 257
    chunk = b"tRNS" + struct.pack(">H", hole)
    at = png.index(b"IDAT") - 4
    return png[:at] + struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[at:]


def _lab(rgb):
    from PIL import ImageCms

    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")


def _png(width, height, *chunks):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n"
    for name, content in [(b"IHDR", header), *chunks, (b"IEND", b"")]:
        data += struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    return data


def _with_bad_chunk(name):
    """The motif as a PNG, with an optional chunk whose checksum is wrong: bytes."""
    png = saved(motif(), "PNG")
    at = png.index(b"IDAT") - 4
    return png[:at] + struct.pack(">I", 8) + name + b"key\0text" + b"\0\0\0\0" + png[at:]


def _with_bad_data():
    """The motif as a PNG in which the checksum of the pixels is wrong: bytes."""
    png = saved(motif(), "PNG")
    at = png.index(b"IDAT")
    end = at + 4 + struct.unpack(">I", png[at - 4 : at])[0]
    return png[:end] + bytes([png[end] ^ 1]) + png[end + 1 :]


def unusable():
    """Return {file name: (bytes, part of the reason)}: damaged images, and other files that are named like images."""
    jpeg, png, gif = (saved(motif(), form) for form in ("JPEG", "PNG", "GIF"))
    webp, tiff = (saved(motif(), form) for form in ("WEBP", "TIFF"))
    return {
        "truncated.jpg": (jpeg[:-20], "truncated"),
        "truncated.png": (png[: len(png) // 2], ""),
        "truncated.gif": (gif[: len(gif) // 2], ""),
        "truncated.webp": (webp[: len(webp) // 2], ""),
        "truncated.tif": (tiff[: len(tiff) // 2], ""),
        "only a header.jpg": (jpeg[:20], ""),
        "empty.jpg": (b"", "an empty file"),
        "a page.jpg": (b"<html><body>404</body></html>", "not in a format that Pillow"),
        "zeros.png": (bytes(1000), "not in a format that Pillow"),
        "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100), "not in a format that Pillow"),
        "lying.png": (_png(5000, 5000, (b"IDAT", zlib.compress(bytes(1000)))), ""),
        "bomb.png": (_png(60000, 60000, (b"IDAT", zlib.compress(bytes(1000)))), "raise max_megapixels"),
        "text bomb.png": (_png(8, 8, (b"zTXt", b"k\0\0" + zlib.compress(bytes(2**21)))), ""),
        "bad pixels.png": (_with_bad_data(), "bad checksum in IDAT"),
        "half.jpg": (jpeg[: len(jpeg) // 2], "runcated"),
        "preview.nef": (tiff, "raw file"),
        "sony.arw": (tiff, "raw file"),
        "olympus.orf": (b"IIRO" + bytes(200), "Olympus raw, not in a format"),
        "scan.dcm": (bytes(128) + b"DICM" + bytes(200), "DICOM, not in a format"),
        "light.exr": (b"\x76\x2f\x31\x01" + bytes(200), "OpenEXR, not in a format"),
        "bad checksum.png": (png[:30] + bytes([png[30] ^ 1]) + png[31:], ""),
    }


def others():
    """Return {file name: bytes} of files that are not images and not named like images."""
    return {
        "notes.txt": b"remember the milk",
        "Thumbs.db": bytes(300),
        "film.mpg": b"\0\0\x01\xb3" + bytes(60),
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n",
        "nothing": b"",
    }
