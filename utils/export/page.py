"""A web page that draws images: one file, without requests; G runs in the browser, by the code in web/network.js."""

import base64
import os

import numpy as np
from PIL import ImageColor

from utils.export.operations import Operations
from utils.output import html

_WEB = os.path.join(os.path.dirname(os.path.abspath(__file__)), "web")
_STYLES = os.path.join(html.SHARED, "base.css"), os.path.join(_WEB, "page.css")
_SCRIPTS = [os.path.join(_WEB, name) for name in ("painter.js", "paths.js", "page.js", "plane.js", "start.js")]
NETWORK = os.path.join(_WEB, "network.js")

# V8, the JavaScript of Chromium, is given what is in the page.
READER = """
import json, re
from py_mini_racer import MiniRacer

CALL = '''
const generate = createGenerator(model.steps, decode(model.numbers, model.arrays));
function image(z, classes) {
    const drawn = generate(Float32Array.from(z), Float32Array.from(classes));
    return JSON.stringify([Array.from(pixelsOf(drawn)), Array.from(drawn.data)]);
}
'''

def read(path, inputs):
    with open(path, encoding="utf-8") as file:
        text = re.search('<script type="application/json" id="model">(.*?)</script>', file.read()).group(1)
    model = json.loads(text)
    engine = MiniRacer()
    engine.eval(model["network"] + "const model = " + text + ";" + CALL)
    shares = np.eye(len(model["classes"]))[inputs["labels"]] if model["classes"] else np.zeros([len(inputs["z"]), 0])
    ends = zip(inputs["z"].tolist(), shares.tolist())
    drawn = [json.loads(engine.call("image", z, classes)) for z, classes in ends]  # V8 cannot return them all at once
    height, width, channels = model["height"], model["width"], model["channels"]
    shape = [len(drawn), height, width, channels]
    images = np.uint8([pixels for pixels, _ in drawn]).reshape([len(drawn), height, width, 4])[..., :channels]
    return {"images": images, "images_float": np.float32([values for _, values in drawn]).reshape(shape)}
"""


def write(network, folder):
    """Write generator.html; see formats.Format."""
    operations = Operations(network.graph_def, "images_float")
    arrays, numbers = _sixteen_bits([*operations.arrays, network.z])
    model = {
        "title": network.title,
        "step": network.step,
        "height": network.image_shape[0],
        "width": network.image_shape[1],
        "channels": network.image_shape[2],
        "background": "#%02x%02x%02x" % ImageColor.getrgb(network.background),
        "classes": list(network.classes),
        "images": [{"number": pick.number, "label": pick.label} for pick in network.picks],
        "z": len(arrays) - 1,
        "network": html.read(NETWORK),
        "steps": operations.steps,
        "arrays": arrays,
        "numbers": numbers,
    }
    text = html.page(
        network.title,
        html.joined([html.fill(html.read(os.path.join(_WEB, "page.html")), **model), html.data_block("model", model)]),
        styles=[html.read(path) for path in _STYLES],
        scripts=[html.read(path) for path in _SCRIPTS],
        sources={"worker-src": "blob:"},
    )
    with open(os.path.join(folder, "generator.html"), "w", encoding="utf-8") as file:
        file.write(text)
    return {"generator.html": 2}


def _sixteen_bits(arrays):
    """Return ([{"length", "scale"} of each array], all arrays as 16-bit integers in base64).

    The integers of an array, times its scale, are its values to within half a scale: 1/65534 of the largest.
    """
    described, integers = [], []
    for array in arrays:
        scale = float(np.max(np.abs(array), initial=0)) / 32767 or 1.0
        described.append({"length": array.size, "scale": scale})
        integers.append(np.rint(array / scale).astype("<i2").ravel())
    data = np.concatenate(integers).tobytes()
    data += bytes(-len(data) % 3)  # no padding in base64
    return described, base64.b64encode(data).decode("ascii")
