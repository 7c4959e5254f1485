"""The report: its content, its maximum size, and its look in a browser."""

import html
import itertools
import json
import os
import re
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from utils.checkpoints.manifest import Best, SavedState
from utils.config import settings as settings_module
from utils.errors import recorded_warnings
from utils.metrics import registry
from utils.output import terminal
from utils.output.history import STEP_COLUMNS
from utils.output.images import png
from utils.training import state as states
from utils.training.report import curves, grids
from utils.training.report.grids import select_grids
from utils.training.report.page import write_report
from utils.training.state import Pace, RunState

ODD = "<img src=x onerror=alert(1)>"


def write_grid(folder, step, run_id="3f", value=None):
    sheet = np.full((32, 32, 3), step % 251 if value is None else value, np.uint8)
    (folder / f"train_{step:08d}.png").write_bytes(png(sheet, {"run": run_id, "step": step}))


def write_history(folder, steps, **columns):
    """Write history.csv; columns: {name: {step: value}}. All other columns are 0.5."""
    names = [*STEP_COLUMNS, *(metric.name for metric in registry.METRICS)]
    lines = [",".join(names)]
    for step in steps:
        row = dict.fromkeys(STEP_COLUMNS, "0.5")
        row.update({name: str(values.get(step, "")) for name, values in columns.items()}, step=str(step))
        lines.append(",".join(row.get(name, "") for name in names))
    (folder / "history.csv").write_text("\n".join([*lines, ""]))


@pytest.fixture
def written(tmp_path):
    """A function that writes the report of a run at a step into a folder with an odd name and returns its path."""
    folder = tmp_path / "<b>&" / "'c'"
    folder.mkdir(parents=True)
    (folder / "reals.png").write_bytes(png(np.zeros((32, 32, 3), np.uint8), {"run": "3f", "step": 0}))
    folders = ["--checkpoints_dir", str(folder), "--samples_dir", str(folder)]
    chosen = settings_module.resolve([*folders, "--batch_size", "4"])
    labels = np.int32([-1, 0, 0, 1])
    dataset = SimpleNamespace(n=4, labels=labels, classes=[ODD, "b\udcff"])

    def write(step=300, **saved):
        with mock.patch.object(states.time, "perf_counter", itertools.count(0, 0.2).__next__):  # 0.2 s per step
            state = RunState(step - 1, 4 * step, 600, SavedState(run_id="3f", **saved), Pace(4, 4))
            state.advance(dict.fromkeys(STEP_COLUMNS, 4 * step), {"step": step, "g_loss": 1})
        state.row = {"epoch": 1.5, "pictures_per_second": 33.3}
        write_report(state, chosen, dataset)
        return folder / "report.html"

    write.folder = folder
    return write


@pytest.fixture
def full(written):
    """The path of a report with every optional part."""
    for step in range(0, 400, 100):
        write_grid(written.folder, step)
    measured = {100: 0.2, 200: 0.1, 300: float("nan")}
    write_history(written.folder, range(1, 301), ms_ssim=measured, fid=measured, copies={100: 0, 200: 0})
    with terminal.non_raising_streams():
        recorded_warnings.append(f"step 7: {ODD}")
        return written(rollbacks=(7, 9), best=Best(200, "fid", "", 0.1, 0.1, 200), classes=(ODD, "b\udcff"))


def read_charts(path):
    """Return the charts in a report, by title."""
    text = re.search('<script type="application/json" id="curves">(.*?)</script>', path.read_text("utf-8")).group(1)
    return {chart["title"]: chart for chart in json.loads(text)["charts"]}


def grid_steps(path):
    return [int(step) for step in re.findall('data-step="([0-9]+)"', path.read_text("utf-8"))]


def test_a_report_before_the_first_step(written):
    with terminal.non_raising_streams():
        text = written(0).read_text("utf-8")
    assert "No grid" in text and "Since this process started: none<" in text and '"charts":[]' in text


def test_what_is_in_a_report(full):
    text = re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", full.read_text("utf-8").split("<main>")[1].split("<script")[0]))
    for part in (
        "Step 300 of 600 ",
        "Images seen 1,200 (epoch 1.5) ",
        "Time left 01:00 ",
        "Best checkpoint step 200: fid 0.1 ",
        "Rollbacks from step 7, 9 ",
        "Since this process started: 1 step 7: &lt;img src=x onerror=alert(1)&gt; ",
        "Classes from the top: &lt;img src=x onerror=alert(1)&gt;, b\\udcff; ",
        "Changed in a params file, or given on the command line samples_dir /",
        "batch_size 4 All training settings params.py isTrain 1 ",
        "model/params.py image_size 64 ",
        "4 images in 2 classes, 1 of them without a class &lt;img src=x onerror=alert(1)&gt; 2 b\\udcff 1 ",
        "Run 3f. Written by version",
    ):
        assert part in text
    assert "num_samples" not in text  # a sampling setting
    assert grid_steps(full) == [0, 100, 200, 300]


