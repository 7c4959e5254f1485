"""The generator that samples come from while a run trains: the averaged G, or G itself with ema_decay = 0."""

from utils.sampling.generator import Generator


class LiveGenerator(Generator):
    """A Generator on the weights in training, whose batch-norm statistics are updated at most once a step."""

    def __init__(self, session, sampler, labels):
        """sampler: a model.sample_graph.Sampler; labels: [n] int32, the classes of all training images."""
        super().__init__(session, sampler)
        self._labels = labels
        self._updated = None  # the step whose weights the statistics belong to

    def refresh(self, step):
        """Give the averaged G the batch-norm statistics of its weights, those of `step`."""
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
