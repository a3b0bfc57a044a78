"""How many tokens a text has for a model of the network: counted by tiktoken where it can, else estimated.

tiktoken downloads an encoding at its first use and keeps it in TIKTOKEN_CACHE_DIR. It sets no time
limit, so a machine whose packets are dropped would wait for minutes: here it waits `PATIENCE`.
"""

from __future__ import annotations

import functools
import math
import threading
from typing import Any

from indexes.log import warning

__all__ = ["PATIENCE", "count_tokens", "counts_exactly", "estimate_tokens"]

PATIENCE = 10.0  # seconds for a download of 1.7 MB
WIDE = 1 / 1.2  # of models made for many languages, rather too many
OPENAI_WIDE = 1.2  # of cl100k: fitted on the examples' and the documentation's texts
_lock = threading.Lock()


def count_tokens(model: str, text: str) -> int:
    """Return how many tokens `model` makes of `text`: exact for OpenAI's models, else an estimate.

    Args:
        model: its name at an endpoint.
        text: any text; special tokens in it count as what they are written with.
    """
    name = _encoding_name(model)
    encoding = _encoding(name)
    if encoding is not None:
        return len(encoding.encode_ordinary(text))
    return estimate_tokens(text, wide=OPENAI_WIDE if name else WIDE)


def counts_exactly(model: str) -> bool:
    """Say whether `count_tokens` counts a model's tokens, and does not estimate them."""
    return _encoding(_encoding_name(model)) is not None


def estimate_tokens(text: str, *, wide: float = WIDE) -> int:
    """Return about how many tokens `text` has, at 3.5 letters a token.

    Args:
        text: any text.
        wide: the tokens of a Chinese, Japanese or Korean character.
    """
    count = sum(map("\u2e80".__lt__, text))
    return math.ceil(count * wide + (len(text) - count) / 3.5)


@functools.cache
def _encoding_name(model: str) -> str:
    from tiktoken.model import encoding_name_for_model

    try:
        return encoding_name_for_model(model.removeprefix("openai/"))
    except KeyError:
        return ""


_encodings: dict[str, Any] = {"": None}


def _encoding(name: str) -> Any:
    """Return an encoding, or None if it cannot be had; each is tried once in a process."""
    if name not in _encodings:
        with _lock:
            if name not in _encodings:
                _encodings[name] = _fetched(name)
    return _encodings[name]


def _fetched(name: str) -> Any:
    result: list[Any] = []
    failure = "no answer in time"

    def fetch() -> None:
        nonlocal failure
        try:
            import tiktoken

            result.append(tiktoken.get_encoding(name))
        except Exception as error:  # of requests, the file system, or a broken file
            failure = type(error).__name__

    thread = threading.Thread(target=fetch, name="tiktoken", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if result:
        return result[0]
    warning(
        "embedding.tokens_estimated",
        encoding=name,
        reason=failure,
        fix="let this machine reach openaipublic.blob.core.windows.net once, or set TIKTOKEN_CACHE_DIR",
    )
    return None
