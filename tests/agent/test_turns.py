"""Whole turns with chat models that say what a test wrote for them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
import pytest_asyncio
from langchain_core.messages import AIMessage, HumanMessage

from agent import Waypost
from agent.errors import ModelError
from agent.models import ChatModel, Completion
from agent.settings import AnswerSettings, Limits, Role, ThreadLimits, load
from tests.agent.scripted import Calls, Scripted, scripted
from tests.agent.tiny import runs, state_of, write_tiny_project

LUBRICATION = "How often is the bearing lubricated?"
COMPARISON = "Compare the lubrication of the bearing and the replacement of the seal"
EXTRACT = "every 500 hours with 40 g of lithium grease"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small project that is ingested."""
    folder = write_tiny_project(tmp_path_factory.mktemp("turns"))
    terms = folder / "docs" / "manual" / "terms.md"
    terms.write_text("# Terms of the pump desk\n\nA pump gross is 144 pieces of a part.\n")
    async with Waypost.open(folder, persistent=False) as waypost:
        await waypost.ingest()
    return folder


@asynccontextmanager
async def opened(
    project: Path, *, persistent: bool = False, **sections: Any
) -> AsyncIterator[Waypost]:
    """Open the project with some sections of its settings exchanged."""
    settings = load(project).model_copy(update=sections)
    async with Waypost.open(project, settings=settings, persistent=persistent) as waypost:
        yield waypost


def play(waypost: Waypost, **replies: list[str | Calls]) -> dict[str, Scripted]:
    """Let scripted models play some roles."""
    models: dict[Role, ChatModel] = {}
    found: dict[str, Scripted] = {}
    for role in get_args(Role):
        if role in replies:
            found[role], models[role] = scripted(*replies[role])
    waypost.with_models(models)
    return found


async def test_a_comparison_is_answered_from_both_sides(project: Path) -> None:
    """Each side is searched by itself, and the route says that it was asked in parts."""
    async with opened(project) as waypost:
        answer = await waypost.ask(COMPARISON)
    assert "500 hours" in answer["answer"]
    assert "8,000 hours" in answer["answer"]
    assert (answer["grounded"], answer["route"]["action"]) == (True, "search")
    assert "2 parts" in answer["route"]["reason"]


async def test_half_a_comparison_says_what_is_missing(project: Path) -> None:
    """One side without support is named; the other is answered."""
    async with opened(project) as waypost:
        answer = await waypost.ask(
            "How often is the bearing lubricated? What does the gearbox cost?"
        )
    assert EXTRACT in answer["answer"]
    assert "nothing that answers “What does the gearbox cost?”" in answer["answer"]


async def test_a_comparison_costs_one_call(project: Path) -> None:
    """The model is shown the passages of both sides at once."""
    async with opened(project) as waypost:
        models = play(
            waypost,
            answerer=["The bearing: every 500 hours [1]. The seal: after 8,000 hours [1]."],
            judge=[],
            rewriter=[],
            router=[],
        )
        answer = await waypost.ask(COMPARISON)
    [prompt] = models["answerer"].prompts
    assert "every 500 hours" in prompt
    assert "after 8,000 hours" in prompt
    assert answer["usage"]["model_calls"] == 1
    assert (answer["grounded"], "8,000 hours" in answer["answer"]) == (True, True)


async def test_the_rewriter_finds_other_words(project: Path) -> None:
    """What is not found in the question's words is searched once more in the rewriter's."""
    async with opened(project) as waypost:
        models = play(
            waypost,
            rewriter=[json.dumps({"queries": ["How often is the bearing lubricated?"]})],
            answerer=["The bearing is lubricated every 500 hours [1]."],
        )
        answer = await waypost.ask("Who replaces the bearing?")
    assert len(models["rewriter"].prompts) == 1
    assert answer["answer"] == "The bearing is lubricated every 500 hours [1]."
    assert answer["usage"]["model_calls"] == 2


async def test_no_answer_is_asked_once(project: Path) -> None:
    """Passages in which the model found no answer are not shown to it again, nor quoted."""
    async with opened(project) as waypost:
        models = play(waypost, answerer=["NO_ANSWER"])
        answer = await waypost.ask(LUBRICATION)
    assert len(models["answerer"].prompts) == 1
    assert (answer["action"], answer["citations"]) == ("abstain", [])


