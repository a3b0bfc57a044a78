"""The composition root: settings → opened resources → ask, stream, resume."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    aclosing,
    asynccontextmanager,
)
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, cast

from langgraph.errors import GraphRecursionError
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from agent import observability
from agent.answering.formats import Result, load_format
from agent.context import Context, Resources
from agent.errors import ConfigurationError, ThreadError, WaypostError
from agent.graph import build_graph
from agent.models import ChatModel, make_chat_model
from agent.nodes.approve import checked_decisions
from agent.nodes.prepare import checked
from agent.nodes.route import describe
from agent.observability import LEARNING_FAILED
from agent.routing import (
    CORRECTIONS,
    NONE,
    Action,
    Correction,
    Corrections,
    CorrectionsFile,
    LocalClassifier,
    Question,
    Right,
    Route,
    Router,
    Target,
    spread,
    talk_targets,
)
from agent.settings import ROLES, Role, Settings, load
from agent.state import Answer, Outcome, Usage
from agent.tools import Ledger, Tool, builtin_tools, load_tools, open_mcp
from agent.turns import Turns
from indexes import Passage, Principal, Registry, SyncReport
from indexes.access import permits
from indexes.ingest.estimate import Confirm
from indexes.ingest.sync import Progress
from indexes.text import language
from prompts import PromptError, Prompts, texts

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

__all__ = ["Event", "Waypost"]

RECURSION_LIMIT = 80
GRACE = 5.0  # seconds after a turn's time in which its nodes end by themselves
RETRY_LEARNING = 30.0  # seconds until corrections that could not be learned are tried again
TITLES = 40  # how many titles and headings of an index the router learns from
HEADINGS = 40


class Event(TypedDict, total=False):
    """A streaming event: `type` says which of the other keys there is.

    route, passages (what was found, best supported first), token (a piece of the answer, checked
    already), restart (what the tokens said so far is withdrawn), citation, tool, approval, answer.
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
        remote: Sequence[Tool] = (),
        *,
        persistent: bool,
    ) -> None:
        self.project = project
        self.settings = settings
        self.registry = registry
        self._persistent = persistent
        self._stack = AsyncExitStack()
        self._router: Router | None = None
        self._corrections = CorrectionsFile(project / CORRECTIONS)
        self._learned = Corrections()  # what the router has learned from
        self._learning: asyncio.Task[None] | None = None
        self._graph: CompiledStateGraph[Any, Any, Any, Any] | None = None
        self._saver: AsyncSqliteSaver | None = None
        self._lock = asyncio.Lock()
        self._fitting = asyncio.Lock()
        self._turns = Turns()
        tools = [
            *load_tools(project, settings.tool),
            *builtin_tools(registry, settings.project.language),
            *remote,
        ]
        names = [tool.name for tool in tools]
        _check_names(settings, names)
        _check_rules(settings, names)
        self._resources = Resources(
            settings=settings,
            registry=registry,
            router=self.router,
            tools={tool.name: tool for tool in tools},
            models=_models(settings),
            prompts=_prompts(project),
            form=load_format(settings.answer, project),
            ledger=Ledger(project / settings.store.path / "calls.db"),
        )
        self.graph = build_graph(self._resources).compile(name="waypost")

    @classmethod
    @asynccontextmanager
    async def open(
        cls, project: str | Path, *, settings: Settings | None = None, persistent: bool = True
    ) -> AsyncIterator[Self]:
        """Open a project; models are loaded and threads opened when first used.

        Args:
            project: the folder with waypost.toml.
            settings: what to use instead of reading that file.
            persistent: keep threads in the project's state folder; else nothing is remembered.

        Raises:
            ConfigurationError: the folder, its settings or its tools are unusable.
            StoreLockedError: another process has the store open.
        """
        folder = Path(project)
        known = settings or load(folder)
        async with Registry.open(folder, known) as registry, open_mcp(folder, known.tool) as remote:
            waypost = cls(folder, known, registry, remote, persistent=persistent)
            async with waypost._stack:
                try:
                    yield waypost
                finally:
                    await waypost._turns.end()
                    await waypost._stop_learning()
                    for model in set(waypost._resources.models.values()):
                        await model.close()

    def with_models(self, models: Mapping[Role, ChatModel]) -> None:
        """Use chat models that were made elsewhere; a role that is left out is played locally.

        Args:
            models: by role: router, rewriter, judge, answerer.
        """
        self._resources = replace(self._resources, models=dict(models))
        self.graph = build_graph(self._resources).compile(name="waypost")
        self._graph = None

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
        await self._learn()
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
                await self._learn()
                yield report

    async def _learn(self) -> None:
        async with self._fitting:  # one after the other, so that the last one knows the most
            made, learned = await self._make_router()
            self._router, self._learned = made, learned  # until then the one before it answers

    async def _learn_corrections(self) -> None:
        try:
            await self._learn()
        except Exception as error:  # nobody awaits this; the router of before goes on answering
            code = error.code if isinstance(error, WaypostError) else type(error).__name__
            observability.warning(LEARNING_FAILED, error=code)
            await asyncio.sleep(RETRY_LEARNING)

    async def _stop_learning(self) -> None:
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.gather(self._learning, return_exceptions=True)

    async def router(self) -> Router:
        """Return the router, fitted on the project's examples and corrections.

        A correction decides its own question at once; the router learns from it meanwhile.
        """
        if self._router is None:
            async with self._lock:
                if self._router is None:
                    await self._learn()
        elif (self._learning is None or self._learning.done()) and await asyncio.to_thread(
            self._corrections.current
        ) is not self._learned:
            self._learning = asyncio.create_task(self._learn_corrections())
        assert self._router is not None
        return self._router

    async def _make_router(self) -> tuple[Router, Corrections]:
        corrections = await asyncio.to_thread(self._corrections.current)
        classifier = LocalClassifier(
            await self._targets(corrections),
            [
                *self.settings.routing.none,
                *await asyncio.to_thread(self._lines, self.settings.routing.none_file, "none_file"),
                *corrections.none(),
            ],
            self.registry.embedder(self.settings.routing.embedding),
            self.project / self.settings.store.path / "cache" / "router.npz",
        )
        await classifier.fit(self._describe_for_fitting)
        router = Router(
            classifier,
            self.settings.routing,
            lambda question: self._corrections.current().match(question),
            prompts=self._resources.prompts,
        )
        return router, corrections

    async def _describe_for_fitting(self, text: str) -> Question:
        return await describe(text, Context(self._resources), unrestricted=True)

    async def _targets(self, corrections: Corrections) -> list[Target]:
        corrected = corrections.examples()
        # Only public titles: a route's probabilities must not tell of documents one may not see.
        outlines = await self.registry.outlines(principal=None)
        indexes = [
            Target(
                name=index.name,
                kind="index",
                title=index.label,
                description=index.description,
                examples=(
                    *index.examples,
                    *await asyncio.to_thread(self._lines, index.examples_file, "examples_file"),
                ),
                corrected=tuple(corrected.get(index.name, ())),
                phrases=(
                    *spread(outlines[index.name].titles, TITLES),
                    *spread(outlines[index.name].headings, HEADINGS),
                ),
            )
            for index in self.settings.index
        ]
        tools = [
            Target(
                tool.name,
                "tool",
                tool.name,
                tool.description,
                tuple(tool.examples),
                corrected=tuple(corrected.get(tool.name, ())),
            )
            for tool in self._resources.tools.values()
        ]
        return [*indexes, *tools, *talk_targets()]

    def _lines(self, file: str, key: str) -> list[str]:
        if not file:
            return []
        try:
            text = (self.project / file).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise ConfigurationError(
                f"{key} = {file!r} cannot be read: {error.strerror}.", fix="correct the path."
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"{key} = {file!r} is not in UTF-8.", fix="save it as UTF-8."
            ) from error
        return [line.strip() for line in text.splitlines() if line.strip()]

    async def route(self, question: str, *, principal: Principal | None = None) -> Route:
        """Return what would be done with a question, without doing it.

        Raises:
            UsageError: the question is empty or too long.
        """
        text = self.check_question(question)
        context = Context(self._resources, principal)

        async def known(text: str) -> Question:
            return await describe(text, context)

        router = await self.router()
        decision = await router.route(
            text, known, visible=lambda target: self._resources.sees(target, principal)
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
        await asyncio.to_thread(self._corrections.add, correction)
        return correction

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
        decisions: Sequence[dict[str, Any]],
        principal: Principal | None = None,
    ) -> Answer:
        """Continue a turn that waits for an approval.

        Args:
            thread: the thread of the answer with `pending`.
            decisions: one for each request, such as `{"type": "approve"}`.
            principal: who asks; the same as before.

        Raises:
            ThreadError: nothing waits on this thread.
            UsageError: the decisions do not fit the request; it waits on.
            ClosedError: the project was closed meanwhile.
        """
        async with self._alone(principal, thread):
            graph = await self._persistent_graph()
            snapshot = await graph.aget_state(self._config(principal, thread))
            if not snapshot.interrupts:
                raise ThreadError(f"Nothing waits for an approval on the thread {thread!r}.")
            checked_decisions(
                {"decisions": list(decisions)},
                snapshot.interrupts[0].value,
                self.tools,
                self.settings.project.language,
            )
            command: Command[Any] = Command(resume={"decisions": list(decisions)})
            question = str(snapshot.values.get("question", ""))
            return await self._answered(command, question, principal, thread)

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
        return self._turns.alone(_key(principal, thread) if self._persistent else None)

    def _config(self, principal: Principal | None, thread: str) -> Any:
        return {
            "configurable": {"thread_id": _key(principal, thread)},
            "recursion_limit": RECURSION_LIMIT,
        }

    async def _persistent_graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        if not self._persistent:
            return self.graph
        async with self._lock:
            if self._graph is None:
                from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

                folder = self.project / self.settings.store.path
                folder.mkdir(parents=True, exist_ok=True)
                self._saver = saver = await self._stack.enter_async_context(
                    AsyncSqliteSaver.from_conn_string(str(folder / "threads.db"))
                )
                self._graph = build_graph(self._resources).compile(
                    checkpointer=saver, name="waypost"
                )
            return self._graph

    async def _forget_steps(self, key: str) -> None:
        """Keep only the last checkpoint of a finished turn; its steps served resuming it alone.

        The SQLite saver has no pruning of its own, and every step's whole state would stay.
        """
        if self._saver is None:
            return
        older = (
            "checkpoint_id < (SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = :key)"
        )
        async with self._saver.lock:
            for table in ("checkpoints", "writes"):
                await self._saver.conn.execute(
                    f"DELETE FROM {table} WHERE thread_id = :key AND {older}", {"key": key}
                )
            await self._saver.conn.commit()

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
        graph = await self._persistent_graph()
        config = self._config(principal, thread)
        durability: Any = {"durability": "sync"} if self._persistent else {}
        modes: Any = ["custom", "values"] if told else ["values"]
        values: dict[str, Any] = {}
        pending: dict[str, Any] | None = None
        limit: str | None = None
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
        if pending is None and limit is None:
            await self._forget_steps(config["configurable"]["thread_id"])
        answer = self._answer(values, question, pending, limit, thread)
        answer["timings_ms"]["total"] = round((time.perf_counter() - started) * 1000, 2)
        if pending is not None or limit is not None:
            # all others are told by the graph, which also runs on servers
            observability.question_finished(answer, text=self.settings.log.text)
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
            text = words["limit_seconds"].format(seconds=self.settings.limits.seconds)
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


