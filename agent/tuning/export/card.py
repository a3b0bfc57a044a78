"""The data card: what an export holds, as data for programs and as a page for people."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.tuning.export.types import Card, Options, Sample
from prompts import Language, texts

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["FEW", "counted", "notes_of", "now", "page", "settings_of"]

FEW = 5  # rows of a class below which it is told


def counted(samples: Sequence[Sample]) -> dict[str, Any]:
    """Return how many samples there are by class, source and language, and from when they are.

    Args:
        samples: those of both files, each once.
    """
    times = sorted(one.at for one in samples if one.at)
    return {
        "labels": _sorted(one.label for one in samples),
        "sources": _sorted(one.source for one in samples),
        "language": _sorted(one.language for one in samples),
        "time": {"first": times[0], "last": times[-1]} if times else {"first": "", "last": ""},
    }


def _sorted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda one: (-one[1], one[0])))


def settings_of(waypost: Waypost) -> dict[str, Any]:
    """Return with which settings and prompts the rows are served: their hashes, and the models by role.

    Args:
        waypost: the opened project.
    """
    files = [
        waypost.project / "waypost.toml",
        *sorted((waypost.project / "prompts").glob("*.toml")),
    ]
    return {
        "files": {
            str(file.relative_to(waypost.project)): _hash(file) for file in files if file.exists()
        },
        "prompts": hashlib.sha256(
            "\0".join(
                json.dumps(waypost.resources.prompts.messages(name, said, **given), sort_keys=True)
                for name, given in _PROMPTS.items()
                for said in ("zh", "en")
            ).encode()
        ).hexdigest(),
        "models": dict(waypost.resources.model_names),
    }


_PROMPTS: Mapping[str, Mapping[str, str]] = {
    "route": {"targets": "", "question": ""},
    "plan": {"today": "", "sources": "", "failed": "", "question": ""},
    "answer": {"persona": "", "conversation": "", "sources": "", "question": ""},
    "answer_example": {"question": ""},
}


def _hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def notes_of(
    counts: Mapping[str, int], expected: Iterable[str], options: Options, said: Language
) -> list[str]:
    """Return what to think of before training, in words.

    Args:
        counts: rows by class.
        expected: the classes that there should be.
        options: of the export.
        said: the language to say it in.
    """
    words: Mapping[str, Any] = texts("export", said)
    notes = []
    missing = [name for name in expected if name not in counts]
    few = [f"{name} ({count})" for name, count in counts.items() if count < FEW]
    join: str = words["separator"]
    if missing:
        notes.append(words["note_missing"].format(names=join.join(missing)))
    if few and options.task in {"router", "tools"}:
        notes.append(words["note_few"].format(names=join.join(few), few=FEW))
    if options.questions:
        notes.append(words["note_questions"].format(files=_names(options.questions, join)))
    if not options.held_out:
        notes.append(words["note_held_out"])
    if options.restricted:
        notes.append(words["note_restricted"])
    return notes


def _names(files: Sequence[Path], join: str) -> str:
    return join.join(file.name for file in files)


def page(card: Card, said: Language) -> str:
    """Return the card as Markdown.

    Args:
        card: what to tell.
        said: the language to say it in.
    """
    words: Mapping[str, Any] = texts("export", said)
    tokens, cost = card["tokens"], card["cost"]
    total = words["unknown"] if cost["total"] is None else f"{cost['total']:.4g}"
    parts = [
        f"# {words['title'].format(project=card['project'], task=words['task'][card['task']])}",
        words["intro"].format(format=card["format"], created=card["created"][:10], **card["rows"]),
    ]
    if card["problems"]:
        parts.append(_listed(f"## {words['problems']}", card["problems"]))
    if card["warnings"]:
        parts.append(_listed(f"## {words['warnings']}", card["warnings"]))
    for key in ("labels", "sources", "language"):
        parts.append(_table(words[key], card[key], words))
    if card["repeated"]:
        parts.append(words["repeated"].format(count=card["repeated"]))
    time = card["time"]
    if time["first"]:
        parts.append(words["time"].format(first=time["first"][:10], last=time["last"][:10]))
    parts.append(
        f"## {words['cost']}\n\n"
        + words["cost_text"].format(
            **{**tokens, "counted": words[tokens["counted"]]},
            base=card["base"],
            epochs=cost["epochs"],
            total_tokens=cost["tokens"],
            total=total,
        )
    )
    reasons = {words["reason"].get(name, name): n for name, n in card["dropped"].items()}
    parts.append(_table(words["dropped"], reasons, words))
    alike = card["alike"]
    parts.append(f"## {words['leaks']}\n\n{words['leaks_text'].format(**alike)}")
    if card["found"]:
        kinds = Counter(kind for one in card["found"] for kind in one["kinds"])
        told = words["separator"].join(f"{kind}: {count}" for kind, count in kinds.items())
        parts.append(f"## {words['personal']}\n\n{words['personal_text'].format(kinds=told)}")
    parts.append(f"## {words['consent_title']}\n\n{card['consent']}")
    return "\n\n".join(parts) + "\n"


def _listed(title: str, lines: Sequence[str]) -> str:
    return "\n".join([title, "", *(f"- {line}" for line in lines)])


def _table(title: str, counts: Mapping[str, int], words: Mapping[str, Any]) -> str:
    if not counts:
        return f"## {title}\n\n–"
    rows = [f"| {name} | {count} |" for name, count in counts.items()]
    return "\n".join([f"## {title}", "", f"| | {words['rows']} |", "|---|---|", *rows])


def now() -> str:
    """Return the time in ISO form, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
