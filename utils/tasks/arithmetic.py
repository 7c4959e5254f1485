"""Arithmetic with the noise of picks, shown like figure 7 of Radford et al. 2015 (arXiv 1511.06434, section 6.3.2)."""

import numpy as np

from utils.output import files
from utils.output.alpha import on_background
from utils.output.animation import with_text
from utils.output.images import blank, place, png
from utils.sampling import latents, naming, picks
from utils.sampling.generation import with_progress, z_dim_of

_NEIGHBOURS = 8  # of the result
_AROUND = 0.25  # they are the result plus uniform noise in +-0.25, as in the paper
_BLOCK = 3  # columns and rows of the result and its neighbours


def write_arithmetic(session, sampler, run, selected, chosen):
    """Write the figure of run.arithmetic and its result; return lines that say where they are.

    A column for each term: its pictures, and below them that of their mean z. To the right the result, in the middle of
    its 8 neighbours. Arguments and errors: as of generation.write_samples.
    """
    classes = selected.manifest.saved.classes
    terms = picks.parse_sum(run.arithmetic, classes)
    request = naming.request(run, selected, "arithmetic", [_text(term, classes) for term in terms])
    result_path = request.path("_result.png")
    naming.refuse_others([request.grid, result_path], request.note)

    n_classes, z_dim = len(classes), z_dim_of(sampler)
    operands = [_noise_of(term, run, n_classes, z_dim) for term in terms]  # of each term: [n, z_dim + n_classes]
    means = [operand.mean(axis=0) for operand in operands]
    result = sum(term.sign * mean for term, mean in zip(terms, means))
    around = np.random.RandomState([run.sample_seed, latents.NEIGHBOURS]).uniform(-_AROUND, _AROUND, (9, z_dim))
    around[_NEIGHBOURS // 2] = 0.0  # the result itself
    block = result + np.pad(around, [(0, 0), (0, n_classes)], "constant")

    shown = [np.concatenate([operand, mean[None]]) for operand, mean in zip(operands, means)]
    rows = np.concatenate([*shown, block])
    z, shares = np.float32(rows[:, :z_dim] * run.truncation), np.float32(rows[:, z_dim:])
    labels = shares if n_classes else np.zeros(len(z), np.int32)
    pictures = list(with_progress(session, sampler, z, labels))
    result_picture = pictures[len(pictures) - _BLOCK * _BLOCK + _NEIGHBOURS // 2]
    shown = [on_background(picture, run.background) for picture in pictures]
    files.write(request.grid, png(_figure(shown, terms, classes), request.note))
    files.write(result_path, png(result_picture, request.note))
    return [f"{run.arithmetic} in {request.grid}, its result in {result_path}"]


def _text(term, classes):
    return ("" if term.sign == 1 else "minus ") + ",".join(pick.text(classes) for pick in term.picks)


def _noise_of(term, run, n_classes, z_dim):
    """Return z and the shares of classes of the picks of a term, [n, z_dim + n_classes] float64."""
    z = latents.noise_of(run.sample_seed, latents.SAMPLES, [pick.number for pick in term.picks], z_dim)
    shares = np.eye(max(n_classes, 1))[[pick.label for pick in term.picks], :n_classes]
    return np.concatenate([np.float64(z), shares], axis=1)


def _figure(pictures, terms, classes):
    """Return the figure of the pictures of each term and of its mean, one after the other, and then of the block."""
    height = max(1 + max(len(term.picks) for term in terms), _BLOCK)
    columns = len(terms) + 1 + _BLOCK
    cells = []  # (row, column, text) in the order of the pictures
    for column, term in enumerate(terms):
        cells += [(row, column, pick.caption(classes)) for row, pick in enumerate(term.picks)]
        cells.append((height - 1, column, "+ mean" if term.sign == 1 else "- mean"))
    for i in range(_BLOCK * _BLOCK):
        text = "= result" if i == _NEIGHBOURS // 2 else ""
        cells.append((height - _BLOCK + i // _BLOCK, len(terms) + 1 + i % _BLOCK, text))
    pictures = [with_text(picture, text) for picture, (_, _, text) in zip(pictures, cells)]
    sheet, _ = blank(height * columns, pictures[0].shape, columns)
    for picture, (row, column, _) in zip(pictures, cells):
        place(sheet, columns, row * columns + column, picture)
    return sheet
