"""The files of the page: libraries are as published, every import leads somewhere, nothing makes markup of text."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("langgraph_api", reason="the `server` extra is not installed")

from agent.answering import escaped
from agent.server.page.files import HEADERS, STATIC, TYPES

VENDOR = STATIC / "vendor"
OWN = sorted(path for path in STATIC.rglob("*.js") if VENDOR not in path.parents)
LATER = {"markdown.js", "vendor/marked.mjs"}  # only where a chat model writes
BYTES = 204_800  # of all files that a browser may load, unpacked
LICENCES = {"MIT", "Apache-2.0"}


def test_libraries_are_as_published() -> None:
    """Each has the sum of its file in npm, but for a change that is written down, and its licence beside it."""
    listed = json.loads((VENDOR / "vendor.json").read_text(encoding="utf-8"))
    for one in listed:
        text = (VENDOR / one["file"]).read_bytes()
        for old, new in [one["changed"]] if "changed" in one else []:
            assert text.count(new.encode()) == 1
            text = text.replace(new.encode(), old.encode())
        assert hashlib.sha256(text).hexdigest() == one["sha256"], one["file"]
        assert one["licence"] in LICENCES
        assert (VENDOR / "licences" / f"{one['name']}.txt").stat().st_size > 500
    there = {path.relative_to(VENDOR).as_posix() for path in VENDOR.rglob("*") if path.is_file()}
    licences = {f"licences/{one['name']}.txt" for one in listed}
    assert there == {one["file"] for one in listed} | licences | {"vendor.json"}


def test_every_import_leads_to_a_file() -> None:
    """No module is missing or left over, none comes from elsewhere; all together are small."""
    reached = {STATIC / "app.js"}
    waiting = [*reached]
    while waiting:
        path = waiting.pop()
        for name in re.findall(r'\b(?:from ?|import\()"([^"]+)"', path.read_text(encoding="utf-8")):
            assert name.startswith("."), (path, name)
            found = (path.parent / name).resolve()
            assert found.is_file(), (path, name)
            waiting += [found] if found not in reached else []
            reached.add(found)
    assert {*OWN, *VENDOR.glob("*.mjs")} == reached
    page = (STATIC / "index.html").read_text(encoding="utf-8")
    loaded = re.findall(r'(?:modulepreload" href|module" src)="([^"]+)"', page)
    names = {path.relative_to(STATIC).as_posix() for path in reached}
    assert sorted(loaded) == sorted(names - LATER)
    known = {*TYPES, ".json", ".txt"}  # the last two are not given to browsers
    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.suffix in TYPES) <= BYTES
    assert {path.suffix for path in STATIC.rglob("*") if path.is_file()} <= known


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_texts_never_become_markup(path: Path) -> None:
    """No module of ours writes HTML, evaluates text, or names another host."""
    text = path.read_text(encoding="utf-8")
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "dangerously",
        "eval(",
        "new Function",
        "//cdn",
    ):
        assert forbidden not in text
    assert not re.search(r"https?://", text)


def test_both_languages_say_the_same() -> None:
    """Chinese and English have the same texts, with the same variables, and each is used."""
    source = (STATIC / "strings.js").read_text(encoding="utf-8")
    tables = re.findall(r"const (?:EN|ZH) = \{\n(.*?)\n\};", source, re.DOTALL)
    english, chinese = (
        {
            key: sorted(re.findall(r"\{(\w+)\}", text))
            for key, text in re.findall(r'^  (\w+):\s*"(.*)",$', one, re.MULTILINE)
        }
        for one in tables
    )
    assert english == chinese
    assert len(english) > 100
    code = "".join(path.read_text(encoding="utf-8") for path in OWN if path.name != "strings.js")
    made = (
        "stage_",
        "by_",
        "action_",
        "error_",
        "decided_",
        "theme_",
        "correct_",
    )  # with a name behind it
    unused = [key for key in english if not key.startswith(made) and f'"{key}"' not in code]
    assert unused == []


def test_signs_that_nobody_sees_are_those_of_the_server() -> None:
    """The page writes out in an approval what the server writes out in its description."""
    [unseen] = re.findall(r"/\[(.*)\]/gu", (STATIC / "visible.js").read_text(encoding="utf-8"))
    spans = re.sub(r"\\u\{([0-9a-f]+)\}", lambda m: chr(int(m[1], 16)), unseen)
    spans = re.sub(r"\\u([0-9a-f]{4})", lambda m: re.escape(chr(int(m[1], 16))), spans)
    page = re.compile(f"[{spans}]")
    broken = {
        *map(chr, range(0x20)),
        "\u0085",
        "\u2028",
        "\u2029",
    }  # the server makes line breaks of some
    for code in (*range(0x3200), *range(0xF000, 0x11000), *range(0xDFF00, 0xE1100)):
        sign = chr(code)
        if sign not in broken:
            assert bool(page.fullmatch(sign)) == (escaped(sign) != sign), hex(code)


def test_the_policy_allows_nothing_inline() -> None:
    """The page's policy names its own server alone."""
    policy = HEADERS["Content-Security-Policy"]
    assert set(re.findall(r"'([^']+)'", policy)) == {"none", "self", "script"}
