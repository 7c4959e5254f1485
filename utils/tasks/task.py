"""The declaration of a task, which uses a trained generator."""

from typing import Callable, NamedTuple, Tuple

# Settings that every task uses.
_COMMON = ("isTrain", "samples_dir", "checkpoints_dir", "checkpoint")
# Settings that `picks` replaces, because it specifies classes and numbers itself.
_REPLACED_BY_PICKS = {"num_samples", "classes"}


class Task(NamedTuple):
    """What the program knows about a task before running it; `run` imports everything else, such as TensorFlow."""

    setting: str  # selects the task if its value is neither 0 nor ''; '' for plain samples
    uses: Tuple[str, ...]  # the settings that the task reads in addition to _COMMON
    # (run) -> the lines to print at startup: what the task does, and the files that it will write; errors: UserError
    describe: Callable
    run: Callable  # (generator, run) -> an iterable of lines to print; errors: UserError, RunError, OSError
    memory_setting: str = ""  # the setting to lower if memory runs out; '': the same as `setting`

    def name(self, run):
        """Return the name for messages: the setting that decides what the task does."""
        return self.setting or ("picks" if run.picks else "plain samples")

    def used(self, run):
        """Return the names of the settings that have an effect."""
        names = {*_COMMON, self.setting, *self.uses}
        return names - _REPLACED_BY_PICKS if run.picks and "picks" in names else names

    def size_setting(self, run):
        """Return the name and the value of the setting to lower if memory runs out."""
        name = self.memory_setting or self.setting
        name = name if name in self.used(run) else "picks"
        return name, getattr(run, name)