def _key(principal: Principal | None, thread: str) -> str:
    """Return what a thread is stored under: everyone has threads of their own."""
    owner = None if principal is None else principal.id
    return json.dumps([owner, thread], ensure_ascii=False)


def _models(settings: Settings) -> dict[Role, ChatModel]:
    made: dict[tuple[str, ...], ChatModel | None] = {}
    for role in ROLES:
        chain = settings.models.of(role)
        if chain not in made:
            made[chain] = make_chat_model(chain, settings.model)
    found = {role: made[settings.models.of(role)] for role in ROLES}
    return {role: model for role, model in found.items() if model is not None}


def _prompts(project: Path) -> Prompts:
    prompts = Prompts(project / "prompts")
    try:
        prompts.check()
    except PromptError as error:
        raise ConfigurationError(str(error), fix="correct that file.") from error
    return prompts


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


def _check_names(settings: Settings, tools: Sequence[str]) -> None:
    """Routing tells targets apart by their names alone."""
    taken = {NONE}
    for kind, names in (("index", [one.name for one in settings.index]), ("tool", tools)):
        for name in names:
            if name in taken:
                raise ConfigurationError(
                    f"The {kind} {name!r} has a name that is taken by another target of routing.",
                    fix=f"rename it; {NONE!r} stands for what nothing covers.",
                )
            taken.add(name)


def _check_rules(settings: Settings, tools: Sequence[str]) -> None:
    indexes = [index.name for index in settings.index]
    remote = any(tool.mcp for tool in settings.tool)  # a server that is down has no tools to check
    for rule in settings.routing.rule:
        name = rule.index or (None if remote else rule.tool)
        if name is not None and name not in (indexes if rule.index else tools):
            kind = "index" if rule.index else "tool"
            raise ConfigurationError(
                f"[[routing.rule]] {rule.pattern!r} names the {kind} {name!r}, which does not exist.",
                fix=f"use one of: {', '.join(indexes if rule.index else tools)}.",
            )
