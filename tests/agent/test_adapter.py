"""An adapter at work: what it chooses from, how it is joined with the classifier, what it may not do."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from agent import Waypost
from agent.errors import ConfigurationError, ModelError
from agent.models.adapter import read_card
from agent.models.adapter.labels import Labels
from agent.models.adapter.scoring import sharpened
from agent.routing import Router
from agent.routing.pooling import pooled
from agent.routing.types import Complete
from agent.settings import Models, Routing, load
from tests.agent.test_cascade import Scored, describe
from tests.agent.tiny import write_tiny_project

LABELS = ["leave", "manual", "none", "order_part", "read_gauge", "read_salary", "slow_report"]
CARD: dict[str, Any] = {
    "kind": "waypost-adapter", "task": "router", "project": "Pump desk", "created": "2026-11-22",
    "base": {"name": "../base", "sha256": "0"}, "template": "Question: {question}\nCategory:",
    "labels": LABELS, "temperature": 1.0, "hyperparameters": {}, "weights_sha256": "0",
    "data_sha256": {}, "questions_sha256": [], "figures": {}, "loss": {}, "versions": {},
}  # fmt: skip


def with_adapter(project: Path, **changes: Any) -> Path:
    """Give a project an adapter whose weights are not there."""
    folder = project / "models" / "router"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({**CARD, **changes}), encoding="utf-8")
    settings = project / "waypost.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f'{text}\n[models]\nrouter = "lora:models/router"\n', encoding="utf-8")
    return project


@pytest.fixture
def extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the extra's packages look as if they were installed."""
    monkeypatch.setattr("agent.models.adapter.adapter.need_extra", lambda: None)


@pytest.mark.parametrize(
    ("tokens", "forks"),
    [
        ({"a": [1, 9], "b": [2, 9], "c": [3, 9]}, [()]),
        ({"a": [1, 2, 9], "b": [1, 3, 9], "c": [4, 9]}, [(), (1,)]),
        ({"a": [1, 2, 9], "b": [1, 2, 3, 9], "c": [1, 4, 9]}, [(1,), (1, 2)]),
    ],
)
def test_names_as_ways(tokens: dict[str, list[int]], forks: list[tuple[int, ...]]) -> None:
    """Names part at forks; whatever a model scores there, their probabilities sum to 1."""
    labels = Labels(tokens)
    assert list(labels.forks) == forks
    random = np.random.default_rng(0)
    logs = labels.log_likelihoods([random.normal(size=(5, len(b))) for b in labels.branches])
    assert np.exp(logs).sum(axis=1) == pytest.approx(np.ones(5))


def test_a_name_is_as_likely_as_its_way() -> None:
    """A name's probability is the product of its branches'."""
    labels = Labels({"a": [1, 2, 9], "b": [1, 3, 9], "c": [4, 9]})
    scores = {(): {1: math.log(3), 4: 0.0}, (1,): {2: 0.0, 3: math.log(4)}}
    forks = [
        np.array([[scores[fork][token] for token in branches]])
        for fork, branches in zip(labels.forks, labels.branches, strict=True)
    ]
    assert np.exp(labels.log_likelihoods(forks))[0] == pytest.approx([0.75 / 5, 0.75 * 0.8, 0.25])


def test_temperature() -> None:
    """A higher temperature makes a choice less sure, and changes no order."""
    logs = np.log(np.array([[0.7, 0.2, 0.1]]))
    cool, warm = sharpened(logs, 1.0)[0], sharpened(logs, 3.0)[0]
    assert cool == pytest.approx([0.7, 0.2, 0.1])
    assert warm[0] < cool[0]
    assert list(np.argsort(warm)) == list(np.argsort(cool))


