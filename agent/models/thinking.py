"""The visible part of a streamed reply: without what a model thinks aloud between its tags."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["OPEN", "Visible"]

OPEN, CLOSE = "<think>", "</think>"


class Visible:
    """Passes on what people may see of a reply, piece by piece.

    Thoughts stand at the beginning. Where an endpoint's template writes the opening tag itself, the
    reply lacks it: what was passed on until the closing tag is then taken back by `on_restart`.

    Args:
        on_text: told each piece.
        on_restart: told that what was passed on does not count.
        thinks: the endpoint is known to leave out the opening tag.
    """

    def __init__(
        self,
        on_text: Callable[[str], None],
        on_restart: Callable[[], None],
        *,
        thinks: bool = False,
    ) -> None:
        self._on_text = on_text
        self._on_restart = on_restart
        self._assumed = thinks
        self._state = self._beginning
        self._held = ""
        self._parts: list[str] = []
        self.untagged = False  # a closing tag came without an opening one

    @property
    def text(self) -> str:
        """What was passed on, together."""
        return "".join(self._parts)

    def add(self, piece: str) -> None:
        """Take the next piece of the reply."""
        self._held += piece
        self._state()

    def end(self) -> None:
        """Pass on what was held back, now that nothing follows."""
        if self._state == self._inside and not self._assumed:
            return  # cut off in the middle of a thought
        if self._state != self._after:
            self._pass(self._held)

    def _beginning(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPEN):
            self._held, self._assumed = start[len(OPEN) :], False
            self._enter(self._inside)
        elif not OPEN.startswith(start):
            self._enter(self._inside if self._assumed else self._open)

    def _inside(self) -> None:
        _, tag, after = self._held.partition(CLOSE)
        if tag:
            self.untagged = self._assumed
            self._held = after
            self._enter(self._after)

    def _after(self) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._enter(self._plain)

    def _open(self) -> None:
        _, tag, after = self._held.partition(CLOSE)
        if tag and OPEN not in self.text + self._held:  # a text about the tags has both
            self.untagged = True
            if self._parts:
                self._on_restart()
                self._parts.clear()
            self._held = after
            self._enter(self._after)
        elif tag:
            self._enter(self._plain)
        else:
            keep = _common(self._held)
            self._pass(self._held[: len(self._held) - keep])
            self._held = self._held[-keep:] if keep else ""

    def _plain(self) -> None:
        self._pass(self._held)
        self._held = ""

    def _enter(self, state: Callable[[], None]) -> None:
        self._state = state
        state()

    def _pass(self, piece: str) -> None:
        if piece:
            self._parts.append(piece)
            self._on_text(piece)


def _common(text: str) -> int:
    """Return how many characters at the end of `text` may be the beginning of a closing tag."""
    return next((n for n in range(len(CLOSE) - 1, 0, -1) if text.endswith(CLOSE[:n])), 0)
