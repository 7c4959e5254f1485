"""DiffAugment: random changes to every image that D sees, real or fake (Zhao et al. 2020, arXiv 2006.10738).

The changes prevent D from overfitting a small data set. All are differentiable, so that gradients reach G through them.
Their strengths are taken from the paper.
"""

from model.graph_mode import tf

KINDS = ("color", "translation", "cutout")

# With augment = 'auto' or 'adaptive', the probability p of augmenting an image is below 1, so that G does not
# reproduce the augmentation (Karras et al. 2020, arXiv 2006.06676, which has the same maximum). For 'adaptive', see
# adaptive_augment.py.
MAX_P = 0.8
# augment = 'auto' augments data sets with fewer images than FEW_IMAGES; p reaches MAX_P after EPOCHS_TO_MAX epochs.
FEW_IMAGES, EPOCHS_TO_MAX = 20000, 50


def select_kinds(setting, n):
    """Return the augmentations that the setting `augment` selects for n images: a tuple, a subset of KINDS."""
    if setting == "adaptive":
        return KINDS
    if setting == "auto":
        return KINDS if n < FEW_IMAGES else ()
    return () if setting == "none" else tuple(setting.replace(" ", "").split(","))


def auto_p(pictures_seen, n):
    """Return the probability p for augment = 'auto', a float32 scalar in [0, MAX_P].

    pictures_seen: int64 scalar, the number of real images that D has seen. n: the number of images in the data set.
    """
    epochs = tf.cast(pictures_seen, tf.float32) / n
    return MAX_P * tf.minimum(1.0, epochs / EPOCHS_TO_MAX)


def augment(images, kinds, uniform):
    """Augment `images`, [N, H, W, C] float32 in [-1, 1], with each of `kinds`; colors may leave the range.

    With 4 channels, colors are premultiplied by alpha, and gaps become transparent. kinds: a subset of KINDS.
    uniform(shape, use): draws float32 numbers from [0, 1), independent ones for each `use`.
    """
    has_alpha = images.shape[3] == 4
    if "color" in kinds:
        images = color_with_alpha(images, uniform) if has_alpha else color(images, uniform)
    if has_alpha:
        images = images + 1.0  # so that 0, which fills gaps, is transparent
    if "translation" in kinds:
        images = translation(images, uniform)
    if "cutout" in kinds:
        images = cutout(images, uniform)
    return images - 1.0 if has_alpha else images


def color(images, uniform):
    """Change brightness by up to 0.5, contrast by a factor of 0.5 to 1.5 and, if not gray, saturation by 0 to 2."""
    shape = [tf.shape(images)[0], 1, 1, 1]
    images = images + (uniform(shape, "brightness") - 0.5)
    if images.shape[3] > 1:
        gray = tf.reduce_mean(images, axis=3, keepdims=True)
        images = (images - gray) * (uniform(shape, "saturation") * 2.0) + gray
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return (images - mean) * (uniform(shape, "contrast") + 0.5) + mean


def color_with_alpha(images, uniform):
    """Change the colors as `color` does, but in proportion to alpha, so that transparent pixels keep no color.

    images: [N, H, W, 4], colors premultiplied by alpha. Alpha does not change.
    """
    shape = [tf.shape(images)[0], 1, 1, 1]
    alpha = images[..., 3:]
    opacity = (alpha + 1.0) / 2.0  # [N, H, W, 1] in [0, 1]
    colors = images[..., :3] + 1.0 - opacity  # opacity times the straight color, where 0 is middle gray
    colors += (uniform(shape, "brightness") - 0.5) * opacity
    gray = tf.reduce_mean(colors, axis=3, keepdims=True)
    colors = (colors - gray) * (uniform(shape, "saturation") * 2.0) + gray
    total = tf.maximum(tf.reduce_mean(opacity, axis=[1, 2, 3], keepdims=True), 1e-3)  # avoids 0 / 0
    mean = opacity * tf.reduce_mean(colors, axis=[1, 2, 3], keepdims=True) / total
    colors = (colors - mean) * (uniform(shape, "contrast") + 0.5) + mean
    return tf.concat([colors - 1.0 + opacity, alpha], axis=3)


def translation(images, uniform, ratio=0.125, repeats_edges=False):
    """Shift each image by up to `ratio` of its height and width in each direction.

    repeats_edges: fill the gap with the nearest row and column of the image instead of 0.
    """
    n = tf.shape(images)[0]
    height, width, channels = images.shape.as_list()[1:]
    # Multiplying by a shifted identity matrix is faster than gathering pixels, especially in the backward pass.
    rows = _shift_matrices(height, ratio, uniform([n, 1, 1], "translation down"), repeats_edges)  # [N, H, H]
    columns = _shift_matrices(width, ratio, uniform([n, 1, 1], "translation right"), repeats_edges)  # [N, W, W]
    images = tf.matmul(rows, tf.reshape(images, [n, height, width * channels]))
    images = tf.transpose(tf.reshape(images, [n, height, width, channels]), [0, 2, 1, 3])  # [N, W, H, C]
    images = tf.matmul(columns, tf.reshape(images, [n, width, height * channels]))
    return tf.transpose(tf.reshape(images, [n, width, height, channels]), [0, 2, 1, 3])  # [N, H, W, C]


def _shift_matrices(size, ratio, drawn, repeats_edges):
    """Return [N, size, size] float32: matrices that shift by an integer, uniform in -limit..limit.

    drawn: [N, 1, 1] float32, uniform in [0, 1).
    """
    limit = int(size * ratio + 0.5)
    offset = tf.floor(drawn * (2 * limit + 1)) - limit
    position = tf.range(size, dtype=tf.float32)
    source = position[None, :, None] - offset
    if repeats_edges:
        source = tf.clip_by_value(source, 0.0, size - 1.0)
    return tf.cast(tf.equal(source, position[None, None, :]), tf.float32)


def cutout(images, uniform, ratio=0.5):
    """Set a random rectangle to 0, `ratio` of the image's height and width; part of the rectangle may lie outside."""
    n = tf.shape(images)[0]
    height, width = images.shape.as_list()[1:3]
    rows = _is_cut(height, ratio, uniform([n, 1], "cutout top"))  # [N, H]
    columns = _is_cut(width, ratio, uniform([n, 1], "cutout left"))  # [N, W]
    return images * (1.0 - rows[:, :, None, None] * columns[:, None, :, None])


def _is_cut(size, ratio, drawn):
    """Return [N, size] float32: 1 in an interval around a random center, else 0; drawn: [N, 1] in [0, 1)."""
    length = int(size * ratio + 0.5)
    center = tf.floor(drawn * (size + (1 - length % 2)))
    position = tf.range(size, dtype=tf.float32)[None, :]
    first = center - length // 2
    return tf.cast((position >= first) & (position < first + length), tf.float32)
