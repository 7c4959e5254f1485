"""A set of images to be compared, with what the metrics derive from it."""

from utils.metrics import diversity
from utils.metrics.sliced_wasserstein import Descriptors

MS_SSIM_IMAGES = 64  # of the set, that MS-SSIM is computed from


class ImageSet:
    """Images, and what is derived from them: computed when first asked for, then kept.

    A metric that needs something new of each set adds a property here.
    """

    def __init__(self, images, ms_ssim, features, copies=None):
        """images: [N, H, W, C] uint8. ms_ssim, features: functions of such an array.

        copies: of the real images, the nearest.CopyDetector that knows all of them.
        """
        self.images, self.copies = images, copies
        self._ms_ssim, self._features, self._derived = ms_ssim, features, {}

    @property
    def descriptors(self):
        """sliced_wasserstein.Descriptors."""
        return self._once("descriptors", lambda: Descriptors(self.images))

    @property
    def ms_ssim(self):
        """float: how alike neighboring images are."""
        return self._once("ms_ssim", lambda: self._ms_ssim(self.images[:MS_SSIM_IMAGES]))

    @property
    def features(self):
        """[N, D] float32; only with a network."""
        return self._once("features", lambda: self._features(self.images))

    @property
    def median_nn_distance(self):
        """float: the median distance of features from the nearest others."""
        return self._once("spacing", lambda: diversity.median_nn_distance(self.features))

    def vendi_score(self, width):
        """Return how many features are distinct, 1 to N, if those nearer than `width` hardly count."""
        return self._once(f"distinct {width}", lambda: diversity.vendi_score(self.features, width))

    def _once(self, name, compute):
        if name not in self._derived:
            self._derived[name] = compute()
        return self._derived[name]
