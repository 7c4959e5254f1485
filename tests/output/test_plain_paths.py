"""Paths that TensorFlow does not interpret."""

import os
import tempfile

import pytest

from utils.errors import UserError
from utils.output import files

ODD = ("repo [copy]", "what?", "a*", "back\\slash", "{a,b}", "new\nline", os.fsdecode(b"\xff"), "#1", "a|b", "\u202e")


@pytest.mark.parametrize("name", ("plain", "with spaces, and a (copy) of 50%", "ün日本", "a+b=c@d:~e"))
def test_most_paths_are_unchanged(tmp_path, name):
    with files.plain_folder(str(tmp_path / name)) as path:
        assert path == str(tmp_path / name)


@pytest.mark.skipif(os.sep != "/", reason="file names cannot contain these characters")
@pytest.mark.parametrize("name", ODD)
def test_other_paths_get_a_relative_path_or_a_link(tmp_path, monkeypatch, name):
    monkeypatch.chdir(str(tmp_path))
    folder = tmp_path / name
    (folder / "deep").mkdir(parents=True)
    with files.plain_folder(str(folder / "deep")) as path:
        assert name not in path
        with open(os.path.join(path, "a.txt"), "w") as file:
            file.write("text")
    assert (folder / "deep" / "a.txt").read_text() == "text" and not os.path.exists(os.path.dirname(path))
    monkeypatch.chdir(str(folder))
    with files.plain_folder(str(folder / "deep")) as path:
        assert path == os.path.join(".", "deep")


@pytest.mark.skipif(os.sep != "/", reason="file names cannot contain these characters")
def test_without_links_such_a_path_is_refused_in_one_line(tmp_path, monkeypatch):
    def symlink(*_, **__):
        raise OSError("a privilege is missing")

    files.check_plain("checkpoints_dir", "/what?")
    monkeypatch.setattr(os, "symlink", symlink)
    files.check_plain("checkpoints_dir", "/plain")
    with pytest.raises(UserError, match=r"checkpoints_dir = /what\?: .* a link to it cannot be created \(a privilege"):
        files.check_plain("checkpoints_dir", "/what?")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "a*"))
    os.makedirs(tempfile.tempdir)
    with pytest.raises(UserError, match=r"the path of the temporary folder, .*, has such characters as well"):
        files.check_plain("checkpoints_dir", "/what?")
