"""DiffAugment: what D sees, real and fake alike, changed at random (Zhao et al. 2020, arXiv 2006.10738).

So D cannot learn a small set of pictures by heart. Everything is differentiable, for G learns through it. Strengths are
those of the paper.
"""

import tensorflow.compat.v1 as tf

KINDS = ("color", "translation", "cutout")


def augment(images, kinds, uniform):
    """Return `images`, [N, H, W, C] float32 in [-1, 1], augmented; colours may leave the range.

    kinds: some of KINDS. uniform(shape, name): draws from [0, 1), another draw for each name.
    """
    if "color" in kinds:
        images = color(images, uniform)
    if "translation" in kinds:
        images = translation(images, uniform)
    if "cutout" in kinds:
        images = cutout(images, uniform)
    return images


def color(images, uniform):
    """Change brightness by up to 0.5, saturation by a factor of 0 to 2, contrast by one of 0.5 to 1.5."""
    shape = [tf.shape(images)[0], 1, 1, 1]
    images = images + (uniform(shape, "brightness") - 0.5)
    if images.shape[3] > 1:
        grey = tf.reduce_mean(images, axis=3, keepdims=True)
        images = (images - grey) * (uniform(shape, "saturation") * 2.0) + grey
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * (uniform(shape, "contrast") + 0.5) + mean


def translation(images, uniform, ratio=0.125):
    """Shift each picture by up to an eighth of its size, either way; what comes in is 0, a middle grey."""
    n = tf.shape(images)[0]
    height, width, channels = images.shape.as_list()[1:]
    # Shifting is a product with a shifted unit matrix: quicker than gathering pixels, above all in the gradient.
    rows = _shift(height, ratio, uniform([n, 1, 1], "translation down"))  # [N, H, H]
    columns = _shift(width, ratio, uniform([n, 1, 1], "translation right"))  # [N, W, W]
    images = tf.matmul(rows, tf.reshape(images, [n, height, width * channels]))
    images = tf.transpose(tf.reshape(images, [n, height, width, channels]), [0, 2, 1, 3])  # [N, W, H, C]
    images = tf.matmul(columns, tf.reshape(images, [n, width, height * channels]))
    return tf.transpose(tf.reshape(images, [n, width, height, channels]), [0, 2, 1, 3])  # [N, H, W, C]


def _shift(size, ratio, drawn):
    """Return [N, size, size] float32: the matrices that shift by a whole number drawn from -most..most."""
    most = int(size * ratio + 0.5)
    offset = tf.floor(drawn * (2 * most + 1)) - most
    place = tf.range(size, dtype=tf.float32)
    return tf.cast(tf.equal(place[None, :, None] - offset, place[None, None, :]), tf.float32)


def cutout(images, uniform, ratio=0.5):
    """Set a square of half the height and width, anywhere, also partly outside, to 0."""
    n = tf.shape(images)[0]
    height, width = images.shape.as_list()[1:3]
    rows = _is_cut(height, ratio, uniform([n, 1], "cutout top"))  # [N, H]
    columns = _is_cut(width, ratio, uniform([n, 1], "cutout left"))  # [N, W]
    return images * (1.0 - rows[:, :, None, None] * columns[:, None, :, None])


def _is_cut(size, ratio, drawn):
    """Return [N, size] float32: 1 for the places of a stretch around a centre drawn from anywhere, else 0."""
    cut = int(size * ratio + 0.5)
    centre = tf.floor(drawn * (size + (1 - cut % 2)))
    place = tf.range(size, dtype=tf.float32)[None, :]
    first = centre - cut // 2
    return tf.cast((place >= first) & (place < first + cut), tf.float32)
