"""Chat models by role, behind one small protocol."""

from __future__ import annotations

from agent.models.chat import ChatModel, make_chat_model
from agent.models.endpoint import address_of, key_of
from agent.models.types import Completion, Message, RequestedCall, ToolSchema

__all__ = [
    "ChatModel",
    "Completion",
    "Message",
    "RequestedCall",
    "ToolSchema",
    "address_of",
    "key_of",
    "make_chat_model",
]