def test_the_best_of_a_measure(full):
    charts = read_charts(full)
    assert charts["fid"]["steps"] == [100, 200, 300] and charts["fid"]["lines"][0]["values"] == [0.2, 0.1, None]
    assert charts["fid"]["best"] == {"step": 200, "value": 0.1}
    assert charts["copies"]["best"]["step"] == 200  # the latest of equal values
    assert charts["ms_ssim"]["best"] is None and charts["Losses"]["best"] is None
    assert curves._best([1, 2], [0.1, 0.2], registry.HIGHER) == {"step": 2, "value": 0.2}
    assert "kid" not in charts


def test_long_curves_are_thinned(written):
    write_history(written.folder, range(1, 9001), fid={4567: 0.1})
    steps = read_charts(written(8999))["Losses"]["steps"]
    assert 1900 < len(steps) <= 2001 and {1, 4567, 8999} < set(steps) and 9000 not in steps


def test_many_grids_are_thinned_and_read_once(tmp_path, monkeypatch):
    read, grid_uri = [], grids.grid_uri
    monkeypatch.setattr(grids, "grid_uri", lambda path: read.append(path) or grid_uri(path))
    folder = str(tmp_path)
    for step in range(0, 9900, 100):
        write_grid(tmp_path, step)
    assert [step for step, _ in select_grids(folder, "3f", 9800)] == [*range(0, 9800, 400), 9800]
    assert [step for step, _ in select_grids(folder, "3f", 9700)] == [*range(0, 9700, 400), 9700]  # after a rollback
    assert len(read) == 27
    write_grid(tmp_path, 400, value=7)
    uris = dict(select_grids(folder, "3f", 9700))
    assert len(read) == 28 and uris[400] != uris[0] and uris[400].startswith("data:image/webp;base64,")
    assert [step for step, _ in select_grids(folder, "3f", 300)] == [0, 100, 200, 300]  # after a restart


def test_grids_of_another_run_and_damaged_ones_are_left_out(tmp_path):
    for step, run_id in ((0, "3f"), (100, "another"), (200, "3f"), (300, "3f")):
        write_grid(tmp_path, step, run_id)
    (tmp_path / "train_00000200.png").write_bytes(b"no image")
    assert [step for step, _ in select_grids(str(tmp_path), "3f", 300)] == [0, 300]


def test_large_grids_are_made_small_and_fewer(tmp_path, monkeypatch):
    rng = np.random.RandomState(0)
    for step in range(5):
        sheet = rng.randint(0, 256, (1200, 60, 3)).astype(np.uint8)
        (tmp_path / f"train_{step:08d}.png").write_bytes(png(sheet))
    folder = str(tmp_path)
    size = sum(len(uri) for _, uri in select_grids(folder, "3f", 4))
    monkeypatch.setattr(grids, "_MAX_BYTES", size - 1)
    assert [step for step, _ in select_grids(folder, "3f", 3)] == [0, 1, 2, 3]
    assert [step for step, _ in select_grids(folder, "3f", 4)] == [0, 2, 4]
    monkeypatch.setattr(grids, "grid_uri", None)  # no grid is read again
    assert [step for step, _ in select_grids(folder, "3f", 4)] == [0, 2, 4]
    monkeypatch.setattr(grids, "_MAX_BYTES", 1)
    assert [step for step, _ in select_grids(folder, "3f", 4)] == [0, 4]
    assert grids.read_grid(str(tmp_path / "train_00000000.png"), 1024).size == (51, 1024)


def test_without_webp_grids_are_jpegs(tmp_path, monkeypatch):
    write_grid(tmp_path, 0)
    Image.init()
    monkeypatch.delitem(Image.SAVE, "WEBP")
    ((_, uri),) = select_grids(str(tmp_path), "3f", 0)
    assert uri.startswith("data:image/jpeg;base64,")


