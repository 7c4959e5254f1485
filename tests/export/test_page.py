"""The page in a real browser: its images are the program's, every control works, and it requests nothing."""

import pathlib
import re
import time

import numpy as np
import pytest
from exported import CLASSES, exported  # noqa: F401  (fixture)
from PIL import Image

pytest.importorskip("py_mini_racer")


def wait_for(browser, condition):
    """Wait until a JavaScript expression is true."""
    for _ in range(300):
        if browser.run(f"return {condition}"):
            return
        time.sleep(0.1)
    raise AssertionError(f"never: {condition}")


def open_page(browser, program, **window):
    """Open the page of a program and wait for all its images."""
    browser.open(pathlib.Path(str(program.exported)) / "generator.html", **window)
    wait_for(browser, IDLE)


@pytest.fixture
def page(exported, browser):  # noqa: F811
    """The page with all its images."""
    open_page(browser, exported)
    return browser


IDLE = "!painter.current && !painter.waiting.size"
# Read a copy, because Chromium warns about a canvas that is read often.
COPY = """
const pixelsIn = (canvas) => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  return Array.from(copy.getImageData(0, 0, canvas.width, canvas.height).data);
};
"""


def large(page):
    """Return the large image, [H, W, 4] uint8, and its name."""
    wait_for(page, IDLE)
    height, pixels = page.run(COPY + "return [byId('image').height, pixelsIn(byId('image'))]")
    return np.uint8(pixels).reshape(height, -1, 4), page.find("#name").text


@pytest.mark.slow
def test_images_match_the_program(exported, page):  # noqa: F811
    exported.train("--isTrain", "0", "--picks", ",".join(exported.picks))
    shown = page.run(COPY + "return [...document.querySelectorAll('#grid canvas')].map(pixelsIn)")
    drawn = sorted(map(str, exported.samples.glob("*picks*/*.png")))
    assert len(shown) == len(drawn) == 3
    expected = [np.int32(Image.open(path).convert("RGBA")) for path in drawn]
    for name, pixels in zip(exported.picks, shown):
        differences = [np.abs(np.reshape(pixels, (*exported.shape[:2], 4)) - each).max() for each in expected]
        assert min(differences) <= 2, name
    buttons = page.driver.find_elements("css selector", "#grid button")
    assert [button.text.strip() for button in buttons] == exported.picks
    assert not page.find("#background").is_displayed()
    assert page.find("h1").text == "pics" and not page.driver.find_elements("css selector", "img")


def press(page, selector):
    page.run("document.querySelector(arguments[0]).click()", selector)


def set_value(page, selector, value, event="input"):
    page.run(
        "const each = document.querySelector(arguments[0]); each.value = arguments[1];"
        "each.dispatchEvent(new Event(arguments[2], {bubbles: true}))",
        selector,
        value,
        event,
    )


@pytest.mark.slow
def test_every_control_changes_the_image(exported, page, tmp_path):  # noqa: F811
    names, previous = exported.picks, large(page)
    assert previous[1] == names[0]

    def changes(name, action, *arguments, pixels=True):
        nonlocal previous
        action(page, *arguments)
        now = large(page)
        assert re.fullmatch(name, now[1]) and (not pixels or (now[0] != previous[0]).any())
        previous = now

    changes(re.escape(names[1]), press, "#grid button:nth-child(2)")
    assert page.find("#grid [aria-pressed=true]").text.strip() == names[1]
    changes("new 1", press, "#new")
    changes("new 1", set_value, "#truncation", 0.3)
    changes("new 1", set_value, "#truncation", 1)
    changes("new 1, changed", set_value, "#directions label:nth-child(3) input", 1)
    number = page.run("return [document.querySelector('#numbers input').value, large.z[0]].map(Number)")
    assert number[0] == pytest.approx(number[1], abs=0.006)  # the step of the sliders is 0.01
    changes("new 1, changed", set_value, "#numbers input", 0.5)
    changes("new 1", press, "#reset")
    changes("walk at 1.50", set_value, "#position", 1.5)
    changes(r"plane at 0.\d\d, 0.\d\d", lambda page: page.find("#map").click())
    for key in "\ue012\ue013\ue014\ue015":  # the arrows
        changes(r"plane at 0.\d\d, 0.\d\d", lambda page, key=key: page.find("#map").send_keys(key), pixels=False)
    press(page, "#plane .corner:last-of-type")
    assert page.find("#plane .corner:last-of-type").text.strip() == previous[1]
    press(page, "#fresh")
    changes(r"new \d", press, "#grid button")
    press(page, "#numbered")
    changes(re.escape(names[2]), press, "#grid button:last-child")
    if ":" in names[0]:
        changes(re.escape(f"{names[2]}, as {CLASSES[0]}"), set_value, "#class", 0, "change")
        set_value(page, "#class-of-new", 1, "change")
        changes(r"new \d", press, "#new")
        assert page.run("return large.classes") == [0, 1]
    else:
        assert not page.find("#class").is_displayed()

    set_value(page, "#seconds", 0.5)
    press(page, "#play")
    wait_for(page, "position > 1 && byId('name').value.startsWith('walk at')")
    press(page, "#play")
    assert page.run("return lastFrame === null && unchanged === large")

    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    set_value(page, "#scale", 4, "change")
    press(page, "#save")
    (saved,) = downloads(tmp_path)
    assert re.fullmatch(r"pics_step_2_walk_at_[0-9.]+\.png", saved.name)
    np.testing.assert_array_equal(np.uint8(Image.open(str(saved)))[::4, ::4, :3], large(page)[0][..., :3])


