"""What a server keeps of conversations in a file: enough to go on, to go back and to copy, and no more."""

from __future__ import annotations

import operator
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command, interrupt
from typing_extensions import TypedDict

from agent.server.saver import ServerSaver


class Talk(TypedDict):
    """What was said."""

    said: Annotated[list[str], operator.add]


@pytest.fixture
async def saver(tmp_path: Path) -> AsyncIterator[ServerSaver]:
    """A saver on a new file."""
    async with ServerSaver.from_conn_string(str(tmp_path / "threads.db")) as found:
        assert isinstance(found, ServerSaver)
        yield found


@pytest.fixture
def graph(saver: ServerSaver) -> CompiledStateGraph[Any, Any, Any, Any]:
    """A graph of three steps that answers "a", "b", "c"."""
    made = StateGraph(Talk)
    for name in "abc":

        async def say(state: Talk, name: str = name) -> dict[str, list[str]]:
            return {"said": [name]}

        made.add_node(name, say)
    for one, other in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        made.add_edge(one, other)
    return made.compile(checkpointer=saver)


def on(thread: str, run: str = "", checkpoint: str | None = None) -> RunnableConfig:
    """Return the config of a run on a thread."""
    place = {"thread_id": thread} | ({"checkpoint_id": checkpoint} if checkpoint else {})
    return {"configurable": place, "metadata": {"run_id": run or uuid.uuid4().hex}}


async def steps(saver: ServerSaver, thread: str) -> list[Any]:
    """Return the checkpoints of a thread, the last one first."""
    return [one async for one in saver.alist(on(thread))]


async def test_a_finished_turn_becomes_short(
    saver: ServerSaver, graph: CompiledStateGraph[Any, Any, Any, Any]
) -> None:
    """Of each turn its beginning and end are left, linked to each other, and nothing else of it."""
    for word in ("one", "two", "three"):
        values = await graph.ainvoke({"said": [word]}, on("t"))
    assert values["said"] == "one a b c two a b c three a b c".split()
    found = await steps(saver, "t")
    assert len(found) == 3 * 2
    ids = [one.config["configurable"]["checkpoint_id"] for one in found]
    parents = [one.parent_config for one in found]
    assert parents[-1] is None
    assert [one["configurable"]["checkpoint_id"] for one in parents[:-1] if one] == ids[1:]
    said = [one.checkpoint["channel_values"].get("said", []) for one in found]
    assert said[2] == "one a b c two a b c".split()
    assert said[4] == "one a b c".split()
    left = await saver.conn.execute_fetchall("SELECT DISTINCT checkpoint_id FROM writes")
    assert {one[0] for one in left} <= set(ids)


async def test_one_can_go_back(
    saver: ServerSaver, graph: CompiledStateGraph[Any, Any, Any, Any]
) -> None:
    """A turn is asked again from its beginning, and a conversation goes on from the end of any turn."""
    for word in ("one", "two", "three"):
        await graph.ainvoke({"said": [word]}, on("t"))
    found = await steps(saver, "t")
    begun, ended = (found[place].config["configurable"]["checkpoint_id"] for place in (3, 4))
    again = await graph.ainvoke(None, on("t", checkpoint=begun))
    assert again["said"] == "one a b c two a b c".split()
    other = await graph.ainvoke({"said": ["other"]}, on("t", checkpoint=ended))
    assert other["said"] == "one a b c other a b c".split()


async def test_the_step_before_an_answer_is_its_question(
    saver: ServerSaver, graph: CompiledStateGraph[Any, Any, Any, Any]
) -> None:
    """One step back from any answer the whole turn is done again, beside the answers that there are."""
    for word in ("one", "two"):
        await graph.ainvoke({"said": [word]}, on("t"))
    ends = {1: (await steps(saver, "t"))[2], 2: (await steps(saver, "t"))[0]}
    for turn, said in ((2, "one a b c two a b c"), (1, "one a b c"), (1, "one a b c")):
        before = ends[turn].parent_config
        assert before is not None
        values = await graph.ainvoke(
            None, on("t", checkpoint=before["configurable"]["checkpoint_id"])
        )
        assert values["said"] == said.split()
    values = await graph.ainvoke({"said": ["more"]}, on("t"))
    assert values["said"] == "one a b c more a b c".split()
    found = await steps(saver, "t")
    assert len(found) == 2 * (2 + 3 + 1)
    ids = {one.config["configurable"]["checkpoint_id"] for one in found}
    parents = {
        one.parent_config["configurable"]["checkpoint_id"] for one in found if one.parent_config
    }
    assert parents < ids
    state = await graph.aget_state(ends[2].config)
    assert state.values["said"] == "one a b c two a b c".split()


async def test_a_turn_stays_beside_those_saved_at_their_end(
    saver: ServerSaver, graph: CompiledStateGraph[Any, Any, Any, Any]
) -> None:
    """A turn of which a client has only the end saved costs the turns before it nothing."""
    await graph.ainvoke({"said": ["one"]}, on("t"))
    for word in ("two", "three"):
        await graph.ainvoke({"said": [word]}, on("t"), durability="exit")
    said = [one.checkpoint["channel_values"].get("said", []) for one in await steps(saver, "t")]
    assert [len(one) for one in said] == [12, 8, 4, 0]


async def test_an_unfinished_turn_stays_whole(saver: ServerSaver) -> None:
    """A turn that waits for a person can be gone on with, and becomes short when it is over."""
    made = StateGraph(Talk)

    async def ask(state: Talk) -> dict[str, list[str]]:
        return {"said": [interrupt("may I?")]}

    made.add_node("ask", ask)
    made.add_edge(START, "ask")
    made.add_edge("ask", END)
    graph = made.compile(checkpointer=saver)
    for word in ("one", "two"):
        await graph.ainvoke({"said": [word]}, on("t"))
        values = await graph.ainvoke(Command(resume="yes"), on("t"))
    assert values["said"] == ["one", "yes", "two", "yes"]
    assert len(await steps(saver, "t")) == 2 * 2
    await graph.ainvoke({"said": ["three"]}, on("t"))
    assert len(await steps(saver, "t")) == 2 * 2 + 2


async def test_copied_and_deleted(
    saver: ServerSaver, graph: CompiledStateGraph[Any, Any, Any, Any]
) -> None:
    """A copy goes on by itself; what is deleted is gone; a run that is taken back leaves the one before."""
    await saver.adelete_thread("never seen")
    await graph.ainvoke({"said": ["one"]}, on("t", "first"))
    await saver.acopy_thread("t", "copy")
    await graph.ainvoke({"said": ["two"]}, on("t", "second"))
    await saver.adelete_for_runs(["second"])
    state = await graph.aget_state(on("t"))
    assert state.values["said"] == "one a b c".split()
    await saver.adelete_thread("t")
    assert await steps(saver, "t") == []
    copied = await graph.ainvoke({"said": ["more"]}, on("copy"))
    assert copied["said"] == "one a b c more a b c".split()
