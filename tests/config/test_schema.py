"""The rules: every kind, every setting, and the message for each invalid value. Does not import TensorFlow."""

import os

import pytest

from utils.config import rules, schema, settings, suggestions
from utils.errors import UserError

# For each setting: a valid value, as in a params file; an invalid value of the right type; the valid values in words.
WHOLE_1, WHOLE_0 = (1, 0, "a whole number, 1 or more"), (0, -1, "a whole number, 0 or more")
BELOW_1 = (0, 1.0, "a number, from 0 to less than 1")
ABOVE_0 = (1e6, 0.0, "a number, above 0, at most 1000000")
SWITCH = (True, 2, "0 or 1")
FOLDER = ("a b", " ", "the name of a folder")
PATH = ("", "\0", "a path, or '' for none")
EXAMPLES = {
    "isTrain": SWITCH,
    "pics_dir": FOLDER,
    "samples_dir": FOLDER,
    "checkpoints_dir": FOLDER,
    "cache_dir": FOLDER,
    "init_from": PATH,
    "freeze_d": (8, 9, "a whole number, from 0 to 8"),
    "crop": ("pad", "middle", "center, random, pad or stretch"),
    "load_size": (4096, 4097, "a whole number, from 0 to 4096"),
    "background": (
        "#102030",
        "#10203040",
        "a color without transparency, such as white, #ffffff or rgb(255, 255, 255)",
    ),
    "white_level": (2**32, 2**32 + 1, "a number, from 0 to 4294967296"),
    "mirror": SWITCH,
    "max_megapixels": (10**5, 10**5 + 1, "a whole number, from 1 to 100000"),
    "max_bad": (0, 1.01, "a number, from 0 to 1"),
    "epochs": WHOLE_1,
    "max_steps": WHOLE_0,
    "max_minutes": (0.5, 1000001.0, "a number, from 0 to 1000000"),
    "batch_size": (2**20, 2**20 + 1, "a whole number, from 1 to 1048576"),
    "k": WHOLE_1,
    "loss": ("hinge", "Hinge", "non_saturating, hinge, least_squares or wasserstein"),
    "label_smoothing": BELOW_1,
    "gradient_penalty": ("wgan-gp", "wgan_gp", "none, r1 or wgan-gp"),
    "penalty_weight": ABOVE_0,
    "penalty_every": (1000, 1001, "a whole number, from 1 to 1000"),
    "augment": (
        "color, cutout",
        "color,color",
        "adaptive, auto, none or some of color, translation, cutout, separated by commas",
    ),
    "ema_decay": BELOW_1,
    "optimizer": ("sgd", "Adam", "adam, rmsprop, momentum, sgd or adagrad"),
    "learning_rate": ABOVE_0,
    "d_learning_rate": (0, -1e-9, "a number, from 0 to 1000000"),
    "g_learning_rate": (0, 1000001.0, "a number, from 0 to 1000000"),
    "rate_decay_from": (1, float("nan"), "a number, from 0 to 1"),
    "beta1": BELOW_1,
    "beta2": BELOW_1,
    "decay": BELOW_1,
    "momentum": BELOW_1,
    "initial_accumulator": ABOVE_0,
    "epsilon": (1e-8, float("inf"), "a number, above 0, at most 1000000"),
    "precision": ("bfloat16", "float64", "auto, float32, bfloat16 or float16"),
    "seed": (0, 2**31, "a whole number, from 0 to 2147483647"),
    "sample_every": WHOLE_0,
    "train_samples": (10000, 0, "a whole number, from 1 to 10000"),
    "checkpoint_every": WHOLE_0,
    "grid_columns": (0, 10001, "a whole number, from 0 to 10000"),
    "keep_checkpoints": WHOLE_1,
    "keep_every": WHOLE_0,
    "on_nan": ("stop", "", "rollback or stop"),
    "on_lost_game": ("rollback", "stop", "warn or rollback"),
    "log_every": WHOLE_1,
    "worker_timeout": (10**6, 0, "a whole number, from 1 to 1000000"),
    "metrics_every": (2**31 - 1, 2**31, "a whole number, 0 or more"),
    "metrics_samples": (2, 1, "a whole number, from 2 to 1000000"),
    "metrics_network": ("efficientnet", "vgg", "auto, inception, efficientnet, efficientnet-lite2, patches or none"),
    "inception_graph": PATH,
    "best_metric": ("kid", "", "auto, or the name of a metric"),
    "stop_when_stale": WHOLE_0,
    "checkpoint": (2000, "newest", "best, latest, or a step"),
    "num_samples": WHOLE_1,
    "single": SWITCH,
    "sample_seed": (0, 2**31, "a whole number, from 0 to 2147483647"),
    "truncation": (1, 0, "a number, above 0, at most 1"),
    "classes": ("role,person", "a\0b", "'' for all, or names of class folders, separated by commas"),
    "evaluate": SWITCH,
    "evaluate_samples": (10**6, 1, "a whole number, from 2 to 1000000"),
    "picks": ("3,17,40-43", "\0", "'' or numbers of samples, such as '3,17,40-43'"),
    "label_grid": SWITCH,
    "walk": ("10s", "1001s", "a whole number of frames, from 0 to 1000, or seconds, such as '10s'"),
    "walk_ease": SWITCH,
    "walk_hold": (60, 61, "a number, from 0 to 60"),
    "along": (2**16, -1, "a whole number, from 0 to 65536"),
    "film_scale": (8, 9, "a whole number, from 1 to 8"),
    "film_filter": ("nearest", "cubic", "lanczos or nearest"),
    "arithmetic": ("3 - 4", "\0", "'' or numbers of samples, such as '3,8,11 - 4,9 + 20,21'"),
    "timelapse": SWITCH,
    "directions": (100, 101, "a whole number, from 0 to 100"),
    "project": ("me.jpg", "\0", "'' or paths of images or folders, separated by commas"),
    "project_film": SWITCH,
    "export": (
        "onnx, frozen",
        "onnx,onnx",
        "'' or some of saved_model, frozen, tflite, onnx, page, separated by commas",
    ),
    "image_size": ("64x96", 0, rules.SIZES),
    "channels": (1, 2, "3, 1 or 4"),
    "conditional": SWITCH,
    "z_dim": (2**16, 0, "a whole number, from 1 to 65536"),
    "filters": (2**12, 0, "a whole number, from 1 to 4096"),
    "max_filters": (2**12, 0, "a whole number, from 1 to 4096"),
    "d_width": (4, 4.5, "a number, above 0, at most 4"),
    "output_filters": (0, -1, "a whole number, from 0 to 4096"),
    "skip_excitation": SWITCH,
    "d_features": ("auto", "inception", "auto, efficientnet or none"),
    "clusters": (256, 20, "32, 0, 2, 4, 8, 16, 64, 128 or 256"),
    "cluster_levels": ("last", "first", "auto, all or last"),
    "kernel": (15, 1, "a whole number, from 2 to 15"),
    "upsample": ("transposed", "nearest", "smooth or transposed"),
    "downsample": ("stride", "max", "average or stride"),
    "activation": ("elu", "selu", "leaky_relu, relu, elu or tanh"),
    "leak": BELOW_1,
    "init": ("he", "zeros", "normal, truncated_normal, uniform, glorot or he"),
    "init_stddev": ABOVE_0,
    "d_norm": ("layer", "instance", "batch, spectral, layer or none"),
    "bn_momentum": BELOW_1,
    "bn_epsilon": (2e-5, 1.9e-5, "a number, from 2e-05 to 1"),
    "sync_batch_norm": SWITCH,
}


