"""Exports with an alpha channel: unpremultiplied colors in `images` and on the page, and the page's backgrounds."""

import collections
import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf
from test_export import skip_process
from test_page import COPY, open_page, set_value

from model.sample_graph import name_outputs
from utils.errors import RunError
from utils.export import export, page
from utils.output.alpha import unpremultiply

# Every color with every alpha, premultiplied. A network's colors may exceed its alpha.
PAIRS = np.stack(np.meshgrid(*[np.arange(256, dtype=np.uint8)] * 2), axis=-1)
ALL = PAIRS[None, ..., [0, 0, 0, 1]]  # [1, 256, 256, 4]
FLOATS = np.float32(ALL / 127.5 - 1)


@pytest.fixture
def named(graph):
    """The graph of a sampler that generates ALL, with the named outputs of exported files."""
    name_outputs(collections.namedtuple("Sampler", "images")(tf.constant(FLOATS)))
    return graph


def test_images_are_the_pixels_of_the_png_files(named):
    with tf.Session() as session:
        images, floats = session.run(["images:0", "images_float:0"])
    assert np.array_equal(images, unpremultiply(ALL)) and np.array_equal(floats, FLOATS)


def test_the_check_compares_visible_colors(named, tmp_path, monkeypatch):
    with tf.Session() as session:
        outputs = session.run({"images": "images:0", "images_float": "images_float:0"})
    skip_process(monkeypatch, outputs)
    arguments = tmp_path / "generator.pb", "", {}, ALL, 1
    assert export._check(*arguments) == 0
    outputs["images"][..., :3] //= 2
    with pytest.raises(RunError, match="differs from the sampler by 128 of 255"):
        export._check(*arguments)


def test_the_page_has_straight_colors():
    miniracer = pytest.importorskip("py_mini_racer")
    engine = miniracer.MiniRacer()
    engine.eval(page.NETWORK.read_text("utf-8"))
    data = "Float32Array.from({length: 4 << 16}, (_, i) => (i % 4 < 3 ? (i >> 2) % 256 : i >> 10) / 127.5 - 1)"
    engine.eval(f"const image = {{height: 256, width: 256, channels: 4, data: {data}}}")
    assert (
        json.loads(engine.eval("JSON.stringify(Array.from(image.data.slice(-1024)))"))
        == FLOATS[0, 255].ravel().tolist()
    )
    pixels = json.loads(engine.eval("JSON.stringify(Array.from(toPixels(image)))"))
    assert np.array_equal(np.reshape(pixels, ALL.shape), unpremultiply(ALL))


@pytest.mark.slow
def test_a_background_can_be_chosen_on_the_page(program, browser):
    pytest.importorskip("py_mini_racer")
    program.train("--channels", "4", "--background", "#102030", "--max_steps", "1")
    program.train("--isTrain", "0", "--export", "page")
    (path,) = program.samples.glob("export_*/generator.html")
    program.exported = path.parent
    open_page(browser, program)
    alpha = np.reshape(browser.run(COPY + "return pixelsIn(byId('image'))"), (16, 16, 4))[..., 3]
    assert alpha.min() < 255

    behind = "return getComputedStyle(byId('map')).background"
    assert "repeating-conic-gradient" in browser.run(behind)
    offered = [option.text for option in browser.driver.find_elements("css selector", "#background option")]
    assert offered == ["checkerboard", "#102030", "white", "black"] and browser.find("#background").is_displayed()
    set_value(browser, "#background", "#102030", "change")
    assert "rgb(16, 32, 48)" in browser.run(behind) and "gradient" not in browser.run(behind)

    def after(*moves):
        for x, y in moves:
            browser.run("moveMarker(arguments[0], arguments[1])", x, y)
        return browser.run(COPY + "return pixelsIn(byId('map'))")

    assert after((0.9, 0.1)) == after((0.1, 0.9), (0.9, 0.1))  # the marker leaves no trace