@pytest.mark.slow
def test_a_resumed_run_shows_earlier_grids_and_rows(program):
    options = ["--sample_every", "2", "--log_every", "1", "--checkpoint_every", "2", "--conditional", "1"]
    (program.folder / "pics" / "blue").rename(program.folder / "pics" / ODD)
    program.train("--max_steps", "4", *options)
    path = program.checkpoints / "report.html"
    assert "Step</dt><dd>4 of 4" in path.read_text("utf-8") and grid_steps(path) == [0, 2, 4]
    os.remove(str(path))
    program.train("--max_steps", "6", *options)
    assert grid_steps(path) == [0, 2, 4, 6] and read_charts(path)["Losses"]["steps"] == [1, 2, 3, 4, 5, 6]
    text = path.read_text("utf-8")
    assert f"Classes from the top: {html.escape(ODD)}, red;" in text and ODD not in text
    assert "12 images in 2 classes" in text
    assert '<img alt="Real images" src="data:image/webp' in text


# The report in a browser


def shown(browser):
    """Return the step of the visible grid and the text next to the slider."""
    steps = browser.run("return [...document.querySelectorAll('#grids img')].filter(i => i.offsetWidth)")
    assert len(steps) == 1
    return int(steps[0].get_attribute("data-step")), browser.find("#grid-step").text


def test_grids_by_slider_keys_and_button(browser, full):
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    browser.open(full)
    assert "<b>&" in browser.driver.title and shown(browser) == (300, "Step 300")
    slider, play = browser.find("#grid"), browser.find("#play")
    slider.send_keys(Keys.ARROW_LEFT)
    assert shown(browser) == (200, "Step 200") and slider.get_attribute("aria-valuetext") == "Step 200"
    slider.send_keys(Keys.HOME)
    assert shown(browser) == (0, "Step 0")
    play.send_keys(Keys.ENTER)
    assert play.text == "Stop"
    play.click()
    assert play.text == "Play" and shown(browser)[0] < 300
    play.click()
    WebDriverWait(browser.driver, 20).until(lambda _: play.text == "Play")  # playing stops at the last grid
    assert shown(browser) == (300, "Step 300")
    play.click()
    assert shown(browser)[0] < 300  # playing restarts at the first grid
    slider.send_keys(Keys.END)
    assert play.text == "Play" and shown(browser) == (300, "Step 300")


def drawn(browser):
    """Return all curves as images in one string."""
    return browser.run("return [...document.querySelectorAll('#charts canvas')].map(c => c.toDataURL()).join()")


def fits(browser, width):
    """Return whether the page needs no horizontal scrolling, with all details open."""
    browser.run("document.querySelectorAll('details').forEach(d => (d.open = true))")
    return browser.run("return document.documentElement.scrollWidth") <= width


def background(browser):
    return browser.run("return getComputedStyle(document.body).backgroundColor")


def test_curves_and_their_controls(browser, full):
    from selenium.webdriver import ActionChains

    browser.open(full)
    assert background(browser) == "rgb(255, 255, 255)"
    labels = [e.get_attribute("aria-label") for e in browser.driver.find_elements("css selector", ".plot")]
    assert labels[3] == "fid up to step 300: last fid none. Best: 0.1 at step 200" and len(labels) == 7
    assert labels[1] == "D(x) and D(G(z)) up to step 300: last D(x) 0.5, D(G(z)) 0.5"
    seen = [drawn(browser)]
    over = browser.driver.find_elements("css selector", ".u-over")[1]
    ActionChains(browser.driver).drag_and_drop_by_offset(over, 60, 0).perform()
    assert drawn(browser) != seen[0]  # zoomed
    ActionChains(browser.driver).double_click(over).perform()
    assert drawn(browser) == seen[0]
    browser.find("#smooth").click()
    seen.append(drawn(browser))
    browser.find("#span option[value='0.1']").click()
    seen.append(drawn(browser))
    browser.driver.find_elements("css selector", ".u-legend .u-series")[1].click()
    seen.append(drawn(browser))
    assert len(set(seen)) == len(seen)
    assert fits(browser, 1200) and browser.find("h1").text == "Training in <b>&/'c'"


def test_a_narrow_dark_window(browser, full):
    browser.open(full, width=360, dark=True)
    assert browser.run("return document.documentElement.scrollWidth") <= 360
    assert fits(browser, 360) and background(browser) == "rgb(20, 23, 27)"


def test_a_report_before_the_first_step_in_a_browser(browser, written):
    browser.open(written(0))
    assert browser.find("#no-curves").is_displayed() and not browser.find("#grid-controls").is_displayed()
