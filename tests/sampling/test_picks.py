"""Parsing of picks and sums."""

import pytest

import main
from utils.errors import UserError
from utils.sampling import class_names
from utils.sampling.picks import Pick, parse, parse_sum
from utils.tasks import find_task

CLASSES = ("cat", "dog")


@pytest.mark.parametrize(
    "text, numbers",
    (("3", [3]), ("3,17,40-43", [3, 17, 40, 41, 42, 43]), (" 5 , 2 - 3 ", [5, 2, 3]), ("0,0,999999", [0, 0, 999999])),
)
def test_numbers_and_ranges(text, numbers):
    assert parse(text, ()) == [Pick(0, number) for number in numbers]


def test_picks_of_classes():
    picks = parse("dog:3,cat:0-1", CLASSES)
    assert picks == [Pick(1, 3), Pick(0, 0), Pick(0, 1)]
    assert [pick.text(CLASSES) for pick in picks] == ["dog:3", "cat:0", "cat:1"] and Pick(0, 7).text(()) == "7"
    assert parse("a:b:2", ("a:b",)) == [Pick(0, 2)]  # a folder name may contain a colon


def test_captions():
    """A name that Pillow's font cannot show has a font of its own, or is replaced by the number of the class."""
    classes, fonts = ("cat", "cafe\u0301", "\u732b"), {"cafe\u0301": "a font", "\u732b": None}
    captions = [Pick(label, 7).caption(classes, fonts) for label in range(3)]
    assert captions == [("7 cat",), ("7", "caf\xe9", "a font"), ("7 #2",)]
    assert Pick(0, 7).caption((), {}) == ("7",)


NFC, NFD, IN_C_LOCALE = "caf\xe9", "cafe\u0301", "caf\udcc3\udca9"


@pytest.mark.parametrize("name", (NFC, NFD, IN_C_LOCALE))
@pytest.mark.parametrize("known", (NFC, NFD))
def test_names_with_differently_composed_letters_are_equal(known, name):
    classes = ("a", known, known + ", old")
    assert parse(f"{name}:2", classes) == [Pick(1, 2)]
    assert parse(f'"{name}, old":2', classes) == [Pick(2, 2)]
    assert parse_sum(f"a:1 - {name}:2", classes)[1] == (-1, [Pick(1, 2)])
    assert class_names.class_indices(f"{name},a", classes) == [1, 0]
    assert class_names.class_indices(f"{name}, old", classes) == [2]


def test_two_classes_whose_names_look_the_same():
    """Earlier versions trained on them."""
    assert [class_names.class_index(name, (NFC, NFD), "classes") for name in (NFC, NFD)] == [0, 1]


def test_suggestions_compare_composed_letters():
    """Decomposed Korean syllables have no letter in common with composed ones."""
    with pytest.raises(UserError) as caught:
        class_names.class_index("\uace0\uc591", ("\u1100\u1169\u110b\u1163\u11bc\u110b\u1175", "blue"), "classes")
    assert str(caught.value) == "classes: no class '\uace0\uc591'; did you mean \uace0\uc591\uc774?"


@pytest.mark.parametrize(
    "text, classes, line",
    (
        ("", (), "picks: '' (character 1) is not a number or a range, such as 17 or 40-43"),
        ("3, x", (), "picks: 'x' (character 4) is not a number or a range, such as 17 or 40-43"),
        ("3,,4", (), "picks: '' (character 3) is not a number"),
        ("-3", (), "picks: '-3' (character 1) is not a number"),
        ("1.5", (), "picks: '1.5' (character 1) is not a number"),
        ("\u0663", (), "picks: '\u0663' (character 1) is not a number"),
        ("1,43-40", (), "picks: '43-40' (character 3) is invalid; use numbers from 0 to 999999 and ascending ranges"),
        ("1000000", (), "picks: '1000000' (character 1) is invalid; use numbers from 0 to 999999"),
        ("0-20000", (), "picks: more than 10000 samples; pick 10000 or fewer"),
        ("dog:3", (), "picks: 'dog:3' (character 1) names a class, but this network is unconditional"),
        ("dog:1,3", CLASSES, "picks: '3' (character 7) needs a class, such as dog:3"),
        ("3", CLASSES, "picks: '3' (character 1) needs a class, such as cat:3"),
        ("4", ("a, b",), "picks: '4' (character 1) needs a class, such as \"a, b\":4"),
        ("dgo:3", CLASSES, "picks: 'dgo:3' (character 1): no class 'dgo'; did you mean dog?"),
        ("cow:3", CLASSES, "picks: 'cow:3' (character 1): no class 'cow'; the classes are cat, dog"),
    ),
)
def test_error_names_the_invalid_part(text, classes, line):
    with pytest.raises(UserError) as caught:
        parse(text, classes)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_sums():
    assert parse_sum("3,8-9 - 4 + cat:5".replace("cat:", ""), ()) == [
        (1, [Pick(0, 3), Pick(0, 8), Pick(0, 9)]),
        (-1, [Pick(0, 4)]),
        (1, [Pick(0, 5)]),
    ]
    assert parse_sum("dog:1  -  cat:2", CLASSES) == [(1, [Pick(1, 1)]), (-1, [Pick(0, 2)])]


@pytest.mark.parametrize("name", ("a, b", "x - y", 'say "no"', '"', '"a"', '"a", b', "a:b", "plain"))
def test_quoted_class_names(name):
    classes, written = ("cat", name), class_names.quoted(name)
    assert (written == name) is (name in ('say "no"', "a:b", "plain"))
    assert parse(f"{written}:3, cat:1,{written}:4-5", classes) == [Pick(1, 3), Pick(0, 1), Pick(1, 4), Pick(1, 5)]
    terms = parse_sum(f"cat:1 - {written}:3,{written}:2 + cat:4", classes)
    assert terms == [(1, [Pick(0, 1)]), (-1, [Pick(1, 3), Pick(1, 2)]), (1, [Pick(0, 4)])]


@pytest.mark.parametrize("text", ("3 -8", "3- 8", "3+8", "dog:3 -dog:8"))
def test_sign_without_spaces(text):
    with pytest.raises(UserError, match=r"; signs have spaces on both sides, as in '3 - 8'$"):
        parse_sum(text, ("dog",) if "dog" in text else ())


def test_errors_without_known_classes(tiny):
    find_task(tiny.run._replace(picks="a:3,4"))
    for mistake in ({"picks": "a:x"}, {"picks": "9-3"}, {"arithmetic": "a:3 - b:"}, {"picks": "a:3", "walk": 9}):
        run = tiny.run._replace(**mistake)
        with pytest.raises(UserError):
            find_task(run).describe(run)


def test_picks_are_checked_before_tensorflow_is_imported(monkeypatch, capsys):
    monkeypatch.setattr(main, "import_tensorflow", lambda: pytest.fail("too late"))
    assert main.main(["--isTrain", "0", "--picks", "9-3"]) == 2
    assert capsys.readouterr().err.startswith("main.py: picks: '9-3' (character 1) is invalid")


@pytest.mark.parametrize(
    "text, part, character", (("3 + x", "x", 5), ("3 - 4 +  ", "", 10), ("3 + + 4", "+ 4", 5), ("- 3", "- 3", 1))
)
def test_error_in_a_sum(text, part, character):
    with pytest.raises(UserError) as caught:
        parse_sum(text, ())
    assert str(caught.value).startswith(f"arithmetic: {part!r} (character {character}) is not a number")
