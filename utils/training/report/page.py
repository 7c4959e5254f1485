"""The report itself: a template, filled, with styles, scripts and curves."""

import os
import pathlib
import time

from utils.output import files, html
from utils.training.report import contents, curves
from utils.training.report.grids import Grids, grid_uri

REPORT = "report.html"
_FOLDER, _UPLOT = pathlib.Path(__file__).resolve().parent, html.SHARED / "uplot"
_STYLES = _UPLOT / "uPlot.min.css", html.SHARED / "base.css", _FOLDER / "report.css"
_SCRIPTS = _UPLOT / "uPlot.iife.min.js", _FOLDER / "report.js"


class Report:
    """Writes checkpoints_dir/report.html."""

    def __init__(self, settings, dataset, run_id):
        """dataset: the training ImageDataset; run_id: the identity of the run."""
        self._run, self._run_id = settings.run, run_id
        self._grids, self._reals = Grids(settings.run.samples_dir, run_id), None
        self._fixed = {**contents.settings(settings), "images": contents.images(dataset)}

    def write(self, state):
        """Write the report at the state's step; raise OSError if that fails."""
        files.write(os.path.join(self._run.checkpoints_dir, REPORT), self._page(state).encode("utf-8"))

    def _page(self, state):
        folder, best = os.path.join(*self._run.checkpoints_dir.split(os.sep)[-2:]), state.saved.best
        charts = curves.charts(self._run.checkpoints_dir, state.step)
        if self._reals is None:  # training writes reals.png once, before the first report
            self._reals = grid_uri(os.path.join(self._run.samples_dir, "reals.png"))
        body = html.fill(
            (_FOLDER / "report.html").read_text("utf-8"),
            folder=folder,
            written=time.strftime("%Y-%m-%d %H:%M:%S"),
            facts=contents.facts(state),
            **contents.warnings(),
            **contents.sheets(self._grids.up_to(state.step), self._reals),
            classes=contents.classes_in_grids(state.saved.classes),
            **self._fixed,
            versions=contents.versions(self._run_id),
            data=html.data_block("curves", {"charts": charts, "checkpoint": best.step if best else None}),
        )
        styles, scripts = ([path.read_text("utf-8") for path in paths] for paths in (_STYLES, _SCRIPTS))
        return html.page(f"Step {state.step}: {folder}", body, styles, scripts)
