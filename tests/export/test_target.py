"""The folder of an export: model.json is correct during concurrent exports and after an interrupt."""

import hashlib
import json
import os
from types import SimpleNamespace

import pytest

from utils.errors import UserError
from utils.export import target as module
from utils.output import files


@pytest.fixture
def target(tiny, tmp_path):
    """A function that opens an export folder as each command does."""
    selected = SimpleNamespace(manifest=SimpleNamespace(network=tiny.network))
    facts = {
        "step": 12,
        "run_id": "0123456789abcdef",
        "weights": "0123456789ab",
        "classes": (),
        "z_dim": 5,
        "image_shape": (4, 4, 3),
    }
    return lambda: module.Target(str(tmp_path / "s"), SimpleNamespace(selected=selected, **facts))


def described(target):
    """Check the files against model.json; return their names."""
    folder = os.path.dirname(target.json)
    with open(target.json) as file:
        files = json.load(file)["files"]
    for name, facts in files.items():
        with open(os.path.join(folder, name), "rb") as file:
            assert facts["sha256"] == hashlib.sha256(file.read()).hexdigest()
    return sorted(files)


def test_files_are_on_disk_before_model_json_describes_them(target, tmp_path, monkeypatch):
    synced, fsync_file = [], files.fsync_file
    monkeypatch.setattr(files, "fsync_file", lambda path: (synced.append(os.path.basename(path)), fsync_file(path)))
    (tmp_path / "a").write_text("a")
    target().publish(tmp_path / "a", {})
    assert synced[0] == "a" and synced[-1].startswith("model.json.")


def test_two_commands_describe_the_files_of_both(target, tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b" / "1").mkdir(parents=True)
    (tmp_path / "b" / "1" / "c").write_text("c")
    first, second = target(), target()
    first.publish(tmp_path / "a", {})
    assert described(first) == ["a"]
    second.publish(tmp_path / "b", {})
    (tmp_path / "a").write_text("changed")
    first.publish(tmp_path / "a", {})
    assert described(first) == ["a", "b/1/c"]
    assert sorted(os.listdir(os.path.dirname(first.json))) == ["a", "b", "model.json"]


@pytest.mark.parametrize("is_moved", (True, False))
def test_an_interrupt_leaves_no_wrong_checksum(target, tmp_path, monkeypatch, is_moved):
    (tmp_path / "a").write_text("a")
    opened = target()
    opened.publish(tmp_path / "a", {})
    (tmp_path / "a").write_text("changed")
    replace = os.replace

    def interrupted(source, place):
        if is_moved or not str(place).endswith("a"):
            replace(source, place)
        if str(place).endswith("a"):
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        opened.publish(tmp_path / "a", {})
    assert described(opened) == []
    assert sorted(os.listdir(os.path.dirname(opened.json))) == (["a"] if is_moved else []) + ["model.json"]
    monkeypatch.undo()
    (tmp_path / "a").write_text("again")
    opened.publish(tmp_path / "a", {})
    assert described(opened) == ["a"]


@pytest.mark.parametrize("content", ("", '{"weights": "0123', "[]", '{"weights": "0123456789ab", "files": [1]}'))
def test_the_error_of_a_damaged_description(target, tmp_path, content):
    (tmp_path / "a").write_text("a")
    first = target()
    first.publish(tmp_path / "a", {})
    with open(first.json, "w") as file:
        file.write(content)
    with pytest.raises(UserError, match=r"model\.json is damaged; remove it, or choose another --samples_dir$"):
        target()
