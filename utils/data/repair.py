"""Read image files with minor damage, which leaves the pixels intact and which other viewers ignore."""

import io
import struct
import zlib

PNG = b"\x89PNG\r\n\x1a\n"  # the first bytes of a PNG
_END = b"\xff\xd9"  # the end marker of a JPEG

# Data that a decoder would interpret as pixels if pixels were missing. No two of these start with the same two bits.
_PIXELS = (b"\xaa" * 200, b"\x55" * 200, bytes(range(254, 54, -1)))


def _restarts(first):
    """Return pixels after restart markers numbered from `first`; decoders skip markers that they do not expect."""
    return b"".join(bytes([255, 0xD0 + (first + i) % 8]) + _PIXELS[i % 3] for i in range(16))


def without_bad_chunks(file):
    """Return an open PNG file without the optional chunks whose checksums are wrong.

    Raise OSError if the checksum of a required chunk is wrong.
    """
    data, kept, begin, name = file.read(), bytearray(PNG), len(PNG), b""
    while name != b"IEND" and begin + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, begin)
        chunk = data[begin : begin + 12 + length]
        begin += len(chunk)
        if len(chunk) < 12 + length or zlib.crc32(chunk[4:-4]) == int.from_bytes(chunk[-4:], "big"):
            kept += chunk
        elif not name[0] & 32:  # a capital first letter marks a required chunk
            raise OSError(f"bad checksum in {name.decode('ascii', 'backslashreplace')}")
    return io.BytesIO(kept + data[begin:])


def load_without_end(file, load):
    """Return the image load(file) of a JPEG that lacks only its end marker; None if pixels are also missing.

    The image is complete if it is the same with different data in place of the missing end. load may raise OSError.
    """
    file.seek(0)
    data = file.read().rstrip(_END[:1])  # removes half an end marker
    try:
        image, *variants = [load(io.BytesIO(data + end + _END)) for end in (b"", *_PIXELS, _restarts(0), _restarts(4))]
    except OSError:
        return None
    pixels = image.tobytes()
    return image if all(variant.tobytes() == pixels for variant in variants) else None
