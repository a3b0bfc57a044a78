from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent import Route, Waypost
from agent.cli.tune.threshold import TooFewQuestionsError
from agent.cli.tune.threshold import command as threshold
from agent.errors import ConfigurationError, UsageError
from agent.evaluation import Labelled
from agent.tuning import Outcome, is_right, threshold_for, tune_threshold, write_number

MakeProject = Callable[..., Path]


def outcomes(*pairs: tuple[float, bool]) -> list[Outcome]:
    """Return outcomes that no rule decided."""
    return [Outcome(confidence, right) for confidence, right in pairs]


TEN = [(0.1, False), (0.2, True), (0.3, False), (0.4, True), (0.5, False)]
TEN += [(0.6, True), (0.7, True), (0.8, True), (0.9, True), (0.95, True)]


@pytest.mark.parametrize(
    ("target", "expected", "escalated", "accuracy"),
    [
        (0.5, 0.0, 0.0, 0.7),
        (0.7, 0.0, 0.0, 0.7),
        (0.8, 0.15, 0.1, 0.8),
        (0.9, 0.35, 0.3, 0.9),
        (0.95, 0.55, 0.5, 1.0),
        (1.0, 0.55, 0.5, 1.0),
    ],
)
def test_lowest_threshold(
    target: float, expected: float, escalated: float, accuracy: float
) -> None:
    """The threshold lies half-way above the surest mistake that must not be kept."""
    level = threshold_for(outcomes(*TEN), target, margin=0.0)
    assert level["threshold"] == pytest.approx(expected)
    assert (level["escalated"], level["accuracy"]) == (escalated, accuracy)


def test_aims_a_point_higher() -> None:
    """The goal is a point above the target, and at most that everything is right."""
    level = threshold_for(outcomes(*TEN), 0.9)
    assert level["goal"] == 0.91
    assert level["threshold"] == pytest.approx(0.55)
    assert threshold_for(outcomes(*TEN), 0.995)["goal"] == 1.0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (outcomes((0.5, True)), 0.0),
        (outcomes((0.5, False)), 0.75),
        (outcomes((0.0, False), (0.0, True)), 0.5),
        (outcomes((0.5, False), (0.5, True), (0.5, False)), 0.75),
        (outcomes((0.9999, False), (1.0, True)), 1.0),
        (outcomes((0.5, False), (0.50001, True)), 0.50001),
        (outcomes((1.0, False), (0.2, False)), None),
        ([Outcome(0.4, False, final=True), Outcome(0.9, True)], None),
        ([Outcome(0.4, True, final=True), Outcome(0.3, False)], 0.65),
        ([Outcome(0.9, False, lost=True), Outcome(0.5, True)], 0.0),
        ([Outcome(0.9, False, lost=True), Outcome(0.5, False), Outcome(0.7, True)], 0.6),
    ],
    ids=[
        "one right", "one wrong", "zero", "equal confidences", "nearly sure", "close together",
        "sure and wrong", "a wrong rule", "a right rule",
        "lost and wrong", "lost and wrong, and another",
    ],
)  # fmt: skip
def test_edges(found: list[Outcome], expected: float | None) -> None:
    """Equal confidences go to the model together; what it is not asked about cannot be mended."""
    level = threshold_for(found, 1.0)
    assert level["threshold"] == (None if expected is None else pytest.approx(expected))
    if expected is not None:
        kept = [one for one in found if one.final or (one.confidence >= expected and not one.lost)]
        assert all(one.right for one in kept)
        assert level["accuracy"] == 1.0


def test_intervals_are_repeatable_and_ordered() -> None:
    """The bootstrap gives the same figures each time, and wider ones for fewer questions."""
    few, many = outcomes(*TEN), outcomes(*TEN * 30)
    assert threshold_for(few, 0.9) == threshold_for(few, 0.9)
    spans = []
    for found in (few, many):
        level = threshold_for(found, 0.9)
        low, high = level["escalated_interval"]
        assert low <= level["escalated"] <= high
        spans.append(high - low)
    assert spans[0] > spans[1]


@pytest.mark.parametrize(("count", "enough"), [(299, False), (300, True)])
def test_enough_questions(count: int, enough: bool) -> None:
    """So many questions are enough that, without a mistake among them, the target is likely met."""
    assert threshold_for(outcomes(*[(0.9, True)] * count), 0.99)["enough"] is enough


def route(action: Any, indexes: tuple[str, ...] = (), tools: tuple[str, ...] = ()) -> Route:
    """Return a route as far as its being right depends on it."""
    return {
        "question": "?", "action": action, "tools": list(tools),
        "indexes": [{"name": name, "confidence": 0.5} for name in indexes],
        "candidates": [], "confidence": 0.5, "reason": "", "decided_by": "classifier",
    }  # fmt: skip


SEARCH = route("search", ("a", "b"))
ACT = route("act", (), ("t",))


@pytest.mark.parametrize(
    ("labels", "found", "right"),
    [
        ({"indexes": ["a"]}, SEARCH, True),
        ({"indexes": ["c", "a"]}, SEARCH, True),
        ({"indexes": ["b"]}, SEARCH, False),
        ({"indexes": ["a"]}, ACT, False),
        ({"indexes": ["a"]}, route("answer"), False),
        ({"tool": "t", "action": "act"}, ACT, True),
        ({"tool": "u"}, ACT, False),
        ({"tool": "t"}, SEARCH, False),
        ({"tool": "t", "action": "clarify"}, ACT, True),
        ({"action": "answer"}, route("answer"), True),
        ({"action": "answer"}, SEARCH, False),
        ({"action": "abstain", "indexes": []}, route("answer"), True),
        ({"action": "abstain", "indexes": []}, SEARCH, False),
        ({"indexes": []}, route("answer"), True),
        ({"action": "abstain"}, SEARCH, None),
        ({"action": "clarify"}, route("clarify"), True),
        ({"action": "clarify"}, ACT, True),
        ({"action": "clarify"}, SEARCH, False),
        ({"action": "clarify", "indexes": []}, route("clarify"), True),
        ({}, SEARCH, None),
    ],
)
def test_right_routes(labels: Any, found: Route, right: bool | None) -> None:
    """The first index, the tool, or nothing must be what the labels say; else the action."""
    row: Labelled = labels
    assert is_right(row, found) is right


