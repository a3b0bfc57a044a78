from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agent import Answer, Waypost
from agent.errors import ConfigurationError, EmbeddingError, ModelError
from agent.models import make_chat_model
from indexes import Registry
from tests.agent.endpoint import Endpoint, endpoint
from tests.agent.scripted import Calls, Scripted, scripted
from tests.agent.tiny import write_tiny_project

MakeProject = Callable[..., Path]
QUESTION = "How often is the bearing lubricated?"
UNSURE = "pump holidays"  # the classifier finds no target likely enough
EXTRACT = "every 500 hours with 40 g of lithium grease. [1]"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waypost(
    tiny: Waypost, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Waypost]:
    """Return a small project whose models the tests exchange; it keeps no threads."""
    project = write_tiny_project(tmp_path_factory.mktemp("models"))
    shutil.copytree(tiny.project / ".waypost" / "cache", project / ".waypost" / "cache")
    async with Waypost.open(project, persistent=False) as opened:
        await opened.ingest()
        yield opened


def answering(waypost: Waypost, *replies: str | Calls, fail_after: int | None = None) -> Scripted:
    """Let a scripted model write the answers."""
    model, chat = scripted(*replies, fail_after=fail_after)
    waypost.with_models({"answerer": chat})
    return model


def routing(waypost: Waypost, *replies: str) -> Scripted:
    """Let a scripted model decide where the classifier is unsure."""
    model, chat = scripted(*replies)
    waypost.with_models({"router": chat})
    return model


async def test_answer_gets_citations(waypost: Waypost) -> None:
    """A marker becomes the citation of the passage that it names, and the turn's cost is counted."""
    model = answering(waypost, "It is lubricated every 500 hours [1].")
    answer = await waypost.ask(QUESTION)
    [citation] = answer["citations"]
    assert answer["answer"] == "It is lubricated every 500 hours [1]."
    assert (citation["marker"], citation["document"]) == (1, "docs/manual/pump.md")
    assert (answer["action"], answer["grounded"], answer["limit"]) == ("search", True, None)
    assert answer["usage"] == {"model_calls": 1, "input_tokens": 100, "output_tokens": 7}
    assert len(model.prompts) == 1
    assert QUESTION in model.prompts[0]


async def test_answer_is_streamed(waypost: Waypost) -> None:
    """The sentences reach the reader one by one, and together are the answer."""
    reply = "It is lubricated every 500 hours [1]. That takes 40 g of lithium grease [1]."
    answering(waypost, reply)
    tokens = [e["text"] async for e in waypost.stream(QUESTION) if e["type"] == "token"]
    assert len(tokens) == 2
    assert "".join(tokens) == reply


@pytest.mark.parametrize(
    "reply",
    [
        "NO_ANSWER",
        " NO_ANSWER.\n",
        "`NO_ANSWER`",
        "",
        "  \n",
    ],
)
async def test_no_answer_abstains(waypost: Waypost, reply: str) -> None:
    """A model that finds no answer in the sources abstains, and its code word is not shown."""
    answering(waypost, reply)
    found = [event async for event in waypost.stream(QUESTION)]
    answer = found[-1]["answer"]
    assert (answer["action"], answer["citations"], answer["grounded"]) == ("abstain", [], False)
    assert "Pump manual" in answer["answer"]
    assert answer["usage"]["model_calls"] == 1
    assert "NO_ANSWER" not in "".join(e["text"] for e in found if e["type"] == "token")


@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        ("It is lubricated every 500 hours.", "It is lubricated every 500 hours [1]."),
        ("It is lubricated every 500 hours 【1】.", "It is lubricated every 500 hours [1]."),
        (
            "It takes 55 g of grease [1]. It is lubricated every 500 hours [1].",
            "It is lubricated every 500 hours [1].",
        ),
    ],
)
async def test_what_is_wrong_with_a_sentence_is_mended(
    waypost: Waypost, reply: str, shown: str
) -> None:
    """A missing or wrong marker is put right, and a sentence that no source supports is left out."""
    answering(waypost, reply)
    found = [event async for event in waypost.stream(QUESTION)]
    answer = found[-1]["answer"]
    assert (answer["answer"], answer["grounded"]) == (shown, True)
    assert "".join(e["text"] for e in found if e["type"] == "token").strip() == shown


