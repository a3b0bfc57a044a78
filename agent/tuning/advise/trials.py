"""What another setting would mend, tried on the missed questions: the project is opened once more with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from agent.evaluation import Labelled, Result, evaluate
from agent.settings import Costs, Settings
from agent.tuning.advise.misses import missed
from agent.tuning.advise.types import Cause
from indexes.settings import IndexSettings
from indexes.synonyms import Synonyms, load_synonyms

if TYPE_CHECKING:
    from agent.app import Waypost

__all__ = ["Trial", "mended_by_trials", "trials_of"]

USUAL = "synonyms.txt"
MOST = 50  # missed questions that are asked again in each trial
SEARCH = (
    "weights", "views", "k", "documents", "candidates", "keep", "margin", "decay", "global_weight",
    "synonym_weight",
)  # fmt: skip
"""Keys of [[index]] that say how it is searched; other values need no new ingestion."""
Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trial:
    """Other settings to try: the cause if they mend something, and what is changed, in words.

    Args:
        cause: what they show to be wrong if a question comes out right with them.
        setting: what is changed.
        settings: the project's, so changed.
        concerns: whether they could mend a question at all.
    """

    cause: Cause
    setting: str
    settings: Settings
    concerns: Callable[[Result], bool] = lambda result: True


def trials_of(settings: Settings, synonyms: Mapping[str, Synonyms]) -> Iterator[Trial]:
    """Yield the settings to try: those that a project sets itself at their defaults, its synonyms everywhere.

    Without `none` of its own a project has everyday questions that stand in for them.

    Args:
        settings: the project's.
        synonyms: the files that are there, whether or not an index names them.
    """

    def routing(**changes: object) -> Settings:
        changed = settings.routing.model_copy(update=changes)
        return settings.model_copy(update={"routing": changed})

    if settings.routing.rule:
        yield Trial("rule", "[[routing.rule]]", routing(rule=()), _by_rule)
    if settings.routing.none or settings.routing.none_file:
        yield Trial("none", "[routing] none", routing(none=(), none_file=""), _declined)
    if settings.routing.costs != Costs():
        yield Trial("costs", "[routing.costs]", routing(costs=Costs()))
    for index in settings.index:
        if changed := _own_search(index):
            usual = {key: IndexSettings.model_fields[key].get_default() for key in changed}
            setting = f"{index.name}: {', '.join(changed)}"
            yield Trial("search_settings", setting, _with_index(settings, index, usual))
    for index in settings.index:
        for file, words in synonyms.items():
            if not index.synonyms:
                yield Trial(
                    "synonyms",
                    f'{index.name}: synonyms = "{file}"',
                    _with_index(settings, index, {"synonyms": file}),
                    partial(_has_synonym, words),
                )


def _has_synonym(words: Synonyms, result: Result) -> bool:
    return bool(words.of(result["question"]))


def _by_rule(result: Result) -> bool:
    return result["decided_by"] == "rule"


def _declined(result: Result) -> bool:
    return not result["got"]["indexes"]


async def mended_by_trials(
    waypost: Waypost, missing: Sequence[tuple[Labelled, Result]], progress: Told | None = None
) -> dict[str, tuple[Cause, str]]:
    """Return which missed questions come out as labelled with other settings, by id.

    The first trial that mends a question counts. Questions of tools are not asked again, as tools are
    run, nor what should be refused: a setting that finds less would mend it.

    Args:
        waypost: the opened project; the chat models of its settings are asked again too.
        missing: the missed questions, and what came out.
        progress: told (what is being done, done, of how many).
    """
    from agent.app import Waypost as Opened

    left = {
        row["id"]: (row, result)
        for row, result in missing
        if "tool" not in row and row.get("action") not in {"act", "abstain"}
    }
    mended: dict[str, tuple[Cause, str]] = {}
    trials = list(trials_of(waypost.settings, await asyncio.to_thread(_synonyms, waypost)))
    for number, trial in enumerate(trials):
        rows = [row for row, result in left.values() if trial.concerns(result)][:MOST]
        if progress is not None:
            progress("trials", number, len(trials))
        if not rows:
            continue
        async with Opened.open(
            waypost.project, settings=trial.settings, persistent=False
        ) as changed:
            report = await evaluate(changed, rows)
        for result in report["results"]:
            if not missed(result):
                mended[result["id"]] = trial.cause, trial.setting
                del left[result["id"]]
    return mended


def _synonyms(waypost: Waypost) -> dict[str, Synonyms]:
    """Return the synonyms of the files that an index names, and of the usual one."""
    files = {one.synonyms for one in waypost.settings.index if one.synonyms}
    if (waypost.project / USUAL).is_file():
        files.add(USUAL)
    return {file: load_synonyms(waypost.project / file) for file in sorted(files)}


def _own_search(index: IndexSettings) -> list[str]:
    return [
        key
        for key in SEARCH
        if getattr(index, key) != IndexSettings.model_fields[key].get_default()
    ]


def _with_index(settings: Settings, index: IndexSettings, changes: dict[str, object]) -> Settings:
    changed = index.model_copy(update=changes)
    indexes = tuple(changed if one is index else one for one in settings.index)
    return settings.model_copy(update={"index": indexes})
