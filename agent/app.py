"""The composition root: settings → opened resources → ask, stream, resume."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
)
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, cast

from langgraph.errors import GraphRecursionError
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agent import observability
from agent.answering.formats import Result
from agent.assembly import assemble
from agent.context import Context, Resources
from agent.errors import ConfigurationError, StoreError, ThreadError
from agent.graph import build_graph
from agent.learning import Learner
from agent.models import ChatModel
from agent.nodes.approve import checked_decisions
from agent.nodes.prepare import checked
from agent.nodes.route import describe
from agent.routing import Action, Correction, Question, Right, Route, Router
from agent.settings import Role, Settings, load
from agent.state import Answer, Outcome, State, Usage
from agent.threads import Threads, thread_key
from agent.tools import Tool, as_tool, open_mcp
from agent.traces import TRACE_FAILED, Feedback, Traces, trace_of
from agent.turns import Turns
from indexes import Passage, Principal, Registry, SyncReport
from indexes.access import permits
from indexes.ingest.estimate import Confirm
from indexes.ingest.sync import Progress
from indexes.text import language
from prompts import texts

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.tools import BaseTool
    from langgraph.checkpoint.base import BaseCheckpointSaver

__all__ = ["Event", "Waypost"]

RECURSION_LIMIT = 80
GRACE = 5.0  # seconds after a turn's time in which its nodes end by themselves


class Event(TypedDict, total=False):
    """A streaming event: `type` says what happened, and which of the other keys there is.

    Args:
        type: `restart` has no other key: the tokens so far are withdrawn, and the answer begins anew.
        route: `route`: where the question goes, told first.
        passages: `passages`: what was found, best supported first; again after a further search.
        text: `token`: a piece of the answer, whole sentences that were checked already.
        citation: `citation`: a source of the answer.
        call: `tool`: a call that was made, with its result.
        request: `approval`: the request that a person must decide about, as in `Answer.pending`.
        answer: `answer`: the result, told last.
    """

    type: Literal["route", "passages", "token", "restart", "citation", "tool", "approval", "answer"]
    route: Route
    passages: list[Passage]
    text: str
    citation: dict[str, Any]
    call: dict[str, Any]
    request: dict[str, Any]
    answer: Answer


class Waypost:
    """A project, opened: `async with Waypost.open("my_project") as waypost: await waypost.ask("…")`."""

    def __init__(
        self,
        project: Path,
        settings: Settings,
        registry: Registry,
        tools: Sequence[Tool] = (),
        threads: Threads | None = None,
    ) -> None:
        self.project = project
        self.settings = settings
        self.registry = registry
        self._threads = threads
        self._turns = Turns()
        self._learner = Learner(project, lambda: self._resources)
        self._pruning: asyncio.Task[None] | None = None
        learner = self._learner
        self._use(assemble(project, settings, registry, learner.router, tools, learner.learn))

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        project: str | Path,
        *,
        settings: Settings | None = None,
        persistent: bool = True,
        checkpointer: BaseCheckpointSaver[str] | None = None,
        models: Mapping[Role, BaseChatModel] | None = None,
        tools: Sequence[BaseTool] = (),
    ) -> AsyncIterator[Self]:
        """Open a project; models are loaded and threads opened when first used.

        Args:
            project: the folder with waypost.toml.
            settings: what to use instead of reading that file.
            persistent: keep threads, by default in the project's state folder; else nothing is remembered.
            checkpointer: keeps the threads instead; whoever gives it closes it.
            models: LangChain chat models by role (router, rewriter, judge, answerer) instead of those that
                the settings name; a role that is left out is played locally.
            tools: LangChain tools beside those of the settings, for everyone and without approval; one that
                changes something belongs into a [[tool]] table.

        Raises:
            ConfigurationError: the folder, its settings or its tools are unusable.
            StoreLockedError: another process has the store open.
        """
        folder = Path(project)
        known = settings or load(folder)
        threads = None
        if persistent:
            threads = Threads(folder / known.store.path, known.threads.url, checkpointer)
        async with Registry.open(folder, known) as registry, open_mcp(folder, known.tool) as remote:
            waypost = cls(folder, known, registry, [*remote, *map(as_tool, tools)], threads)
            if models is not None:
                waypost.with_models({role: ChatModel.of(one) for role, one in models.items()})
            if waypost.traces is not None:
                waypost._pruning = asyncio.create_task(waypost.traces.prune_daily())
            try:
                yield waypost
            finally:
                await waypost._close()

    async def _close(self) -> None:
        await self._turns.end()
        await self._learner.stop()
        if self.traces is not None:
            await self._stop_pruning()
            await self.traces.close()
        for model in set(self._resources.models.values()):
            await model.close()
        if self._resources.adapter is not None:
            self._resources.adapter.close()
        if self._threads is not None:
            await self._threads.close()

    async def _stop_pruning(self) -> None:
        if self._pruning is not None:
            self._pruning.cancel()
            await asyncio.gather(self._pruning, return_exceptions=True)

    def with_models(self, models: Mapping[Role, ChatModel]) -> None:
        """Use chat models that were made elsewhere; a role that is left out is played locally.

        The router's adapter, if it has one, is not used any more.

        Args:
            models: by role: router, rewriter, judge, answerer.
        """
        self._use(replace(self._resources, models=dict(models), adapter=None))

    def _use(self, resources: Resources) -> None:
        if resources.models:
            import_module("agent.answering.generate")  # here, not on the event loop of a first turn
        self._resources = resources
        self.graph = build_graph(resources).compile(name="waypost")
        self._persistent: CompiledStateGraph[Any, Any, Any, Any] | None = None

    async def ingest(
        self,
        only: Sequence[Path] = (),
        progress: Progress | None = None,
        confirm: Confirm | None = None,
    ) -> SyncReport:
        """Bring the store in line with the sources, and let the router learn from the new titles.

        Args:
            only: look at these files and folders alone.
            progress: told (what is being done, done, of how many).
            confirm: asked before much is embedded over a network; without it nobody is.
        """
        report = await self.registry.sync(only, progress, confirm)
        await self._learner.learn()
        return report

    async def watch(
        self, progress: Progress | None = None, confirm: Confirm | None = None
    ) -> AsyncGenerator[SyncReport, None]:
        """Keep the store in line with the sources, and the router with their titles.

        Args:
            progress: told (what is being done, done, of how many).
            confirm: asked before much is embedded over a network; without it nobody is.

        Yields:
            A report of every ingestion that changed something. It ends when waypost.toml changes.
        """
        async with aclosing(self.registry.watch(progress, confirm)) as reports:
            async for report in reports:
                await self._learner.learn()
                yield report

    async def router(self) -> Router:
        """Return the router, fitted on the project's examples and corrections."""
        return await self._learner.router()

    async def route(self, question: str, *, principal: Principal | None = None) -> Route:
        """Return what would be done with a question, without doing it.

        Raises:
            UsageError: the question is empty or too long.
        """
        text = self.check_question(question)
        context = Context(self._resources, principal)

        async def known(text: str) -> Question:
            return await describe(text, context)

        router = await self._learner.router()
        decision = await router.route(
            text,
            known,
            visible=lambda target: self._resources.sees(target, principal),
            weigh=self._resources.weigh,
        )
        return decision.route

    async def correct(
        self,
        question: str,
        *,
        action: Action | None,
        indexes: Sequence[str] = (),
        tool: str | None = None,
        decided: Route | None = None,
        principal: Principal | None = None,
    ) -> Correction:
        """Store the right route of a question; routing learns from it at once, in every process.

        Args:
            question: the question as it stands alone: `Route.question`.
            action: what is right; None says only that what was decided is wrong.
            indexes: what to search, best first.
            tool: the tool to call.
            decided: the route that was decided, for later evaluation.
            principal: who corrects; they can name only what they may see.

        Raises:
            UsageError: the question is empty or too long, or the route is not one that there can be.
            ConfigurationError: the file of corrections cannot be written.
        """
        right = None
        if action is not None:
            right = Right(action, tuple(indexes), tool)
            right.check(
                [one.name for one in self.settings.index if permits(one.groups, principal)],
                [one.name for one in self.tools.values() if one.allows(principal)],
            )
        correction = Correction.now(self.check_question(question), right, decided)
        await self._learner.correct(correction)
        if right is not None:
            await self._noted(correction.question, principal, right)
        return correction

    async def _noted(self, question: str, principal: Principal | None, right: Right) -> None:
        """Store the right route with the turn it is of, if that is kept; the correction counts anyway."""
        if self.traces is None:
            return
        try:
            await self.traces.correct(
                question,
                _id(principal),
                {"action": right.action, "indexes": [*right.indexes], "tool": right.tool},
            )
        except StoreError as error:
            observability.warning(TRACE_FAILED, error=error.message)

    async def feedback(
        self, *, thread: str, good: bool, note: str = "", principal: Principal | None = None
    ) -> Feedback:
        """Store what a person thinks of the last answer on a thread of theirs.

        Args:
            thread: the answer's `thread_id`.
            good: whether it was good.
            note: in their words, kept without personal data.
            principal: who says so; the same who asked.

        Raises:
            ConfigurationError: the project keeps no traces.
            ThreadError: they have no such thread, or its turns were not kept.
            StoreError: it cannot be stored.
        """
        if self.traces is None:
            raise ConfigurationError(
                "This project keeps no traces, so there is nothing that feedback could be kept with.",
                fix="set keep = true in [traces] of waypost.toml.",
            )
        key = thread_key(principal, thread)
        stored = await self.traces.feedback(key, _id(principal), good, note)
        if stored is None:
            raise ThreadError(f"No answer on the thread {thread!r} was kept.")
        return stored

    async def ask(
        self, question: str, *, principal: Principal | None = None, thread: str | None = None
    ) -> Answer:
        """Answer a question.

        Args:
            question: the question, or a follow-up on the thread.
            principal: who asks; None sees public documents only.
            thread: the conversation to continue or begin; None begins a new one.

        Raises:
            UsageError: the question is empty or too long.
            ClosedError: the project was closed meanwhile.
        """
        turn, text = self._turn(question)
        name = thread or uuid.uuid4().hex
        async with self._alone(principal, name):
            return await self._answered(turn, text, principal, name)

    async def stream(
        self, question: str, *, principal: Principal | None = None, thread: str | None = None
    ) -> AsyncIterator[Event]:
        """Answer a question and tell what happens meanwhile; the last event is the answer.

        Args and errors are those of `ask`.
        """
        turn, text = self._turn(question)
        name = thread or uuid.uuid4().hex
        async with (
            self._alone(principal, name),
            aclosing(self._run(turn, text, principal, name)) as events,
        ):
            async for event in events:
                yield event

    def _turn(self, question: str) -> tuple[dict[str, Any], str]:
        """Return what a question sends into the graph, and the checked question."""
        text = self.check_question(question)
        return {"messages": [{"role": "user", "content": text}]}, text

    async def resume(
        self,
        *,
        thread: str,
        decisions: Sequence[dict[str, Any]] = (),
        principal: Principal | None = None,
    ) -> Answer:
        """Continue a turn that waits for an approval, or one that ended with its process.

        What was done before is not done again: the turn goes on at the step that did not end.

        Args:
            thread: the thread of the answer with `pending`, or of the turn that was lost.
            decisions: one for each request, such as `{"type": "approve"}`; none where nothing waits.
            principal: who asks; the same as before.

        Raises:
            ThreadError: nothing waits on this thread, and no turn is unfinished.
            UsageError: the decisions do not fit the request; it waits on.
            ClosedError: the project was closed meanwhile.
        """
        async with self._continued(thread, decisions, principal) as (turn, question):
            return await self._answered(turn, question, principal, thread)

    async def stream_resume(
        self,
        *,
        thread: str,
        decisions: Sequence[dict[str, Any]] = (),
        principal: Principal | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Continue a turn as `resume` does and tell what happens meanwhile; the last event is the answer.

        Args and errors are those of `resume`.
        """
        async with (
            self._continued(thread, decisions, principal) as (turn, question),
            aclosing(self._run(turn, question, principal, thread)) as events,
        ):
            async for event in events:
                yield event

    @asynccontextmanager
    async def _continued(
        self, thread: str, decisions: Sequence[dict[str, Any]], principal: Principal | None
    ) -> AsyncIterator[tuple[Command[Any], str]]:
        """Give what goes on with a thread's turn, and its question, while no other turn runs there."""
        if self._threads is None:
            raise ThreadError("This project was opened without threads, so nothing waits in one.")
        async with self._alone(principal, thread):
            graph = await self._remembering()
            snapshot = await graph.aget_state(self._config(principal, thread))
            if snapshot.interrupts:
                checked_decisions(
                    {"decisions": list(decisions)},
                    snapshot.interrupts[0].value,
                    self.tools,
                    self.settings.project.language,
                )
                turn: Command[Any] = Command(resume={"decisions": list(decisions)})
            elif snapshot.next and not decisions:
                deadline = time.time() + self.settings.limits.seconds
                turn = Command(update={"deadline": deadline})
            else:
                raise ThreadError(f"Nothing waits for an approval on the thread {thread!r}.")
            yield turn, str(snapshot.values.get("question", ""))

    @property
    def resources(self) -> Resources:
        """What its graph works with."""
        return self._resources

    @property
    def traces(self) -> Traces | None:
        """The turns that are kept; None where the settings keep none."""
        return self._resources.traces

    @property
    def tools(self) -> Mapping[str, Tool]:
        """The project's tools and the built-in ones, by name."""
        return self._resources.tools

    def check_question(self, question: str) -> str:
        """Return a question without blanks around it.

        Raises:
            UsageError: it is empty or too long.
        """
        return checked(question, self.settings.limits)

    def _alone(self, principal: Principal | None, thread: str) -> AbstractAsyncContextManager[None]:
        return self._turns.alone(
            thread_key(principal, thread) if self._threads is not None else None
        )

    def _config(self, principal: Principal | None, thread: str) -> Any:
        return {
            "configurable": {"thread_id": thread_key(principal, thread)},
            "recursion_limit": RECURSION_LIMIT,
        }

    async def _remembering(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """Return the graph with the project's threads, if it keeps any."""
        if self._threads is None:
            return self.graph
        saver = await self._threads.saver()
        if self._persistent is None:
            self._persistent = build_graph(self._resources).compile(
                checkpointer=saver, name="waypost"
            )
        return self._persistent

    async def _answered(
        self, turn: Any, question: str, principal: Principal | None, thread: str
    ) -> Answer:
        """Run a turn whose events nobody reads, and return its answer."""
        answer: Answer | None = None
        async with aclosing(self._run(turn, question, principal, thread, told=False)) as events:
            async for event in events:
                if event["type"] == "answer":
                    answer = event["answer"]
        assert answer is not None
        return answer

    async def _run(
        self,
        turn: Any,
        question: str,
        principal: Principal | None,
        thread: str,
        *,
        told: bool = True,
    ) -> AsyncGenerator[Event, None]:
        """Run a turn and yield its events; `told` is whether those of the nodes are wanted.

        Without them LangGraph runs a single node in place, not beside a task that waits for events.
        """
        started = time.perf_counter()
        graph = await self._remembering()
        config = self._config(principal, thread)
        durability: Any = {"durability": "sync"} if self._threads is not None else {}
        modes: Any = ["custom", "values"] if told else ["values"]
        values: dict[str, Any] = {}
        pending: dict[str, Any] | None = None
        limit: Literal["seconds", "steps"] | None = None
        clock = asyncio.get_running_loop().time
        deadline = clock() + self.settings.limits.seconds + GRACE
        stream: Any = graph.astream(
            turn, config, context=principal, stream_mode=modes, **durability
        )
        try:
            while True:
                try:
                    async with self._turns.until(deadline):
                        mode, part = await anext(stream)
                except StopAsyncIteration:
                    break
                if mode == "custom":
                    before = clock()
                    yield cast(Event, part)
                    deadline += clock() - before  # the reader's time is not the turn's
                else:
                    values = cast(dict[str, Any], part)
                    for one in values.get("__interrupt__", ()):
                        pending = one.value
        except TimeoutError:
            limit = "seconds"
        except GraphRecursionError:
            limit = "steps"
        finally:
            await stream.aclose()
        if pending is not None:
            yield {"type": "approval", "request": pending}
        if pending is None and limit is None and self._threads is not None:
            await self._threads.forget_steps(config["configurable"]["thread_id"])
        answer = self._answer(values, question, pending, limit, thread)
        answer["timings_ms"]["total"] = round((time.perf_counter() - started) * 1000, 2)
        if pending is not None or limit is not None:
            # all others are told by the graph, which also runs on servers
            observability.question_finished(answer, text=self.settings.log.text)
        if limit is not None and self.traces is not None and "turn" in values:
            await self.traces.record(
                trace_of(
                    cast(State, values),
                    answer,
                    thread=config["configurable"]["thread_id"],
                    principal=_id(principal),
                    models=self._resources.model_names,
                )
            )
        yield {"type": "answer", "answer": answer}

    def _answer(
        self,
        values: dict[str, Any],
        question: str,
        pending: dict[str, Any] | None,
        limit: str | None,
        thread: str,
    ) -> Answer:
        if pending is None and limit is None:
            done = cast(Answer, {**values["answer"], "thread_id": thread})
            done["timings_ms"] = dict(values["timings"])
            return done
        text = ""
        if limit is not None:
            words = texts("messages", language(question))
            text = words[f"limit_{limit}"].format(seconds=self.settings.limits.seconds)
        else:
            assert pending is not None
            text = "\n".join(request["description"] for request in pending["action_requests"])
        action: Outcome = "act" if pending is not None else "abstain"
        said = Result(question, text, action, language=language(question))
        usage: Usage = {"model_calls": 0, "input_tokens": 0, "output_tokens": 0}
        return {
            "answer": self._resources.form.local(said),
            "action": action,
            "route": values.get("route") or _no_route(question),
            "citations": [],
            "tool_calls": [],
            "grounded": False,
            "confidence": 0.0,
            "pending": pending,
            "limit": limit,
            "thread_id": thread,
            "usage": values.get("usage", usage),
            "timings_ms": dict(values.get("timings", {})),
        }


def _id(principal: Principal | None) -> str:
    return "" if principal is None else principal.id


def _no_route(question: str) -> Route:
    return {
        "question": question,
        "action": "answer",
        "indexes": [],
        "tools": [],
        "candidates": [],
        "confidence": 0.0,
        "reason": "a limit was reached before the question was routed",
        "decided_by": "fallback",
    }
