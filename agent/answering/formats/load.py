"""From [answer] to the format of a project's answers."""

from __future__ import annotations

import json
from pathlib import Path

from agent.answering.formats.plain import AnswerFormat, Fields, Plain
from agent.answering.formats.schema import JsonFormat
from agent.errors import ConfigurationError
from agent.settings import AnswerSettings

__all__ = ["load_format"]


def load_format(settings: AnswerSettings, project: Path) -> AnswerFormat:
    """Return the format that [answer] names.

    Args:
        settings: [answer].
        project: the project's folder, which `schema` is relative to.

    Raises:
        ConfigurationError: the schema is missing, or could not be kept to by every answer.
    """
    if settings.format == "plain":
        return Plain()
    if settings.format == "fields":
        return Fields()
    path = project / settings.schema_file
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(
            f"[answer] schema: {path} cannot be read: {error.strerror}.",
            fix="name a file, relative to the project.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is no JSON: {error}.", fix="mend it there.") from error
    return JsonFormat(schema, str(path))