def error_of(check, *arguments):
    with pytest.raises(UserError) as raised:
        check(*arguments)
    message = str(raised.value)
    assert "\n" not in message
    return message


def test_every_setting_has_an_example_here():
    assert set(schema.ALL) ^ set(EXAMPLES) == set()  # no name is in only one of the two
    assert list(EXAMPLES) == list(schema.ALL)
    assert len(schema.ALL) == len(schema.RUN) + len(schema.NETWORK)  # no name is in both files


def test_every_rule_accepts_and_refuses():
    for name, (valid, invalid, choices) in EXAMPLES.items():
        rule = schema.ALL[name]
        value = schema.check(name, valid, rule, "here")
        assert value == rule.kind(valid) and type(value) is type(rule.kind(valid))
        for wrong in (invalid, [valid], None, b"x", 1j, *([] if bool in rule.types else [True])):
            expected = f"here: {name} = {wrong!r} is invalid; expected {choices}"
            assert error_of(schema.check, name, wrong, rule, "here") == expected


def test_every_rule_reads_text():
    for name, (valid, invalid, choices) in EXAMPLES.items():
        rule = schema.ALL[name]
        text = str(int(valid)) if isinstance(valid, bool) else str(valid)
        assert schema.parse(name, text, rule, "here") == rule.kind(valid)
        message = error_of(schema.parse, name, str(invalid), rule, "here")
        assert message == f"here: {name} = {rule.kind(invalid)!r} is invalid; expected {choices}"
        if str not in rule.types:
            message = error_of(schema.parse, name, "many", rule, "here")
            assert message == f"here: {name} = 'many' is invalid; expected {choices}"


def test_every_default_is_valid():
    for name, rule in schema.ALL.items():
        value = schema.check(name, rule.default, rule, "here")
        assert value == rule.default and type(value) is type(rule.default), name


def test_values_too_long_to_show_are_cut():
    for name in ("k", "learning_rate", "loss"):
        place = schema.ALL[name], "here"
        assert len(error_of(schema.check, name, 10**400, *place)) < 200
        assert len(error_of(schema.parse, name, "9" * 5000, *place)) < 200
        assert len(error_of(schema.check, name, "x" * 5000, *place)) < 200
        assert len(error_of(schema.check, name, 2**20000, *place)) < 200


