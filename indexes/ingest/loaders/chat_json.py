"""Chats in JSON: the exports of Slack and Telegram."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from indexes.base import Loaded
from indexes.ingest.loaders.messages import Message, blocks_of_messages
from indexes.types import Value

__all__ = ["chat_of_json"]

SAMPLE = 200  # entries by which an export is recognised
PARTICIPANTS = 50
USERS_BYTES = 32 * 2**20
NODES = 10_000  # of a formatted message, against hostile ones

_SLACK_TIME = re.compile(r"^\d{9,11}(?:\.\d{1,9})?$")
_SLACK_MARK = re.compile(
    r"<(?P<kind>[@#!]?)(?P<body>[^<>|]{1,2000})(?:\|(?P<label>[^<>]{0,500}))?>"
)
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


def chat_of_json(data: Any, path: Path) -> Loaded | None:
    """Return an exported chat's messages, one block each; None if the data is no chat.

    Slack's times are given in UTC, as the export has them, and Telegram's as they are written.

    Args:
        data: what the file holds.
        path: the file; Slack's list of people is looked for beside it and one folder above.
    """
    if _is_slack(data):
        return _slack(data, path)
    chats = _telegram_chats(data)
    return _telegram(chats) if chats else None


# --- Slack ---------------------------------------------------------------------------------------


def _is_slack(data: Any) -> bool:
    if not isinstance(data, list) or not data:
        return False
    sample = data[:SAMPLE]
    fit = sum(
        isinstance(one, dict)
        and isinstance(one.get("ts"), str)
        and _SLACK_TIME.match(one["ts"]) is not None
        and ("text" in one or "blocks" in one or "files" in one)
        and any(key in one for key in ("user", "bot_id", "username", "subtype", "user_profile"))
        for one in sample
    )
    return fit >= 0.9 * len(sample)


def _slack(data: Sequence[Any], path: Path) -> Loaded:
    warnings: list[str] = []
    names, root = _slack_people(path, warnings)
    entries: dict[tuple[str, str], Mapping[str, Any]] = {}
    for one in data:  # one that was edited, or told to the channel too, comes again
        if isinstance(one, dict) and _SLACK_TIME.match(str(one.get("ts", ""))):
            entries[(one["ts"], _slack_id(one))] = one
            profile = one.get("user_profile")
            if isinstance(profile, dict):
                names.setdefault(_slack_id(one), _name_of(profile))
    known = {one["ts"] for one in entries.values()}

    def place(one: Mapping[str, Any]) -> tuple[float, float]:
        thread = str(one.get("thread_ts", ""))
        return float(thread if thread in known else one["ts"]), float(one["ts"])

    messages = []
    for one in sorted(entries.values(), key=place):
        root_time, own = (_utc(value) for value in place(one))
        message = _slack_message(one, names, own)
        messages.append(replace(message, anchor=root_time) if root_time != own else message)
    channel = path.parent.name if root == path.parent.parent else ""
    day = path.stem if _DAY.match(path.stem) else ""
    return _loaded(messages, " ".join(filter(None, (channel, day))), warnings)


def _slack_people(path: Path, warnings: list[str]) -> tuple[dict[str, str], Path | None]:
    """Return people's names by id, and the export's folder, if it is there."""
    for folder in (path.parent, path.parent.parent):
        users = folder / "users.json"
        if users == path or not users.is_file():
            continue
        try:
            if users.stat().st_size > USERS_BYTES:
                raise ValueError("it is too large")
            people = json.loads(users.read_bytes())
            if not isinstance(people, list):
                raise TypeError("it is no list")
        except (OSError, ValueError, TypeError, RecursionError) as error:
            warnings.append(f"The names in users.json cannot be read: {error}.")
            return {}, folder
        names = {}
        for one in people:
            if isinstance(one, dict) and isinstance(one.get("id"), str):
                profile = one.get("profile")
                names[one["id"]] = _name_of(
                    {**one, **(profile if isinstance(profile, dict) else {})}
                )
        return {key: name for key, name in names.items() if name}, folder
    return {}, None


def _name_of(profile: Mapping[str, Any]) -> str:
    keys = ("real_name", "display_name", "name", "first_name")
    return next((value.strip() for key in keys if isinstance(value := profile.get(key), str) and value.strip()), "")  # fmt: skip


def _slack_id(one: Mapping[str, Any]) -> str:
    return str(one.get("user") or one.get("bot_id") or one.get("username") or "")


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _slack_message(one: Mapping[str, Any], names: Mapping[str, str], time: datetime) -> Message:
    parts = [_text(one.get("text")) or _plain(one.get("blocks"))]
    attachments = one.get("attachments")
    for attachment in attachments if isinstance(attachments, list) else []:
        if isinstance(attachment, dict):
            said = [_text(attachment.get(key)) for key in ("pretext", "title", "text")]
            parts.append("\n".join(filter(None, said)) or _text(attachment.get("fallback")))
    files = one.get("files")
    for file in files if isinstance(files, list) else []:
        if isinstance(file, dict):
            parts.append(f"[{_text(file.get('title')) or _text(file.get('name')) or 'file'}]")
    text = _slack_text("\n".join(filter(None, parts)), names)
    who = _slack_id(one)
    bot = one.get("bot_profile")
    speaker = names.get(who) or _text(one.get("username")) or _name_of(bot if isinstance(bot, dict) else {}) or who  # fmt: skip
    told = str(one.get("subtype", "")).startswith(("channel_", "group_", "pinned_"))
    return Message(text, "" if told else speaker.strip(), time.replace(microsecond=0), exact=True)


def _slack_text(text: str, names: Mapping[str, str]) -> str:
    """Return a message's text with people's names for their ids, and links as they read."""

    def plain(match: re.Match[str]) -> str:
        kind, body, label = match["kind"], match["body"], match["label"]
        if kind == "@":
            return f"@{names.get(body) or label or body}"
        if kind in ("#", "!"):
            sign = kind if kind == "#" else "@"
            return label if label and label[0] == sign else f"{sign}{label or body.split('^')[0]}"
        body = body.removeprefix("mailto:")
        return f"{label} ({body})" if label and label != body else body

    return html.unescape(_SLACK_MARK.sub(plain, text)).strip()


def _plain(nodes: Any) -> str:
    """Return the texts in a formatted message, in their order."""
    found: list[str] = []
    stack = [nodes]
    for _ in range(NODES):
        if not stack:
            break
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(reversed(node))
        elif isinstance(node, dict):
            if node.get("type") == "user":
                found.append(f"<@{node.get('user_id')}>")
            text = node.get("text")
            if isinstance(text, str):
                found.append(text)
            elif text:
                stack.append(text)
            elif isinstance(node.get("url"), str):
                found.append(node["url"])
            stack.extend(node[key] for key in ("fields", "elements") if node.get(key))
    return "".join(found)


# --- Telegram ------------------------------------------------------------------------------------


def _telegram_chats(data: Any) -> list[Mapping[str, Any]]:
    """Return the chats of an export of one or of all; none if it is no export."""
    if not isinstance(data, dict):
        return []
    if _is_telegram_chat(data):
        return [data]
    found: list[Mapping[str, Any]] = []
    for key in ("chats", "left_chats"):
        part = data.get(key)
        chats = part.get("list") if isinstance(part, dict) else None
        if isinstance(chats, list):
            found += [chat for chat in chats if isinstance(chat, dict) and _is_telegram_chat(chat)]
    return found


def _is_telegram_chat(chat: Mapping[str, Any]) -> bool:
    messages = chat.get("messages")
    if not isinstance(messages, list) or not messages:
        return False
    sample = messages[:SAMPLE]
    fit = sum(
        isinstance(one, dict)
        and one.get("type") in ("message", "service", "unsupported")
        and _time(one.get("date")) is not None
        and ("text" in one or "action" in one)
        for one in sample
    )
    return fit >= 0.9 * len(sample)


def _telegram(chats: Sequence[Mapping[str, Any]]) -> Loaded:
    several = len(chats) > 1

    def messages() -> Iterator[Message]:
        for number, chat in enumerate(chats, 1):
            name = (_text(chat.get("name")) or f"#{chat.get('id', number)}") if several else ""
            for one in chat["messages"]:
                if isinstance(one, dict):
                    yield _telegram_message(one, name)

    return _loaded(list(messages()), "" if several else _text(chats[0].get("name")), [])


def _telegram_message(one: Mapping[str, Any], chat: str) -> Message:
    time = _time(one.get("date"))
    if one.get("type") == "service":
        what = _text(one.get("action")).replace("_", " ")
        people = one.get("members")
        members = ", ".join(_text(name) for name in people) if isinstance(people, list) else ""
        told = [
            _text(one.get("actor")),
            what,
            members,
            _text(one.get("title")),
            _rich(one.get("text")),
        ]
        return Message(" ".join(filter(None, told)), "", time, time is not None, chat=chat)
    speaker = _text(one.get("from")) or _text(one.get("author")) or _text(one.get("from_id")) or "Deleted Account"  # fmt: skip
    said = [f"[{forwarded}]" if (forwarded := _text(one.get("forwarded_from"))) else "", _rich(one.get("text")), *_media(one)]  # fmt: skip
    return Message("\n".join(filter(None, said)), speaker, time, time is not None, chat=chat)


def _rich(text: Any) -> str:
    """Return a text that is a string, or a list of strings and of formatted parts."""
    if isinstance(text, str):
        return text.strip()
    if not isinstance(text, list):
        return ""
    out = []
    for part in text:
        if isinstance(part, str):
            out.append(part)
        elif isinstance(part, dict) and isinstance(part.get("text"), str):
            href = _text(part.get("href"))
            out.append(
                f"{part['text']} ({href})" if href and href != part["text"] else part["text"]
            )
    return "".join(out).strip()


def _media(one: Mapping[str, Any]) -> Iterator[str]:
    """Yield what stands for pictures, files, polls and places."""
    kind = _text(one.get("media_type")).replace("_", " ")
    name = _text(one.get("file_name")) or Path(_text(one.get("file"))).name
    emoji = _text(one.get("sticker_emoji"))
    if one.get("photo"):
        yield "[photo]"
    if kind or name:
        yield f"[{' '.join(filter(None, (kind or 'file', emoji, '' if name.startswith('(') else name)))}]"
    poll = one.get("poll")
    if isinstance(poll, dict):
        answers = poll.get("answers")
        texts = [_text(answer.get("text")) for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []  # fmt: skip
        yield f"[poll] {_text(poll.get('question'))} {' / '.join(texts)}".strip()
    place = one.get("location_information")
    if isinstance(place, dict):
        yield f"[location] {place.get('latitude')}, {place.get('longitude')} {_text(one.get('place_name'))}".strip()
    contact = one.get("contact_information")
    if isinstance(contact, dict):
        yield " ".join(filter(None, ["[contact]", *(_text(value) for value in contact.values())]))


def _time(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None, microsecond=0)
    except (TypeError, ValueError):
        return None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _loaded(messages: Sequence[Message], title: str, warnings: list[str]) -> Loaded:
    return Loaded(
        blocks_of_messages(messages),
        title=title,
        date=max((f"{one.time:%Y-%m-%d}" for one in messages if one.time), default=""),
        fields={"participants": _participants(messages)},
        warnings=warnings,
    )


def _participants(messages: Iterable[Message]) -> list[Value]:
    seen: dict[Value, None] = dict.fromkeys(one.speaker for one in messages if one.speaker)
    return [*seen][:PARTICIPANTS]
