"""Links: what of a reply shows or calls an address that no source has, and where a citation opens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from indexes.types import Location

__all__ = ["URL", "opened", "without_links"]

_BEGINNING = 16  # characters of a quotation that find it in a page

URL = re.compile(
    r"(?:(?:https?|ftp|data|javascript|vbscript|file|mailto):|www\.|(?<!:)//(?=[a-z0-9-]+\.)"
    r"|(?<![a-z0-9@./-])(?:[a-z0-9-]{1,63}\.){1,5}[a-z]{2,24}/(?=\S))[^\s<>\[\]（）【】|\"“”，。；、！？`]+",
    re.IGNORECASE,
)
_TARGET = r"\(\s*<?((?:[^()\s]|\([^()\s]{0,200}\)){0,1000})>?(?:\s+[\"'][^\"']{0,200}[\"'])?\s*\)"
_IMAGE = re.compile(rf"!\[[^\[\]]{{0,300}}\](?:{_TARGET}|\[[^\[\]]{{0,100}}\])")
_LINK = re.compile(rf"\[([^\[\]]{{0,300}})\]{_TARGET}")
_TAG = re.compile(
    r"<(?:img|iframe|script|video|audio|object|embed|svg|link|a|/a)\b[^<>]{0,1000}>", re.IGNORECASE
)
# What is left of a link that was cut, by the end of a sentence say, and what a reference stands for.
_CUT = re.compile(r"\]\([ \t]*<?([^\s<>()]+)>?\)?")
_REFERENCE = re.compile(r"^([ ]{0,3}\[[^\[\]]{1,100}\]):[ \t]*<?(\S*[/.]\S*)>?", re.MULTILINE)
_TRAILING = ".,;:!?'*_)"


def opened(uri: str, location: Location, text: str) -> str:
    """Return an address that opens a document where a quotation stands, as far as viewers can.

    A PDF opens at its page (`#page=7`, RFC 8118); a web page, and an article in a text, at the quotation's
    first words (`#:~:text=`, https://wicg.github.io/scroll-to-text-fragment). Word files open as a whole.

    Args:
        uri: the document's.
        location: the quotation's.
        text: the quotation.
    """
    if not uri or "#" in uri:
        return uri
    ending = PurePosixPath(urlsplit(uri).path).suffix.lower()
    if ending == ".pdf" and "page" in location:
        return f"{uri}#page={location['page']}"
    if ending in {".html", ".htm"} or (ending in {".md", ".txt"} and "article" in location):
        beginning = text.lstrip().split("\n")[0][:_BEGINNING]
        if beginning.isascii():  # a word must not be cut
            beginning = " ".join(text.split()[:4])
        if beginning:
            shown = quote(beginning.strip(), safe="").replace("-", "%2D")
            return f"{uri}#:~:text={shown}"
    return uri


def without_links(text: str, allowed: Callable[[str], bool]) -> tuple[str, list[str]]:
    """Return a text without images and without links to what is not allowed, and what was removed.

    A removed link leaves the words that it stood under.

    Args:
        text: Markdown.
        allowed: says whether an address may be shown.
    """
    if not _HINT.search(text):
        return text, []
    removed: list[str] = []

    def image(match: re.Match[str]) -> str:
        removed.append(match.group())
        return ""

    def link(match: re.Match[str]) -> str:
        if allowed(match.group(2)):
            return match.group()
        removed.append(match.group(2))
        return match.group(1)

    def cut(match: re.Match[str]) -> str:
        if allowed(match.group(1)):
            return match.group()
        removed.append(match.group(1))
        return "]"

    def reference(match: re.Match[str]) -> str:
        if allowed(match.group(2)):
            return match.group()
        removed.append(match.group(2))
        return match.group(1)

    def bare(match: re.Match[str]) -> str:
        url = match.group().rstrip(_TRAILING)
        if allowed(url):
            return match.group()
        removed.append(url)
        return match.group()[len(url) :]

    text = _TAG.sub(image, _IMAGE.sub(image, text))
    text = _REFERENCE.sub(reference, _CUT.sub(cut, _LINK.sub(link, text)))
    return URL.sub(bare, text), removed


_HINT = re.compile(r"\]\s?\(|!\[|<[a-z/]|:|//|www\.|\.[a-z]{2,24}/", re.IGNORECASE)
