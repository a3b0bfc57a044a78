"""CPU time of a turn with a chat model beside the model, the embedding and the search, and its calls.

`python benchmarks/overhead.py [--profile]`. 120 different questions are asked of the example project in
one process, without a checkpointer, each once. The chat model is in the process, costs nothing and
answers with the first sentence of its best source. What embeddings and the store take is measured inside
and taken off; the rest is the graph: LangGraph, routing, judging, the prompt, the check of the answer.
`--profile` prints what the rest consists of.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import re
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent import Answer, Waypost
from agent.models import ChatModel, Completion, Message, ToolSchema
from agent.models.endpoint import LangChainEndpoint
from agent.settings import ROLES, ChatModelSettings
from benchmarks.warm import PROJECTS, QUESTIONS, ROOT
from indexes.text import sentences

WINDOW = 16_000
EMBEDDING = "embed_query"
SEARCHING = ("search", "idf", "section")  # of an index
REWORDING = ("affinities", "reworded")  # of the registry
FORMS = {  # what is replied to prompts that ask for JSON
    '{"targets"': '{"targets": ["environment"], "reason": "it may be there"}',
    '{"sufficient"': '{"sufficient": true, "missing": []}',
    '{"queries"': '{"queries": []}',
}


class Instant(ChatModel):
    """A chat model that takes no time: it quotes the first sentence of its first source."""

    async def complete(
        self,
        prompt: str | Sequence[Message],
        *,
        on_token: Callable[[str], None] | None = None,
        on_restart: Callable[[], None] | None = None,
        tools: Sequence[ToolSchema] = (),
        schema: Mapping[str, Any] | None = None,
        seconds: float | None = None,
    ) -> Completion:
        """Return the reply."""
        text = prompt if isinstance(prompt, str) else str(prompt[-1]["content"])
        found = re.search(r'<source id="(\d+)">\n.*\n([^<]*)', text)
        form = next((form for sign, form in FORMS.items() if sign in text), None)
        reply = form or "NO_ANSWER"
        if form is None and found is not None and (said := sentences(found[2])):
            reply = f"{said[0][1].strip()} [{found[1]}]"
        if on_token is not None:
            for start in range(0, len(reply), 4):
                on_token(reply[start : start + 4])
        return Completion(reply, input_tokens=1000, output_tokens=50, model="instant")


class Clock:
    """CPU milliseconds of what is timed; where two such things overlap, once."""

    def __init__(self) -> None:
        self.took = 0.0
        self.embeddings: list[float] = []
        self._open = 0
        self._began = 0.0

    def timed(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """Return a function whose calls are timed."""

        async def wrapped(*args: Any, **kwargs: Any) -> Any:
            if self._open == 0:
                self._began = time.process_time()
            self._open += 1
            try:
                return await call(*args, **kwargs)
            finally:
                self._open -= 1
                if self._open == 0:
                    self.took += (time.process_time() - self._began) * 1000

        return wrapped


def instant() -> ChatModel:
    """Return the model that takes no time."""
    from langchain_core.language_models import FakeListChatModel

    settings = ChatModelSettings(name="instant", window=WINDOW)
    return Instant([LangChainEndpoint(FakeListChatModel(responses=[""]), settings)])


def time_beside(waypost: Waypost) -> Clock:
    """Let embeddings and searches of a project be timed."""
    clock = Clock()
    registry = waypost.registry
    embedder = registry.embedder("local")
    embed = getattr(embedder, EMBEDDING)

    async def embedded(text: str) -> Any:
        began = time.process_time()
        vector = await embed(text)
        clock.embeddings.append((time.process_time() - began) * 1000)
        return vector

    setattr(embedder, EMBEDDING, clock.timed(embedded))
    for name in REWORDING:
        setattr(registry, name, clock.timed(getattr(registry, name)))
    for index in registry.indexes.values():
        for name in SEARCHING:
            setattr(index, name, clock.timed(getattr(index, name)))
    return clock


async def measured(project: Path, profile: cProfile.Profile | None) -> None:
    """Ask the questions and print what they took."""
    asked = [question.format(name) for question in QUESTIONS for name in PROJECTS]
    beside, whole, answers = [], [], list[Answer]()
    async with Waypost.open(project, persistent=False) as waypost:
        await waypost.ingest()
        model = instant()
        waypost.with_models(dict.fromkeys(ROLES, model))
        await asyncio.to_thread(model.count, "a tokenizer is loaded once")
        for question in ("你好", *asked[:5]):
            await waypost.ask(question + "。")
        clock = time_beside(waypost)
        for question in asked:
            clock.took = 0.0
            if profile is not None:
                profile.enable()
            began = time.process_time()
            answers.append(await waypost.ask(question))
            took = (time.process_time() - began) * 1000
            if profile is not None:
                profile.disable()
            whole.append(took)
            beside.append(took - clock.took)
    beside.sort()
    real = [one for one in clock.embeddings if one > 1]  # others were known already
    print(f"one embedding     median {statistics.median(real):5.1f} CPU ms")
    print(f"a turn            median {statistics.median(whole):5.1f} CPU ms")
    print(
        f"the graph in it   median {statistics.median(beside):5.1f}  "
        f"p95 {beside[int(len(beside) * 0.95)]:5.1f} CPU ms"
    )
    searched = [one for one in answers if one["route"]["action"] == "search"]
    common = Counter(one["usage"]["model_calls"] for one in searched)
    every = Counter(one["usage"]["model_calls"] for one in answers)
    print(f"model calls of {len(searched)} questions that search: {dict(sorted(common.items()))}")
    print(f"model calls of all {len(answers)}: {dict(sorted(every.items()))}")
    print(f"outcomes: {dict(Counter(one['action'] for one in answers))}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--profile", action="store_true")
    profile = cProfile.Profile(time.process_time) if parser.parse_args().profile else None
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(
            ROOT / "examples" / "urban_construction",
            project,
            ignore=shutil.ignore_patterns(".waypost"),
        )
        asyncio.run(measured(project, profile))
    if profile is not None:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(70)


if __name__ == "__main__":
    main()
