"""The JSON beside a checkpoint."""

import contextlib
import json

import pytest

from utils.checkpoints import manifest as record
from utils.config import schema as rules
from utils.errors import UserError

BEST = record.Best(400, "fid", "these pictures", 31.5, 30.25, 200)
STATE = record.State((400, 431), "870 0123456789abcdef", ("cat", "dog, and more"), BEST, (200,))


def write(path, settings, change=lambda data: None):
    data = json.loads(record.dumps(settings, 7, "2.21.0", STATE))
    change(data)
    path.write_text(record.seal(data))
    return str(path)


def test_what_is_written_is_read(tmp_path, settings):
    expected = record.Record(7, dict(settings.run._asdict()), settings.network, STATE)
    assert record.read(write(tmp_path / "a.json", settings)) == expected


def test_it_names_the_versions(settings):
    data = json.loads(record.dumps(settings, 7, "2.21.0", STATE))
    assert (data["format"], data["step"], data["program"], data["tensorflow"]) == (4, 7, record.VERSION, "2.21.0")


@pytest.mark.parametrize(
    "change, expected",
    (
        (lambda data: data.update(format=99), "written by a later version of this program (format 99"),
        (lambda data: data.update(format="1"), "not the record of a checkpoint"),
        (lambda data: data.pop("step"), "not the record of a checkpoint"),
        (lambda data: data["network"].pop("filters"), "its settings are not those of this version"),
        (lambda data: data.update(run=[]), "its settings are not those of this version"),
        (lambda data: data["network"].update(filters=-1), "filters = -1 is invalid"),
        (lambda data: data["network"].update(init="__import__('os')"), "is invalid; expected normal"),
        (lambda data: data.update(state=[]), "its state is not one that this version"),
        (lambda data: data["state"].update(rollbacks=["a"]), "its state is not one that this version"),
    ),
)
def test_a_record_that_is_not_right_is_refused(tmp_path, settings, change, expected):
    with pytest.raises(UserError) as raised:
        record.read(write(tmp_path / "a.json", settings, change))
    assert expected in str(raised.value) and "a.json" in str(raised.value)


@pytest.mark.parametrize("content", (b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100000))
def test_rubbish_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.json"):
        record.read(str(tmp_path / "a.json"))


def test_what_must_stay_and_what_may_change(settings):
    run = settings.run._replace(batch_size=7, learning_rate=0.5, epochs=9, k=2, optimizer="sgd", num_samples=3, seed=4)
    there = record.Record(7, settings.run._asdict(), settings.network, STATE)
    other = settings._replace(run=run, network=settings.network._replace(filters=64))
    refused, changed = record.compare(there, other)
    assert refused == [
        "k is 1 there and 2 now",
        "optimizer is adam there and sgd now",
        "seed is 0 there and 4 now",
        "filters is 32 there and 64 now",
    ]
    assert [words.split()[0] for words in changed] == ["epochs", "batch_size", "learning_rate"]
    assert record.compare(there, settings) == ([], [])


def test_run_settings_may_come_and_go_between_versions(tmp_path, settings):
    def change(data):
        del data["run"]["beta1"]
        data["run"]["of_old"] = 1

    there = record.read(write(tmp_path / "a.json", settings, change))
    assert "of_old" not in there.run and "beta1" not in there.run
    assert record.compare(there, settings) == ([], [])


def test_a_record_of_format_1_is_read(tmp_path, settings):
    def change(data):
        del data["state"], data["run"]["on_nan"], data["run"]["keep_every"]
        data["format"] = 1

    there = record.read(write(tmp_path / "a.json", settings, change))
    assert there.state == record.State() and record.compare(there, settings) == ([], [])


def test_a_record_of_before_a_setting_has_what_was_so_then(tmp_path, settings):
    def change(data):
        del data["state"]["best"], data["state"]["classes"], data["state"]["former"]
        for part, names in (("run", rules.RUN), ("network", rules.NETWORK)):
            for name, rule in names.items():
                if rule.before is not None:
                    del data[part][name]
        data["format"] = 2

    there = record.read(write(tmp_path / "a.json", settings, change))
    assert there.state == record.State(STATE.rollbacks, STATE.pictures)
    assert there.run["ema_decay"] == 0 and there.run["augment"] == "none" and there.run["loss"] == "non_saturating"
    assert (there.network.upsample, there.network.d_norm, there.network.conditional) == ("transposed", "batch", 0)
    refused, changed = record.compare(there, settings)
    assert "ema_decay is 0.0 there and 0.999 now" in refused and "augment is none there and auto now" in changed
    as_then = settings._replace(run=settings.run._replace(ema_decay=0.0), network=there.network)
    assert record.compare(there, as_then)[0] == []


def test_every_change_of_a_byte_is_noticed(tmp_path, settings):
    path = tmp_path / "a.json"
    write(path, settings)
    whole = path.read_bytes()
    there = record.read(str(path))
    for i in range(len(whole)):
        path.write_bytes(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
        with contextlib.suppress(UserError):
            assert record.read(str(path)) == there  # a space became another kind of space