@pytest.mark.parametrize(
    ("sufficient", "action"), [(True, "search"), (False, "abstain")], ids=["enough", "not enough"]
)
async def test_the_judge_decides_what_is_borderline(
    project: Path, sufficient: bool, action: str
) -> None:
    """Evidence that is nearly enough is judged by the model; clear evidence is not."""
    reply = json.dumps({"sufficient": sufficient, "missing": [] if sufficient else ["hours"]})
    async with opened(project, limits=Limits(rewrites=0)) as waypost:
        models = play(waypost, judge=[reply])
        answer = await waypost.ask("When is the bearing replaced?")
        assert (await waypost.ask(LUBRICATION))["usage"]["model_calls"] == 0
    assert len(models["judge"].prompts) == 1
    assert (answer["action"], answer["usage"]["model_calls"]) == (action, 1)


async def test_the_model_finds_an_argument(project: Path) -> None:
    """An argument that stands in the question in other words is found by the model, and checked."""
    async with opened(project, persistent=True) as waypost:
        call: Calls = [("order_part", {"part": "seal", "count": 12})]
        models = play(waypost, answerer=[call, "Ordered 12 of seal [3]."])
        asked = await waypost.ask("Please order a dozen seals", thread="dozen")
        assert asked["pending"] is not None
        assert asked["pending"]["action_requests"][0]["args"] == {"part": "seal", "count": 12}
        answer = await waypost.resume(thread="dozen", decisions=[{"type": "approve"}])
    assert "order_part" in models["answerer"].offered[0]
    assert "read_salary" not in models["answerer"].offered[0]
    assert asked["answer"] not in models["answerer"].prompts[1]  # what waited is no earlier turn
    assert answer["answer"] == "Ordered 12 of seal [3]."
    assert answer["citations"][0]["document"] == "tool:order_part"
    assert answer["grounded"]


async def test_terms_are_looked_up_before_acting(project: Path) -> None:
    """Where an argument is said in a term of the documents, the model that plans is shown what it means."""
    async with opened(project, persistent=True) as waypost:
        call: Calls = [("order_part", {"part": "seal", "count": 144})]
        models = play(waypost, answerer=[call])
        asked = await waypost.ask("Please order one pump gross of seals", thread="gross")
    assert "pump gross is 144 pieces" in models["answerer"].prompts[0]
    assert asked["pending"] is not None
    assert asked["pending"]["action_requests"][0]["args"] == {"part": "seal", "count": 144}
    assert [index["name"] for index in asked["route"]["indexes"]] == ["manual"]


async def test_what_the_model_does_not_know_is_asked_back(project: Path) -> None:
    """Without the argument in the question nothing is invented."""
    async with opened(project) as waypost:
        play(waypost, answerer=["MISSING"])
        answer = await waypost.ask("Order seals")
    assert (answer["action"], answer["tool_calls"]) == ("clarify", [])
    assert "number of pieces" in answer["answer"]


async def test_a_failed_call_goes_to_the_model_once(project: Path) -> None:
    """The model may correct a call that failed; what fails again is told to the person."""
    before = len(runs(project))
    async with opened(project) as waypost:
        second: Calls = [("read_gauge", {"gauge": "pressure"})]
        models = play(waypost, answerer=[second, "never asked"])
        answer = await waypost.ask("What does the flow gauge show?")
    made = [call["args"] for call in answer["tool_calls"]]
    assert made == [{"gauge": "flow"}, {"gauge": "pressure"}]
    assert len(runs(project)) - before == 2
    assert "offline" in models["answerer"].prompts[0]
    assert len(models["answerer"].prompts) == 1
    assert (answer["grounded"], "offline" in answer["answer"]) == (False, True)


async def test_calls_in_sequence_are_bounded(project: Path) -> None:
    """A model may call on after a result, but never the same call twice, nor more than the limit."""
    async with opened(project, limits=Limits(tool_calls=3)) as waypost:
        names = ["manual", "leave", "manual"]
        calls: list[Calls] = [[("list_documents", {"index": name})] for name in names]
        models = play(waypost, answerer=[*calls, "There are 2 documents [1]."])
        answer = await waypost.ask("Which documents do you have?")
    assert [call["args"] for call in answer["tool_calls"]] == [
        {}, {"index": "manual"}, {"index": "leave"},
    ]  # fmt: skip
    assert models["answerer"].offered[-1] == []
    assert answer["grounded"]


