"""The generator that samples come from while a run trains: the averaged G, or G itself with ema_decay = 0."""

import numpy as np

from utils.sampling import generation


class SampledGenerator:
    """Draws samples from the sampling graph, whose batch-norm statistics are refreshed at most once a step."""

    def __init__(self, session, sampler, labels):
        """sampler: a model.sample_graph.Sampler; labels: [n] int32, the classes of all training pictures."""
        self.session, self.sampler = session, sampler
        self._labels = labels
        self._refreshed = None  # the step whose weights the statistics belong to

    def refresh(self, step):
        """Give the averaged G the batch-norm statistics of its weights, those of `step`."""
        if step != self._refreshed:
            generation.refresh(self.session, self.sampler, self._labels)
            self._refreshed = step

    def forget(self):
        """Refresh the statistics again at the next use: the weights have been replaced."""
        self._refreshed = None

    def samples(self, step, z, labels):
        """Return the pictures of z, [N, z_dim] float32, and labels, [N] int32: [N, H, W, C] uint8."""
        self.refresh(step)
        return np.concatenate(list(generation.generate(self.session, self.sampler, z, labels)))

    def is_finite(self, step):
        """Return whether no number of its weights and statistics is NaN or infinite."""
        self.refresh(step)
        return bool(self.session.run(self.sampler.is_finite))
