"""Projection: find the points of the latent space whose samples are nearest to given images."""

import io
import os

import numpy as np

from utils.config.command_line import shell_words
from utils.config.startup import counted, entry
from utils.output import animation, files
from utils.output.alpha import composite
from utils.output.images import grid, png, to_uint8
from utils.output.progress import bar
from utils.projection import given
from utils.sampling import naming, picks, projected
from utils.tasks.task import Task
from utils.tasks.walk import film_look

_REFERENCES = 3  # training images that are also projected, to show how near the generator comes to any image
_FRAME, _LAST_FRAME = 80, 2000  # milliseconds
_UNUSED = {"truncation": 1.0, "precision": "auto"}  # have no effect, but would be part of file names and metadata


def _describe(run):
    run = run._replace(**_UNUSED)
    return [
        f"Projecting {counted(len(given.list_paths(run.project)), 'image')} with {naming.checkpoint_name(run)}",
        entry("Figure", naming.announced(run, "project_<images>").path(".png")),
        entry("Points", os.path.join(run.samples_dir, "projected_<step>_run<id>") + os.sep),
    ]


def write_projections(generator, run):
    """Project the images that run.project lists; yield lines with the differences and paths.

    Each image gets its sample as a PNG and its point as JSON and NPY files; with run.project_film, also an animation of
    the search. The figure shows all images. Raise UserError if no image is usable or a file from different weights
    would be overwritten, and OSError if a file cannot be written.
    """
    from utils.metrics.evaluate import training_settings

    run = run._replace(**_UNUSED)
    settings = training_settings(generator, run)
    images = given.prepare(given.list_paths(run.project), settings)
    references = given.training_images(settings, _REFERENCES, run.sample_seed)
    request = naming.request(run, generator, "project", [each.name for each in images])
    folder = projected.folder(run.samples_dir, generator)
    stems = [os.path.join(folder, each.name) for each in images]
    naming.check_overwrite([stem + ".png" for stem in stems], request.metadata)
    os.makedirs(folder, exist_ok=True)

    samples = []
    found = _search(generator, run, [each.image for each in images + references])
    for each, stem, (result, sample) in zip(images, stems, found):
        samples.append(sample)
        difference = _difference(each.image, sample)
        point = projected.Projected(each.name, *result[:2])
        _write_point(stem, point, generator, {"image": each.path, "difference": difference})
        files.write(stem + ".png", png(sample, request.metadata))
        if run.project_film:
            frames = [np.concatenate([each.image, to_uint8(frame)], axis=1) for frame in result.frames]
            look = film_look(run, generator)
            animation.write_films(stem.__add__, frames, (_FRAME, _LAST_FRAME), look=look)
        yield f"  {each.name}: RMS difference {difference:.0f} of 255"
    compared = [sample for _, sample in found]
    if references:
        differences = [f"{_difference(each.image, sample):.0f}" for each, sample in zip(references, compared)]
        yield f"  Training images, for comparison: {', '.join(differences)}"
    figure = _figure(images + references, samples + compared, generator.background)
    files.write(request.path(".png"), png(figure, request.metadata))
    yield f"{counted(len(images), 'image')}, each beside its nearest sample, in {request.path('.png')}"
    yield f"Use the names as picks, such as --picks {shell_words(images[0].name)}; their points are in {folder}"


def _search(generator, run, images):
    """Yield (search.Result, sample) for each image, [H, W, C] uint8, with a progress bar for each."""
    from utils.projection.search import STEPS, Search

    search = Search(generator, run.sample_seed)
    for i, image in enumerate(images, 1):
        with bar(total=STEPS, desc=f"Image {i} of {len(images)}", unit=" steps", leave=False) as progress:
            result = search(image, progress.update, film=run.project_film)
        fractions = result.fractions[None] if generator.classes else None
        yield (result, *generator.images(result.z[None], fractions))


def _write_point(stem, point, generator, facts):
    """Write the JSON and NPY files of a Projected."""
    files.write(stem + ".json", projected.dumps(point, generator, facts))
    data = io.BytesIO()
    np.save(data, np.float32(point.z))
    files.write(stem + ".npy", data.getvalue())


def _difference(image, sample):
    """Return the root mean square difference of two images, [H, W, C] uint8: 0 to 255."""
    return float(np.sqrt(np.square(np.float64(image) - sample).mean()))


def _figure(images, samples, background):
    """Return a sheet: each Given image, its sample, and the absolute difference of the two."""
    named = [projected.Projected(each.name, (), ()) for each in images]
    cells, fonts = [], picks.caption_fonts(named, ())
    for each, pick, sample in zip(images, named, samples):
        pair = composite(np.stack([each.image, sample]), background)
        apart = np.uint8(np.abs(np.int16(pair[0]) - pair[1]))
        texts = pick.caption((), fonts), (f"{_difference(each.image, sample):.0f} RMS",), ("",)
        parts = [animation.with_text(part, *text) for part, text in zip([*pair, apart], texts)]
        cells.append(np.concatenate(parts, axis=1))
    return grid(np.stack(cells))


TASK = Task(
    setting="project",
    uses=("project_film", "film_scale", "film_filter", "pics_dir", "sample_seed"),
    describe=_describe,
    run=write_projections,
)
