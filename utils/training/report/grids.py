"""The grids of samples in the report: some of those in samples_dir, evenly spaced over time, made small."""

import io
import os

from PIL import Image

from utils.output.html import data_uri
from utils.tasks.timelapse import belongs_to_run, grid_files, read_grid

_MAX_GRIDS = 40
_SIZE = 1024  # pixels: the longest side
_BYTES = 6 * 10**6  # of all of them, as they are in the page
_QUALITY = 80


class Grids:
    """Reads the grids of a run; those that it has read before, it keeps."""

    def __init__(self, samples_dir, run_id):
        self._samples_dir, self._run_id = samples_dir, run_id
        self._every, self._count = 1, 0  # which grids were shown last, and how many there were
        self._kept = {}  # {(path, time of change, bytes): the URI of the grid, or None for one that is left out}

    def up_to(self, step):
        """Return (step, URI) of at most 40 of the grids up to a step, by step, the newest one among them.

        Every n-th grid, n a power of 2, so that those which are shown stay the same while the run grows. Grids of other
        runs and damaged ones are left out.
        """
        files = [(grid_step, path) for grid_step, path in grid_files(self._samples_dir) if grid_step <= step]
        every = self._every if len(files) >= self._count else 1  # fewer grids: the run was started again
        while True:
            while len(files[::every]) >= _MAX_GRIDS:
                every *= 2
            grids = self._read(files[::every] + files[-1:] * ((len(files) - 1) % every != 0))
            if sum(len(uri) for _, uri in grids) <= _BYTES or every >= len(files):
                self._every, self._count = every, len(files)
                return grids
            every *= 2

    def _read(self, files):
        keys = [(step, _key(path)) for step, path in files]
        self._kept = {key: self._kept[key] if key in self._kept else self._uri(key[0]) for _, key in keys}
        return [(step, self._kept[key]) for step, key in keys if self._kept[key]]

    def _uri(self, path):
        return uri_of(path) if belongs_to_run(path, self._run_id) else None


def _key(path):
    """Return what tells whether a file has changed: after a rollback, grids are written again."""
    status = os.stat(path)
    return path, status.st_mtime_ns, status.st_size


def uri_of(path):
    """Return a grid as the URI of an image of at most 1024 pixels a side; None if its file is damaged."""
    image = read_grid(path, _SIZE)
    if image is None:
        return None
    Image.init()
    format = "WEBP" if "WEBP" in Image.SAVE else "JPEG"
    buffer = io.BytesIO()
    image.save(buffer, format, quality=_QUALITY, method=2)  # of 512 x 512 pixels: 60 kB in 15 ms
    return data_uri(buffer.getvalue(), f"image/{format.lower()}")
