"""A run is resumed on images that were added, removed or moved, but not on a different data set."""

import re
import shlex
import shutil

import numpy as np
import pytest
from conftest import CalledProgram, save_pics
from PIL import Image
from runs import copy_until, folders

pytestmark = pytest.mark.slow

REFUSED = (
    "pics_dir = %s is a different data set: it contains 0 of the images that this run was trained on (12 images in "
)


def save_noise(folder):
    """Save 14 images of noise, in two classes, in a new folder."""
    noise = np.random.RandomState(3).randint(0, 256, (14, 16, 16, 3)).astype(np.uint8)
    for i, image in enumerate(noise):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(str(folder / "ab"[i % 2] / f"{i}.png"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A program that has trained for two steps on pics/, with `folders` in trained/; tests continue copies of them.

    "my pics" holds a different data set.
    """
    folder = tmp_path_factory.mktemp("trained")
    program = CalledProgram(folder / "a copy", save_pics(folder / "some pics"))
    program.train("--max_steps", "2", *folders("trained"))
    save_noise(program.folder / "my pics")
    return program


def test_a_different_data_set_is_refused_with_the_command_for_a_new_run(trained):
    copy_until(trained, "trained", "emoji", 2)
    checkpoints = trained.folder / "emoji" / "c"
    before = {path.name: path.read_bytes() for path in checkpoints.iterdir() if path.is_file()}
    for steps in ("2", "3"):  # finished, and not
        line = trained.refuse("--max_steps", steps, "--pics_dir", "my pics", *folders("emoji"))
        start = "main.py: " + REFUSED % (trained.folder / "my pics") + f"{trained.folder / 'pics'}: blue 6, red 6); "
        assert line.startswith(start + "start a new run: python main.py --image_size ")
    assert {name: (checkpoints / name).read_bytes() for name in before} == before

    # The command works as it is printed, also with the weights of the former run.
    for number, begin in (("", ""), ("_2", "New run, from the weights at step 2")):
        command, weights = re.search(r"new run: python main.py (.+) \(add (.+) to start from", line).groups()
        prefix = trained.folder / "emoji"
        end = f" --checkpoints_dir '{prefix}/c_my pics{number}' --samples_dir '{prefix}/s_my pics{number}'"
        assert command.endswith(end)
        output = trained.train(*shlex.split(command), *(shlex.split(weights) if begin else ()))
        assert "Finished at step 3" in output and begin in output
        line = trained.refuse("--max_steps", "3", "--pics_dir", "my pics", *folders("emoji"))


def test_a_conditional_run_on_different_images_in_the_same_folder(called):
    options = ["--conditional", "1", "--max_steps"]
    called.train(*options, "1")
    shutil.rmtree(str(called.folder / "pics"))
    save_noise(called.folder / "pics")
    done = called.run(*options, "2")
    line = done.stderr
    assert done.returncode == 2 and REFUSED % (called.folder / "pics") in line and line.count("\n") == 1
    assert f" --checkpoints_dir '{called.checkpoints}_pics' --samples_dir '{called.samples}_pics' " in line


def test_different_classes_are_refused_without_announcing_that_the_run_resumes(called):
    options = ["--conditional", "1", "--max_steps"]
    called.train(*options, "1")
    shutil.move(str(called.folder / "pics" / "blue"), str(called.folder / "pics" / "green"))
    (called.folder / "pics" / "green" / "0.jpg").unlink()
    done = called.run(*options, "2")
    assert (
        done.returncode == 2
        and done.stderr.startswith("main.py: the classes in pics_dir")
        and done.stderr.count("\n") == 1
    )
    assert "; restore the folders, or start a new run: python main.py --" in done.stderr
    assert "resuming, but not bit-exactly" not in done.stdout


def remove(path):
    path.unlink()


def truncate(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("damage", (remove, truncate))
def test_a_run_without_usable_fingerprints_resumes_with_a_warning(trained, damage):
    copy_until(trained, "trained", damage.__name__, 2)
    options = folders(damage.__name__)
    record = trained.folder / damage.__name__ / "c" / "fingerprints.bin"
    intact = record.read_bytes()
    damage(record)
    trained.train("--max_steps", "3", *options)  # the same images: no warning, and the file is restored
    assert record.read_bytes() == intact
    damage(record)
    expected = (
        "main.py: The training images have changed (12 before, 14 now); resuming, but not bit-exactly. If they are "
    )
    expected += "a different data set, stop this run, and start a new run: python main.py --image_size "
    for steps, end in (("3", "This run is finished"), ("4", "Finished at step 4")):
        done = trained.run("--max_steps", steps, "--pics_dir", "my pics", *options)
        assert done.returncode == 0 and end in done.stdout
        assert done.stderr.startswith(expected) and done.stderr.count("\n") == 1
    line = trained.refuse("--max_steps", "5", *options)  # the new images are recorded
    assert "images that this run was trained on (14 images in " in line


def test_changed_images_and_a_different_crop_are_the_same_data_set(trained):
    """Remove most images and move the others, then add three times as many, then decode all of them differently."""
    copy_until(trained, "trained", "grown", 2)
    images = trained.folder / "fewer"
    shutil.copytree(str(trained.folder / "pics" / "blue"), str(images / "renamed"))
    (images / "renamed" / "0.jpg").unlink()
    options = [*folders("grown"), "--pics_dir", "fewer", "--max_steps"]
    assert "images have changed (12 before, 5 now)" in trained.train(*options, "3")
    save_noise(images / "more")
    assert "images have changed (5 before, 19 now)" in trained.train(*options, "4")
    assert "images have changed (19 before, 19 now)" in trained.train(*options, "5", "--crop", "random")
    assert "images have changed" not in trained.train(*options, "5", "--crop", "random")


def test_fingerprints_without_a_checkpoint_do_not_count(trained):
    """A run that was killed before its first checkpoint leaves them."""
    checkpoints = trained.folder / "killed" / "c"
    checkpoints.mkdir(parents=True)
    shutil.copy(str(trained.folder / "trained" / "c" / "fingerprints.bin"), str(checkpoints))
    assert "Finished at step 1" in trained.train("--max_steps", "1", "--pics_dir", "my pics", *folders("killed"))