@pytest.mark.parametrize(
    ("classified", "tuned", "expected"),
    [
        # what both know goes by both: the roots of the products are 0.2, 0.4 and 0.2
        ({"a": 0.4, "b": 0.2, "none": 0.4}, {"a": 0.1, "b": 0.8, "none": 0.1}, [0.25, 0.5, 0.25]),
        # what it does not know keeps its probability
        ({"a": 0.25, "new": 0.5, "none": 0.25}, {"a": 0.9, "none": 0.1}, [0.375, 0.5, 0.125]),
        # what it gives to a hidden target is no reason for another
        ({"a": 0.3, "b": 0.1, "none": 0.6}, {"hidden": 1.0, "a": 0, "b": 0, "none": 0}, [0.3, 0.1, 0.6]),
        ({"a": 0.5, "b": 0.5, "none": 0}, {"hidden": 0.5, "a": 0.5, "b": 0, "none": 0}, [0.75, 0.25, 0]),
        # one that chooses tools tells these apart alone
        ({"tool": 0.1, "other": 0.1, "none": 0.8}, {"tool": 0.9, "other": 0.1}, [0.15, 0.05, 0.8]),
        ({"a": 1.0, "none": 0.0}, {"x": 1.0}, [1.0, 0.0]),
    ],
)  # fmt: skip
def test_joined(
    classified: dict[str, float], tuned: dict[str, float], expected: list[float]
) -> None:
    """The two are joined to probabilities of what the principal may see."""
    found = pooled(classified, tuned)
    assert list(found) == list(classified)
    assert list(found.values()) == pytest.approx(expected)


def weighing(found: dict[str, float] | Exception) -> Callable[[str], Awaitable[dict[str, float]]]:
    """Return a tuned model that finds this."""

    async def weigh(text: str) -> dict[str, float]:
        if isinstance(found, Exception):
            raise found
        return dict.fromkeys(("manual", "leave", "finance", "read_gauge", "none"), 0.0) | found

    return weigh


async def never(prompt: str) -> str:
    """Stand for a chat model that must not be asked."""
    raise AssertionError("the chat model was asked")


async def leave(prompt: str) -> str:
    """Stand for a chat model."""
    return '{"targets": ["leave"], "reason": "holidays"}'


UNSURE = {"manual": 0.26, "leave": 0.15, "read_gauge": 0.24, "none": 0.24}
BROKEN = ModelError("no memory", fix="buy some")


@pytest.mark.parametrize(
    ("classified", "tuned", "complete", "target", "by"),
    [
        ({"manual": 0.97}, AssertionError("asked"), never, "manual", "classifier"),
        (UNSURE, {"leave": 0.95, "manual": 0.05}, never, "leave", "model"),
        (UNSURE, {"leave": 0.95, "manual": 0.05}, None, "leave", "model"),
        (UNSURE, {"read_gauge": 0.97, "manual": 0.03}, None, "read_gauge", "model"),
        (UNSURE, {"leave": 0.2, "manual": 0.2, "read_gauge": 0.3, "none": 0.3}, leave, "leave", "model"),
        (UNSURE, BROKEN, leave, "leave", "model"),
        (UNSURE, BROKEN, None, "manual", "fallback"),
        (UNSURE, None, None, "manual", "fallback"),
    ],
    ids=[
        "the classifier is sure", "it decides", "without a chat model", "a tool",
        "unsure: the chat model", "broken: the chat model", "broken: as without it", "none",
    ],
)  # fmt: skip
async def test_as_a_stage(
    classified: dict[str, float],
    tuned: dict[str, float] | Exception | None,
    complete: Complete | None,
    target: str,
    by: str,
) -> None:
    """It is asked about what the classifier is unsure of, and passes on what it is unsure of itself."""
    scored: Any = Scored(classified)
    router = Router(scored, Routing(), lambda question: None)
    weigh = None if tuned is None else weighing(tuned)
    route = (await router.route("泵的轴承呢", describe, complete=complete, weigh=weigh)).route
    names = [*route["tools"], *(one["name"] for one in route["indexes"])]
    assert (names[0], route["decided_by"]) == (target, by)
    assert sum(one["confidence"] for one in route["candidates"]) == pytest.approx(1, abs=0.001)
    if tuned is BROKEN:
        assert "no memory" in route["reason"]


