"""The page itself: its template, filled, with styles, scripts and curves."""

import os
import time

from utils.output import files, html
from utils.training.report import contents, curves
from utils.training.report.grids import Grids, uri_of

REPORT = "report.html"
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_UPLOT = os.path.join(html.SHARED, "uplot")
_STYLES = (
    os.path.join(_UPLOT, "uPlot.min.css"),
    os.path.join(html.SHARED, "base.css"),
    os.path.join(_FOLDER, "report.css"),
)
_SCRIPTS = os.path.join(_UPLOT, "uPlot.iife.min.js"), os.path.join(_FOLDER, "report.js")


class Report:
    """Writes checkpoints_dir/report.html."""

    def __init__(self, settings, images, run_id):
        """images: the training ImageDataset; run_id: the identity of the run."""
        self._run, self._run_id = settings.run, run_id
        self._grids, self._reals = Grids(settings.run.samples_dir, run_id), None
        self._fixed = {"settings": contents.settings(settings), "images": contents.images(images)}

    def write(self, state):
        """Write what there is to say at the state's step; raise OSError if that fails."""
        files.write(os.path.join(self._run.checkpoints_dir, REPORT), self._page(state).encode("utf-8"))

    def _page(self, state):
        folder = os.path.join(*self._run.checkpoints_dir.split(os.sep)[-2:])
        if self._reals is None:  # written once, before the first report
            self._reals = uri_of(os.path.join(self._run.samples_dir, "reals.png"))
        body = html.fill(
            html.read(os.path.join(_FOLDER, "report.html")),
            folder=folder,
            written=time.strftime("%Y-%m-%d %H:%M:%S"),
            facts=contents.facts(state),
            warnings=contents.warnings(),
            **contents.sheets(self._grids.up_to(state.step), self._reals),
            classes=contents.classes_in_grids(state.saved.classes),
            **self._fixed,
            versions=contents.versions(self._run_id),
            data=html.data_block("curves", self._curves(state)),
        )
        title = f"Step {state.step}: {folder}"
        return html.page(title, body, [html.read(path) for path in _STYLES], [html.read(path) for path in _SCRIPTS])

    def _curves(self, state):
        best = state.saved.best
        charts = curves.charts(self._run.checkpoints_dir, state.step)
        return {"charts": charts, "checkpoint": best.step if best else None}
