"""The weights that a run copies from another run, whose network or classes may be different.

A layer is copied if its weights have the same shape; otherwise it keeps its initial values. Some weights have a row per
class: the scales and shifts of G's batch norm, and D's projection. A row is copied if both runs have a class of that
name.
"""

import re
import textwrap
from typing import List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from utils.checkpoints import store
from utils.errors import UserError

# Settings of the network that may be different: those that no trained weight depends on, and those that decide the
# shapes of weights. Any other one gives the weights a different meaning.
_IRRELEVANT = {"init", "init_stddev", "bn_momentum", "sync_batch_norm"}
_SHAPES = {"image_size", "channels", "conditional", "z_dim", "kernel"}
_SHAPES |= {"filters", "max_filters", "d_width", "output_filters"}
_SCALES = re.compile(r"generator/.+/batch_norm/(gamma|beta)$")  # a row per class, if there are classes
_VECTORS = "discriminator/logit/classes/"  # D's projection: its kernel has a row per class


class Plan(NamedTuple):
    """The weights that are copied; names of variables."""

    whole: List[str]
    by_row: List[str]  # a row per class
    rows: List[Tuple[int, int]]  # the label of each class in this run and in the other run
    copied: List[str]  # layers, such as 'G 8x8'
    fresh: List[str]  # layers and classes that are not copied


def plan(shapes, stored, classes, their_classes):
    """Return the Plan.

    shapes, stored: {name: shape} of the weights of this run and of the other run. classes, their_classes: the names of
    their classes, () if unconditional.
    """
    layers = {}
    for name, shape in shapes.items():
        fits = stored.get(name) == shape or bool(_SCALES.match(name)) or name.startswith(_VECTORS)
        layers[_layer(name)] = layers.get(_layer(name), True) and fits
    # D's logit has a weight per position of the lowest resolution: 4x6 and 6x4 have different positions.
    layers["D logit"] &= _lowest(shapes) == _lowest(stored)
    if len(classes) == len(their_classes) and not set(classes) & set(their_classes):
        rows = [(i, i) for i in range(len(classes))]  # all were renamed: they keep their order
    else:
        rows = [(i, their_classes.index(name)) for i, name in enumerate(classes) if name in their_classes]
    possible = [name for name in shapes if layers[_layer(name)]]
    by_row = [name for name in possible if _SCALES.match(name) or name == _VECTORS + "kernel"]
    by_row = by_row if classes and their_classes else []
    whole = [name for name in possible if name not in by_row and stored.get(name) == shapes[name]]
    missing = [name for name in possible if name not in whole + by_row]
    fresh = [layer for layer, fits in layers.items() if not fits]
    fresh += ["G scales and shifts of batch norm"] * any(map(_SCALES.match, missing))
    fresh += ["D class vectors"] * any(name.startswith(_VECTORS) for name in missing)
    fresh += [f"class {name}" for i, name in enumerate(classes) if by_row and i not in dict(rows)]
    return Plan(whole, by_row, rows, [layer for layer, fits in layers.items() if fits], fresh)


def _layer(name):
    """Return the layer of a weight, such as 'G 8x8'."""
    network, layer = name.split("/")[:2]
    return f"{network[0].upper()} {layer}"


def _lowest(names):
    """Return the lowest resolution of G, [height, width]."""
    sizes = [re.match(r"generator/(\d+)x(\d+)/", name) for name in names]
    return min([int(side) for side in size.groups()] for size in sizes if size)


class Transfer:
    """Copies weights of another run into variables, according to a Plan."""

    def __init__(self, variables, checkpoint, classes, their_classes):
        """Add the necessary operations to the default graph.

        variables: the weights of this run; checkpoint: a store.Checkpoint of the other run; classes, their_classes: see
        plan.
        """
        named = {variable.op.name: variable for variable in variables}
        shapes = {name: variable.shape.as_list() for name, variable in named.items()}
        self._checkpoint = checkpoint
        self.plan = plan(shapes, store.shapes(checkpoint), classes, their_classes)
        self._names = self.plan.whole + self.plan.by_row
        self._variables = [named[name] for name in self._names]
        self._values = [tf.placeholder(tf.float32, variable.shape) for variable in self._variables]
        self._assign = [variable.assign(value) for variable, value in zip(self._variables, self._values)]

    def restore(self, session):
        """Assign the weights that are copied; all others keep their initial values."""
        values = dict(zip(self._names, session.run(self._variables)))
        for name, theirs in zip(self._names, store.values(self._checkpoint, self._names)):
            if name in self.plan.whole:
                values[name] = theirs
            else:
                for label, their_label in self.plan.rows:
                    values[name][label] = theirs[their_label]
        session.run(self._assign, dict(zip(self._values, values.values())))

    def describe(self):
        """Return the line that lists what is copied and what is not; '' if everything is copied."""
        if not self.plan.fresh:
            return ""
        copied, fresh = (textwrap.shorten(", ".join(names), 400, placeholder=" ...") for names in self.plan[-2:])
        return f"Copied: {copied}. Initialized, since missing or of a different shape: {fresh}."


def check_same_meaning(init_from, theirs, ours):
    """Raise UserError if the weights of the other run have a different meaning in this run; theirs, ours: networks."""
    _check_equal(init_from, "has a different network", theirs, ours, set(ours._fields) - _IRRELEVANT - _SHAPES)


def check_some_shape_fits(init_from, theirs, ours):
    """Raise the UserError that no layer fits."""
    _check_equal(init_from, "has no layer that fits", theirs, ours, _SHAPES)


def frozen_layers(run, network, copied):
    """Return the names of the layers that freeze_d freezes; raise UserError if one is not copied."""
    frozen = [f"D {network.height >> i}x{network.width >> i}" for i in range(run.freeze_d)]
    fresh = [layer for layer in frozen if layer not in copied]
    if fresh:
        raise UserError(
            f"freeze_d = {run.freeze_d} freezes {' and '.join(fresh)}, which cannot be copied from init_from = "
            f"{run.init_from}: missing or of a different shape; set freeze_d = 0 in params.py"
        )
    return frozen


def _check_equal(init_from, problem, theirs, ours, names):
    """Raise UserError if one of these settings is different."""
    different = [
        f"{name} is {their_value} in init_from and {value} in this run"
        for name, their_value, value in zip(ours._fields, theirs, ours)
        if their_value != value and name in names
    ]
    if different:
        raise UserError(
            f"init_from = {init_from} {problem}: {', '.join(different)}; set them to the same values in model/params.py"
        )
