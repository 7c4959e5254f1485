"""Arithmetic with the noise of picks, shown like figure 7 of Radford et al. 2015 (arXiv 1511.06434, section 6.3.2)."""

import numpy as np

from utils.config.startup import entry
from utils.output import files
from utils.output.alpha import composite
from utils.output.animation import with_text
from utils.output.images import blank, place, png
from utils.sampling import latents, naming, picks
from utils.tasks.task import Task

_NEIGHBORS = 8  # of the result
_AROUND = 0.25  # they are the result plus uniform noise in +-0.25, as in the paper
_BLOCK = 3  # columns and rows of the result and its neighbors


def _describe(run):
    request = naming.announced(run, "arithmetic", "picks")
    return [f"Making {run.arithmetic} with {naming.checkpoint_name(run)}", entry("Figure", request.grid)]


def _check(run):
    picks.parse_sum(run.arithmetic, None)


def write_arithmetic(generator, run):
    """Write the figure of run.arithmetic and its result; yield a line that says where they are.

    A column for each term: its samples, and below them that of their mean z. To the right the result, in the middle of
    its 8 neighbors. Errors: as of samples.write_samples.
    """
    classes, z_dim = generator.classes, generator.z_dim
    terms = picks.parse_sum(run.arithmetic, classes)
    request = naming.request(run, generator, "arithmetic", [_text(term, classes) for term in terms])
    result_path = request.path("_result.png")
    naming.check_overwrite([request.grid, result_path], request.metadata)

    operands = [_term_noise(term, run, generator) for term in terms]  # of each term: [n, z_dim + n_classes]
    means = [operand.mean(axis=0) for operand in operands]
    result = sum(term.sign * mean for term, mean in zip(terms, means))
    around = np.random.RandomState([run.sample_seed, latents.NEIGHBORS]).uniform(-_AROUND, _AROUND, (9, z_dim))
    around[_NEIGHBORS // 2] = 0.0  # the result itself
    block = result + np.pad(around, [(0, 0), (0, len(classes))], "constant")

    columns = [np.concatenate([operand, mean[None]]) for operand, mean in zip(operands, means)]
    rows = np.concatenate([*columns, block])
    z, fractions = np.float32(rows[:, :z_dim] * run.truncation), np.float32(rows[:, z_dim:])
    images = list(generator.stream(z, fractions if classes else None))
    result_image = images[len(images) - _BLOCK * _BLOCK + _NEIGHBORS // 2]
    shown = [composite(image, generator.background) for image in images]
    files.write(request.grid, png(_figure(shown, terms, classes), request.metadata))
    files.write(result_path, png(result_image, request.metadata))
    yield f"{run.arithmetic} in {request.grid}, its result in {result_path}"


def _text(term, classes):
    return ("" if term.sign == 1 else "minus ") + ",".join(pick.text(classes) for pick in term.picks)


def _term_noise(term, run, generator):
    """Return z and the fractions of classes of the picks of a term, [n, z_dim + n_classes] float64."""
    z = generator.noise([pick.number for pick in term.picks], run.sample_seed)
    n_classes = len(generator.classes)
    fractions = np.eye(max(n_classes, 1))[[pick.label for pick in term.picks], :n_classes]
    return np.concatenate([np.float64(z), fractions], axis=1)


def _figure(images, terms, classes):
    """Return the figure of the images of each term and of its mean, one after the other, and then of the block."""
    height = max(1 + max(len(term.picks) for term in terms), _BLOCK)
    columns = len(terms) + 1 + _BLOCK
    cells = []  # (row, column, text) in the order of the images
    for column, term in enumerate(terms):
        cells += [(row, column, pick.caption(classes)) for row, pick in enumerate(term.picks)]
        cells.append((height - 1, column, "+ mean" if term.sign == 1 else "- mean"))
    for i in range(_BLOCK * _BLOCK):
        text = "= result" if i == _NEIGHBORS // 2 else ""
        cells.append((height - _BLOCK + i // _BLOCK, len(terms) + 1 + i % _BLOCK, text))
    images = [with_text(image, text) for image, (_, _, text) in zip(images, cells)]
    sheet, _ = blank(height * columns, images[0].shape, columns)
    for image, (row, column, _) in zip(images, cells):
        place(sheet, columns, row * columns + column, image)
    return sheet


TASK = Task(
    name="arithmetic",
    setting="arithmetic",
    uses=("sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_arithmetic,
    memory_setting="arithmetic",
    check=_check,
)
