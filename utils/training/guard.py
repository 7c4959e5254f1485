"""When a run goes wrong by itself: losses or weights that are no numbers any more. Back to the last good checkpoint.

Not to the same course again: with other noise, and half the learning rate. Both follow from how many such rollbacks
there were, which is written into the checkpoint's JSON, so that they are counted however often a run is restarted.
"""

import collections
import math
import os
import sys

from utils.errors import RunError
from utils.output import files

MOST = 3  # rollbacks in a run
POST_MORTEM = "post-mortem.txt"
_ROWS = 20  # last steps that a post-mortem lists


def rates(run, rollbacks=0):
    """Return words for the learning rates of a run after so many rollbacks, each of which has halved them."""
    d, g = ((rate or run.learning_rate) * 0.5**rollbacks for rate in (run.d_learning_rate, run.g_learning_rate))
    return "learning_rate = %g" % d if d == g else "d_learning_rate = %g and g_learning_rate = %g" % (d, g)


class Guard:
    """Looks at each step, and takes the run back where one went wrong."""

    def __init__(self, session, graph, batches, pictures, outputs, run, restore):
        """restore: given how many rollbacks there were, goes back to the newest good checkpoint; returns its Found."""
        self._restore = restore
        self._session, self._graph, self._batches, self._pictures = session, graph, batches, pictures
        self._outputs, self._run = outputs, run
        self._rows = collections.deque(maxlen=_ROWS)

    def is_sound(self, row, weights, averages):
        """Say whether the losses of a step are numbers.

        weights: and all weights, too; averages: and the averaged G with the statistics that it is saved with.
        """
        self._rows.append(row)
        if not math.isfinite(row["d_loss"] + row["g_loss"]):
            return False
        if weights and not self._session.run(self._graph.sound):
            return False
        return not averages or self._outputs.is_sound(row["step"])

    def go_back(self):
        """Take the run back to the newest good checkpoint; return (step, pictures seen) of that.

        Raise RunError where it is not to go back any more.
        """
        step = self._rows[-1]["step"]
        past = self._outputs.state.rollbacks
        wrong = "step %d: losses or weights are no longer numbers" % step
        if self._run.on_nan == "stop" or len(past) >= MOST:
            after = ", after %d rollbacks" % len(past) if past else ""
            raise RunError(
                "%s%s; nothing was saved of it, and the checkpoint of step %d is good. %s says more; lower %s in "
                "params.py"
                % (wrong, after, self._outputs.saved_step, self._write_post_mortem(wrong, past), rates(self._run))
            )
        self._outputs.rolled_back(self._restore(len(past) + 1), step)
        self._rows.clear()
        step, seen = (int(n) for n in self._session.run([self._graph.step, self._graph.pictures_seen]))
        self._session.run(self._batches.initializer, {self._batches.start: seen})
        words = "\nmain.py: %s; back to step %d, with other noise and %s (rollback %d of at most %d)"
        print(words % (wrong, step, rates(self._run, len(past) + 1), len(past) + 1, MOST), file=sys.stderr)
        return step, seen

    def _write_post_mortem(self, wrong, past):
        """Write what is known about the end of a run; return the path, or why there is none."""
        if not self._outputs.writes:
            return "%s of the chief" % POST_MORTEM
        row = self._rows[-1]
        lines = [wrong, rates(self._run, len(past))]
        for number, step in enumerate(past):
            lines.append("rollback %d: from step %d, %s" % (number + 1, step, rates(self._run, number)))
        lines += ["", "the last steps:", "step, d_loss, g_loss, D(x), D(G(z))"]
        lines += ["%d, %g, %g, %g, %g" % tuple(r[n] for n in _SHOWN) for r in self._rows]
        lines += ["", "the pictures of the last step:"]
        count = self._run.k * self._batches.size
        for index in self._batches.order.take(max(0, row["pictures_seen"] - count), count):
            lines.append(" or ".join(self._pictures.paths_of(index)) or "(not known any more)")
        path = os.path.join(self._run.checkpoints_dir, POST_MORTEM)
        try:
            files.write(path, "\n".join([*lines, ""]).encode("utf-8", "backslashreplace"))
        except OSError as error:
            return "%s cannot be written (%s), or it" % (path, error.strerror)
        return path


_SHOWN = ("step", "d_loss", "g_loss", "d_real", "d_fake")