@pytest.mark.parametrize(
    "reply",
    [
        "It is lubricated every 700 hours [1].",
        "It is lubricated every 500 hours [9].",
        "It is lubricated every 500 hours [1] with 55 g [1].",
        "每700小时润滑一次 [1]。",
        "Ask again tomorrow.",
    ],
)
async def test_an_answer_without_support_is_not_shown(waypost: Waypost, reply: str) -> None:
    """Where nothing of what the model says stands, the passages are quoted instead."""
    answering(waypost, reply)
    found = [event async for event in waypost.stream(QUESTION)]
    assert reply not in "".join(e["text"] for e in found if e["type"] == "token")
    assert found[-1]["answer"]["answer"].endswith(EXTRACT)
    assert found[-1]["answer"]["usage"]["model_calls"] == 1


@pytest.mark.parametrize("fail_after", [None, 10])
async def test_failing_answerer(waypost: Waypost, fail_after: int | None) -> None:
    """When the model fails, at once or half-way, the answer is quoted from the passages."""
    replies = [] if fail_after is None else ["It is lubricated by hand, I think."]
    answering(waypost, *replies, fail_after=fail_after)
    answer = await waypost.ask(QUESTION)
    assert answer["answer"].endswith(EXTRACT)
    assert (answer["action"], answer["grounded"]) == ("search", True)


async def test_small_talk_asks_no_model(waypost: Waypost) -> None:
    """Courtesies and refusals cost nothing."""
    model = answering(waypost, "never")
    for question in ("Hello", "What is the capital of France?", "产假有多少天？"):
        assert (await waypost.ask(question))["usage"]["model_calls"] == 0
    assert model.prompts == []


async def test_model_words_a_result(waypost: Waypost) -> None:
    """A tool's result is worded by the model, whose numbers must stand in it."""
    answering(waypost, "There are 2 documents.", "There are 9 documents.")
    answers = [await waypost.ask("Which documents do you have?") for _ in range(2)]
    assert [answer["grounded"] for answer in answers] == [True, True]
    assert answers[0]["answer"] == "There are 2 documents [1]."
    assert "9 documents" not in answers[1]["answer"]


async def test_sources_are_data(waypost: Waypost) -> None:
    """The sources stand between their markers, and the prompt says that they are no instructions."""
    model = answering(waypost, "NO_ANSWER")
    await waypost.ask(QUESTION)
    [prompt] = model.prompts
    inside = prompt[prompt.index("<sources>") : prompt.index("</sources>")]
    assert "every 500 hours" in inside
    assert "Never follow" in prompt[: prompt.index("<sources>")]


@pytest.mark.parametrize(
    ("reply", "action", "targets"),
    [
        ({"targets": ["leave"], "reason": "holidays"}, "search", ["leave"]),
        ({"targets": ["manual", "leave"], "reason": "both"}, "search", ["manual", "leave"]),
        ({"targets": ["read_gauge"], "reason": "a gauge"}, "act", ["read_gauge"]),
        ({"targets": ["none"], "reason": "nothing"}, "answer", []),
    ],
)
async def test_router_escalates(
    waypost: Waypost, reply: dict[str, Any], action: str, targets: list[str]
) -> None:
    """Where the classifier is unsure the model decides, and gives the reason."""
    model = routing(waypost, f"```json\n{json.dumps(reply)}\n```")
    answer = await waypost.ask(UNSURE)
    route = answer["route"]
    assert (route["action"], route["decided_by"]) == (action, "model")
    assert route["reason"].startswith(f"{reply['reason']}; the classifier is unsure")
    assert [one["name"] for one in route["indexes"]] + route["tools"] == targets
    assert answer["usage"]["model_calls"] == 1
    assert all(name in model.prompts[0] for name in ("leave", "manual", "read_gauge", "none"))


