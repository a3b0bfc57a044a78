"""Prompts and user-facing texts: data files with declared variables, in Chinese and English."""

from __future__ import annotations

from prompts.loader import PACKAGED, Language, PromptError, Prompts, texts

__all__ = ["PACKAGED", "Language", "PromptError", "Prompts", "texts"]
