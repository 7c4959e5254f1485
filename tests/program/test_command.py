"""Help, rejected settings and missing packages: what the command prints before it trains.

A custom environment or custom limits need a fresh process (see conftest.Program.start).
"""

import re
import sys

import pytest
from conftest import ENVIRONMENT


def test_errors_in_settings_are_one_line(program):
    assert "did you mean batch_size?" in program.refuse("--batchsize", "3", forks=False)
    assert "did you mean sampling?" in program.refuse("--help", "samplin")
    assert "no checkpoint in checkpoints_dir = %s" % program.checkpoints in program.refuse("--isTrain", "0")
    assert "pics_dir = %s does not exist" % (program.folder / "pisc") in program.refuse("--pics_dir", "pisc")
    (program.folder / "file").write_text("")
    assert "samples_dir = %s cannot be written" % (program.folder / "file") in program.refuse("--samples_dir", "file")
    text = (program.folder / "params.py").read_text()
    (program.folder / "params.py").write_text(text.replace("epochs =", "epoch ="))
    assert re.search(r"params.py line \d+: unknown setting epoch; did you mean epochs\?", program.refuse())


def test_settings_that_contradict_each_other_are_refused(program):
    for arguments, expected in (
        ("--loss wasserstein", "loss = 'wasserstein' needs a gradient penalty"),
        ("--metrics_network auto --best_metric fid", "best_metric = 'fid' needs metrics_network = 'inception', but "),
        ("--best_metric psnr", "best_metric = 'psnr' is invalid; expected one of auto, fid, kid, "),
        ("--best_metric swd", "best_metric = 'swd' was removed in version 0.12, because it does not track sample "),
        ("--metrics_every 1 --stop_when_stale 3", "stop_when_stale = 3 has no effect with metrics_network = 'none'"),
        ("--augment colors", "augment = 'colors' is invalid; expected adaptive, auto, none or some of color"),
    ):
        assert expected in program.refuse(*arguments.split())
    assert not program.checkpoints.exists() or not list(program.checkpoints.glob("dcgan-*"))


def test_a_params_file_of_an_earlier_version(program):
    """The program and its help use the defaults for settings missing from the file."""
    (program.folder / "params.py").write_text("max_bad = 0.25\n")
    (program.folder / "model" / "params.py").write_text("filters = 8\n")
    done = program.run("--pics_dir", "none", "--show_settings")
    assert "none does not exist" in done.stderr and "  Changed in params.py: max_bad = 0.25\n" in done.stdout
    lines = [line for line in done.stdout.split("\n") if "using their defaults: " in line]
    assert [line.partition(",")[0] for line in lines] == ["params.py lacks isTrain", "model/params.py lacks channels"]
    assert "on_lost_game = warn" in lines[0] and "epochs = 300" in lines[0] and "leak = 0.2" in lines[1]
    assert "--freeze_d 0 [a whole number, from 0 to 8]" in program.train("--help", "freeze_d")


def test_a_new_run_does_not_touch_files_of_an_earlier_one(program):
    program.samples.mkdir()
    (program.samples / "train_00000700.png").write_bytes(b"dear")
    line = program.refuse("--max_steps", "1")
    assert "contains train_00000700.png from an earlier run, but " in line
    assert "--samples_dir and --checkpoints_dir" in line
    (program.samples / "train_00000700.png").unlink()
    program.checkpoints.mkdir()
    (program.checkpoints / "history.csv").write_text("dear")
    assert "contains history.csv from an earlier run" in program.refuse("--max_steps", "1")
    assert (program.checkpoints / "history.csv").read_text() == "dear"


@pytest.fixture
def with_tensorflow(tmp_path):
    """Return a function that writes Python code and returns an environment in which `import tensorflow` runs it."""

    def write(code):
        (tmp_path / "bad" / "tensorflow").mkdir(parents=True)
        (tmp_path / "bad" / "tensorflow" / "__init__.py").write_text(code)
        return dict(ENVIRONMENT, PYTHONPATH=str(tmp_path / "bad"))

    return write


# The first import fails; the second fails like the import of an old TensorFlow with a new protobuf.
BROKEN = """
import builtins
builtins.imports = getattr(builtins, "imports", 0) + 1
if builtins.imports == 1:
    raise ImportError("no such thing")
raise TypeError("Descriptors cannot be created directly.\\nIf ...")
"""


def test_help_and_errors_do_not_import_tensorflow_and_a_failed_import_is_one_line(program, with_tensorflow):
    calls = (("--help",), ("--help", "sampling"), ("--batchsize", "3"), ("--help", "samplin"), (), ())
    *answered, first, second = program.run_in_turn(*calls, env=with_tensorflow(BROKEN))
    for done, text in zip(answered[:2], ("--batch_size", "--num_samples")):
        assert done.returncode == 0 and text in done.stdout and done.stderr == ""
    assert [done.returncode for done in answered[2:]] == [2, 2]
    for done, reason in ((first, "no such thing"), (second, "Descriptors cannot be created directly.")):
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert f"TensorFlow cannot be imported ({reason}); `pip install -r requirements.txt`" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("package, name", (("PIL", "pillow"), ("tqdm", "tqdm")))
def test_a_missing_package_is_one_line(program, tmp_path, package, name):
    (tmp_path / "without" / package).mkdir(parents=True)
    code = f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')"
    (tmp_path / "without" / package / "__init__.py").write_text(code)
    done = program.run("--max_steps", "1", env=dict(ENVIRONMENT, PYTHONPATH=str(tmp_path / "without")))
    lines = [line for line in done.stderr.split("\n") if line]
    assert done.returncode == 2 and len(lines) == 1, done.stderr
    assert f"the package {name} cannot be imported (No module named '{package}'); `pip install -r" in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("is_train", ("1", "0"))
def test_a_variable_that_tqdm_cannot_read_is_one_line(program, is_train):
    line = program.refuse("--isTrain", is_train, env=dict(ENVIRONMENT, TQDM_MININTERVAL="x"))
    assert line == (
        "main.py: tqdm cannot show progress (could not convert string to float: 'x'); correct or unset TQDM_MININTERVAL"
    )


@pytest.mark.slow
def test_tensorflows_notices_are_printed_on_request(program):
    done = program.run("--max_steps", "1", env=dict(ENVIRONMENT, TF_CPP_MIN_LOG_LEVEL="0"))
    assert done.returncode == 0 and done.stderr != ""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux memory limits")
def test_too_little_memory_names_batch_size(program):
    import resource

    def limit():
        resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))  # unlike RLIMIT_AS, not checked at startup

    arguments = ("--max_steps", "1", "--batch_size", "50000", "--image_size", "256")
    done = program.run(*arguments, preexec_fn=limit)
    *warnings, line = done.stderr.strip().split("\n")
    assert done.returncode == 2 and line.startswith("main.py: out of memory with batch_size = 50000"), done.stderr
    assert all("the run needs about " in warning for warning in warnings)  # printed if RAM is below a terabyte