@pytest.mark.parametrize(
    "name, valid, invalid",
    (
        ("background", ("white", "#fff", "#FFFFFF", "rgb(1, 2, 3)"), ("whit", "", "#ffff", "rgb(1, 2)", "white\0")),
        (
            "augment",
            ("none", "adaptive", "cutout", "color,translation,cutout", "translation , color"),
            ("", "colors", "color,", "auto,color", "color;cutout", "color color", "co lor", "color,\tcutout"),
        ),
        ("checkpoint", ("best", "latest", "0", "2000"), ("", "Best", "-1", "1.5", "dcgan-5")),
        ("samples_dir", (".", "a b/c"), ("", "\t", "a\0")),
        ("classes", ("", "a", "a, b"), ("\0",)),
    ),
)
def test_texts_with_a_condition(name, valid, invalid):
    for value in valid:
        assert schema.check(name, value, schema.RUN[name], "here") == value
    for value in invalid:
        assert f"here: {name} = {value!r} is invalid" in error_of(schema.check, name, value, schema.RUN[name], "here")


def test_values_in_messages():
    assert schema.short_repr("x" * 58) == f"'{'x' * 58}'" and schema.short_repr("x" * 59) == f"'{'x' * 59}..."
    assert schema.short_repr("a\nb", 10) == "'a\\nb'" and schema.short_repr(0.5) == "0.5"
    assert schema.format_value("") == "''" and schema.format_value("a b") == "a b" and schema.format_value(0.5) == "0.5"


def test_a_step_without_quotes():
    assert schema.check("checkpoint", 2000, schema.RUN["checkpoint"], "here") == "2000"
    assert "checkpoint = -1 is invalid" in error_of(schema.check, "checkpoint", -1, schema.RUN["checkpoint"], "here")
    assert "is invalid" in error_of(schema.check, "checkpoint", 2**20000, schema.RUN["checkpoint"], "here")


def test_integers_are_accepted_as_fractions():
    assert type(schema.check("leak", 0, schema.NETWORK["leak"], "here")) is float
    assert "batch_size = 8.0 is invalid" in error_of(schema.check, "batch_size", 8.0, schema.RUN["batch_size"], "here")


@pytest.mark.skipif(os.name == "nt", reason="Windows allows unpaired surrogates in names")
@pytest.mark.parametrize("name", ("pics_dir", "init_from"))
def test_a_path_that_no_file_can_have(name):
    assert "is invalid" in error_of(schema.check, name, "\ud800", schema.RUN[name], "here")
    assert schema.check(name, "\udcff", schema.RUN[name], "here")  # a non-UTF-8 byte, as Python decodes it


def test_what_a_resumed_run_may_change():
    """A resumed run must not silently change a setting that affects training."""
    free = [name for name, rule in schema.ALL.items() if rule.on_resume == "free"]
    sampling = [name for name, rule in schema.ALL.items() if rule.sampling]
    folders = ["isTrain", "pics_dir", "samples_dir", "checkpoints_dir", "cache_dir", "init_from"]
    assert free == [*folders, "max_bad", "max_minutes", "worker_timeout", "inception_graph", *sampling]
    assert {name for name, rule in schema.NETWORK.items() if rule.on_resume != "keep"} == {"sync_batch_norm"}
    assert {rule.on_resume for rule in schema.ALL.values()} == {"free", "change", "keep"}


def test_values_of_runs_saved_before_a_setting_existed_are_valid():
    befores = {name: rule for name, rule in schema.ALL.items() if rule.legacy_value is not None}
    assert {"loss", "ema_decay", "upsample"} < set(befores)
    for name, rule in befores.items():
        assert schema.check(name, rule.legacy_value, rule, "here") == rule.legacy_value and rule.on_resume != "free"


def test_marks_add_up():
    rule = rules.fixed_on_resume(rules.integer(5, lowest=0), legacy_value=1, old_defaults=(2, 3))
    assert (rule.default, rule.on_resume, rule.legacy_value, rule.old_defaults) == (5, "keep", 1, (2, 3, 1))
    assert rules.sampling(rules.changeable_on_resume(rules.switch(1)))[-4:] == (True, "change", None, ())
    assert settings.Run._fields == tuple(schema.RUN) and settings.Network._fields == tuple(schema.NETWORK)


@pytest.mark.parametrize(
    "name, expected",
    (
        ("batchsize", "; did you mean batch_size?"),
        ("BATCH-SIZE", "; did you mean batch_size?"),
        ("istrain", "; did you mean isTrain?"),
        ("ndf", "; did you mean d_width?"),
        ("zzzzzz", "; see `python main.py --help`"),
    ),
)
def test_suggestions(name, expected):
    assert suggestions.suggestion(name, schema.ALL) == expected
