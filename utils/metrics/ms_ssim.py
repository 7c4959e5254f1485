"""MS-SSIM, the similarity of images: Wang, Simoncelli & Bovik 2003.

Odena et al. 2017, arXiv 1610.09585, use it as a metric of a GAN's diversity.
"""

import numpy as np
import tensorflow.compat.v1 as tf

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # for five scales, Wang et al.
WINDOW = 11  # pixels
CHUNK = 2**22  # pixel values processed at a time


def scales(size):
    """Return the weights of the scales for images whose shorter side is `size`: 1 to 5 weights that sum to 1.

    At each scale the image must be at least as large as the window, so small images have fewer than five scales.
    """
    weights = WEIGHTS[: 1 + int(np.log2(max(size / WINDOW, 1)))]
    return tuple(weight / sum(weights) for weight in weights)


class MsSsim:
    """Measures how similar the images of a set are, in its own graph and session, on the CPU."""

    def __init__(self, shape):
        """shape: [H, W, C] of an image."""
        with tf.Graph().as_default(), tf.device("/cpu:0"):
            self._pair = [tf.placeholder(tf.float32, [None, *shape]) for _ in range(2)]
            self._values = tf.image.ssim_multiscale(
                *self._pair, 255.0, power_factors=scales(min(shape[:2])), filter_size=min(WINDOW, *shape[:2])
            )
            self._session = tf.Session(config=tf.ConfigProto(device_count={"GPU": 0}))

    def __call__(self, images):
        """Return the mean MS-SSIM of neighboring images in [N, H, W, C] uint8: 1 if all images are the same."""
        neighbors, chunk = np.roll(images, 1, axis=0), max(1, CHUNK // images[0].size)
        pairs = ((images[i : i + chunk], neighbors[i : i + chunk]) for i in range(0, len(images), chunk))
        values = [self._session.run(self._values, dict(zip(self._pair, pair))) for pair in pairs]
        return float(np.mean(np.nan_to_num(np.concatenate(values))))
