"""The declaration of a task: something that one does with a trained generator."""

from typing import Callable, NamedTuple, Tuple

# Settings that every task uses.
_COMMON = ("isTrain", "samples_dir", "checkpoints_dir", "checkpoint")
# Settings that picks replace: they name classes and numbers themselves.
_REPLACED_BY_PICKS = {"num_samples", "classes"}


class Task(NamedTuple):
    """What the program knows of a task before it runs; `run` imports what else is needed, such as TensorFlow."""

    setting: str  # the task is asked for if this setting is neither 0 nor ''; '' for plain samples
    uses: Tuple[str, ...]  # the other settings that it reads, beside those of every task
    # (run) -> the lines to print first: what happens, and the files that it will write; UserError: for wrong settings
    describe: Callable
    run: Callable  # (generator, run) -> an iterable of lines to print; errors: UserError, RunError, OSError
    memory_setting: str = ""  # the setting to lower if memory runs out; '': the same as `setting`

    def used(self, run):
        """Return the names of the settings that have an effect."""
        names = {*_COMMON, self.setting, *self.uses}
        return names - _REPLACED_BY_PICKS if run.picks and "picks" in names else names

    def size_setting(self, run):
        """Return the name and the value of the setting to lower if memory runs out."""
        name = self.memory_setting or self.setting
        name = name if name in self.used(run) else "picks"
        return name, getattr(run, name)
