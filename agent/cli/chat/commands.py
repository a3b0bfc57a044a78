"""The slash commands: what each does, which there are, and how they are completed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from agent.cli.chat.export import conversation
from agent.cli.chat.passage import excerpt
from agent.cli.chat.session import Session
from agent.cli.chat.why import explained, used
from agent.errors import UsageError
from indexes.access import permits
from indexes.types import Principal

__all__ = ["Commands"]

# /etc/hosts and /api是什么 may be asked about.
COMMAND = re.compile(r"/[a-z0-9_-]*", re.IGNORECASE)
ACTIONS = ("search", "act", "clarify", "answer")
LEAVE = {"exit", "quit"}


class Commands:
    """What lines mean: a question, or a command about the conversation.

    Args:
        session: the conversation.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._words = session.words
        self._screen = session.screen
        self._all: dict[str, Callable[[list[str]], Awaitable[None]]] = {
            "help": self._help, "why": self._why, "open": self._open, "usage": self._usage,
            "docs": self._docs, "correct": self._correct, "good": self._good, "bad": self._bad,
            "approve": self._approve, "thread": self._thread, "new": self._new, "as": self._as,
            "export": self._export,
        }  # fmt: skip

    async def obey(self, line: str) -> bool:
        """Answer a line, or obey it; False means to leave.

        Raises:
            WaypostError: it cannot be done.
        """
        line = line.strip()
        command, _, rest = line.partition(" ")
        if not line:
            return True
        if not COMMAND.fullmatch(command):
            await self.session.ask(line)
            return True
        name = command[1:]
        if name in LEAVE:
            return False
        if name == "index":
            await self._index(line, rest.split())
        elif name in self._all:
            await self._all[name](rest.split())
        else:
            known = [f"/{one}" for one in (*self._all, "index", *LEAVE)]
            near = self._near(command.lower(), known)
            raise UsageError(self._words("unknown", command=command, near=near))
        return True

    def completions(self, text: str) -> Iterable[str]:
        """Return what the last word of a line may become."""
        *before, word = text.split(" ")
        if not text.startswith("/") or "\n" in text:
            return []
        found: Sequence[str] = ()
        if not before:
            found = [f"/{one}" for one in (*self._all, "index", "exit")]
        elif before in (["/index"], ["/docs"]):
            found = self._indexes()
        elif before[0] == "/correct":
            found = ACTIONS if len(before) == 1 else [*self._indexes(), *self._tools()]
        return sorted(one for one in found if one.startswith(word))

    def _near(self, word: str, known: Sequence[str]) -> str:
        close = get_close_matches(word, known, 1, 0.5)
        return self._words("near", name=close[0]) if close else ""

    async def _help(self, words: list[str]) -> None:
        rows = []
        for name, (usage, text) in self._words.help.items():
            rows.append(("" if name == "keys" else f"/{name} {usage}".strip(), text))
        self._screen.table(rows)

    async def _why(self, words: list[str]) -> None:
        if self.session.last is None:
            self._screen.line(self._words("nothing_asked"))
            return
        memory = await self.session.memory()
        for line in explained(self.session.last, memory.values, self._words):
            self._screen.line(line)

    async def _usage(self, words: list[str]) -> None:
        if self.session.last is None:
            self._screen.line(self._words("nothing_asked"))
            return
        memory = await self.session.memory()
        for line in used(self.session.last, memory.values, self._words):
            self._screen.line(line)

    async def _open(self, words: list[str]) -> None:
        found = [] if self.session.last is None else self.session.last["citations"]
        wanted = words[0].strip("[]") if words else ""
        markers = list(dict.fromkeys(str(one["marker"]) for one in found))
        if not wanted and len(markers) == 1:
            wanted = markers[0]
        chosen = [one for one in found if str(one["marker"]) == wanted]
        if not chosen:
            numbers = self._words.listed(sorted(markers, key=int))
            self._screen.line(
                self._words("no_source", numbers=numbers) if markers else self._words("no_sources")
            )
            return
        memory = await self.session.memory()
        session = self.session
        self._screen.excerpt(
            await excerpt(chosen, memory.values, session.waypost, session.principal, self._words)
        )

    async def _index(self, line: str, words: list[str]) -> None:
        names = self._indexes()
        if words and words[0] not in names:
            near = self._near(words[0], names)
            raise UsageError(self._words("no_index", name=words[0], near=near).strip())
        if len(words) > 1:
            await self.session.ask(line)  # the router knows what this means
            return
        waypost, principal = self.session.waypost, self.session.principal
        rows = []
        for one in waypost.settings.index:
            if one.name in (words or names):
                documents = await waypost.registry.documents(index=one.name, principal=principal)
                chunks = sum(document["chunks"] for document in documents)
                rows.append(
                    (one.name, one.label, str(len(documents)), str(chunks), one.description)
                )
        head = [self._words(key) for key in ("index", "title", "documents", "chunks", "about")]
        self._screen.table(rows, head)
        if words:
            self._screen.note(self._words("index_usage", name=words[0]))

    async def _docs(self, words: list[str]) -> None:
        index = words.pop(0) if words and words[0] in self._indexes() else None
        wanted = " ".join(words).casefold()
        found = await self.session.waypost.registry.documents(
            index=index, principal=self.session.principal
        )
        rows = [
            (one["index"], one["title"], str(one["chunks"]), one["date"], one["document"])
            for one in found
            if wanted in f"{one['title']}\n{one['document']}".casefold()
        ]
        if not rows:
            self._screen.line(self._words("no_documents"))
            return
        head = [self._words(key) for key in ("index", "title", "chunks", "date", "document")]
        self._screen.table(rows, head, long=True)

    async def _good(self, words: list[str]) -> None:
        if self.session.last is None:
            self._screen.line(self._words("nothing_asked"))
            return
        await self._feedback(True, words)
        self._screen.line(self._words("liked"))

    async def _bad(self, words: list[str]) -> None:
        if await self._store():
            self._screen.line(self._words("noted", choices=self._choices()))
            if self.session.waypost.traces is not None:
                await self._feedback(False, words)

    async def _feedback(self, good: bool, words: list[str]) -> None:
        session = self.session
        await session.waypost.feedback(
            thread=session.thread, good=good, note=" ".join(words), principal=session.principal
        )

    async def _correct(self, words: list[str]) -> None:
        if not words:
            self._screen.line(self._choices())
            return
        action, *names = words
        tool = names.pop(0) if action == "act" and names else None
        if await self._store(action, names, tool):
            self._screen.line(self._words("corrected"))

    async def _store(
        self, action: Any = None, indexes: Sequence[str] = (), tool: str | None = None
    ) -> bool:
        """Store a correction of the last question; False if there is nothing to correct."""
        if self.session.last is None:
            self._screen.line(self._words("nothing_asked"))
            return False
        route = self.session.last["route"]
        await self.session.waypost.correct(
            route["question"], action=action, indexes=indexes, tool=tool,
            decided=route, principal=self.session.principal,
        )  # fmt: skip
        return True

    async def _approve(self, words: list[str]) -> None:
        memory = await self.session.memory()
        if memory.request is None:
            self._screen.line(self._words("nothing_waits"))
        else:
            await self.session.decide(memory.request)

    async def _thread(self, words: list[str]) -> None:
        session = self.session
        if not words:
            found = await session.conversations.latest(session.principal)
            if not found:
                self._screen.line(self._words("no_threads"))
                return
            rows = [
                (
                    f"{'*' if one.name == session.thread else ' '} {one.name}",
                    str(one.questions), f"{one.last:%m-%d %H:%M}", one.first,
                )
                for one in found
            ]  # fmt: skip
            head = [self._words(key) for key in ("thread", "questions", "last", "first")]
            self._screen.table(rows, head)
        elif len(words) == 2 and words[0] == "name":
            await self._rename(words[1])
        elif len(words) == 1:
            await session.open(words[0])
        else:
            raise UsageError(self._words("bad_thread"))

    async def _rename(self, name: str) -> None:
        session = self.session
        if not (await session.memory()).questions:
            raise UsageError(self._words("thread_empty", name=name))
        if not await session.conversations.rename(session.principal, session.thread, name):
            raise UsageError(self._words("thread_taken", name=name))
        session.thread = name
        self._screen.note(self._words("thread_named", name=name))

    async def _new(self, words: list[str]) -> None:
        self.session.begin()
        self._screen.note(self._words("thread_new", name=self.session.thread))

    async def _as(self, words: list[str]) -> None:
        """Change who asks: whoever can open the project's folder can read its store anyway."""
        session = self.session
        if words:
            user, *groups = words
            session.principal = None if user == "-" else Principal(user, tuple(groups))
            session.begin()
        principal = session.principal
        who = self._words("nobody") if principal is None else principal.id
        if principal is not None and principal.groups:
            who += f" ({self._words.listed(list(principal.groups))})"
        self._screen.line(self._words("as_whom", who=who))

    async def _export(self, words: list[str]) -> None:
        if len(words) != 1:
            raise UsageError(self._words("export_usage"))
        path = Path(words[0])
        memory = await self.session.memory()
        title = f"{self.session.waypost.settings.project.name}: {self.session.thread}"
        text = conversation(title, memory.values, self._words)
        try:
            await asyncio.to_thread(_write_new, path, text)
        except FileExistsError as error:
            raise UsageError(self._words("export_exists", path=path)) from error
        except OSError as error:
            raise UsageError(
                self._words("export_failed", path=path, error=error.strerror)
            ) from error
        self._screen.line(self._words("exported", path=path))

    def _choices(self) -> str:
        return self._words(
            "choices", indexes="|".join(self._indexes()), tools="|".join(self._tools())
        )

    def _indexes(self) -> list[str]:
        """Return the names of the indexes that the person may see."""
        principal = self.session.principal
        return [
            one.name
            for one in self.session.waypost.settings.index
            if permits(one.groups, principal)
        ]

    def _tools(self) -> list[str]:
        """Return the names of the tools that the person may use."""
        tools = self.session.waypost.tools.values()
        return [one.name for one in tools if one.allows(self.session.principal)]


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet."""
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
