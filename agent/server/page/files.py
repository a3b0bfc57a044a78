"""The files of the page, as browsers get them: small, checked for changes, and able to do little."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

__all__ = ["HEADERS", "PAGE", "STATIC", "file", "to_page"]

PAGE = "/chat"
STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Only this server's own files are loaded and asked, no text becomes markup, and no page frames it.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",  # kept, and asked for changes each time
    "Vary": "Accept-Encoding",
}


@dataclass(frozen=True)
class File:
    """A file's bytes, the same packed, its media type and its tag."""

    content: bytes
    packed: bytes
    kind: str
    tag: str


async def file(request: Request) -> Response:
    """Give a file of the page."""
    known = await asyncio.to_thread(_files)
    found = known.get(request.path_params["path"] or "index.html")
    if found is None:
        raise HTTPException(404, "Not Found")
    headers = {**HEADERS, "ETag": found.tag}
    if found.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(found.packed, headers=headers, media_type=found.kind)
    return Response(found.content, headers=headers, media_type=found.kind)


async def to_page(request: Request) -> Response:
    """Lead to the page, whose files are named relative to its folder."""
    return RedirectResponse(f".{PAGE}/", status_code=308)


@cache
def _files() -> Mapping[str, File]:
    """Return the files that browsers may ask for, by their path."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in TYPES:
            content = path.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            kind = TYPES[path.suffix]
            name = path.relative_to(STATIC).as_posix()
            found[name] = File(content, gzip.compress(content, mtime=0), kind, tag)
    return found