async def test_what_is_hidden_is_not_chosen() -> None:
    """However sure it is of a target that the principal may not see, that is no choice and is not named."""
    scored: Any = Scored({"manual": 0.4, "leave": 0.4})
    router = Router(scored, Routing(), lambda question: None)
    weigh = weighing({"finance": 0.99, "manual": 0.01})
    route = (
        await router.route(
            "预算是多少", describe, visible=lambda target: target.name != "finance", weigh=weigh
        )
    ).route
    assert "finance" not in str({**route, "question": ""})
    assert route["confidence"] < 0.9


@pytest.mark.parametrize(
    ("router", "adapter", "chain"),
    [
        ("lora:models/r", "models/r", ()),
        (["lora:models/r", "openai:m", "local", "openai:n"], "models/r", ("openai:m",)),
        ("openai:ft:small:o:desk:1", None, ("openai:ft:small:o:desk:1",)),
        (None, None, ("openai:main",)),
    ],
)
def test_settings(router: Any, adapter: str | None, chain: tuple[str, ...]) -> None:
    """The router's chain may begin with an adapter, which is no chat model."""
    models = Models(chat=("openai:main",), router=router)
    assert (models.adapter, models.of("router")) == (adapter, chain)


@pytest.mark.parametrize(
    "wrong",
    [{"router": ["openai:m", "lora:r"]}, {"router": ["lora:a", "lora:b"]}, {"chat": ["lora:a"]}],
)
def test_settings_that_are_wrong(wrong: dict[str, Any]) -> None:
    """An adapter comes first, alone, and for the router."""
    with pytest.raises(ValidationError):
        Models(**wrong)


@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels": [*LABELS, "holidays"]}, "does not have: holidays"),
        ({"labels": ["leave"]}, "too few labels"),
        ({"temperature": 0}, "no temperature"),
        ({"kind": "other"}, "kind is missing or wrong"),
        ({"labels": None}, "labels is missing or wrong"),
    ],
)
async def test_adapters_that_do_not_fit(changes: dict[str, Any], told: str, tmp_path: Path) -> None:
    """A project does not open with an adapter that names what it lacks, or whose card is damaged."""
    project = with_adapter(write_tiny_project(tmp_path), **changes)
    with pytest.raises(ConfigurationError, match=told) as caught:
        async with Waypost.open(project):
            pass
    assert "train" in caught.value.fix


@pytest.mark.usefixtures("extra")
async def test_an_index_that_is_newer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An index that the adapter has not learned is warned of; the project opens."""
    project = with_adapter(write_tiny_project(tmp_path), labels=["manual", "none"])
    async with Waypost.open(project):
        pass
    assert "adapter.old" in caplog.text
    assert "leave" in caplog.text


async def test_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not installed is named, with how to install it."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in {"torch", "peft"} else find(name)
    )
    project = with_adapter(write_tiny_project(tmp_path))
    with pytest.raises(ConfigurationError, match=r"torch, .*peft|torch, peft") as caught:
        async with Waypost.open(project):
            pass
    assert "waypost[train]" in caught.value.fix


def test_no_adapter(tmp_path: Path) -> None:
    """A folder without a card is none."""
    with pytest.raises(ConfigurationError, match=r"card\.json"):
        read_card(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("extra")
async def test_weights_that_are_missing(tmp_path: Path) -> None:
    """A model that cannot be loaded leaves routing to the classifier, and the route says so."""
    project = with_adapter(write_tiny_project(tmp_path))
    settings = load(project)
    strict = settings.routing.model_copy(update={"threshold": 1.0})  # so that it is always asked
    async with Waypost.open(
        project, settings=settings.model_copy(update={"routing": strict})
    ) as waypost:
        for _ in range(2):
            route = await waypost.route("年假可以休几天？")
            assert (route["decided_by"], route["indexes"][0]["name"]) == ("classifier", "leave")
            assert "the tuned model stage failed" in route["reason"]
