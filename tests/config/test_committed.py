"""The checksums of the committed values are those of the committed files. No TensorFlow here."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT
from params_copy import Copy

from utils.config import committed, params_file, settings

FILES = settings.read_files()


def checksums(text):
    return dict(line.split() for line in text.splitlines())


def test_committed_txt_is_up_to_date():
    with open(committed.PATH, encoding="ascii") as file:
        known = checksums(file.read())
    now = checksums(committed.lines(FILES))
    stale = [name for name in known if known[name] != now.get(name)]
    assert stale == [], f"values were changed: run `{committed.COMMAND}` and commit utils/config/committed.txt"
    assert len(known) > 70


def test_the_committed_files_are_unchanged():
    assert [committed.changed(entries) for entries in FILES.values()] == [[], []]


@pytest.mark.parametrize(
    "old, new",
    (
        ("batch_size = 8", "batch_size = 9"),
        ("isTrain = 1", "isTrain = 0"),
        ("learning_rate = 0.0003", "learning_rate = 0.0004"),
        ('optimizer = "adam"', 'optimizer = "sgd"'),
        ('pics_dir = "pics"', 'pics_dir = "picts"'),
        ('classes = ""', 'classes = "\u00e9"'),
    ),
)
def test_a_changed_value_is_noticed(tmp_path, old, new):
    copy = Copy(tmp_path)
    copy.edit(old, new)
    assert committed.changed(settings.read_files(copy.root)["params.py"]) == [old.split()[0]]


def test_the_same_value_written_in_another_way_is_unchanged(tmp_path):
    copy = Copy(tmp_path)
    copy.edit("learning_rate = 0.0003", "learning_rate = 3e-4")
    copy.edit('optimizer = "adam"', "optimizer = 'adam'  # as before")
    copy.edit("isTrain = 1", "isTrain = True")
    assert committed.changed(settings.read_files(copy.root)["params.py"]) == []


def test_a_setting_without_a_checksum_is_unchanged(tmp_path, monkeypatch):
    entries = {"k": params_file.Entry(99, 1, "", ""), "brand_new": params_file.Entry(1, 2, "", "")}
    assert committed.changed(entries) == ["k"]
    for content in (None, b"", b"\xff\0 rubbish\nk\nk one two\n"):
        path = tmp_path / "committed.txt"
        if content is not None:
            path.write_bytes(content)
        monkeypatch.setattr(committed, "PATH", str(path))
        assert committed.changed({"brand_new": entries["brand_new"]}) == []


def test_the_command_renews_the_file(tmp_path):
    program = Copy(tmp_path)
    shutil.copytree(os.path.join(ROOT, "utils"), os.path.join(program.root, "utils"))
    program.edit("batch_size = 8", "batch_size = 9")
    path = tmp_path / "utils" / "config" / "committed.txt"
    before = checksums(path.read_text())
    command = [sys.executable, *committed.COMMAND.split()[1:]]
    done = subprocess.run(command, cwd=program.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    after = checksums(path.read_text())
    assert [name for name in before if after[name] != before[name]] == ["batch_size"]  # there may be new ones, too
    assert after["batch_size"] == committed.checksum("batch_size", 9)
