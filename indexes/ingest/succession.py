"""Which documents end because another one replaces them.

A document that `replaces` others (ids or titles) and says from when it holds ends them on the day
before, unless they say themselves that they end sooner. It counts only if all who may see those may see
it, too. A first day that was only read in a document's text keeps it from earlier questions (`since`) where
an earlier version is known; else nothing else tells of that time. What is stored follows from what all
documents say, so it is worked out after every ingestion, whatever that did.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from indexes.access import EVERYONE
from indexes.base import Change, Hit, SetPayload, Store
from indexes.filters import metadata
from indexes.types import AnyOf, Filter, Range
from indexes.validity import day_before, titled

__all__ = ["settle"]

_FIELDS = ("index", "document", "title", "fields", "meta", "version", "access")
_SOME = Range("meta.effective", gte=0), Range("meta.expires", gte=0)
_Key = tuple[str, str]


async def settle(store: Store) -> None:
    """Give each document that another one replaces the day on which it ends.

    Args:
        store: where documents and chunks are kept.
    """
    dated: dict[_Key, Hit] = {}
    for condition in _SOME:
        hits = await store.scroll("documents", Filter((condition,)), _FIELDS)
        dated |= {_key(hit): hit for hit in hits if hit.payload.get("version")}
    named = {name for hit in dated.values() for name in _replaced(hit)}
    if named:
        by_id = Filter((AnyOf("document", tuple(sorted(named))),))
        hits = await store.scroll("documents", by_id, _FIELDS)
        dated |= {_key(hit): hit for hit in hits if hit.payload.get("version")}
    hits = list(dated.values())
    pairs = _pairs(hits)
    ends, successors = _ends(pairs), _successors(hits, pairs)
    changes: list[Change] = []
    for key, hit in dated.items():
        meta = _settled(hit.payload, ends.get(key), follows=key in successors)
        if meta != hit.payload["meta"]:
            index, document = key
            which = Filter((AnyOf("index", (index,)), AnyOf("document", (document,))))
            changes.append(SetPayload("chunks", which, {"meta": meta}))
            changes.append(SetPayload("documents", which, {"meta": meta}))
    if changes:
        await store.apply(changes)


def _key(hit: Hit) -> _Key:
    return str(hit.payload["index"]), str(hit.payload["document"])


def _replaced(hit: Hit) -> list[str]:
    """Return the ids and titles of what a document replaces."""
    given = hit.payload["fields"].get("replaces", [])
    return [str(one) for one in (given if isinstance(given, list) else [given])]


def _pairs(hits: Sequence[Hit]) -> list[tuple[Hit, Hit]]:
    """Return each document that replaces another by its own word, with that one, which began earlier."""
    titles = _by_title(hits)
    by_key = {_key(hit): hit for hit in hits}
    found: list[tuple[Hit, Hit]] = []
    for hit in hits:
        begun = hit.payload["meta"].get("effective")
        if begun is None or day_before(int(begun)) is None:
            continue
        for name in _replaced(hit):
            index = _key(hit)[0]
            known = by_key.get((index, name))
            targets = [known] if known is not None else titles.get((index, titled(name)), [])
            # a later version of the same title is not replaced
            found += [(hit, one) for one in targets if one is not hit and _began(one) < begun]
    return found


def _by_title(hits: Sequence[Hit]) -> dict[tuple[str, str], list[Hit]]:
    titles: dict[tuple[str, str], list[Hit]] = {}
    for hit in hits:
        titles.setdefault((_key(hit)[0], titled(str(hit.payload["title"]))), []).append(hit)
    return titles


def _began(hit: Hit) -> int:
    return int(hit.payload["meta"].get("effective", 0))


def _ends(pairs: Sequence[tuple[Hit, Hit]]) -> dict[_Key, tuple[int, str]]:
    """Return the last day of each document that is replaced, and the title of the first to do so."""
    found: dict[_Key, tuple[int, str]] = {}
    for hit, target in pairs:
        last = day_before(_began(hit))
        if last is not None and _seen_by_all(hit, target):
            end = (last, str(hit.payload["title"]))
            found[_key(target)] = min(found.get(_key(target), end), end)
    return found


def _successors(hits: Sequence[Hit], pairs: Sequence[tuple[Hit, Hit]]) -> set[_Key]:
    """Return the documents before whose first day another one held that everyone may see who sees them."""
    versions = [
        (hit, other)
        for group in _by_title(hits).values()
        for hit in group
        for other in group
        if _began(other) < _began(hit)
    ]
    return {_key(hit) for hit, other in (*pairs, *versions) if _seen_by_all(other, hit)}


def _seen_by_all(hit: Hit, target: Hit) -> bool:
    """Say whether all who may see what is replaced may see its replacement: its title would be told."""
    groups = set(hit.payload["access"])
    return EVERYONE in groups or set(target.payload["access"]) <= groups


def _settled(
    payload: Mapping[str, Any], end: tuple[int, str] | None, *, follows: bool
) -> dict[str, Any]:
    """Return a document's `meta` with its last day, its own or an earlier one by its replacement, and `since`."""
    fields, meta = payload["fields"], dict(payload["meta"])
    own = metadata({"expires": fields.get("expires")}, {}).get("expires")
    meta.pop("expires", None)
    if own is not None or end is not None:
        meta["expires"] = min(one for one in (own, end and end[0]) if one is not None)
    meta.pop("since", None)
    if "effective" in meta and (follows or not meta.get("stated")):
        meta["since"] = meta["effective"]
    if "replaced_by" not in fields:
        meta.pop("replaced_by", None)
        if end is not None:
            meta["replaced_by"] = end[1]
    return meta
