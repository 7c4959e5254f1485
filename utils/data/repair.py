"""Slight damage to image files that other viewers overlook, too: what it spoils is not the image."""

import io
import struct
import zlib

_PNG = b"\x89PNG\r\n\x1a\n"
_PIECE = 2**20  # bytes that are read at once
_END = b"\xff\xd9"  # of a JPEG


# What would be read as part of a JPEG image if something of it was missing; different bits from the first one on.
_PIXELS = (b"\xaa" * 200, b"\x55" * 200, bytes(range(254, 54, -1)))


def _restarts(first):
    """Return pixels behind restart markers, the first of this number; decoders skip those that they do not expect."""
    return b"".join(bytes([255, 0xD0 + (first + i) % 8]) + _PIXELS[i % 3] for i in range(16))


def without_bad_chunks(file):
    """Return a file to read in place of `file`: of a PNG, without the optional chunks whose checksums are wrong.

    Raise OSError if the checksum of another chunk is wrong. file: open, at its start, as the returned one is.
    """
    bad = _bad_chunks(file)
    file.seek(0)
    if not bad:
        return file
    data, pieces, start = file.read(), [], 0
    for begin, end in bad:
        pieces.append(data[start:begin])
        start = end
    return io.BytesIO(b"".join([*pieces, data[start:]]))


def _bad_chunks(file):
    """Return (begin, end) of the optional chunks of a PNG whose checksums are wrong; [] for another file."""
    bad, begin = [], len(_PNG)
    if file.read(begin) != _PNG:
        return bad
    while True:
        head = file.read(8)
        if len(head) < 8:  # truncated, or complete
            return bad
        length, name = struct.unpack(">I4s", head)
        checksum = _checksum(file, length, zlib.crc32(name))
        stored = file.read(4)
        if len(stored) < 4:
            return bad
        end = begin + 12 + length
        if struct.unpack(">I", stored)[0] != checksum:
            if not name[0] & 32:  # a capital first letter: needed to show the image
                raise OSError(f"bad checksum in {name.decode('ascii', 'backslashreplace')}")
            bad.append((begin, end))
        if name == b"IEND":
            return bad
        begin = end


def _checksum(file, length, checksum):
    """Return the CRC-32 of the next bytes of the file, continued from `checksum`."""
    while length:
        piece = file.read(min(length, _PIECE))
        if not piece:
            break
        checksum = zlib.crc32(piece, checksum)
        length -= len(piece)
    return checksum


def load_without_end(file, load):
    """Return the image load(file) of a JPEG that lacks only its end marker; None if pixels are missing, too.

    Nothing is missing if what is put in place of the end makes no difference. load may raise OSError.
    """
    file.seek(0)
    data = file.read().rstrip(_END[:1])  # half an end marker
    try:
        image = load(io.BytesIO(data + _END))
        others = [load(io.BytesIO(data + filling + _END)) for filling in (*_PIXELS, _restarts(0), _restarts(4))]
    except OSError:
        return None
    content = image.tobytes()
    return image if all(other.tobytes() == content for other in others) else None
