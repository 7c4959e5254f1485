"""What a run takes from the weights of another run, whose network or classes may be different.

A layer is taken where its weights have the same shape, and starts fresh elsewhere. Weights of a class are rows: of the
scales and shifts of G's batch norm, and of D's projection. They are taken where both runs have a class of that name.
"""

import re
import textwrap
from typing import List, NamedTuple, Tuple

import tensorflow.compat.v1 as tf

from utils.checkpoints import store
from utils.errors import UserError

# Settings of the network that may be different: those that no trained weight depends on, and those that decide how many
# weights there are. Any other one gives the weights another meaning.
_IRRELEVANT = {"init", "init_stddev", "bn_momentum", "sync_batch_norm"}
_SHAPES = {"image_size", "channels", "conditional", "z_dim", "kernel"}
_SHAPES |= {"filters", "max_filters", "d_width", "output_filters"}
_SCALES = re.compile(r"generator/.+/batch_norm/(gamma|beta)$")  # with a row for each class, if there are classes
_VECTORS = "discriminator/logit/classes/"  # of the projection: those of the classes, and with spectral norm one more


class Plan(NamedTuple):
    """Which weights are taken; names of variables."""

    whole: List[str]
    by_row: List[str]  # those with a row for each class
    rows: List[Tuple[int, int]]  # of each class that is taken: its label in this run, and in the other one
    taken: List[str]  # layers, such as 'G 8x8'
    fresh: List[str]  # layers and classes


def plan(shapes, stored, classes, theirs):
    """Return the Plan.

    shapes, stored: {name: shape} of the weights of this run, and of the other one. classes, theirs: the names of their
    classes, () for none.
    """
    layers = {}
    for name, shape in shapes.items():
        fits = stored.get(name) == shape or _is_of_classes(name)
        layers[_layer(name)] = layers.get(_layer(name), True) and fits
    # D's logit has weights for each place of the lowest resolution, which are others at 4x6 than at 6x4.
    layers["D logit"] &= _lowest(shapes) == _lowest(stored)
    rows = _rows(classes, theirs)
    possible = [name for name in shapes if layers[_layer(name)]]
    by_row = [name for name in possible if classes and theirs and _has_rows(name)]
    whole = [name for name in possible if name not in by_row and stored.get(name) == shapes[name]]
    missing = [name for name in possible if name not in whole + by_row]
    fresh = [layer for layer, fits in layers.items() if not fits]
    fresh += ["G scales and shifts of batch norm"] * any(map(_SCALES.match, missing))
    fresh += ["D class vectors"] * any(name.startswith(_VECTORS) for name in missing)
    known = {ours for ours, _ in rows}
    fresh += [f"class {name}" for i, name in enumerate(classes) if by_row and i not in known]
    return Plan(whole, by_row, rows, [layer for layer, fits in layers.items() if fits], fresh)


def _lowest(names):
    """Return the lowest resolution of G, [height, width]."""
    sizes = [re.match(r"generator/(\d+)x(\d+)/", name) for name in names]
    return min([int(side) for side in size.groups()] for size in sizes if size)


def _is_of_classes(name):
    return bool(_SCALES.match(name)) or name.startswith(_VECTORS)


def _has_rows(name):
    """Return whether a weight of a conditional network has a row for each class."""
    return bool(_SCALES.match(name)) or name == _VECTORS + "kernel"


def _layer(name):
    """Return the layer of a weight, such as 'G 8x8'."""
    network, layer = name.split("/")[:2]
    return f"{network[0].upper()} {layer}"


def _rows(classes, theirs):
    """Return the labels, in both runs, of the classes that both have."""
    if len(classes) == len(theirs) and not set(classes) & set(theirs):
        return [(i, i) for i in range(len(classes))]  # all were renamed: they keep their order
    return [(i, theirs.index(name)) for i, name in enumerate(classes) if name in theirs]


class Transfer:
    """Gives variables the weights of another run, according to a Plan."""

    def __init__(self, variables, checkpoint, classes, theirs):
        """Add the necessary operations to the default graph.

        variables: the weights of this run; checkpoint: a store.Checkpoint of the other one; classes, theirs: see plan.
        """
        named = {variable.op.name: variable for variable in variables}
        shapes = {name: variable.shape.as_list() for name, variable in named.items()}
        self.plan, self._checkpoint = plan(shapes, store.shapes(checkpoint), classes, theirs), checkpoint
        self._whole = [named[name] for name in self.plan.whole]
        self._saver = tf.train.Saver(self._whole) if self._whole else None
        self._by_row = [named[name] for name in self.plan.by_row]
        self._values = [tf.placeholder(tf.float32, variable.shape) for variable in self._by_row]
        self._assign = [variable.assign(value) for variable, value in zip(self._by_row, self._values)]

    def restore(self, session):
        """Give the variables, just initialized, the weights that are taken; the others keep their values."""
        store.restore(session, self._saver, self._checkpoint, self._whole)
        values = session.run(self._by_row)
        for value, theirs in zip(values, store.values(self._checkpoint, self.plan.by_row)):
            for label, other_label in self.plan.rows:
                value[label] = theirs[other_label]
        session.run(self._assign, dict(zip(self._values, values)))

    def describe(self):
        """Return the line that says what is taken and what is not; '' if everything is taken."""
        if not self.plan.fresh:
            return ""
        taken, fresh = (textwrap.shorten(", ".join(names), 400, placeholder=" ...") for names in self.plan[-2:])
        return f"Taken from it: {taken}. Not in it, or of another shape, so starting fresh: {fresh}."


def check_same_meaning(init_from, theirs, ours):
    """Raise UserError if the weights of the other run mean something else in this one; theirs, ours: the networks."""
    _refuse(init_from, "has a different network", theirs, ours, set(ours._fields) - _IRRELEVANT - _SHAPES)


def check_some_shape_fits(init_from, theirs, ours):
    """Raise the UserError that no layer fits."""
    _refuse(init_from, "has no layer that fits", theirs, ours, _SHAPES)


def frozen_layers(run, network, taken):
    """Return the names of the layers that freeze_d keeps; raise UserError if one is not among those that are taken."""
    frozen = [f"D {network.height >> i}x{network.width >> i}" for i in range(run.freeze_d)]
    fresh = [layer for layer in frozen if layer not in taken]
    if fresh:
        raise UserError(
            f"freeze_d = {run.freeze_d} keeps {' and '.join(fresh)}, which cannot be taken from init_from = "
            f"{run.init_from}: not in it, or of another shape; set freeze_d = 0 in params.py"
        )
    return frozen


def _refuse(init_from, problem, theirs, ours, names):
    """Raise UserError if one of these settings is different."""
    different = [
        f"{name} is {their_value} in init_from and {value} in this run"
        for name, their_value, value in zip(ours._fields, theirs, ours)
        if their_value != value and name in names
    ]
    if different:
        raise UserError(
            f"init_from = {init_from} {problem}: {', '.join(different)}; set these alike in model/params.py"
        )
