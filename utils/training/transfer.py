"""The weights that a run copies from another run, whose network or classes may differ.

A layer is copied if its weights have the same shape; otherwise it keeps its initial values. Some weights have a row per
class: the scales and shifts of G's batch norm, and D's projection. A row is copied if both runs have a class of that
name.
"""

import re
import textwrap
from typing import List, NamedTuple, Tuple

from utils.config.names import normal_form
from utils.errors import UserError

# Network settings that may differ: no trained weight depends on IRRELEVANT, and SHAPES only determine the shapes of the
# weights. A difference in any other setting changes the meaning of the weights.
IRRELEVANT = {"init", "init_stddev", "bn_momentum", "sync_batch_norm", "d_features"}
SHAPES = {"image_size", "channels", "conditional", "z_dim", "kernel"}
SHAPES |= {"filters", "max_filters", "d_width", "output_filters", "skip_excitation", "clusters", "cluster_levels"}
_SCALES = re.compile(r"generator/.+/batch_norm/(gamma|beta)$")  # a row per class, if there are classes
_VECTORS = "discriminator/logit/classes/"  # D's projection: its kernel has a row per class


class Plan(NamedTuple):
    """The weights to copy, as variable names."""

    whole: List[str]
    by_row: List[str]  # a row per class
    rows: List[Tuple[int, int]]  # the labels of each shared class in this run and in the other run
    copied: List[str]  # layers, such as 'G 8x8'
    fresh: List[str]  # layers and classes that are not copied


def plan(shapes, stored, classes, their_classes):
    """Return the Plan for copying the weights.

    shapes, stored: {name: shape} of the weights of this run and of the other run. classes, their_classes: the names of
    their classes, () if unconditional.
    """
    classes, their_classes = ([normal_form(name) for name in names] for names in (classes, their_classes))
    different = [name for name, shape in shapes.items() if stored.get(name) != shape]
    unfit = {_layer(name) for name in different if not _SCALES.match(name) and not name.startswith(_VECTORS)}
    # D's logit layer has a weight per position at the lowest resolution, and 4x6 and 6x4 have different positions.
    if _lowest(shapes) != _lowest(stored):
        unfit.add("D logit")
    if len(classes) == len(their_classes) and not set(classes) & set(their_classes):
        rows = [(i, i) for i in range(len(classes))]  # all classes were renamed: match them by order
    else:
        rows = [(i, their_classes.index(name)) for i, name in enumerate(classes) if name in their_classes]
    if rows != [(i, i) for i in range(max(len(classes), len(their_classes)))]:  # each cluster belongs to a class
        unfit.add(_layer("generator/clusters/"))
    layers = dict.fromkeys(map(_layer, shapes))
    possible = [name for name in shapes if _layer(name) not in unfit]
    by_row = [name for name in possible if _SCALES.match(name) or name == _VECTORS + "kernel"]
    by_row = by_row if classes and their_classes else []
    whole = [name for name in possible if name not in by_row and name not in different]
    missing = [name for name in possible if name not in whole + by_row]
    fresh = [layer for layer in layers if layer in unfit]
    fresh += ["G batch-norm scales and shifts"] * any(map(_SCALES.match, missing))
    fresh += ["D class vectors"] * any(name.startswith(_VECTORS) for name in missing)
    fresh += [f"class {name}" for i, name in enumerate(classes) if by_row and i not in dict(rows)]
    return Plan(whole, by_row, rows, [layer for layer in layers if layer not in unfit], fresh)


def _layer(name):
    """Return the layer of a weight, such as 'G 8x8' or 'G 32x32 excitation'."""
    network, layer, *parts = name.split("/")
    return f"{network[0].upper()} {layer}" + " excitation" * ("excitation" in parts)


def _lowest(names):
    """Return the lowest resolution of G, [height, width]."""
    sizes = [re.match(r"generator/(\d+)x(\d+)/", name) for name in names]
    return min([int(side) for side in size.groups()] for size in sizes if size)


def describe(plan):
    """Return the line that lists what is copied and what is not; '' if everything is copied."""
    if not plan.fresh:
        return ""
    copied, fresh = (textwrap.shorten(", ".join(names), 400, placeholder=" ...") for names in (plan.copied, plan.fresh))
    return f"Copied: {copied}. Initialized (missing or different shape): {fresh}."


def frozen_layers(run, network, copied):
    """Return the names of the layers that freeze_d freezes; raise UserError if one is not copied."""
    frozen = [f"D {network.height >> i}x{network.width >> i}" for i in range(run.freeze_d)]
    fresh = [layer for layer in frozen if layer not in copied]
    if fresh:
        raise UserError(
            f"freeze_d = {run.freeze_d} freezes {' and '.join(fresh)}, which cannot be copied from init_from = "
            f"{run.init_from} (missing or different shape); set freeze_d = 0 in params.py"
        )
    return frozen


def check_equal(settings, theirs, names, problem):
    """Raise UserError if one of these network settings differs; theirs: the network of the other run."""
    different = [
        f"{name} is {their_value} in init_from and {value} in this run"
        for name, value, their_value in zip(theirs._fields, settings.network, theirs)
        if their_value != value and name in names
    ]
    if different:
        raise UserError(
            f"init_from = {settings.run.init_from} {problem}: {', '.join(different)}; use init_from's values in "
            "model/params.py"
        )
