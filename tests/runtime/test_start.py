"""Importing TensorFlow in fresh processes, with a stand-in module that prints notices."""

import os
import subprocess
import sys

import pytest
from conftest import ENVIRONMENT, ROOT

IMPORT = "from utils.runtime.start import import_tensorflow; import_tensorflow(); import tensorflow; tensorflow.after()"
# Prints to standard error as C++ code does, during and after its import.
NOISY = """
import os
class logging:
    set_verbosity = staticmethod(lambda level: os.write(2, b"notice 2"))
os.write(2, b"notice 1")
"""


@pytest.fixture
def noisy(tmp_path):
    """A folder with a `tensorflow` package that prints notices."""
    (tmp_path / "tensorflow" / "compat" / "v1").mkdir(parents=True)
    (tmp_path / "tensorflow" / "__init__.py").write_text("import os\ndef after(): os.write(2, b'later')\n")
    (tmp_path / "tensorflow" / "compat" / "__init__.py").write_text("")
    (tmp_path / "tensorflow" / "compat" / "v1" / "__init__.py").write_text(NOISY)
    return tmp_path


def environment(folder, **more):
    path = os.pathsep.join([str(folder), ROOT])
    return dict({name: value for name, value in ENVIRONMENT.items() if name != "PYTHONPATH"}, PYTHONPATH=path, **more)


@pytest.mark.parametrize("more, printed", (({}, b"later"), ({"TF_CPP_MIN_LOG_LEVEL": "0"}, b"notice 1later")))
def test_notices_are_silenced_during_the_import_only(noisy, more, printed):
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], env=environment(noisy, **more), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", printed)


@pytest.mark.skipif(sys.platform == "win32", reason="closes descriptors as on Unix")
@pytest.mark.parametrize("more", ("", "file = open(os.devnull)\n"))  # the file gets the free descriptor 2
def test_a_process_without_standard_error_imports_it_all_the_same(noisy, more):
    """Standard error is closed by `2>&-` or pythonw.exe: os.dup(2) fails and sys.stderr is None."""
    code = "import os, sys\ntry: os.fstat(2)\nexcept OSError: assert sys.stderr is None\nelse: sys.exit('it has one')\n"
    code += more + IMPORT.replace("; tensorflow.after()", "; print(tensorflow.__name__)")
    (noisy / "tensorflow" / "compat" / "v1" / "__init__.py").write_text(
        "class logging:\n    set_verbosity = staticmethod(lambda level: None)\n"
    )
    command = ["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, code]
    assert subprocess.check_output(command, env=environment(noisy)) == b"tensorflow\n"
