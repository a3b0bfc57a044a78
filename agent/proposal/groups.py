"""Which files belong together: by their folders first, then by what they say."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import PurePosixPath

from agent.proposal.sample import Sample
from agent.proposal.walk import CODE, File
from indexes.types import FieldType

__all__ = ["PROSE", "Group", "group", "words_of"]

MOST = 8  # indexes
FEWEST = 2  # files of an index beside others
CODE_FILES = 3  # as many make an index of code
TEXTS = 8  # fewer texts in a folder of code belong to the code
TREE = 0.5  # share of code in a folder whose data files are part of the code
NEARLY_ALL = 0.6  # share of all files in one folder, which is then looked into
ALIKE = 0.8  # share of folders that must be named like dates or numbers
SAME_NAMES = 0.5  # share of files whose name stands in another folder too
PROSE = frozenset({".md", ".markdown", ".txt", ".text", ".pdf", ".docx", ".pptx", ".eml"})
YEAR = re.compile(r"(19|20)\d\d")
PERIOD = re.compile(
    r"(fy|q|h|v|w|no\\.?|vol\\.?|week|batch|第)?[ _-]?"
    r"(\d[\d ._-]*|[一二三四五六七八九十]+)"
    r"[ _-]?(q[1-4]|h[12]|年度?|季度?|月份?|日|周|期|批|号|卷|届|版|上半年|下半年)?[\d ._-]*"
    r"|(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*[ _-]?\d*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Group:
    """Files for one index.

    Args:
        files: they, in order of their names.
        folders: where they come from; "" is the folder looked at.
        code: whether they are source code.
        by: the pattern whose folder in braces is a field of its documents, if there is one.
        fields: that field and its type.
    """

    files: Sequence[File]
    folders: Sequence[str]
    code: bool = False
    by: str = ""
    fields: Mapping[str, FieldType] = field(default_factory=dict)


@dataclass
class _Folder:
    """A folder with the files and folders in it that are to be grouped."""

    name: str
    own: list[File] = field(default_factory=list)
    inside: dict[str, _Folder] = field(default_factory=dict)

    @cached_property
    def files(self) -> list[File]:
        """All files below it."""
        return [*self.own, *(file for one in self.inside.values() for file in one.files)]


def group(files: Sequence[File], samples: Mapping[str, Sample]) -> tuple[list[Group], list[File]]:
    """Return the groups, largest first but code last, and the files that belong to code without being any.

    Args:
        files: what can be read.
        samples: what some of them say.
    """
    code, rest, beside = _code_apart(files)
    groups = _of_folder(_tree(rest), len(rest)) if rest else []
    groups = _without_tiny(groups, samples)
    room = MOST - bool(code)
    while len(groups) > room:
        groups = _merged(
            groups, min(groups, key=lambda one: (len(one.files), one.folders)), samples
        )
    groups.sort(key=lambda one: (-len(one.files), one.folders))
    if code:
        roots = dict.fromkeys(file.name.partition("/")[0] for file in code if file.folder)
        groups.append(Group(code, [*roots] or [""], code=True))
    return groups, beside


def _code_apart(files: Sequence[File]) -> tuple[list[File], list[File], list[File]]:
    """Return the source code with the texts in its folders, everything else, and mere data of code."""
    code = [file for file in files if file.ending in CODE]
    if len(code) < CODE_FILES:
        return [], list(files), []
    every, counted = Counter[str](), Counter[str]()
    for file in files:
        for folder in map(str, PurePosixPath(file.name).parents):
            every[folder] += 1
            counted[folder] += file.ending in CODE
    trees = {folder for folder in every if counted[folder] >= TREE * every[folder]}
    rest: list[File] = []
    beside: list[File] = []
    root = os.path.commonpath([file.folder for file in files]) or "."
    few = _with_few_texts(files, trees - {root, *map(str, PurePosixPath(root).parents)})
    for file in files:
        if file.ending in CODE:
            continue
        above = [str(one) for one in PurePosixPath(file.name).parents]
        among = not few.isdisjoint(above)
        if file.ending not in PROSE:
            (beside if among or above[0] in trees else rest).append(file)
        else:
            explains = above[0] != root and above[0] in trees
            (code if among or explains else rest).append(file)
    code.sort(key=lambda file: file.name)
    return code, rest, beside


def _with_few_texts(files: Sequence[File], trees: Set[str]) -> set[str]:
    """Return the folders of code in which texts are few enough to belong to the code."""
    texts = Counter(
        str(above)
        for file in files
        if file.ending in PROSE
        for above in PurePosixPath(file.name).parents
    )
    return {folder for folder in trees if texts[folder] < TEXTS}


def _tree(files: Sequence[File]) -> _Folder:
    root = _Folder("")
    for file in files:
        folder = root
        for part in PurePosixPath(file.name).parts[:-1]:
            path = f"{folder.name}/{part}" if folder.name else part
            folder = folder.inside.setdefault(part, _Folder(path))
        folder.own.append(file)
    return root


def _of_folder(folder: _Folder, total: int) -> list[Group]:
    """Return the groups of a folder: itself, or one for each folder in it and one for what lies about."""
    while not folder.own and len(folder.inside) == 1:
        [folder] = folder.inside.values()
    inside = list(folder.inside.values())
    if len(inside) < 2 and not (inside and len(inside[0].files) > NEARLY_ALL * total):
        return [Group(folder.files, [folder.name])]
    if (by := _same_kind(folder)) is not None:
        return [Group(folder.files, [folder.name], by=by[0], fields={by[1]: by[2]})]
    groups = [Group(folder.own, [folder.name])] if folder.own else []
    for one in inside:
        if len(one.files) > NEARLY_ALL * total:
            groups += _of_folder(one, total)
        elif (by := _same_kind(one)) is not None:
            groups.append(Group(one.files, [one.name], by=by[0], fields={by[1]: by[2]}))
        else:
            groups.append(Group(one.files, [one.name]))
    return groups


def _same_kind(folder: _Folder) -> tuple[str, str, FieldType] | None:
    """Return how folders of one kind become a field: the pattern, the field and its type."""
    names = list(folder.inside)
    if len(names) < 2:
        return None
    pattern = f"{folder.name}/{{}}" if folder.name else "{}"
    if "{" in folder.name or "}" in folder.name:
        return None
    if all(map(YEAR.fullmatch, names)):
        return pattern.format("{year}"), "year", "number"
    dated = sum(PERIOD.fullmatch(name) is not None for name in names)
    if dated >= ALIKE * len(names):
        return pattern.format("{period}"), "period", "keyword"
    if len(names) >= 3 and _named_alike(list(folder.inside.values())):
        return pattern.format("{folder}"), "folder", "keyword"
    return None


def _named_alike(folders: Sequence[_Folder]) -> bool:
    """Say whether folders hold files of the same names, but for numbers and the folder's own name."""
    names = [
        {
            re.sub(
                rf"[\W\d_]|{re.escape(PurePosixPath(one.name).name)}",
                "",
                PurePosixPath(file.name).stem,
            )
            for file in one.files
        }
        - {""}
        for one in folders
    ]
    often = Counter(name for some in names for name in some)
    shares = [sum(often[name] > 1 for name in some) / len(some) if some else 0.0 for some in names]
    return sum(share >= SAME_NAMES for share in shares) >= ALIKE * len(folders)


