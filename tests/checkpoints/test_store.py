"""Saved checkpoints are restored; incomplete and damaged checkpoints are never used."""

import contextlib
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from utils.checkpoints import manifest, select, store
from utils.checkpoints.run_id import weights_digest
from utils.errors import UserError


def newest(folder):
    return select.newest_good(str(folder)).checkpoint


@pytest.fixture(scope="module")
def variables():
    """Yield a session, its saver, the variables a and step, and a function that sets both variables to a number."""
    with tf.Graph().as_default():
        a = tf.get_variable("a", [2, 3], initializer=tf.zeros_initializer())
        step = tf.get_variable("step", [], tf.int64, initializer=tf.zeros_initializer())
        number = tf.placeholder(tf.int64, [])
        change = [a.assign(tf.fill([2, 3], tf.cast(number, tf.float32))), step.assign(number)]
        with tf.Session() as session:
            yield (
                session,
                tf.train.Saver(max_to_keep=None),
                [a, step],
                lambda value: session.run(change, {number: value}),
            )


@pytest.fixture
def saved(variables, tiny, tmp_path):
    """Return save(step, keep=2, other fields of RetentionPolicy), whose values depend on the step, and restore()."""
    session, saver, both, change = variables

    def save(step, keep=2, **more):
        change(step)
        text = manifest.dumps(tiny, step, tf.__version__, manifest.SavedState())
        checkpoint = store.checkpoint_at(str(tmp_path), step)
        store.save(session, saver, checkpoint, text, store.RetentionPolicy(keep, **more))
        return checkpoint

    def restore(which=None):
        change(99999)
        store.restore(session, saver, which or newest(tmp_path), both)
        a, step = session.run(both)
        assert (a == step).all()
        return step

    return save, restore


def test_the_newest_are_kept_and_can_be_restored(saved, tmp_path):
    save, restore = saved
    for step in (0, 5, 30, 100):
        save(step)
    assert [each.step for each in store.find(str(tmp_path))] == [30, 100]
    assert restore() == 100
    assert restore(store.find(str(tmp_path))[0]) == 30
    names = set(os.listdir(str(tmp_path)))
    endings = (".data-00000-of-00001", ".index", ".json")
    assert names == {"checkpoint"} | {f"dcgan-{step}{end}" for step in (30, 100) for end in endings}


def test_the_best_is_kept_beside_the_newest(saved, tmp_path):
    for step in (0, 5, 30, 100, 130):
        saved[0](step, best=[5])
    assert [each.step for each in store.find(str(tmp_path))] == [5, 100, 130]
    saved[0](140, best=[130])
    assert [each.step for each in store.find(str(tmp_path))] == [130, 140]


def test_a_damaged_checkpoint_that_is_replaced_is_kept(saved, tmp_path):
    save, _ = saved
    save(5)
    save(10, damaged=[10])  # replaces the damaged checkpoint at the same step
    save(15, keep=2)
    assert [each.step for each in store.find(str(tmp_path))] == [10, 15]


def test_tensorflows_own_tools_find_the_newest_even_in_a_moved_folder(saved, tmp_path):
    saved[0](5)
    os.rename(str(tmp_path), str(tmp_path) + " moved")
    try:
        assert tf.train.latest_checkpoint(str(tmp_path) + " moved") == os.path.join(str(tmp_path) + " moved", "dcgan-5")
    finally:
        os.rename(str(tmp_path) + " moved", str(tmp_path))


def test_steps_are_ordered_as_numbers(saved, tmp_path):
    for step in (9, 10):
        saved[0](step)
    assert newest(tmp_path).step == 10


def test_only_own_files_are_removed(saved, tmp_path):
    mine = [tmp_path / name for name in ("dcgan-5x.json", "notes.txt", "dcgan-50.txt", "dcgan-7.json.bak")]
    for path in mine:
        path.write_text("keep")
    for step in (5, 6, 7, 8):
        saved[0](step, keep=1)
    assert all(path.exists() for path in mine)


def test_a_checkpoint_without_its_json_is_skipped(saved, tmp_path):
    save, restore = saved
    save(5)
    save(6)
    os.remove(str(tmp_path / "dcgan-6.json"))
    assert restore() == 5


def test_remains_of_a_killed_save_are_removed(saved, tmp_path):
    (tmp_path / ".saving").mkdir()
    (tmp_path / ".saving" / "dcgan-3.index").write_text("half")
    saved[0](5)
    assert not (tmp_path / ".saving").exists() and newest(tmp_path).step == 5


def test_a_save_that_does_not_read_back_leaves_the_older_ones(saved, tmp_path, monkeypatch):
    save, restore = saved
    save(5, keep=1)

    def fail(path):
        raise tf.errors.DataLossError(None, None, "bits are missing")

    with monkeypatch.context() as patch:
        patch.setattr(store, "_read_back", fail)
        with pytest.raises(OSError, match="dcgan-6: bits are missing"):
            save(6, keep=1)
    assert restore() == 5 and not (tmp_path / ".saving").exists()


