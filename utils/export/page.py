"""A web page that generates images: a single file that makes no requests. web/network.js runs G in the browser."""

import base64
import os
import pathlib

import numpy as np
from PIL import ImageColor

from utils.export.operations import Operations
from utils.output import html
from utils.sampling.directions import directions

_DIRECTIONS = 10  # sliders
_WEB = pathlib.Path(__file__).resolve().parent / "web"
_STYLES = html.SHARED / "base.css", _WEB / "page.css"
_SCRIPTS = [_WEB / name for name in ("painter.js", "paths.js", "page.js", "plane.js", "start.js")]
NETWORK = _WEB / "network.js"

# Runs the page's code on the page's data in V8, the JavaScript engine of Chromium.
READER = """
import json, re
from py_mini_racer import MiniRacer

CALL = '''
const generate = createGenerator(model.steps, decode(model.numbers, model.arrays));
function draw(z, classes) {
    const image = generate(Float32Array.from(z), Float32Array.from(classes));
    return JSON.stringify([Array.from(toPixels(image)), Array.from(image.data)]);
}
'''

def read(path, inputs):
    with open(path, encoding="utf-8") as file:
        text = re.search('<script type="application/json" id="model">(.*?)</script>', file.read()).group(1)
    model = json.loads(text)
    engine = MiniRacer()
    engine.eval(model["network"] + "const model = " + text + ";" + CALL)
    z = inputs["z"].tolist()
    classes = np.eye(len(model["classes"]))[inputs["labels"]].tolist() if model["classes"] else [[]] * len(z)
    drawn = [json.loads(engine.call("draw", *each)) for each in zip(z, classes)]  # V8 cannot return all at once
    shape = [len(z), model["height"], model["width"]]
    images = np.uint8([pixels for pixels, _ in drawn]).reshape(shape + [4])[..., :model["channels"]]
    return {"images": images, "images_float": np.float32([values for _, values in drawn]).reshape(images.shape)}
"""


def write(frozen, folder):
    """Write generator.html; see formats."""
    operations, generator = Operations(frozen.graph_def, "images_float"), frozen.generator
    vectors = directions(generator, min(_DIRECTIONS, generator.z_dim))
    arrays, numbers = _to_16_bits([*operations.arrays, frozen.z, vectors])
    title = os.path.basename(generator.selected.manifest.run["pics_dir"])
    model = {
        "title": title,
        "step": generator.step,
        **dict(zip(("height", "width", "channels"), generator.image_shape)),
        "background": "#%02x%02x%02x" % ImageColor.getrgb(generator.background),
        "classes": generator.classes,
        "images": frozen.points,
        "z": len(arrays) - 2,
        "directions": len(arrays) - 1,
        "network": NETWORK.read_text("utf-8"),
        "steps": operations.steps,
        "arrays": arrays,
        "numbers": numbers,
    }
    text = html.page(
        title,
        html.join([html.fill((_WEB / "page.html").read_text("utf-8"), **model), html.data_block("model", model)]),
        styles=[path.read_text("utf-8") for path in _STYLES],
        scripts=[path.read_text("utf-8") for path in _SCRIPTS],
        policy={"worker-src": "blob:"},
    )
    (folder / "generator.html").write_text(text, "utf-8")
    return {"generator.html": 2}


def _to_16_bits(arrays):
    """Return ([{"length", "scale"} of each array], all arrays as 16-bit integers in base64).

    An array's integers times its scale are its values to within scale / 2, 1/65534 of the largest absolute value.
    """
    described, integers = [], []
    for array in arrays:
        scale = float(np.max(np.abs(array), initial=0)) / 32767 or 1.0
        described.append({"length": array.size, "scale": scale})
        integers.append(np.rint(array / scale).astype("<i2").ravel())
    data = np.concatenate(integers).tobytes()
    data += bytes(-len(data) % 3)  # avoids padding in base64
    return described, base64.b64encode(data).decode("ascii")
