"""Which task runs, which settings conflict with it, and what it prints."""

import os
import re

import pytest
from running import drawn

from utils.config import schema
from utils.errors import UserError
from utils.tasks import TASKS, find_task


@pytest.fixture
def run(tiny, tmp_path):
    return tiny.run._replace(samples_dir=str(tmp_path), num_samples=9, sample_seed=3, grid_columns=0)


@pytest.mark.parametrize(
    "changes, message",
    (
        ({"evaluate": 1, "export": "onnx"}, "evaluate and export are mutually exclusive; set only one of them"),
        ({"walk": 5, "timelapse": 1}, "timelapse and walk are mutually exclusive; set only one of them"),
        ({"project": "a.jpg", "directions": 3}, "directions and project are mutually exclusive; set only one of them"),
        ({"project": "a.jpg", "picks": "3"}, "picks has no effect with project; leave one of them out"),
        ({"directions": 3, "classes": "a"}, "classes has no effect with directions; leave one of them out"),
        ({"walk": 5, "single": 1}, "single has no effect with walk; leave one of them out"),
        ({"export": "frozen", "label_grid": 1}, "label_grid has no effect with export; leave one of them out"),
        ({"evaluate": 1, "picks": "3"}, "picks has no effect with evaluate; leave one of them out"),
        ({"timelapse": 1, "classes": "a"}, "classes has no effect with timelapse; leave one of them out"),
        (
            {"picks": "a:3", "classes": "a"},
            "classes has no effect with picks, which names the classes; leave one of them out",
        ),
        (
            {"arithmetic": "a:3 - a:4", "classes": "a"},
            "classes has no effect with arithmetic, which names the classes; leave one of them out",
        ),
        (
            {"export": "frozen,onnx", "picks": "3"},
            "picks has no effect with export = 'frozen,onnx'; leave it out, or also export a page",
        ),
    ),
)
def test_contradictory_settings(run, changes, message):
    with pytest.raises(UserError) as caught:
        run = run._replace(**changes)
        find_task(run).describe(run)
    assert str(caught.value) == message


def test_task_of_the_settings(run):
    assert find_task(run).setting == "" and find_task(run._replace(picks="3")).setting == ""
    for changes in ({"evaluate": 1}, {"export": "page"}, {"timelapse": 1}, {"arithmetic": "1 - 2"}, {"walk": "5s"}):
        (setting,) = changes
        assert find_task(run._replace(**changes)).setting == setting
    assert find_task(run._replace(project="a.jpg")).setting == "project"
    assert find_task(run._replace(directions=3, picks="3")).setting == "directions"
    find_task(run._replace(export="page", picks="3"))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.setting or "samples")
def test_every_task_names_existing_settings(task):
    """The settings that select a task or that it uses exist, and every sampling setting is used by some task."""
    assert {task.memory_setting or "walk", *task.uses, task.setting or "walk"} <= set(schema.RUN)
    assert len(task.uses) == len(set(task.uses)) and task.setting not in task.uses
    used = {"checkpoint", *(name for each in TASKS for name in (each.setting, *each.uses))}
    assert {name for name, rule in schema.ALL.items() if rule.sampling} <= used


def test_memory_setting_of_each_task(run):
    def size_setting(**changes):
        return find_task(run._replace(**changes)).size_setting(run._replace(**changes))

    assert size_setting() == ("num_samples", 9) and size_setting(evaluate=1)[0] == "evaluate_samples"
    assert size_setting(walk=2, picks="3,4") == ("walk", 2) and size_setting(picks="3,4") == ("picks", "3,4")


@pytest.mark.parametrize(
    "changes",
    (
        {"truncation": 0.5, "single": 1, "grid_columns": 2},
        {"label_grid": 1, "classes": "red,blue"},
        {"picks": "red:3,blue:1", "label_grid": 1, "truncation": 0.5},
        {"walk": 2, "picks": "red:3,blue:1"},
        {"walk": 2, "classes": "red,blue"},
        {"walk": "1s", "walk_ease": 1, "walk_hold": 0.04, "film_scale": 2, "film_filter": "nearest"},
        {"arithmetic": "red:3 - blue:1"},
    ),
)
def test_announced_names_match_written_files(graph, run, changes):
    run = run._replace(**changes)
    lines = find_task(run).describe(run)[1:]
    _, names = drawn(run, ("blue", "green", "red"))
    names = {re.sub(r"red.*blue(_[0-9]+)?(_[0-9a-f]{6})?", "<>", name) for name in names}
    for line in lines:
        name = os.path.basename(line.rstrip(os.sep)).replace("<step>", "00000012").replace("<id>", "012345")
        assert re.sub("<[a-z]+>", "<>", name) in names
