"""Prompts and user-facing texts: data files with declared variables, in Chinese and English."""

from __future__ import annotations

from prompts.loader import PromptError, render, texts

__all__ = ["PromptError", "render", "texts"]