FILES = {
    "missing table": ('[project]\nname = "x"  # 名\n', '\n[routing]\nthreshold = 0.7\n'),
    "missing key": ('[routing] # r\nnone = [\n  "[x]",\n]\n\n# next\n[limits]\n', "threshold = 0.7\n"),
    "other value": ("[routing]\noutside = 'model'\nthreshold=0.123 # mine\n", "threshold = 0.7"),
    "other table's key": ("[routing]\n[limits]\nthreshold = 1\n", "threshold = 0.7\n"),
    "windows": ("[routing]\r\nnone = []\r\n", "threshold = 0.7\r\n"),
    "no final newline": ("[routing]", "\nthreshold = 0.7\n"),
    "empty": ("", "[routing]\nthreshold = 0.7\n"),
    "header in a text": ('[project]\npersona = """\n[routing]\n"""\n', "\n[routing]\nthreshold = 0.7\n"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "added"), FILES.values(), ids=FILES.keys())
def test_settings_keep_their_form(tmp_path: Path, text: str, added: str) -> None:
    """Only the one line is new; comments, order and line ends stay."""
    path = tmp_path / "waypost.toml"
    path.write_bytes(text.encode())
    path.chmod(0o640)
    write_number(tmp_path, "routing", "threshold", 0.7)
    after = path.read_bytes().decode()
    assert added in after
    assert after.replace(added, "", 1) == text.replace("threshold=0.123", "", 1)
    before = tomllib.loads(text)
    wanted = {**before, "routing": {**before.get("routing", {}), "threshold": 0.7}}
    assert tomllib.loads(after) == wanted
    assert (path.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o640, [path])


@pytest.mark.parametrize(
    "text", ["routing = {none = []}\n", "routing.none = []\n", "[routing\n", "[[routing]]\n"]
)
def test_unusual_settings_are_left_alone(tmp_path: Path, text: str) -> None:
    """A file that cannot be edited safely stays as it is, and the line to write is told."""
    path = tmp_path / "waypost.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=r"threshold = 0\.7"):
        write_number(tmp_path, "routing", "threshold", 0.7)
    assert path.read_text() == text


ROWS = [
    {"question": "年假有几天？", "action": "search", "indexes": ["leave"]},
    {"question": "How often is the bearing lubricated?", "indexes": ["manual"]},
    {"question": "Which vibration is allowed?", "indexes": ["leave"]},
    {"question": "Hello", "action": "answer"},
    {"question": "产假有多少天？", "action": "abstain"},
    {"question": "那婚假呢？", "after": ["年假有几天？"], "indexes": ["leave"]},
]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return labelled questions, one of them wrongly."""
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in ROWS), encoding="utf-8")
    return path


def test_command(
    tiny_project: MakeProject, dataset: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command shows what each target takes, and writes the threshold of the chosen one."""
    project = tiny_project()
    threshold(dataset, target=0.97, write=True, few=True, project=project, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert (found["questions"], found["skipped"], found["accuracy"]) == (4, 2, 0.75)
    assert [level["target"] for level in found["levels"]] == [0.9, 0.95, 0.97, 0.98, 0.99]
    assert found["written"]
    assert any("follow-ups" in warning for warning in found["warnings"])
    assert any("too few for 99%: take 300" in warning for warning in found["warnings"])
    settings = tomllib.loads((project / "waypost.toml").read_text(encoding="utf-8"))
    assert settings["routing"]["threshold"] == found["chosen"]["threshold"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "needed"), [(0.9, "90%: it takes 30"), (0.995, "99.5%: it takes 600")]
)
def test_too_few_questions_are_not_written(
    tiny_project: MakeProject, dataset: Path, target: float, needed: str
) -> None:
    """A threshold from a handful of questions is not stored unless that is asked for."""
    project = tiny_project()
    before = (project / "waypost.toml").read_bytes()
    with pytest.raises(TooFewQuestionsError, match=f"4 questions are too few for {needed}") as told:
        threshold(dataset, target=target, write=True, project=project)
    assert (told.value.exit_code, "--few" in told.value.fix) == (1, True)
    assert (project / "waypost.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ({"indexes": ["leaves"]}, r"line 2: .*'leaves'.*leave, manual"),
        ({"tool": "book"}, r"line 2: .*'book'"),
    ],
)
def test_labels_are_those_of_the_project(
    tiny_project: MakeProject, dataset: Path, label: dict[str, Any], told: str
) -> None:
    """A label that names what the project does not have is refused, not counted as a mistake."""
    rows = [ROWS[0], {"question": "陪产假呢？", **label}]
    dataset.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(UsageError, match=told):
        threshold(dataset, project=tiny_project())


async def test_nothing_to_learn_from(tiny: Waypost) -> None:
    """Questions whose labels do not tell a route are refused with how to label them."""
    with pytest.raises(UsageError, match="label them"):
        await tune_threshold(tiny, [{"question": "产假有多少天？", "action": "abstain"}])


@pytest.mark.parametrize("target", [99.0, 0.2, float("nan")])
def test_target_is_a_share(dataset: Path, target: float) -> None:
    """A percentage, or less than every other route, is no target."""
    with pytest.raises(UsageError, match="no share"):
        threshold(dataset, target=target)
