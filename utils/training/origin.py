"""Weights of another run as the start of a new one: `init_from`."""

import tensorflow.compat.v1 as tf

from utils.checkpoints import select as choice
from utils.checkpoints import store as checkpoint
from utils.errors import UserError

_NETWORKS = ("generator/", "discriminator/")
_OF_NO_MATTER = ("init", "init_stddev", "bn_momentum", "sync_batch_norm")  # to weights that are there already


class Donor:
    """The run that a new one gets its weights from."""

    def __init__(self, folder, network):
        """Choose a checkpoint in `folder`; raise UserError where its network is another than `network`."""
        self._folder = folder
        try:
            self._choice = choice.choose(folder, "best")
        except UserError as error:
            raise UserError("init_from: %s" % str(error).replace("checkpoints_dir", "init_from"))
        different = [
            "%s is %s there and %s here" % (name, then, now)
            for name, then, now in zip(network._fields, self._choice.record.network, network)
            if then != now and name not in _OF_NO_MATTER
        ]
        if different:
            raise UserError(
                "init_from = %s has another network: %s; set these alike in model/params.py"
                % (folder, ", ".join(different))
            )

    def prepare(self, classes):
        """Prepare the default graph, not yet finalised; raise UserError where there are more or fewer classes."""
        theirs = self._choice.record.state.classes
        if len(classes) != len(theirs):
            raise UserError(
                "init_from = %s knows %d classes, %s, and here are %d; make as many folders in pics_dir"
                % (self._folder, len(theirs), ", ".join(theirs), len(classes))
            )
        self._variables = [v for v in tf.global_variables() if v.op.name.startswith(_NETWORKS)]
        self._saver = tf.train.Saver(self._variables)

    def give(self, session):
        """Give G and D of `session` these weights; return a line that says so. Optimizers and counters start anew."""
        checkpoint.restore(session, self._saver, self._choice.checkpoint, self._variables)
        step, path = self._choice.checkpoint
        return "A new run, from the weights of step %d (%s), %s." % (step, self._choice.words, path)
