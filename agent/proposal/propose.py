"""Looking at a folder of documents and proposing the indexes of a project for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path, PurePosixPath
from statistics import median

from agent.proposal.describe import Description, describe, headings_of
from agent.proposal.globs import patterns
from agent.proposal.groups import PROSE, Group, group, words_of
from agent.proposal.sample import Read, Sample, read_some
from agent.proposal.walk import File, Found, Told, Trouble, look
from indexes.text import language as spoken
from indexes.types import FieldType, Layout
from prompts import Language, texts

__all__ = ["Looked", "Proposal", "ProposedIndex", "look_into", "propose"]

MANY, LONG, SHARED = 8, 20, 0.35  # documents, chunks of a usual one, share of words that most have
LANGUAGES: tuple[Language, ...] = ("zh", "en")
EXAMPLES = 8  # questions that tell an index from others; a single one does better without


@dataclass(frozen=True)
class Looked:
    """What was seen of a folder of documents.

    Args:
        folder: the folder.
        found: its files.
        read: what some of them say.
    """

    folder: Path
    found: Found
    read: Read

    @property
    def language(self) -> Language | None:
        """The language of most documents; None if none could be read."""
        said = [sample.language for sample in self.read.samples.values()]
        most: Language = max(LANGUAGES, key=said.count)
        return most if said else None

    @property
    def troubles(self) -> dict[Trouble, list[str]]:
        """What somebody should look after, by kind."""
        broken = [f"{name} ({why})" for name, why in sorted(self.read.broken.items())]
        return {**self.found.troubles, **({"broken": broken} if broken else {})}


@dataclass(frozen=True)
class ProposedIndex:
    """An index as it is proposed; what settings call alike means the same there.

    Args:
        files: how many it covers.
        example: one of them.
    """

    name: str
    title: str
    description: str
    layout: Layout
    sources: Sequence[str]
    files: int
    example: str
    examples: Sequence[str] = ()
    embedding: str = ""
    folders: str = ""
    fields: Mapping[str, FieldType] = field(default_factory=dict)


@dataclass(frozen=True)
class Proposal:
    """The indexes for a folder of documents.

    Args:
        language: what the project is to speak.
        indexes: they.
        troubles: names of files that somebody should look after, by kind.
        question: one that the documents should answer.
    """

    language: Language
    indexes: Sequence[ProposedIndex]
    troubles: Mapping[Trouble, Sequence[str]]
    question: str


async def look_into(folder: Path, told: Told = lambda what, done, total: None) -> Looked:
    """Look at a folder's files, and read some of them.

    Args:
        folder: the folder.
        told: told what is being done and how far it is.

    Raises:
        UsageError: the folder cannot be read, or holds far too much.
    """
    found = look(folder, told)
    closed = {*found.troubles.get("closed", ())}
    files = [file for file in found.files if file.name not in closed]
    return Looked(folder, found, await read_some(folder, files, told))


def propose(looked: Looked, language: Language, *, below: str = "") -> Proposal:
    """Propose indexes for what was seen.

    Args:
        looked: it.
        language: what the project is to speak.
        below: the path from the project to the folder looked at, such as "docs".
    """
    samples = dict(looked.read.samples)
    separator = texts("init", language)["separator"]
    groups, beside = group(looked.found.files, samples)
    lead = f"{below}/" if below else ""
    sources = patterns(
        [[lead + file.name for file in one.files] for one in groups],
        [lead + name for name in (*looked.found.others, *(file.name for file in beside))],
    )
    described = describe(groups, samples, language, looked.folder.absolute().name)
    indexes = [
        ProposedIndex(
            name=said.name,
            title=said.title,
            description=separator.join(said.phrases),
            layout=_layout(one, samples),
            sources=globs,
            files=len(one.files),
            example=lead + _usual(one.files, samples).name,
            examples=list(_questions(said, code=one.code)) if len(groups) > 1 else (),
            embedding="none" if one.code else "",
            folders=lead + one.by if one.by else "",
            fields=one.fields,
        )
        for one, said, globs in zip(groups, described, sources, strict=True)
    ]
    troubles = dict(looked.troubles)
    if beside:
        troubles["machine"] = [*troubles.get("machine", []), *(file.name for file in beside)]
    prose = {
        heading
        for sample in samples.values()
        if PurePosixPath(sample.name).suffix.lower() in PROSE
        for heading in headings_of(sample)
    }  # what a sheet is called has no answer below it
    own = [phrase for said in described for phrase in said.own if phrase in prose]
    phrase = next((one for one in own if spoken(one) == language), own[0] if own else "")
    question = (
        texts("init", spoken(phrase))["question"].format(phrase=_inside(phrase)) if phrase else ""
    )
    return Proposal(language, indexes, troubles, question)


def _layout(one: Group, samples: Mapping[str, Sample]) -> Layout:
    """Return "hierarchical" for code and for many long documents that resemble each other."""
    if one.code:
        return "hierarchical"
    read = [samples[file.name] for file in one.files if file.name in samples]
    if len(one.files) < MANY or not read or median(sample.chunks for sample in read) < LONG:
        return "flat"
    counts = words_of(one.files, samples)
    usual = {word for word, count in counts.items() if 2 * count >= len(read)}
    shares = [len(usual & sample.words.keys()) / max(1, len(sample.words)) for sample in read]
    return "hierarchical" if median(shares) >= SHARED else "flat"


def _usual(files: Sequence[File], samples: Mapping[str, Sample]) -> File:
    """Return a file to show: the first that could be read."""
    return next((file for file in files if file.name in samples), files[0])


def _questions(said: Description, *, code: bool) -> Iterator[str]:
    """Yield questions about the most telling phrases, each in its phrase's language."""
    asked: dict[Language, Iterator[str]] = {
        language: cycle(texts("init", language)["asked_code" if code else "asked"])
        for language in LANGUAGES
    }
    for phrase in said.own[:EXAMPLES]:
        yield next(asked[spoken(phrase)]).format(phrase if code else _inside(phrase))


def _inside(phrase: str) -> str:
    """Return a phrase as it stands inside a sentence: a word in capitals keeps them."""
    return phrase[:1].lower() + phrase[1:] if phrase[1:].islower() else phrase
