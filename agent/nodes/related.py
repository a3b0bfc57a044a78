"""What the judge looks up beside the search: documents that do not hold, and articles referred to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from agent.answering import Quote, article_quote
from agent.answering.references import DEFINING, Referred, defined, referred
from agent.context import Context
from indexes.base import Index
from indexes.fusion import merge_by_rank
from indexes.text import article_number, normalize
from indexes.types import LocatedPassage
from indexes.validity import Asked, titled

__all__ = ["related_articles", "search_lapsed"]

LOOKED_AT = 2  # quotations whose references are followed
REFERRED, DEFINED = 3, 2  # articles, and definitions, of a quotation that are brought along
Found = tuple[LocatedPassage, str]


async def search_lapsed(
    query: str, asked: Asked, names: Sequence[str], context: Context
) -> list[LocatedPassage]:
    """Return passages of documents that do not hold on the days asked about, best first.

    Args:
        query: of a part.
        asked: the days that it asks about.
        names: the indexes to search.
        context: has them, and who asks.
    """
    principal = context.principal
    indexes = [context.resources.registry.index(name) for name in names]
    # most projects have none of these documents, and counting them costs little
    counts = await asyncio.gather(
        *(one.count(asked.others, principal=principal) for one in indexes)
    )
    rankings = await asyncio.gather(
        *(
            index.search(query, principal=principal, where=where)
            for index, counted in zip(indexes, counts, strict=True)
            for where, count in zip(asked.others, counted, strict=True)
            if count
        )
    )
    most = max((one.settings.k for one in indexes), default=1)
    found = merge_by_rank(rankings, [1.0] * len(rankings), most)
    asked.judge(found)
    return found


async def related_articles(
    quotes: Sequence[Quote], passages: Sequence[LocatedPassage], asked: Asked, context: Context
) -> list[Found]:
    """Return the articles that the best quotations refer to or take terms from, with their names.

    Args:
        quotes: the best first.
        passages: what they are taken from.
        asked: the days that are asked about.
        context: has the indexes, and who asks.
    """
    found: list[Found] = []
    seen = {(passages[one.passage]["document"], one.location.get("article", "")) for one in quotes}
    for quote in quotes[:LOOKED_AT]:
        article = quote.location.get("article")
        if article is None:
            continue
        passage = passages[quote.passage]
        index = context.resources.registry.index(passage["index"])
        for one, name in [
            *await _referred(quote.text, article_number(article), passage, index, asked, context),
            *await _defined(quote.text, passage, index, context),
        ]:
            if (one["document"], name) not in seen:
                seen.add((one["document"], name))
                one["context"] = []
                found.append((one, name))
    asked.judge(one for one, _ in found)
    return found


async def _referred(
    text: str,
    own: int | None,
    passage: LocatedPassage,
    index: Index,
    asked: Asked,
    context: Context,
) -> list[Found]:
    found: list[Found] = []
    for one in referred(text, own)[:REFERRED]:
        document = passage["document"]
        if one.title and titled(one.title) != titled(passage["title"]):
            document = await _titled(one, index, asked, context)
        if document:
            found += await _article(one.number, document, index, context)
    return found


async def _titled(one: Referred, index: Index, asked: Asked, context: Context) -> str:
    """Return the document of a title that holds on the days asked about; "" if there is none."""
    where = {"title": {"text": one.title}}
    known = await index.documents(principal=context.principal, where=where, asked=asked)
    same = [info["document"] for info in known if titled(info["title"]) == titled(one.title)]
    return same[-1] if same else ""


async def _article(number: int, document: str, index: Index, context: Context) -> list[Found]:
    """Return the chunk of a document in which an article begins, with the article's name."""
    for passage in await index.within(document, f"§{number}", principal=context.principal):
        for span in passage["spans"]:
            name = span["location"].get("article", "")
            if article_number(name) == number and article_quote(passage, 0, name) is not None:
                return [(passage, name)]
    return []


async def _defined(
    text: str, passage: LocatedPassage, index: Index, context: Context
) -> list[Found]:
    """Return the articles of the same document that define a term of a text."""
    said = normalize(text)
    chunks: dict[str, LocatedPassage] = {}
    for term in DEFINING:
        for one in await index.within(passage["document"], term, principal=context.principal):
            chunks[one["chunk_id"]] = one
    found: list[Found] = []
    for one in chunks.values():
        for span in one["spans"]:
            name = span["location"].get("article", "")
            quote = article_quote(one, 0, name) if name else None
            if quote is None or quote.text in text:
                continue
            if any(normalize(term) in said for term in defined(quote.text)):
                found.append((one, name))
    return found[:DEFINED]
