"""Pictures out: from the generator's numbers to grids and PNG files."""

import io
import math
import os
import sys

import numpy as np
from PIL import Image
from tqdm import tqdm


def to_uint8(images):
    """Turn float pictures in [-1, 1], of any shape, into uint8 in 0..255, rounded; what is not a number becomes 0."""
    return np.uint8(np.clip(np.nan_to_num(images * 127.5 + 127.5) + 0.5, 0, 255))


def grid(images, columns=0):
    """Lay pictures [N, H, W, C] uint8 out row by row: [rows * H, columns * W, C] uint8, places left over in white.

    columns 0: as many as rows, or one more.
    """
    count, height, width, channels = images.shape
    columns = min(columns or math.ceil(math.sqrt(count)), count)
    rows = math.ceil(count / columns)
    sheet = np.full((rows * columns, height, width, channels), 255, np.uint8)
    sheet[:count] = images
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)


def png(image):
    """Encode [H, W, C] uint8, C 1 or 3, as PNG: bytes."""
    buffer = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
    return buffer.getvalue()


def write(path, data):
    """Write bytes to `path`, so that under this name there is never half of them."""
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


def write_samples(chunks, count, folder, name, single, columns):
    """Write `count` pictures, which come in chunks [n, H, W, C] uint8, as the grid <name>.png in `folder`.

    single: also each as <name>/<name>_<number>.png. Returns a line that says what was written.
    """
    sheet_path, single_folder = os.path.join(folder, name + ".png"), os.path.join(folder, name)
    if single:
        os.makedirs(single_folder, exist_ok=True)
    done, number = [], 0
    with tqdm(total=count, unit=" pictures", file=sys.stdout, disable=not sys.stdout.isatty()) as bar:
        for chunk in chunks:
            for picture in chunk:
                if single:
                    write(os.path.join(single_folder, "%s_%05d.png" % (name, number)), png(picture))
                number += 1
            done.append(chunk)
            bar.update(len(chunk))
    write(sheet_path, png(grid(np.concatenate(done), columns)))
    more = ", and each by itself in %s" % single_folder if single else ""
    return "%d pictures in %s%s" % (count, sheet_path, more)
