"""`waypost chat`: the terminal chat; reads questions from a pipe as well."""

from __future__ import annotations

from agent.cli.chat.command import chat

__all__ = ["chat"]
