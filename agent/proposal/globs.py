"""Patterns for `sources` that cover each file of a group and none of another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from agent.proposal.walk import CODE

__all__ = ["patterns"]

ENDINGS = 8  # more of them in a folder that also holds what is left out would be no short list
OURS = frozenset({".json", ".py"})  # a project's own files end so: langgraph.json, tools.py


def patterns(groups: Sequence[Sequence[str]], others: Iterable[str]) -> list[list[str]]:
    """Return patterns for each group of files: whole folders where one group alone lies in them.

    Patterns by folder and by ending also fit the files that come later; a file is named by itself
    only where its folder holds files of the same ending that belong elsewhere.

    Args:
        groups: the files' paths in the project.
        others: paths of what no pattern may fit; one that ends in "/" is a folder, with all in it.
    """
    tree = _Folder("")
    for number, files in enumerate(groups):
        for file in files:
            tree.add(file, number)
    for name in others:
        tree.add(name, None)
    found: list[list[str]] = [[] for _ in groups]
    for number, pattern in tree.patterns(top=True):
        found[number].append(pattern)
    return found


Kind = tuple[
    int | None, str
]  # the group, None for what is left out, and the ending as it is written


class _Folder:
    """A folder, with how many files of each kind lie below it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._own: dict[str, int | None] = {}
        self._inside: dict[str, _Folder] = {}
        self._kinds: Counter[Kind] = Counter()
        self._whole = True  # whether no folder below it is left out

    def add(self, name: str, group: int | None) -> None:
        """Add a file."""
        folder = self
        *above, file = PurePosixPath(name).parts
        kind = (group, PurePosixPath(name).suffix)
        folder._count(kind, name)
        for part in above:
            inside = f"{folder._path}/{part}" if folder._path else part
            folder = folder._inside.setdefault(part, _Folder(inside))
            folder._count(kind, name)
        if not name.endswith("/"):
            folder._own[file] = group

    def _count(self, kind: Kind, name: str) -> None:
        if name.endswith("/"):
            self._whole = False
        else:
            self._kinds[kind] += 1

    def patterns(self, *, top: bool = False) -> Iterable[tuple[int, str]]:
        """Yield each pattern with its group.

        Args:
            top: whether it is the project's own folder, which also holds its settings.
        """
        below = f"{_plain(self._path)}/" if self._path else ""
        groups = {group for group, _ in self._kinds}
        if self._whole and len(groups) == 1 and not top:
            [group] = groups
            if group is not None:
                yield group, f"{below}**/*"
            return
        here = not top or any(group is not None for group in self._own.values())
        if self._whole and here and (owners := _owners(self._kinds, top=top)):
            yield from ((group, f"{below}**/*{ending}") for ending, group in owners.items())
            return
        own = list(
            dict.fromkeys((group, PurePosixPath(name).suffix) for name, group in self._own.items())
        )
        groups = {group for group, _ in own}
        if len(groups) == 1 and not top:
            [group] = groups
            if group is not None:
                yield group, f"{below}*"
        else:
            owners = _owners(own, top=top, some=True)
            yield from ((group, f"{below}*{ending}") for ending, group in owners.items())
            for name, group in self._own.items():
                if group is not None and PurePosixPath(name).suffix not in owners:
                    yield group, below + _plain(name)
        for folder in self._inside.values():
            yield from folder.patterns()


def _owners(kinds: Iterable[Kind], *, top: bool, some: bool = False) -> dict[str, int]:
    """Return the group of each ending, if endings tell code from one group of documents.

    Args:
        kinds: the groups and endings that there are.
        top: whether they lie in the project's own folder.
        some: whether to return those that one group has alone, if others are shared.
    """
    owners: dict[str, set[int | None]] = defaultdict(set)
    for group, ending in kinds:
        owners[ending].add(group)
    found: dict[str, int] = {}
    for ending, groups in owners.items():
        if groups == {None}:
            continue
        [group, *more] = groups
        if not more and group is not None and ending and not (top and ending in OURS):
            found[ending] = group
        elif not some:
            return {}
    prose = {group for ending, group in found.items() if ending.lower() not in CODE}
    return found if len(found) <= ENDINGS and len(prose) <= 1 else {}


def _plain(name: str) -> str:
    """Return a pattern for a name: brackets are signs of their own for some that read patterns."""
    return name.replace("[", "?").replace("]", "?").replace("*", "?")
