"""Arithmetic on the noise vectors of picks, as in figure 7 of Radford et al. 2015 (arXiv 1511.06434, section 6.3.2)."""

import numpy as np

from utils.config.startup import entry
from utils.output import files
from utils.output.alpha import composite
from utils.output.animation import with_text
from utils.output.fonts import describe_missing
from utils.output.images import blank, place, png
from utils.sampling import latents, naming, picks
from utils.tasks.task import Task

_BLOCK = 3  # rows and columns of the block: the result in the middle, and its neighbors
_CENTER = _BLOCK * _BLOCK // 2
_NEIGHBOR_NOISE = 0.25  # neighbors are the result plus uniform noise of this amplitude, as in the paper


def _describe(run):
    picks.terms(run)  # raises UserError if run.arithmetic is invalid
    request = naming.announced(run, "arithmetic_<picks>")
    return [f"Computing {run.arithmetic} with {naming.checkpoint_name(run)}", entry("Figure", request.path(".png"))]


def write_arithmetic(generator, run):
    """Write the figure for run.arithmetic and the result image; yield a line with their paths.

    The figure has a column for each term: its samples and, below them, the sample generated from their mean z. To the
    right is the result, surrounded by its 8 neighbors. Errors: see samples.write_samples.
    """
    classes, z_dim = generator.classes, generator.z_dim
    terms = picks.terms(run, generator)
    request = naming.request(run, generator, "arithmetic", [_text(*term, classes) for term in terms])
    figure_path, result_path = request.path(".png"), request.path("_result.png")
    naming.check_overwrite([figure_path, result_path], request.metadata)

    operands = [_operand(each, run, generator) for _, each in terms]
    means = [operand.mean(axis=0) for operand in operands]
    result = sum(sign * mean for (sign, _), mean in zip(terms, means))
    random = np.random.RandomState([run.sample_seed, latents.NEIGHBORS])
    offsets = random.uniform(-_NEIGHBOR_NOISE, _NEIGHBOR_NOISE, (_BLOCK * _BLOCK, z_dim))
    offsets[_CENTER] = 0.0
    block = result + np.pad(offsets, [(0, 0), (0, len(classes))], "constant")

    columns = [np.concatenate([operand, mean[None]]) for operand, mean in zip(operands, means)]
    rows = np.concatenate([*columns, block])
    z, fractions = np.float32(rows[:, :z_dim] * run.truncation), np.float32(rows[:, z_dim:])
    images = list(generator.stream(z, fractions))
    shown = [composite(image, generator.background) for image in images]
    fonts = picks.caption_fonts([pick for _, term_picks in terms for pick in term_picks], classes)
    files.write(figure_path, png(_figure(shown, terms, classes, fonts), request.metadata))
    files.write(result_path, png(images[_CENTER - _BLOCK * _BLOCK], request.metadata))
    yield f"{run.arithmetic} in {figure_path}, its result in {result_path}"
    yield from describe_missing(classes, fonts)


def _text(sign, term_picks, classes):
    return ("" if sign == 1 else "minus ") + ",".join(pick.text(classes) for pick in term_picks)


def _operand(term_picks, run, generator):
    """Return z and the fractions of classes of each pick, [n, z_dim + n_classes] float64."""
    return np.concatenate(picks.rows(term_picks, generator, run.sample_seed), axis=1).astype(np.float64)


def _figure(images, terms, classes, fonts):
    """Return the figure; images: for each term its samples and the sample of its mean, then the block."""
    height = max(1 + max(len(term_picks) for _, term_picks in terms), _BLOCK)
    columns = len(terms) + 1 + _BLOCK
    cells = []  # (row, column, caption) in the order of the images
    for column, (sign, term_picks) in enumerate(terms):
        cells += [(row, column, pick.caption(classes, fonts)) for row, pick in enumerate(term_picks)]
        cells.append((height - 1, column, ("+ mean" if sign == 1 else "- mean",)))
    for i in range(_BLOCK * _BLOCK):
        caption = ("= result" if i == _CENTER else "",)
        cells.append((height - _BLOCK + i // _BLOCK, len(terms) + 1 + i % _BLOCK, caption))
    sheet, _ = blank(height * columns, with_text(images[0], "").shape, columns)
    for image, (row, column, caption) in zip(images, cells):
        place(sheet, columns, row * columns + column, with_text(image, *caption))
    return sheet


TASK = Task(
    setting="arithmetic",
    uses=("sample_seed", "truncation", "precision"),
    describe=_describe,
    run=write_arithmetic,
)