def _without_tiny(groups: Sequence[Group], samples: Mapping[str, Sample]) -> list[Group]:
    """Return the groups with those of a single file together, or with what is most like them."""
    tiny = [one for one in groups if len(one.files) < FEWEST]
    kept = [one for one in groups if len(one.files) >= FEWEST]
    if not tiny:
        return kept
    loose = _together(tiny)
    if (len(loose.files) >= FEWEST and len(tiny) > 1) or not kept:
        return [*kept, loose]
    return _merged([*kept, loose], loose, samples)


def _merged(groups: Sequence[Group], small: Group, samples: Mapping[str, Sample]) -> list[Group]:
    """Return the groups with one of them in the one whose words are most like its own."""
    others = [one for one in groups if one is not small]
    vectors = _vectors([small, *others], samples)
    nearest = max(range(len(others)), key=lambda at: (_cosine(vectors[0], vectors[at + 1]), -at))
    others[nearest] = _together([others[nearest], small])
    return others


def _together(groups: Sequence[Group]) -> Group:
    files = sorted((file for one in groups for file in one.files), key=lambda file: file.name)
    folders = list(dict.fromkeys(folder for one in groups for folder in one.folders))
    if len(groups) == 1:
        return replace(groups[0], files=files)
    return Group(files, folders)


def _vectors(groups: Sequence[Group], samples: Mapping[str, Sample]) -> list[dict[str, float]]:
    """Return the words of each group, weighed by how few groups use them."""
    counts = [words_of(one.files, samples) for one in groups]
    spread = Counter(word for one in counts for word in one)
    return [
        {
            word: math.log1p(count) * math.log(1 + len(groups) / spread[word])
            for word, count in one.items()
        }
        for one in counts
    ]


def words_of(files: Iterable[File], samples: Mapping[str, Sample]) -> Counter[str]:
    """Return in how many of the files that were read each word stands."""
    found: Counter[str] = Counter()
    for file in files:
        if file.name in samples:
            found.update(samples[file.name].words.keys())
    return found


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    product = sum(weight * other.get(word, 0.0) for word, weight in one.items())
    lengths = math.hypot(*one.values()) * math.hypot(*other.values())
    return product / lengths if lengths else 0.0
