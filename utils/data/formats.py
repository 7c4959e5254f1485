"""Which files are images: by the name of a file, and by how its content begins."""

import os

from PIL import Image

# Formats that Pillow only identifies, or opens by starting another program.
NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Of cameras. Pillow would read many of these as TIFF, that is, find only the small preview in them.
_RAW = {
    ".3fr", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".drf", ".eip", ".erf", ".fff",
    ".gpr", ".iiq", ".k25", ".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".r3d",
    ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip

# Other image formats that Pillow does not read, or not in every version. Such a file is reported as unusable, not
# ignored.
_UNSUPPORTED = {
    ".avif", ".avifs", ".bpg", ".cin", ".czi", ".dcm", ".dic", ".dicom", ".djv", ".djvu", ".dpx", ".exr", ".fit",
    ".fits", ".flif", ".fts", ".hdp", ".hdr", ".heic", ".heics", ".heif", ".heifs", ".hif", ".ima", ".j2c", ".j2k",
    ".jbg", ".jbig", ".jhc", ".jls", ".jng", ".jp2", ".jpc", ".jpf", ".jph", ".jpm", ".jpx", ".jxl", ".jxr", ".kra",
    ".lif", ".lsm", ".mha", ".mrxs", ".nd2", ".ndpi", ".nii", ".nrrd", ".oib", ".oif", ".ora", ".pam", ".pfm", ".pic",
    ".pict", ".psb", ".psd", ".qoi", ".rgbe", ".scn", ".svg", ".svgz", ".svs", ".vsi", ".wdp", ".xcf", ".xpm",
}  # fmt: skip

# (place, bytes, format) of files that are often without an extension, or renamed.
_SIGNATURES = (
    (128, b"DICM", "DICOM"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"8BPS", "Photoshop"),
    (0, b"\xff\x0a", "JPEG XL"),
    (4, b"JXL \r\n\x87\n", "JPEG XL"),
    (4, b"ftypheic", "HEIC"),
    (4, b"ftypheix", "HEIC"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftypcrx", "Canon raw"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (0, b"IIU\0", "Panasonic raw"),
    (0, b"IIRO", "Olympus raw"),
    (0, b"FOVb", "Sigma raw"),
    (0, b"II\xbc\x01", "JPEG XR"),
)
HEAD = 132  # bytes in which they all lie


def claims_to_be_an_image(path):
    """Return whether a file's name has the extension of an image format."""
    extension = _extension(path)
    return (
        extension in _RAW
        or extension in _UNSUPPORTED
        or Image.registered_extensions().get(extension, "PDF") not in NOT_READ
    )


def is_raw(path):
    """Return whether a file's name has the extension of a camera's raw format."""
    return _extension(path) in _RAW


def name_of(head):
    """Return the name of the image format that the first bytes are of, if it is a known one; else ''."""
    return next((name for place, start, name in _SIGNATURES if head[place : place + len(start)] == start), "")


def _extension(path):
    return os.path.splitext(os.fsdecode(path))[1].lower()
