"""What is known of OpenAI's chat models before they are asked."""

from __future__ import annotations

import re

__all__ = ["WINDOW", "reasons", "window_of"]

WINDOW = 8192  # of a model that nothing is known of: small servers often have no more

# Tokens of prompt and reply together, in November 2026: https://platform.openai.com/docs/models.
_WINDOWS = {
    "gpt-6": 1_050_000,
    "gpt-5.6": 1_050_000,
    "gpt-5.5": 1_050_000,
    "gpt-5.4": 1_050_000,
    "gpt-5.4-mini": 400_000,
    "gpt-5.4-nano": 400_000,
    "gpt-5": 400_000,
    "gpt-4.1": 1_047_576,
    "gpt-4o": 128_000,
    "gpt-4-turbo": 128_000,
    "gpt-4": 8_192,
    "gpt-3.5-turbo": 16_385,
    "gpt-oss": 131_072,
    "o1": 200_000,
    "o3": 200_000,
    "o4": 200_000,
}
_CHAT = 128_000  # of the models of ChatGPT itself, such as gpt-5-chat-latest


def window_of(model: str) -> int:
    """Return how many tokens prompt and reply of a model may have together.

    Args:
        model: its name at an endpoint, perhaps with its maker ("openai/gpt-4o") or tuned
            ("ft:gpt-4o-mini:…").
    """
    name = _bare(model)
    if name.startswith("gpt-") and "-chat" in name:
        return _CHAT
    known = [prefix for prefix in _WINDOWS if name.startswith(prefix)]
    return _WINDOWS[max(known, key=len)] if known else WINDOW


def reasons(model: str) -> bool:
    """Return whether a model of OpenAI reasons first, so that it refuses a temperature."""
    name = _bare(model)
    return re.match(r"o\d|gpt-([5-9]|\d\d)", name) is not None and "-chat" not in name


def _bare(model: str) -> str:
    return model.removeprefix("ft:").removeprefix("openai/")
