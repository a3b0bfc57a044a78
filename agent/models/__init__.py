"""Chat models by role, behind one small protocol."""

from __future__ import annotations

from agent.models.chat import ChatModel, Completion, make_chat_model

__all__ = ["ChatModel", "Completion", "make_chat_model"]