def downloads(folder):
    """Wait for images in a folder; return their paths."""
    for _ in range(100):
        paths = [path for path in folder.iterdir() if path.suffix == ".png"]
        if paths:
            return paths
        time.sleep(0.1)
    raise AssertionError("nothing was downloaded")


@pytest.mark.slow
def test_images_are_computed_in_the_order_of_their_ranks(page):
    """The newest request for a key replaces older ones, and a walk does not starve other requests."""
    order = page.run(
        """
        const order = [], done = arguments[0];
        for (const i of [1, 2, 3, 4, 5]) painter.request("large", LARGE, large, () => order.push(`large ${i}`));
        for (const i of [1, 2]) painter.request(`grid ${i}`, GRID, large, () => order.push(`grid ${i}`));
        painter.request("map", MAP, large, () => order.push("map"));
        painter.request("forgotten", CORNER, large, () => order.push("forgotten"));
        painter.forget(CORNER);
        window.order = order;
        return painter.waiting.size;
        """
    )
    assert order == 4  # the first large image is already being computed
    wait_for(page, IDLE)
    assert page.run("return order") == ["large 1", "grid 1", "large 5", "grid 2", "map"]
    press(page, "#play")
    press(page, "#fresh")
    walking = "large.name.startsWith('walk at')"
    wait_for(page, walking + " && ![...painter.waiting.values()].some(({ rank }) => rank !== LARGE)")
    set_value(page, "#numbers label:nth-child(2) input", 0.5)  # stops the walk
    assert re.fullmatch(r"walk at [0-9.]+, changed", large(page)[1])


@pytest.mark.slow
def test_an_image_is_saved_under_its_own_name(page, tmp_path):
    page.driver.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    before = large(page)
    page.run("byId('new').click(); byId('save').click()")  # the new image is still being computed
    (saved,) = downloads(tmp_path)
    assert saved.stem.endswith(re.sub(r"[^\w.-]+", "_", before[1]))
    np.testing.assert_array_equal(np.uint8(Image.open(str(saved)).convert("RGBA")), before[0])


@pytest.mark.slow
def test_classes_on_the_plane(page):
    fractions = page.run(
        """
        if (!model.classes.length) return null;
        corners = [0, 1, 1].map((label) => ({ ...large, classes: oneHot(label) }));
        return [[0, 0], [0.5, 0], [1, 0], [1, 1]].map(([x, y]) => planePoint(x, y).classes);
        """
    )
    assert fractions is None or fractions == [[1, 0], [0.5, 0.5], [0, 1], [0, 1]]


@pytest.mark.slow
def test_a_worker_that_fails_is_reported(exported, browser):  # noqa: F811
    open_page(browser, exported)
    browser.run("painter.request('bad', LARGE, { z: [], classes: [] }, () => 0)")
    wait_for(browser, "byId('problem').textContent.startsWith('This browser cannot compute the images: ')")
    assert browser.complaints()  # the console shows the error itself


@pytest.mark.slow
def test_paths_keep_the_distribution_of_z(page):
    """Along a walk and on the plane the mean is 0 and the variance 1/3, as for the uniform distribution."""
    moments = page.run(
        """
        const point = () => ({ z: Array.from({ length: 20000 }, () => 2 * Math.random() - 1), classes: [1, 0] });
        const points = [point(), point(), { ...point(), classes: [0, 1] }];
        const halfway = interpolate(points[0], points[1], 0.5), quarter = interpolate(points[1], points[2], 0.25);
        const mixed = [halfway.z, quarter.z, mixZ(points, [0.2, 0.3, 0.5]), mixZ(points, [-1, 1, 1])];
        const mean = (values) => values.reduce((a, b) => a + b) / values.length;
        const errors = [-0.999, -0.5, 0, 0.3, 0.99].map((z) => Math.abs(toUniform(toGaussian(z)) - z));
        return [mixed.map((z) => [mean(z), mean(z.map((each) => each * each))]), [halfway.classes, quarter.classes],
          Math.max(...errors), interpolate(points[0], points[1], 1) === points[1]];
        """
    )
    for mean, square in moments[0]:
        assert abs(mean) < 0.02 and square == pytest.approx(1 / 3, abs=0.01)
    assert moments[1] == [[1, 0], [0.75, 0.25]]
    assert moments[2] < 1e-6 and moments[3] is True


@pytest.mark.slow
@pytest.mark.parametrize("width", (1200, 390))
def test_everything_fits_the_window(exported, browser, width):  # noqa: F811
    open_page(browser, exported, width=width, dark=width < 600)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    boxes = browser.run(
        "const canvases = [...document.querySelectorAll('#image, #grid canvas, .corner canvas, #map')];"
        "return canvases.map((canvas) => [canvas.clientHeight, canvas.clientWidth])"
    )
    height, width, _ = exported.shape
    assert len(boxes) == 8 and all(shown * width / of == pytest.approx(height, rel=0.03) for shown, of in boxes)