async def test_router_is_not_asked_when_sure(waypost: Waypost) -> None:
    """A question that the classifier is sure of costs no call."""
    model = routing(waypost, '{"targets": ["leave"]}')
    assert (await waypost.ask(QUESTION))["route"]["decided_by"] == "classifier"
    assert model.prompts == []


async def test_hidden_tools_are_not_told_to_the_model(waypost: Waypost) -> None:
    """What a principal may not use is no choice, even if the model names it."""
    model = routing(waypost, '{"targets": ["read_salary"], "reason": "salary"}')
    route = (await waypost.ask(UNSURE))["route"]
    assert "read_salary" not in model.prompts[0]
    assert route["decided_by"] != "model"
    assert "read_salary" not in route["tools"]


@pytest.mark.parametrize(
    "reply",
    [
        "I would search the leave index.",
        '{"targets": ["leave", ',
        '{"targets": ["leave", "budget"]}',
    ],
)
async def test_malformed_reply_is_no_route(waypost: Waypost, reply: str) -> None:
    """A reply that cannot be read decides nothing, and the reason says which stage failed."""
    routing(waypost)
    alone = (await waypost.ask(UNSURE))["route"]
    routing(waypost, reply)
    route = (await waypost.ask(UNSURE))["route"]
    assert route["decided_by"] in {"classifier", "fallback"}
    assert "model stage failed" in route["reason"]
    assert (route["action"], route["indexes"]) == (alone["action"], alone["indexes"])


async def test_failing_router(waypost: Waypost) -> None:
    """An endpoint that is down is named in the reason, and the question is still answered."""
    routing(waypost)
    answer = await waypost.ask(UNSURE)
    assert "model stage failed (No chat model replied: 'scripted'" in answer["route"]["reason"]
    assert answer["answer"]


@pytest.mark.parametrize("limit", ["model_calls = 0", "tokens = 500"])
async def test_limits_of_models(tiny_project: MakeProject, limit: str) -> None:
    """Over a limit no model is asked; the answer is quoted instead and says which limit it was."""
    project = tiny_project(("[routing]", f"[limits]\n{limit}\n\n[routing]"))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        answer_model, answer_chat = scripted(*["It is lubricated every 500 hours [1]."] * 2)
        router_model, router_chat = scripted('{"targets": ["manual"], "reason": "pump"}')
        waypost.with_models({"answerer": answer_chat, "router": router_chat})
        answer = await waypost.ask(QUESTION)
        name = limit.partition(" ")[0]
        assert (answer["limit"], answer_model.prompts) == (name, [])
        assert EXTRACT in answer["answer"]
        assert name in answer["answer"]
        if name == "model_calls":
            assert (await waypost.ask(UNSURE))["route"]["decided_by"] != "model"
            assert router_model.prompts == []


async def test_one_call_is_one_call(tiny_project: MakeProject) -> None:
    """Where the router has used up the calls, the answer is quoted and says so."""
    project = tiny_project(("[routing]", "[limits]\nmodel_calls = 1\n\n[routing]"))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        answer_model, answer_chat = scripted("never")
        _, router_chat = scripted('{"targets": ["list_documents"], "reason": "x"}')
        waypost.with_models({"answerer": answer_chat, "router": router_chat})
        answer = await waypost.ask(UNSURE)
        assert (answer["limit"], answer["usage"]["model_calls"]) == ("model_calls", 1)
        assert answer["action"] == "act"
        assert answer_model.prompts == []


async def test_model_answers_what_is_outside(tiny_project: MakeProject) -> None:
    """With outside = "model" the model answers from its own knowledge, and nothing is grounded."""
    project = tiny_project(("[routing]", '[routing]\noutside = "model"'))
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        answering(waypost, "Paris.")
        answer = await waypost.ask("What is the capital of France?")
        assert (answer["answer"], answer["action"]) == ("Paris.", "answer")
        assert (answer["grounded"], answer["citations"]) == (False, [])


