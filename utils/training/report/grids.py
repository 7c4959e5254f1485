"""The sample grids in the report: some of the grids in samples_dir, evenly spaced over time and reduced in size."""

import functools
import io
import os

from PIL import Image

from utils.output.html import data_uri
from utils.tasks.timelapse import belongs_to_run, grid_files, read_grid

_MAX_GRIDS = 40
_SIZE = 1024  # pixels of the longest side
_MAX_BYTES = 6 * 10**6  # the total size of the data URIs
_QUALITY = 80


def select_grids(samples_dir, run_id, step):
    """Return (step, data URI) for at most 40 of a run's grids up to a step, in step order, including the newest.

    Every nth grid is selected, where n is the lowest power of 2 with which the grids also fit into _MAX_BYTES, so that
    the selection stays stable as the run grows. Damaged grids and grids from other runs are left out.
    """
    files = [(grid_step, path) for grid_step, path in grid_files(samples_dir) if grid_step <= step]
    every = 1
    while True:
        selected = files[::every] + files[-1:] * ((len(files) - 1) % every != 0)
        if len(selected) <= _MAX_GRIDS:
            uris = [(grid_step, _uri(path, run_id, os.stat(path).st_mtime_ns)) for grid_step, path in selected]
            grids = [(grid_step, uri) for grid_step, uri in uris if uri]
            if sum(len(uri) for _, uri in grids) <= _MAX_BYTES or every >= len(files):
                return grids
        every *= 2


@functools.lru_cache(maxsize=2 * _MAX_GRIDS)
def _uri(path, run_id, changed):
    """Return a grid's data URI, or None to leave it out; changed: its modification time (rollbacks rewrite grids)."""
    return grid_uri(path) if belongs_to_run(path, run_id) else None


def grid_uri(path):
    """Return a grid, at most 1024 pixels on a side, as a data URI; None if its file is damaged."""
    image = read_grid(path, _SIZE)
    if image is None:
        return None
    Image.init()
    format = "WEBP" if "WEBP" in Image.SAVE else "JPEG"
    buffer = io.BytesIO()
    image.save(buffer, format, quality=_QUALITY, method=2)  # 512x512 pixels: 60 kB in 15 ms
    return data_uri(buffer.getvalue(), f"image/{format.lower()}")
