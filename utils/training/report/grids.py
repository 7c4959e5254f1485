"""The grids of samples in the report: some of the grids in samples_dir, evenly spaced over time and reduced in size."""

import io
import os

from PIL import Image

from utils.output.html import data_uri
from utils.tasks.timelapse import belongs_to_run, grid_files, read_grid

_MAX_GRIDS = 40
_SIZE = 1024  # pixels of the longest side
_MAX_BYTES = 6 * 10**6  # bytes: the total size of the URIs
_QUALITY = 80


class Grids:
    """Reads the grids of a run, each only once."""

    def __init__(self, samples_dir, run_id):
        self._samples_dir, self._run_id = samples_dir, run_id
        self._every, self._count = 1, 0  # every n-th of the grids was shown last; the number of grids at that time
        self._uris = {}  # {(path, time of change, bytes): URI, or None if the grid is left out}

    def up_to(self, step):
        """Return (step, URI) of at most 40 of the grids up to a step, by step, including the newest.

        It shows every n-th grid, with a power of 2 as n, so that the grids stay the same while the run grows. It leaves
        out damaged grids and grids of other runs.
        """
        files = [(grid_step, path) for grid_step, path in grid_files(self._samples_dir) if grid_step <= step]
        every = self._every if len(files) >= self._count else 1  # fewer grids than before: the run was restarted
        while True:
            while len(files[::every]) >= _MAX_GRIDS:
                every *= 2
            grids = self._read(files[::every] + files[-1:] * ((len(files) - 1) % every != 0))
            if sum(len(uri) for _, uri in grids) <= _MAX_BYTES or every >= len(files):
                self._every, self._count = every, len(files)
                return grids
            every *= 2

    def _read(self, files):
        keys = [(step, _key(path)) for step, path in files]
        self._uris = {key: self._uris[key] if key in self._uris else self._uri(key[0]) for _, key in keys}
        return [(step, self._uris[key]) for step, key in keys if self._uris[key]]

    def _uri(self, path):
        return grid_uri(path) if belongs_to_run(path, self._run_id) else None


def _key(path):
    """Return a key that changes with the file: after a rollback, grids are written again."""
    status = os.stat(path)
    return path, status.st_mtime_ns, status.st_size


def grid_uri(path):
    """Return a grid as the URI of an image of at most 1024 pixels a side; None if its file is damaged."""
    image = read_grid(path, _SIZE)
    if image is None:
        return None
    Image.init()
    format = "WEBP" if "WEBP" in Image.SAVE else "JPEG"
    buffer = io.BytesIO()
    image.save(buffer, format, quality=_QUALITY, method=2)  # 512x512 pixels: 60 kB in 15 ms
    return data_uri(buffer.getvalue(), f"image/{format.lower()}")
