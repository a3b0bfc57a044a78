"""The benchmark of labelling asks both choices of the same streams, and labels what it says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.labelling import (
    ARMS,
    LEAST_SURE,
    NAMES,
    PHRASES,
    arguments,
    lifts,
    run,
    streams,
    table,
    taught,
)
from benchmarks.routing import read, task
from tests.test_routing_benchmark import Words, write_data


async def test_both_choices_begin_with_the_same(tmp_path: Path) -> None:
    """Before any label both are equal; after them there is a figure for each round, and a lift."""
    sizes = ["--examples", "1", "--rounds", "2", "--stream", "5", "--labels", "3", "--seeds", "1"]
    found = await run(arguments([*write_data(tmp_path), *sizes]), Words())
    assert list(found) == [
        (kind, arm, n) for kind in (NAMES, PHRASES) for arm in ARMS for n in range(3)
    ]
    for kind in (NAMES, PHRASES):
        first, second = (found[kind, arm, 0] for arm in ARMS)
        assert (first.closed, first.all) == (second.closed, second.all)
    gained = lifts(found, 2)
    last, first = found[NAMES, LEAST_SURE, 2], found[NAMES, LEAST_SURE, 0]
    assert gained[NAMES, LEAST_SURE] == 100 * (last.closed - first.closed)
    assert len(table(found, 3).splitlines()) == 1 + len(found)


def test_streams_are_new_questions(tmp_path: Path) -> None:
    """No stream has an example or another's question, and a label becomes an example of its category."""
    options = arguments(write_data(tmp_path))
    data = read(options.data, options.split, options.descriptions)
    known = task(data, "2", 0)
    used = {text for mine in known.examples.values() for text in mine} | set(known.none)
    coming = [one for part in streams(data, known, 0, 3, 4) for one in part]
    assert len({one.text for one in coming}) == 12
    assert not used & {one.text for one in coming}
    later = taught(known, coming)
    for one in coming:
        assert one.text in (later.none if one.category is None else later.examples[one.category])
