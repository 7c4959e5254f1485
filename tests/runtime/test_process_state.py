"""The program called in a process that also runs other code."""

import main
from utils.runtime import process_state


def test_a_call_during_another_one_changes_nothing(monkeypatch, capsys):
    """Do not even restore the state: the other call's TensorFlow may be reading the environment."""
    monkeypatch.setattr(main, "non_raising_streams", None)  # calling either raises TypeError
    monkeypatch.setattr(main, "restore_process_state", None)
    with process_state.forbid_concurrent_calls():
        assert main.main(["--max_steps", "1"]) == 2
    assert capsys.readouterr().err.startswith("main.py: another call of main.main() is active in this process; start ")
