"""Image formats, recognized by a file's extension or by its first bytes."""

import os

from PIL import Image

# Pillow only identifies these formats, or opens them by starting another program.
NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}

# Camera raw formats. Pillow opens many of them as TIFF, but reads only the small preview.
RAW = {
    ".3fr", ".arw", ".bay", ".cap", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".drf", ".eip", ".erf", ".fff",
    ".gpr", ".iiq", ".k25", ".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".ptx", ".r3d",
    ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
}  # fmt: skip

# Other image formats that Pillow does not read, or that only some of its versions read. Files in these formats are
# reported as unusable, not ignored.
_UNSUPPORTED = {
    ".avif", ".avifs", ".bpg", ".cin", ".czi", ".dcm", ".dic", ".dicom", ".djv", ".djvu", ".dpx", ".exr", ".fit",
    ".fits", ".flif", ".fts", ".hdp", ".hdr", ".heic", ".heics", ".heif", ".heifs", ".hif", ".ima", ".j2c", ".j2k",
    ".jbg", ".jbig", ".jhc", ".jls", ".jng", ".jp2", ".jpc", ".jpf", ".jph", ".jpm", ".jpx", ".jxl", ".jxr", ".kra",
    ".lif", ".lsm", ".mha", ".mrxs", ".nd2", ".ndpi", ".nii", ".nrrd", ".oib", ".oif", ".ora", ".pam", ".pfm", ".pic",
    ".pict", ".psb", ".psd", ".qoi", ".rgbe", ".scn", ".svg", ".svgz", ".svs", ".vsi", ".wdp", ".xcf", ".xpm",
}  # fmt: skip

# (format, offset, bytes at this offset) for files that are often renamed or have no extension.
_SIGNATURES = (
    ("DICOM", 128, b"DICM"),
    ("OpenEXR", 0, b"\x76\x2f\x31\x01"),
    ("Radiance HDR", 0, (b"#?RADIANCE", b"#?RGBE")),
    ("FITS", 0, b"SIMPLE  ="),
    ("Photoshop", 0, b"8BPS"),
    ("JPEG XL", 0, b"\xff\x0a"),
    ("JPEG XL", 4, b"JXL \r\n\x87\n"),
    ("JPEG XR", 0, b"II\xbc\x01"),
    ("HEIC", 4, (b"ftypheic", b"ftypheix")),
    ("HEIF", 4, b"ftypmif1"),
    ("AVIF", 4, b"ftypavif"),
    ("Canon raw", 4, b"ftypcrx"),
    ("Fujifilm raw", 0, b"FUJIFILMCCD-RAW"),
    ("Panasonic raw", 0, b"IIU\0"),
    ("Olympus raw", 0, b"IIRO"),
    ("Sigma raw", 0, b"FOVb"),
)
HEAD = 132  # number of bytes at the start of a file that contain all signatures


def extension(path):
    """Return the extension of a file name, str or bytes, in lower case with its dot; '' if it has none."""
    return os.path.splitext(os.fsdecode(path))[1].lower()


def has_image_extension(path):
    """Return whether a file name has the extension of an image format, readable or not."""
    ending = extension(path)
    return ending in RAW | _UNSUPPORTED or Image.registered_extensions().get(ending, "PDF") not in NOT_READ


def unreadable_format(head):
    """Return the name of the unreadable image format that a file's first bytes indicate; '' if there is none."""
    return next((name for name, offset, start in _SIGNATURES if head.startswith(start, offset)), "")