def test_reading_back_detects_damage(saved, tmp_path):
    path = saved[0](5).path
    store._read_back(path)
    with open(path + ".data-00000-of-00001", "r+b") as file:
        file.seek(4)
        file.write(b"\x7f")
    with pytest.raises(tf.errors.OpError):
        store._read_back(path)


@pytest.mark.parametrize("damage", ("cut the data", "cut the index", "no data", "empty index"))
def test_a_damaged_checkpoint_is_named(saved, tmp_path, damage):
    save, restore = saved
    path = save(5).path
    name = path + (".index" if "index" in damage else ".data-00000-of-00001")
    if damage == "no data":
        os.remove(name)
    else:
        os.truncate(name, 0 if "empty" in damage else os.path.getsize(name) // 2)
    with pytest.raises(UserError, match="dcgan-5 is damaged"):
        restore()


def test_a_different_shape_is_refused_with_the_variables_name(saved):
    checkpoint = saved[0](5)
    with tf.Graph().as_default():
        a = tf.get_variable("a", [3, 2])
        b = tf.get_variable("b", [4])
        saver = tf.train.Saver()
        with tf.Session() as session:
            with pytest.raises(UserError, match=r"dcgan-5: a has shape \[2, 3\]; the network needs \[3, 2\]"):
                store.restore(session, saver, checkpoint, [a, b])
            with pytest.raises(UserError, match=r"dcgan-5: b is missing; the network needs \[4\]"):
                store.restore(session, saver, checkpoint, [b])


def test_no_checkpoint_names_the_folder(tmp_path):
    with pytest.raises(UserError) as raised:
        select.require_newest_good(str(tmp_path / "nowhere"))
    assert "nowhere (it does not exist); train first" in str(raised.value)
    (tmp_path / "a.ckpt").write_text("")
    with pytest.raises(UserError, match="it contains no dcgan-<step>"):
        select.require_newest_good(str(tmp_path))


def test_the_folder_of_checkpoints_nearby_is_named(tmp_path):
    folder = tmp_path / "run" / "checkpoints"
    folder.mkdir(parents=True)
    for ending in ("index", "json"):
        (folder / f"dcgan-5.{ending}").write_text("")
    for given in (folder.parent, folder / "dcgan-5", folder / "dcgan-5.index"):
        with pytest.raises(UserError) as raised:
            select.select(str(given), "best")
        assert str(raised.value).endswith(f"); set checkpoints_dir to {folder}")


def test_the_json_of_a_different_step_is_refused(saved, tmp_path):
    saved[0](5)
    os.rename(str(tmp_path / "dcgan-5.json"), str(tmp_path / "dcgan-6.json"))
    os.rename(str(tmp_path / "dcgan-5.index"), str(tmp_path / "dcgan-6.index"))
    with pytest.raises(UserError, match="belongs to step 5"):
        select.newest_good(str(tmp_path))


@pytest.mark.parametrize("function", ("replace", "remove"))
@pytest.mark.parametrize("survived", range(4))
def test_a_kill_at_any_file_leaves_a_complete_checkpoint(saved, tmp_path, monkeypatch, function, survived):
    save, restore = saved
    save(5, keep=1)
    calls, real = [], getattr(os, function)

    def killed(*arguments):
        calls.append(arguments)
        if len(calls) > survived and str(tmp_path) in arguments[0]:
            raise KeyboardInterrupt
        real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, killed)
        with contextlib.suppress(KeyboardInterrupt):
            save(6, keep=1)
    assert restore() in (5, 6)
    save(7, keep=1)
    assert restore() == 7
    assert {name for name in os.listdir(str(tmp_path)) if "dcgan-5" in name or "dcgan-6" in name} == set()


def test_a_lack_of_memory_is_not_reported_as_damage(saved, tmp_path, monkeypatch):
    checkpoint = saved[0](5)

    class Saver:
        def restore(self, session, path):
            raise tf.errors.ResourceExhaustedError(None, None, "no memory")

    with pytest.raises(tf.errors.ResourceExhaustedError):
        store.restore(None, Saver(), checkpoint, [])


