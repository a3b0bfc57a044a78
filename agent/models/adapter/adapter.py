"""An adapter at work: loaded once, when it is first asked, in a thread of its own."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError, ModelError, WaypostError
from agent.models.adapter.base import digest, find_base, load_base, need_extra, quietly
from agent.models.adapter.card import AdapterCard, read_card
from agent.models.adapter.labels import make_labels
from agent.models.adapter.scoring import encode, score, sharpened

__all__ = ["WEIGHTS", "Adapter", "open_adapter"]

WEIGHTS = "adapter_model.safetensors"
NO_TOOL = "none"
THREADS = 2  # of torch, for one question at a time: the process has other work to do


class Adapter:
    """A tuned model in this process, which says which name a question belongs to.

    Args:
        folder: where it is.
        card: what it says of itself.
    """

    def __init__(self, folder: Path, card: AdapterCard) -> None:
        self.card = card
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="adapter")
        self._loaded: _Loaded | None = None
        self._failed: WaypostError | None = None

    async def weigh(self, question: str) -> dict[str, float]:
        """Return how probable each name that it knows is for a standalone question.

        Together they are 1 at most: one that chooses tools gives the rest to what is no tool.

        Raises:
            ConfigurationError: its files, or those of its base model, are not those of the card.
            ModelError: the model failed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._weigh, question)

    def close(self) -> None:
        """Let go of its thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _weigh(self, question: str) -> dict[str, float]:
        if self._failed is not None:
            raise self._failed  # loading takes seconds, and would end as before
        try:
            if self._loaded is None:
                self._loaded = _Loaded(self._folder, self.card)
            return self._loaded.weigh(question)
        except ConfigurationError as error:
            self._failed = error
            raise
        except (RuntimeError, ValueError, MemoryError) as error:  # of torch
            raise ModelError(
                f"The adapter {str(self._folder)!r} failed ({type(error).__name__}).",
                fix="check that there is memory for it, or train it again.",
            ) from error


class _Loaded:
    """An adapter's model in memory."""

    def __init__(self, folder: Path, card: AdapterCard) -> None:
        import torch
        from peft import PeftModel

        torch.set_num_threads(min(THREADS, os.cpu_count() or 1))
        self._card = card
        base = find_base(card["base"]["name"], folder)
        sha256 = digest(base)
        if sha256 != card["base"]["sha256"]:
            raise ConfigurationError(
                f"The base model {card['base']['name']!r} is not the one that the adapter"
                f" {str(folder)!r} was trained on.",
                fix="install that version of it, or train the adapter again.",
            )
        weights = folder / WEIGHTS
        if not weights.is_file() or digest(weights) != card["weights_sha256"]:
            raise ConfigurationError(
                f"{str(weights)!r} is missing or damaged.",
                fix="restore the whole folder, or train the adapter again.",
            )
        model, self._tokenizer = load_base(base, sha256)
        with quietly():
            tuned: Any = PeftModel.from_pretrained(model, folder)
        self._model = tuned.merge_and_unload().eval()
        self._labels = make_labels(card["labels"], self._tokenizer)

    def weigh(self, question: str) -> dict[str, float]:
        tokens = encode(question, self._tokenizer, self._card["template"])
        logs = score(self._model, [tokens], self._labels)
        chances = sharpened(logs, self._card["temperature"])[0]
        found = dict(zip(self._labels.names, map(float, chances), strict=True))
        if self._card["task"] == "tools":
            found.pop(NO_TOOL, None)
        return found


def open_adapter(folder: Path) -> Adapter:
    """Open an adapter; its weights are loaded when it is first asked.

    Raises:
        ConfigurationError: the folder has none, or the extra `train` is not installed.
    """
    card = read_card(folder)
    need_extra()
    return Adapter(folder, card)
