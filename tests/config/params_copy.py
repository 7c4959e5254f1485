"""An editable copy of the params files for the tests in this folder."""

import os
import shutil

import pytest
from conftest import ROOT

from utils.config import settings
from utils.errors import UserError


class Copy:
    """A folder with copies of both params files."""

    def __init__(self, folder):
        self.folder, self.root = folder, str(folder)
        (folder / "model").mkdir()
        self.restore()

    def restore(self):
        """Undo all changes to the files."""
        for name in settings.FILES:
            shutil.copy(os.path.join(ROOT, name), str(self.folder / name))

    def edit(self, old, new, file="params.py"):
        """Replace `old` by `new`; return the number of the last line that was replaced."""
        text = (self.folder / file).read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        (self.folder / file).write_text(text.replace(old, new), encoding="utf-8")
        return text[: text.index(old)].count("\n") + 1 + new.count("\n")

    def resolve(self, *argv):
        return settings.resolve(list(argv), self.root)

    def refuse(self, *argv):
        """Return the message of the UserError that these arguments raise."""
        with pytest.raises(UserError) as raised:
            self.resolve(*argv)
        message = str(raised.value)
        assert "\n" not in message
        return message


@pytest.fixture(name="untouched", scope="module")
def untouched_copy(tmp_path_factory):
    """A copy shared by the tests in a module that edit nothing."""
    return Copy(tmp_path_factory.mktemp("copy"))


@pytest.fixture(name="copy")
def edited_copy(untouched):
    """The same copy, restored after the test edits it."""
    yield untouched
    untouched.restore()