def damage(path, how):
    """Damage the files of the checkpoint at `path` in the way `how`."""
    data, index, text = path + ".data-00000-of-00001", path + ".index", path + ".json"
    where = {"data": data, "index": index, "json": text}[how.split()[-1]]
    if how.startswith("remove"):
        os.remove(where)
    elif how.startswith("cut"):
        os.truncate(where, os.path.getsize(where) // 2)
    elif how.startswith("empty"):
        os.truncate(where, 0)
    else:
        with open(where, "r+b") as file:
            content = bytearray(file.read())
            if how.startswith("flip"):
                content[len(content) // 3] ^= 16
            else:
                content = os.urandom(len(content))
            file.seek(0)
            file.write(content)


DAMAGES = [
    way + " " + file for way in ("remove", "cut", "empty", "flip", "rubbish") for file in ("data", "index", "json")
]


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_checkpoints_are_skipped_and_untouched(saved, tmp_path, capsys, how):
    save, restore = saved
    for step in (5, 6, 7):
        save(step, keep=3)
    for step in (6, 7):
        damage(str(tmp_path / f"dcgan-{step}"), how)
    before = sorted(os.listdir(str(tmp_path)))
    capsys.readouterr()
    newest_good = select.newest_good(str(tmp_path))
    assert newest_good.checkpoint.step == 5 and newest_good.damaged == (6, 7)
    for line, step in zip(capsys.readouterr().err.splitlines(), (7, 6)):
        assert line.startswith(f"main.py: {tmp_path / f'dcgan-{step}'}") and line.endswith("dcgan-5")
    assert restore() == 5 and sorted(os.listdir(str(tmp_path))) == before
    # A resumed run replaces damaged checkpoints when it reaches their steps.
    save(6, keep=3)
    assert restore() == 6
    assert [each.step for each in store.find(str(tmp_path))] == [5, 6, 7]
    # If no checkpoint is intact, all files are left alone.
    for step in (5, 6):
        damage(str(tmp_path / f"dcgan-{step}"), how)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    reasons = r"none of the 3 checkpoints in checkpoints_dir = .* is good: .*dcgan-7.*dcgan-6.*dcgan-5"
    with pytest.raises(UserError, match=reasons):
        select.newest_good(str(tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_damaged_checkpoints_do_not_count_as_kept(saved, tmp_path):
    save, restore = saved
    for step in (5, 6, 7):
        save(step, keep=3)
    for step in (6, 7):
        damage(str(tmp_path / f"dcgan-{step}"), "cut data")
    damaged_steps = select.newest_good(str(tmp_path)).damaged
    assert damaged_steps == (6, 7)
    save(15, keep=2, damaged=damaged_steps)
    assert [each.step for each in store.find(str(tmp_path))] == [5, 15] and restore() == 15


def test_a_failed_removal_is_a_warning(saved, tmp_path, capsys):
    save, restore = saved
    save(5)
    (tmp_path / "dcgan-5.json").unlink()
    (tmp_path / "dcgan-5.json").mkdir()
    save(6, keep=1)
    assert "the checkpoint at step 6 is saved, but older ones cannot be removed" in capsys.readouterr().err
    assert restore() == 6


def test_the_list_that_only_tensorflow_reads_may_fail(saved, tmp_path, capsys):
    save, restore = saved
    (tmp_path / "checkpoint").mkdir()
    save(5)
    save(6, keep=1)
    assert [each.step for each in store.find(str(tmp_path))] == [6] and capsys.readouterr().err == ""
    assert restore() == 6


def test_a_flipped_bit_is_detected_or_harmless(saved):
    save, restore = saved
    path = save(5).path
    rng = np.random.RandomState(0)
    noticed = 0
    for name in (path + ".data-00000-of-00001", path + ".index", path + ".json"):
        with open(name, "rb") as file:
            whole = file.read()
        for place in rng.choice(len(whole), min(len(whole), 20), replace=False):
            with open(name, "wb") as file:
                file.write(whole[:place] + bytes([whole[place] ^ (1 << rng.randint(8))]) + whole[place + 1 :])
            try:
                assert restore() == 5
            except UserError:
                noticed += 1
        with open(name, "wb") as file:
            file.write(whole)
    assert restore() == 5 and noticed > 20


@pytest.mark.parametrize("content", (b"", b"\xff\xfe rubbish", b'model_checkpoint_path: "/etc/passwd"'))
def test_tensorflows_own_list_is_ignored(saved, tmp_path, content):
    saved[0](5)
    (tmp_path / "checkpoint").write_bytes(content)
    assert saved[1]() == 5
    saved[0](6)
    assert saved[1]() == 6


def test_every_nth_is_kept(saved, tmp_path):
    for step in (0, 5, 10, 15, 20, 22, 24):
        saved[0](step, keep=2, every=10)
    assert [each.step for each in store.find(str(tmp_path))] == [0, 10, 20, 22, 24]


def test_a_later_version_is_refused_not_skipped(saved, tmp_path):
    saved[0](5)
    saved[0](6)
    text = (tmp_path / "dcgan-6.json").read_text()
    (tmp_path / "dcgan-6.json").write_text(text.replace(f'"format": {manifest.FORMAT}', '"format": 99'))
    with pytest.raises(UserError, match="written by a later version of this program"):
        select.newest_good(str(tmp_path))


def test_a_checkpoint_that_a_training_run_removes_while_it_is_restored(saved, tmp_path, monkeypatch):
    """Sampling then uses the new latest checkpoint and records the digest of the restored weights."""
    save, _ = saved
    save(10)
    selected, restored = select.newest_good(str(tmp_path)), []

    def restore(session, saver, checkpoint, variables):
        restored.append(checkpoint.step)
        if checkpoint.step == 10:
            save(15, keep=1)

    monkeypatch.setattr(store, "restore", restore)
    selected = select.restore_selected(None, None, None, selected, "latest")
    assert restored == [10, 15] and selected.checkpoint.step == 15
    assert selected.weights == weights_digest(selected.checkpoint)


def test_a_killed_first_save_is_ignored(saved, tmp_path):
    saved[0](0)
    os.remove(str(tmp_path / "dcgan-0.json"))
    assert select.newest_good(str(tmp_path)) is None
