"""A new setting takes one commented line in a params file and one rule; tested in a copy of the program."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from params_copy import Copy

# The lines that a contributor adds ...
PARAMS = ("mirror = 0\n", "mirror = 0\n\n# Standard deviation of the blur, in pixels. 0: none.\nblur = 0.0\n")
MIRROR = '    "mirror": changeable_on_resume(rules.switch(0)),\n'
RULE = (MIRROR, MIRROR + '    "blur": changeable_on_resume(rules.number(0.0, lowest=0, highest=100)),\n')

# ... and the expected effects.
SCRIPT = """
import contextlib, io, json, types
from utils.checkpoints import manifest
from utils.config import settings, startup

argv = ["--blur", "1.5"]
given = settings.resolve(argv)
run = given.run
default = settings.resolve([])
help = io.StringIO()
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(help):
    settings.resolve(["--help", "pictures"])
try:
    settings.resolve(["--blur", "-1"])
except settings.UserError as error:
    refusal = str(error)
saved = types.SimpleNamespace(run=dict(default.run._asdict()), network=default.network)
before = types.SimpleNamespace(run={k: v for k, v in saved.run.items() if k != "blur"}, network=default.network)
print(json.dumps({
    "values": [default.run.blur, run.blur],
    "help": help.getvalue(),
    "refusal": refusal,
    "start": startup.describe(given, argv),
    "start of defaults": startup.describe(default, []),
    "all": startup.describe(default, ["--show_settings"]),
    "resumed": manifest.compare(saved, given),
    "resumed from before": manifest.compare(before, given),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """The output of the edited copy."""
    folder = tmp_path_factory.mktemp("copy")
    program = Copy(folder)
    shutil.copytree(os.path.join(ROOT, "utils"), str(folder / "utils"), ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(os.path.join(ROOT, "model", "shapes.py"), str(folder / "model"))
    program.edit(*PARAMS)
    program.edit(*RULE, file="utils/config/schema.py")
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, cwd=str(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode())


def test_it_is_read_and_checked(seen):
    assert seen["values"] == [0.0, 1.5]
    expected = "command line: blur = -1.0 is invalid; expected a number, from 0 to 100"
    assert seen["refusal"] == expected


def test_it_is_in_help(seen):
    expected = "  --blur 0.0 [a number, from 0 to 100]\n      Standard deviation of the blur, in pixels. 0: none."
    assert expected in seen["help"]


def test_it_is_printed_at_the_start(seen):
    assert "  Command line:  blur = 1.5" in seen["start"].split("\n")
    assert "blur" not in seen["start of defaults"] and "mirror = 0, blur = 0.0," in seen["all"]


def test_a_resumed_run_is_compared(seen):
    refused, changed = seen["resumed"]
    assert refused == [] and len(changed) == 1 and changed[0].startswith("blur changed from 0.0 ")
    assert seen["resumed from before"] == [[], []]
