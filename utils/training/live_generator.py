"""The generator that draws samples while a run trains: the EMA of G, or G itself if ema_decay = 0."""

from utils.sampling.generator import Generator


class LiveGenerator(Generator):
    """A Generator on the weights in training; it updates its batch-norm statistics at most once per step."""

    def __init__(self, session, sampler, labels):
        """sampler: a model.sample_graph.Sampler; labels: [n] int32, the classes of all training images."""
        super().__init__(session, sampler)
        self._labels = labels
        self._updated = None  # the step at which the statistics were updated

    def refresh(self, step):
        """Update the batch-norm statistics of the EMA for its weights at `step`."""
        if step != self._updated:
            self.update_bn(self._labels)
            self._updated = step

    def reset(self):
        """Update the statistics at the next use: the weights were replaced."""
        self._updated = None

    def is_finite(self, step):
        """Return whether all weights and statistics are finite."""
        self.refresh(step)
        return bool(self.session.run(self.sampler.is_finite))
