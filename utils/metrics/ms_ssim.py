"""MS-SSIM, how alike images are: Wang et al. 2003; as a measure of a GAN's variety: Odena et al. 2017, 1610.09585."""

import numpy as np
import tensorflow.compat.v1 as tf

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of Wang et al., for five scales
WINDOW = 11  # pixels
CHUNK = 2**22  # pixel values processed at a time


def scales(size):
    """Return the weights of the scales at which images whose shorter side is `size` are compared; their sum is 1.

    At each scale the image must be at least as large as the window, so small images have fewer than five scales.
    """
    count = max(1, min(5, int(np.log2(max(size / WINDOW, 1))) + 1))
    weights = WEIGHTS[:count]
    return tuple(weight / sum(weights) for weight in weights)


class MsSsim:
    """Measures how alike the images of a set are, in a graph and a session of its own, on the CPU."""

    def __init__(self, shape):
        """shape: of one image, [H, W, C]."""
        with tf.Graph().as_default(), tf.device("/cpu:0"):
            self._pair = [tf.placeholder(tf.float32, [None, *shape]) for _ in range(2)]
            shorter = min(shape[:2])
            self._values = tf.image.ssim_multiscale(
                *self._pair, 255.0, power_factors=scales(shorter), filter_size=min(WINDOW, shorter)
            )
            self._session = tf.Session(config=tf.ConfigProto(device_count={"GPU": 0}))

    def __call__(self, images):
        """Return the mean MS-SSIM of each of [N, H, W, C] uint8 and the next one: 1 if all are the same image."""
        following, values = np.roll(images, 1, axis=0), []
        chunk = max(1, CHUNK // images[0].size)
        for i in range(0, len(images), chunk):
            pair = dict(zip(self._pair, (images[i : i + chunk], following[i : i + chunk])))
            values.append(self._session.run(self._values, pair))
        return float(np.mean(np.nan_to_num(np.concatenate(values))))