UNSUPPORTED = "It is lubricated every 500 hours [1]. It takes 90 g of grease [1]."


@pytest.mark.parametrize(
    ("how", "replies", "said", "grounded"),
    [
        ("drop", [UNSUPPORTED], "It is lubricated every 500 hours [1].", True),
        (
            "flag",
            [UNSUPPORTED],
            "It is lubricated every 500 hours [1]. It takes 90 g of grease [1]. (not verified)",
            False,
        ),
        (
            "repair",
            [UNSUPPORTED, UNSUPPORTED.replace("90", "40")],
            UNSUPPORTED.replace("90", "40"),
            True,
        ),
        ("repair", [UNSUPPORTED, UNSUPPORTED], "It is lubricated every 500 hours [1].", True),
        ("repair", [UNSUPPORTED.replace("90", "40")], UNSUPPORTED.replace("90", "40"), True),
    ],
    ids=["drop", "flag", "repaired", "not repaired", "nothing to repair"],
)
async def test_unsupported_sentences(
    project: Path, how: Any, replies: list[str], said: str, grounded: bool
) -> None:
    """A sentence without support is dropped, flagged or repaired once, as the project wants it."""
    async with opened(project, answer=AnswerSettings(unsupported=how)) as waypost:
        models = play(waypost, answerer=list(replies))
        found = [event async for event in waypost.stream(LUBRICATION)]
    answer = found[-1]["answer"]
    assert (answer["answer"], answer["grounded"]) == (said, grounded)
    assert models["answerer"].replies == []
    assert shown(found) == said


def shown(events: list[Any]) -> str:
    """Return what a reader of the stream has in the end."""
    text = ""
    for event in events:
        if event["type"] == "restart":
            text = ""
        elif event["type"] == "token":
            text += event["text"]
    return text.strip()


async def test_a_cut_stream_is_withdrawn(project: Path) -> None:
    """What was shown of a reply that broke off is taken back before the passages are quoted."""
    async with opened(project) as waypost:
        model, chat = scripted(
            f"It is lubricated every 500 hours [1]. {'And so on. ' * 9}", fail_after=60
        )
        waypost.with_models({"answerer": chat})
        found = [event async for event in waypost.stream(LUBRICATION)]
    assert "restart" in [event["type"] for event in found]
    assert shown(found) == found[-1]["answer"]["answer"]
    assert EXTRACT in shown(found)
    assert len(model.prompts) == 1


class Slow(ChatModel):
    """A model that takes all the time that it is given."""

    async def complete(
        self, prompt: Any, *, seconds: float | None = None, **options: Any
    ) -> Completion:
        """Wait for the end of the time."""
        assert seconds is not None
        await asyncio.sleep(seconds)
        raise ModelError("too slow")


async def test_time_is_up(project: Path) -> None:
    """When the time is used up by a model, the passages that were found are the answer, and it says so."""
    async with opened(project, limits=Limits(seconds=1.0)) as waypost:
        _, chat = scripted()
        waypost.with_models({"answerer": Slow(chat._chain)})
        answer = await waypost.ask(LUBRICATION)
    assert (answer["limit"], answer["action"]) == ("seconds", "search")
    assert EXTRACT in answer["answer"]
    assert "seconds" in answer["answer"]
    assert answer["citations"]


async def test_a_thread_has_a_limit_of_its_own(project: Path) -> None:
    """What all turns cost together is limited too; then answers are quoted and say which limit it was."""
    reply = "It is lubricated every 500 hours [1]."
    limits = Limits(thread=ThreadLimits(model_calls=2))
    async with opened(project, limits=limits, persistent=True) as waypost:
        models = play(waypost, answerer=[reply] * 4)
        answers = [await waypost.ask(LUBRICATION, thread="dear") for _ in range(3)]
        other = await waypost.ask(LUBRICATION, thread="another")
    assert [one["limit"] for one in answers] == [None, None, "thread.model_calls"]
    assert other["limit"] is None
    assert len(models["answerer"].prompts) == 3


