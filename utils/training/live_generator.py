"""The generator of samples while a run trains: the EMA of G, or G itself if ema_decay = 0."""

from utils.sampling.generator import Generator


class LiveGenerator(Generator):
    """A Generator that uses the weights being trained and updates batch-norm statistics at most once per step."""

    def __init__(self, session, sampler, labels):
        """sampler: a model.sample_graph.Sampler; labels: [n] int32, the class of each training image."""
        super().__init__(session, sampler)
        self._labels = labels
        self._updated = None  # the step at which the statistics were updated

    def refresh(self, step):
        """If there is an EMA, update its batch-norm statistics unless they already match its weights at `step`."""
        if step != self._updated:
            self.update_bn(self._labels)
            self._updated = step