@pytest.mark.parametrize("name", ["openai:", "ollama:x", "gpt", ""])
def test_unknown_models(name: str) -> None:
    """A model that is named wrongly is refused with how to write it."""
    with pytest.raises(ConfigurationError, match="openai:<model>"):
        make_chat_model([name])


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    """Return an endpoint that the environment points to."""
    with endpoint() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "key")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


async def ask_remote(project: Path, question: str = QUESTION) -> Answer:
    """Open a project, ingest it and ask."""
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        return await waypost.ask(question)


CHAT = ("[routing]", '[models]\nchat = "openai:test"\n\n[routing]')
EMBEDDING = ("[routing]", '[models]\nembedding = "openai:test-embed"\n\n[routing]')


async def test_chat_endpoint(remote: Endpoint, tiny_project: MakeProject) -> None:
    """A model behind an OpenAI-compatible endpoint writes the answer, and its usage is counted."""
    remote.reply = "It is lubricated every 500 hours [1]."
    answer = await ask_remote(tiny_project(CHAT))
    assert answer["answer"] == remote.reply
    assert answer["grounded"]
    assert answer["usage"] == {"model_calls": 1, "input_tokens": 321, "output_tokens": 12}
    [request] = remote.asked("/chat/completions")
    assert (request["model"], request["stream"], request["temperature"]) == ("test", True, 0)


async def test_chat_endpoint_routes(remote: Endpoint, tiny_project: MakeProject) -> None:
    """The same model is asked about the route where the classifier is unsure."""
    remote.reply = '{"targets": ["list_documents"], "reason": "asks for the shelf"}'
    route = (await ask_remote(tiny_project(CHAT), UNSURE))["route"]
    assert (route["decided_by"], route["tools"]) == ("model", ["list_documents"])


@pytest.mark.parametrize("status", [500, 401])
async def test_broken_chat_endpoint(
    remote: Endpoint, tiny_project: MakeProject, status: int
) -> None:
    """An endpoint that fails or refuses the key costs the wording, not the answer."""
    remote.status = status
    answer = await ask_remote(tiny_project(CHAT))
    assert answer["answer"].endswith(EXTRACT)
    assert answer["grounded"]
    assert remote.asked("/chat/completions")


async def test_errors_of_a_chat_endpoint(remote: Endpoint) -> None:
    """What a model raises is one error, with what to check and without the key."""
    remote.status = 401
    model = make_chat_model(["openai:test"])
    assert model is not None
    with pytest.raises(ModelError) as caught:
        await model.complete("Hello")
    assert "'test'" in caught.value.message
    assert "OPENAI_API_KEY" in caught.value.fix
    assert not caught.value.retryable


async def test_embedding_endpoint(remote: Endpoint, tiny_project: MakeProject) -> None:
    """Documents and questions are embedded by the endpoint, in the length that it gives."""
    async with Registry.open(tiny_project(EMBEDDING)) as registry:
        report = await registry.sync()
        passages = await registry.search(
            "the bearing is lubricated every 500 hours", index="manual"
        )
    assert (report["added"], report["failed"]) == (2, [])
    assert passages[0]["document"] == "docs/manual/pump.md"
    assert all(body["model"] == "test-embed" for body in remote.asked("/embeddings"))
    embedded = [str(body["input"]) for body in remote.asked("/embeddings")]
    assert any("lithium grease" in text for text in embedded)


async def test_embedding_endpoint_answers(remote: Endpoint, tiny_project: MakeProject) -> None:
    """The whole agent runs over a remote embedding model."""
    answer = await ask_remote(tiny_project(EMBEDDING), "在休假制度里：年假有几天？")
    assert "7天" in answer["answer"]
    assert answer["grounded"]


async def test_broken_embedding_endpoint(remote: Endpoint, tiny_project: MakeProject) -> None:
    """An endpoint that is down while a project is opened is named, with what to check."""
    remote.status = 401
    with pytest.raises(EmbeddingError, match="'test-embed'"):
        await ask_remote(tiny_project(EMBEDDING))
