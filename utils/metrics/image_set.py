"""A set of pictures to be compared, with what the metrics derive from it."""

from utils.metrics import diversity
from utils.metrics.sliced_wasserstein import Descriptors

MS_SSIM_PICTURES = 64  # of the set, that MS-SSIM is computed from


class PictureSet:
    """Pictures, and what is derived from them: computed when first asked for, then kept.

    A metric that needs something new of each set adds a property here.
    """

    def __init__(self, pictures, ms_ssim, features, copies=None):
        """pictures: [N, H, W, C] uint8. ms_ssim, features: functions of such an array.

        copies: of the real pictures, the nearest.Copies that knows all of them.
        """
        self.pictures, self.copies = pictures, copies
        self._ms_ssim, self._features, self._derived = ms_ssim, features, {}

    @property
    def descriptors(self):
        """sliced_wasserstein.Descriptors."""
        return self._once("descriptors", lambda: Descriptors(self.pictures))

    @property
    def ms_ssim(self):
        """float: how alike neighbouring pictures are."""
        return self._once("ms_ssim", lambda: self._ms_ssim(self.pictures[:MS_SSIM_PICTURES]))

    @property
    def features(self):
        """[N, D] float32; only with a network."""
        return self._once("features", lambda: self._features(self.pictures))

    @property
    def spacing(self):
        """float: the median distance of features from the nearest others."""
        return self._once("spacing", lambda: diversity.spacing(self.features))

    def distinct(self, width):
        """Return how many features are distinct, 1 to N, if those nearer than `width` hardly count."""
        return self._once(f"distinct {width}", lambda: diversity.distinct(self.features, width))

    def _once(self, name, compute):
        if name not in self._derived:
            self._derived[name] = compute()
        return self._derived[name]
