"""Write the regulations of the example from their sources: each version of each, in its format.

A source is a Markdown file whose front matter lists the versions. A line `@name text` is an article, numbered
here; `@name{2,3} text` stands in those versions alone, and `{name}` names an article. `[[a|b]]` is what the
first and the second version say. Run it after a change:
`PYTHONPATH=. python examples/_sources/regulations/make_regulations.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont

from examples._sources.build import BUILDERS, CJK_FONT, Source

SOURCES = Path(__file__).resolve().parent
PROJECT = SOURCES.parent.parent / "regulations"
_ARTICLE = re.compile(r"@(?P<name>[a-z]*)(?:\{(?P<only>[\d,]+)\})? (?P<text>.*)")
_DIGITS = "零一二三四五六七八九"


def main() -> None:
    """Write all documents, and fields.toml for those that cannot carry fields themselves."""
    pdfmetrics.registerFont(UnicodeCIDFont(CJK_FONT))
    fields: list[str] = []
    for path in sorted(SOURCES.glob("*.md")):
        front, _, body = path.read_text(encoding="utf-8")[4:].partition("\n---\n")
        meta: dict[str, Any] = yaml.safe_load(front)
        for place, version in enumerate(meta["versions"]):
            fields += _write(meta, version, list(_body(body, place, bool(meta.get("english")))))
    told = [
        "# When regulations hold that cannot say so themselves: PDF, Word and web pages have no",
        "# front matter. Some say it in their text, and need no line here.",
        *sorted(fields),
    ]
    (PROJECT / "fields.toml").write_text("\n".join([*told, ""]), encoding="utf-8")


def _write(meta: Mapping[str, Any], version: Mapping[str, Any], lines: list[str]) -> list[str]:
    """Write one version; return its line for fields.toml, if it needs one."""
    english = bool(meta.get("english"))
    label = version["label"]
    title = meta["title"]
    if label:
        title = f"{title} ({label})" if english else f"{title}（{label}）"
    document = Path("docs") / meta["folder"] / f"{version['stem']}.{version['format']}"
    target = PROJECT / document
    target.parent.mkdir(parents=True, exist_ok=True)
    known = {key: version[key] for key in ("effective", "expires", "replaces") if version.get(key)}
    body = "\n\n".join(_joined(lines))
    if version["format"] == "md":
        head = {"title": title, "date": version["date"], "number": version["number"], **known}
        told = yaml.safe_dump(head, allow_unicode=True, sort_keys=False, width=200)
        issued = f"{meta['authority']}　{version['number']}"
        target.write_text(f"---\n{told}---\n# {title}\n\n{issued}\n\n{body}\n", encoding="utf-8")
        return []
    source = Source(
        path=SOURCES / "regulations" / f"{version['stem']}.md",
        title=title,
        format=version["format"],
        header=meta["authority"],
        number=version["number"],
        date=str(version["date"]),
        author=meta["authority"],
        body=body,
    )
    target.write_bytes(BUILDERS[source.format](source))
    inside = ", ".join(
        f"{key} = {_toml(value)}" for key, value in known.items() if not version.get("in_text")
    )
    return [f'"{document.as_posix()}" = {{ {inside} }}'] if inside else []


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _body(body: str, place: int, english: bool) -> Iterator[str]:
    """Yield the lines of a version, with its articles numbered and named."""
    lines = []
    for line in body.strip().splitlines():
        found = _ARTICLE.fullmatch(line)
        if found is None or not found["only"] or str(place + 1) in found["only"].split(","):
            lines.append(line)
    names: dict[str, str] = {}
    number = 0
    for line in lines:
        if found := _ARTICLE.fullmatch(line):
            number += 1
            names[found["name"]] = _named(number, english)
    number = 0
    for line in lines:
        text = re.sub(r"\[\[(.*?)\]\]", lambda match: match[1].split("|")[place], line)
        found = _ARTICLE.fullmatch(text)
        if found is not None:
            number += 1
            gap = " " if english else "　"
            text = f"{_named(number, english)}{gap}{found['text']}"
        yield re.sub(r"(Article )?\{([a-z]+)\}", lambda match: names[match[2]], text)


def _joined(lines: list[str]) -> Iterator[str]:
    """Yield paragraphs; the rows of a table stay together."""
    table: list[str] = []
    for line in lines:
        if line.startswith("|"):
            table.append(line)
            continue
        if table:
            yield "\n".join(table)
            table = []
        yield line
    if table:
        yield "\n".join(table)


def _named(number: int, english: bool) -> str:
    if english:
        return f"Article {number}"
    tens, ones = divmod(number, 10)
    lead = "" if tens == 0 else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return f"第{lead}{_DIGITS[ones] if ones or not tens else ''}条"


if __name__ == "__main__":
    main()
