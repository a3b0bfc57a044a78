"""Calls that somebody has to approve: shown as cards, decided one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from agent.answering import escaped
from agent.cli.chat.reader import Reader
from agent.cli.chat.screen import Card, Screen
from agent.cli.chat.words import Words
from agent.errors import ToolError
from agent.tools import Tool, check_arguments

__all__ = ["YES", "decided"]

YES = {"y", "yes", "是", "好", "批准", "同意"}
NO = {"n", "no", "否", "不", "拒绝"}
EDIT = {"e", "edit", "改", "修改"}


async def decided(
    request: Mapping[str, Any],
    tools: Mapping[str, Tool],
    screen: Screen,
    reader: Reader,
    words: Words,
) -> list[dict[str, Any]] | None:
    """Ask about each call of a request; None if the person decides later.

    Args:
        request: a `HITLRequest`, as `Answer.pending` has it.
        tools: the project's, by name.
        screen: where the cards go.
        reader: where the decisions come from.
        words: the chat's texts.
    """
    decisions = []
    error = str(request.get("error", ""))
    for action in request["action_requests"]:
        asking = _Asking(action["name"], dict(action["args"]), tools, screen, reader, words)
        decision = await asking.decision(error)
        if decision is None:
            return None
        decisions.append(decision)
    return decisions


class _Asking:
    """One call, until it is decided."""

    def __init__(
        self,
        name: str,
        args: dict[str, Any],
        tools: Mapping[str, Tool],
        screen: Screen,
        reader: Reader,
        words: Words,
    ) -> None:
        self._name, self._args, self._tool = name, args, tools.get(name)
        self._screen, self._reader, self._words = screen, reader, words
        self._edited = False

    async def decision(self, error: str) -> dict[str, Any] | None:
        self._show(error)
        while True:
            reply = await self._reader.ask(self._words("approve_ask"))
            if reply is None:
                return None
            word, _, rest = reply.partition(" ")
            kind, rest = word.lower(), rest.strip()
            if kind in YES and not rest:
                return self._approved()
            if kind in NO:
                return await self._rejected(rest)
            if kind in EDIT:
                await self._edit(rest)
            else:
                self._screen.note(self._words("approve_hint"))

    def _show(self, error: str = "") -> None:
        titles = {one.name: one.title for one in self._tool.parameters} if self._tool else {}
        arguments = [
            (f"{titles[name]} ({name})" if titles.get(name, name) != name else name, _shown(value))
            for name, value in self._args.items()
        ]
        description = self._tool.description if self._tool is not None else ""
        card = Card(self._name, description, arguments, error)
        self._screen.card(card, self._words("approval"))

    def _approved(self) -> dict[str, Any]:
        if not self._edited:
            return {"type": "approve"}
        return {"type": "edit", "edited_action": {"name": self._name, "args": self._args}}

    async def _rejected(self, reason: str) -> dict[str, Any] | None:
        if not reason and self._reader.interactive:
            asked = await self._reader.ask(self._words("reason_ask"))
            if asked is None:
                return None
            reason = asked
        return {"type": "reject", "message": reason} if reason else {"type": "reject"}

    async def _edit(self, given: str) -> None:
        """Change the arguments, all at once as JSON or one by one, and show what came of it."""
        try:
            args = _object(given) if given else await self._fields()
            if args is None:
                return
            args = {**self._args, **args}
            if self._tool is not None:
                args = check_arguments(self._tool, args, language=self._words.language)
        except ValueError as error:
            self._show(self._words("no_json", error=error))
        except ToolError as error:
            self._show(error.message)
        else:
            self._edited = self._edited or args != self._args
            self._args = args
            self._show()

    async def _fields(self) -> dict[str, Any] | None:
        """Ask for every argument; Enter keeps its value, Ctrl-C all of them."""
        names = [one.name for one in self._tool.parameters] if self._tool else list(self._args)
        kinds = {one.name: one.kind for one in self._tool.parameters} if self._tool else {}
        args = {}
        for name in names:
            before = self._args.get(name)
            said = "" if before is None else before if isinstance(before, str) else _shown(before)
            text = await self._reader.ask(f"  {name}: ", default=said)
            if text is None:
                return None
            if text != said.strip():
                args[name] = text if kinds.get(name) == "string" else _value(text)
        return args


def _object(text: str) -> dict[str, Any]:
    """Return a JSON object; a ValueError says what is wrong with it."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(text)
    return found


def _value(text: str) -> Any:
    """Return what a person typed for an argument: JSON where it is, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _shown(value: Any) -> str:
    """Return an argument as JSON in which nothing is invisible."""
    return escaped(json.dumps(value, ensure_ascii=False))