async def test_fields(project: Path) -> None:
    """The fixed form is made of the checked answer, its sources and the confidence."""
    async with opened(project, answer=AnswerSettings(format="fields")) as waypost:
        play(waypost, answerer=["It is lubricated every 500 hours [1]."])
        found = [event async for event in waypost.stream(LUBRICATION)]
        refused = await waypost.ask("What is the capital of France?")
    lines = found[-1]["answer"]["answer"].splitlines()
    assert lines[0] == "Answer: It is lubricated every 500 hours [1]."
    assert "Pump manual" in lines[2]
    assert lines[-1].startswith("Confidence: ")
    assert shown(found) == found[-1]["answer"]["answer"]
    assert refused["answer"].startswith("Answer: ")


SCHEMA = {
    "type": "object",
    "properties": {
        "answer": {"type": "string"},
        "hours": {"type": ["integer", "null"]},
        "grams": {"type": ["integer", "null"]},
    },
    "required": ["answer", "hours", "grams"],
    "additionalProperties": False,
}


async def test_json_of_the_projects_own_schema(project: Path) -> None:
    """The model fills the schema's further fields; what the sources do not say stays empty."""
    (project / "answer.schema.json").write_text(json.dumps(SCHEMA), encoding="utf-8")
    form = AnswerSettings.model_validate({"format": "json", "schema": "answer.schema.json"})
    async with opened(project, answer=form) as waypost:
        said = "It is lubricated every 500 hours [1]."
        play(waypost, answerer=[said, json.dumps({"hours": 500, "grams": 77})])
        answer = await waypost.ask(LUBRICATION)
        play(waypost)
        local = await waypost.ask(LUBRICATION)
    assert json.loads(answer["answer"]) == {"answer": said, "hours": 500, "grams": None}
    assert answer["usage"]["model_calls"] == 2
    assert json.loads(local["answer"])["hours"] is None


async def test_a_long_thread_is_summarised(project: Path) -> None:
    """Older turns are condensed once they no longer fit, and the model is shown the summary instead."""
    reply = "It is lubricated every 500 hours [1]."
    limits = Limits(history_tokens=60, model_calls=6)
    async with opened(project, limits=limits, persistent=True) as waypost:
        models = play(waypost, answerer=[reply] * 12, rewriter=["They asked about grease."] * 12)
        for _ in range(8):
            await waypost.ask(LUBRICATION, thread="long")
        values = await state_of(waypost, "long")
    assert values["summary"] == "They asked about grease."
    assert "They asked about grease." in models["answerer"].prompts[-1]
    assert len(values["messages"]) == 16
    assert len(models["rewriter"].prompts) <= 4
    assert max(map(len, models["answerer"].prompts)) < 1.3 * len(models["answerer"].prompts[1])


async def test_a_long_thread_without_a_rewriter(project: Path) -> None:
    """Without a model the summary lists what was asked."""
    async with opened(project, limits=Limits(history_tokens=40), persistent=True) as waypost:
        play(waypost)
        for _ in range(6):
            await waypost.ask(LUBRICATION, thread="listed")
        values = await state_of(waypost, "listed")
    assert LUBRICATION in values["summary"]


async def test_messages_are_streamed_as_checked(project: Path) -> None:
    """Who reads a run's messages, as chat interfaces do, sees the checked sentences, and one answer."""
    said = "It is lubricated every 500 hours [1]. It takes 90 g [1]. Lithium grease is used [1]."
    async with opened(project) as waypost:
        play(waypost, answerer=[said])
        asked: Any = {"messages": [HumanMessage(LUBRICATION)]}
        pieces: list[Any] = []
        final: Any = None
        part: Any
        async for mode, part in waypost.graph.astream(asked, stream_mode=["messages", "values"]):
            if mode == "messages":
                pieces.append(part[0])
            elif mode == "values":
                final = part
    assert "".join(str(one.content) for one in pieces).strip() == final["answer"]["answer"]
    assert "90 g" not in final["answer"]["answer"]
    last = final["messages"][-1]
    assert isinstance(last, AIMessage)
    assert {one.id for one in pieces} == {last.id}
