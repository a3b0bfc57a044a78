"""Making a call: checked, within its time, at most once where it has side effects, and told as data."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from agent import observability
from agent.errors import StoreError, ToolError
from agent.observability import STAGE_FAILED
from agent.tools.connection import LostError, UnreachableError
from agent.tools.ledger import Entry, Ledger
from agent.tools.plain import NoDataError, plain, shortened
from agent.tools.threads import HangingError
from agent.tools.types import Tool, ToolCall
from agent.tools.validation import check_arguments
from indexes.types import Principal
from prompts import Language, texts

__all__ = ["run_call"]

TOLD = 300  # characters of an error that people and models read


async def run_call(
    tool: Tool,
    args: Mapping[str, Any],
    *,
    principal: Principal | None,
    key: str,
    ledger: Ledger | None,
    language: Language,
) -> ToolCall:
    """Make a call and return it with its result; a failure is a result too: `{"error": message}`.

    A tool with side effects is recorded in the ledger before it runs. Called again under the same key it
    brings the recorded result; if there is none, it runs again only where it takes the key itself.

    Args:
        tool: what to call.
        args: its arguments, from wherever; the injected ones must not be among them.
        principal: who asks.
        key: names this call, the same whenever it is made again.
        ledger: None: nothing is kept that could make this call a second time.
        language: of what people are told.
    """
    words = texts("messages", language)
    try:
        if not tool.allows(principal):
            raise ToolError(words["tool_denied"].format(tool=tool.name))
        checked = check_arguments(tool, args, language=language)
    except ToolError as error:
        return _call(tool, plain(dict(args)), {"error": error.message})
    if not tool.effects or ledger is None:
        return _call(tool, checked, await _result(tool, checked, principal, key, language))
    return _call(tool, checked, await _once(tool, checked, principal, key, ledger, language))


def _call(tool: Tool, args: dict[str, Any], result: Any) -> ToolCall:
    if isinstance(result, dict) and "error" in result:
        observability.warning(STAGE_FAILED, stage="tool", tool=tool.name)
    return {"name": tool.name, "args": args, "result": result}


async def _once(
    tool: Tool,
    args: dict[str, Any],
    principal: Principal | None,
    key: str,
    ledger: Ledger,
    language: Language,
) -> Any:
    words = texts("messages", language)
    try:
        before = await ledger.start(key, tool.name, args)
    except StoreError as error:
        said = words["tool_unrecorded"].format(error=error.code)
        observability.warning(STAGE_FAILED, stage="ledger", error=error.message)
        return {"error": words["tool_failed"].format(tool=tool.name, error=said)}
    if before is not None:
        same = (before.name, before.args) == (tool.name, args)
        if before.finished and same:
            return before.result
        if not (same and tool.keyed):
            return {"error": _uncertain(before, words)}
    result = await _result(tool, args, principal, key, language)
    try:
        await ledger.finish(key, result)
    except StoreError as error:  # it has run, so its result is told; it will not run again
        observability.warning(STAGE_FAILED, stage="ledger", error=error.message)
    return result


def _uncertain(entry: Entry, words: Mapping[str, Any]) -> str:
    started = datetime.fromtimestamp(entry.started).astimezone()
    return str(
        words["tool_uncertain"].format(
            tool=entry.name,
            args=json.dumps(entry.args, ensure_ascii=False),
            time=f"{started:%Y-%m-%d %H:%M:%S}",
        )
    )


async def _result(
    tool: Tool,
    args: dict[str, Any],
    principal: Principal | None,
    key: str,
    language: Language,
) -> Any:
    """Run a tool within its time and return its result as plain data, an error as well."""
    words = texts("messages", language)
    try:
        async with asyncio.timeout(tool.timeout) as time:
            found = await tool.run(args, principal, key)
        data = _worded(await asyncio.to_thread(plain, found), language)
        return shortened(data, words["result_cut"])
    except HangingError as error:
        said = words["tool_hanging"].format(count=error.count)
    except NoDataError as error:
        said = words["tool_no_data"].format(kind=error)
    except UnreachableError as error:
        observability.warning(STAGE_FAILED, stage="tool server", error=error.message, fix=error.fix)
        said = words["tool_unreachable"]
    except LostError:
        said = words["tool_lost_effects" if tool.effects else "tool_lost"]
    except Exception as error:  # a project's tool may raise anything; the person is told
        if isinstance(error, TimeoutError) and time.expired():
            name = "tool_timeout_effects" if tool.effects else "tool_timeout"
            said = words[name].format(seconds=tool.timeout)
        else:
            said = _told(error)
    return {"error": words["tool_failed"].format(tool=tool.name, error=said)}


def _worded(data: Any, language: Language) -> Any:
    """Return a result whose summary, if it is a text for each language, is the one that is asked in."""
    summary = data.get("summary") if isinstance(data, dict) else None
    if isinstance(summary, dict) and language in summary:
        return {**data, "summary": summary[language]}
    return data


def _told(error: Exception) -> str:
    """Return an error for people: in one line, not long, and without what looks like a credential."""
    message = error.message if isinstance(error, ToolError) else f"{type(error).__name__}: {error}"
    line = observability.redacted(" ".join(message.split()))
    return line if len(line) <= TOLD else f"{line[:TOLD]}…"
