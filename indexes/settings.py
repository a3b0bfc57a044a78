"""Settings that retrieval needs, read from a project's waypost.toml and the environment."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from indexes.errors import ConfigurationError
from indexes.types import BUILTIN_FIELDS, FieldType, Layout

__all__ = [
    "IndexSettings",
    "IngestSettings",
    "ModelSettings",
    "ProjectSettings",
    "Settings",
    "SourceSettings",
    "StoreSettings",
    "Views",
    "Weights",
    "load_settings",
]

FILE_NAME = "waypost.toml"


class Section(BaseModel):
    """A table of waypost.toml; a key it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSettings(Section):
    """[project]: what the assistant is and whom its documents are for.

    `contact` says how people reach a person: it is told where a conversation is handed over, and where
    nothing supported an answer twice in a row.
    """

    name: str = "Waypost"
    language: Literal["zh", "en"] = "en"
    persona: str = ""
    contact: str = ""
    default_access: Literal["public", "private"] = "private"


class ModelSettings(BaseModel):
    """[models], as far as retrieval reads it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    embedding: str = Field(default="local", pattern=r"^(local|openai:.+)$")


class StoreSettings(Section):
    """[store]: where the vectors live: an embedded engine, or a Qdrant server with `url`.

    The settings below `url` are of a server's collections and count when these are made.
    """

    path: str = ".waypost"
    url: str = Field(default="", pattern=r"^(https?://.+)?$")
    api_key: str = Field(default="", repr=False)
    collection: str = Field(default="waypost", pattern=r"^[A-Za-z0-9_-]{1,100}$")
    timeout: float = Field(default=30.0, gt=0)
    shard_number: int = Field(default=1, ge=1)
    replication_factor: int = Field(default=1, ge=1)
    quantization: Literal["none", "scalar", "turbo4"] = "none"
    on_disk: bool = False
    hnsw_m: int = Field(default=16, ge=0, le=128)
    hnsw_ef_construct: int = Field(default=100, ge=4)


class IngestSettings(Section):
    """[ingest]: the bounds within which files are read, each in a process of its own.

    `seconds` is for opening a file, reading each block of it and cutting 64 chunks; `workers` 0 means one for each
    core, up to 4; `loaders` name functions of the project by ending: `".abc" = "loaders:load_abc"`;
    above `confirm_tokens`, `waypost ingest` asks before it pays a model over the network.
    """

    max_mb: float = Field(default=64.0, gt=0)
    seconds: float = Field(default=60.0, gt=0)
    memory_mb: int = Field(default=2048, ge=256)
    workers: int = Field(default=0, ge=0, le=64)
    loaders: Mapping[str, str] = Field(default_factory=dict)
    confirm_tokens: int = Field(default=1_000_000, ge=0)

    @field_validator("loaders")
    @classmethod
    def _loaders_are_named(cls, loaders: Mapping[str, str]) -> Mapping[str, str]:
        for ending, use in loaders.items():
            if not re.fullmatch(r"\.[^./\s]+", ending) or ending != ending.lower():
                raise ValueError(f"{ending!r} is no ending such as '.abc'")
            if not re.fullmatch(r"\w+:\w+", use):
                raise ValueError(f"{use!r} is no function such as 'loaders:load_abc'")
        return loaders


class SourceSettings(Section):
    """[[source]]: documents that are not files, such as the rows of a database.

    `use` names a `Source`, or a function without arguments that returns one, in a Python file of
    the project: "sources:articles".
    """

    use: str = Field(pattern=r"^\w+:\w+$")
    index: str


class Weights(Section):
    """Weights of min-max fusion; without them DBSF fuses the two branches."""

    bm25: float = Field(default=0.6, ge=0)
    dense: float = Field(default=0.4, ge=0)


class Views(Section):
    """How much each view of a document counts when a hierarchical index chooses documents.

    chunk: its best chunk; dense: its own embedding; title: the share of the title that the question
    names; terms: BM25 of title, headings and key terms; opening: BM25 of its beginning; metadata:
    BM25 of file name, years, names and fields.
    """

    chunk: float = Field(default=1.0, ge=0)
    dense: float = Field(default=0.2, ge=0)
    title: float = Field(default=0.2, ge=0)
    terms: float = Field(default=0.0, ge=0)
    opening: float = Field(default=0.0, ge=0)
    metadata: float = Field(default=0.5, ge=0)


class IndexSettings(Section):
    """[[index]]: one category of documents and how it is searched.

    Token counts are the embedding model's own. A hierarchical index keeps at most `keep` documents
    whose score is at least `1 - margin` of the best one's; a chunk's score is that inside its
    document, scaled, times the document's, less `decay` for each rank of the document, plus
    `global_weight` times its score among all chunks.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    title: str = ""
    description: str = ""
    layout: Layout = "flat"
    sources: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    examples_file: str = ""
    groups: tuple[str, ...] | None = None
    embedding: str = Field(default="", pattern=r"^(|none|local|openai:.+)$")
    embed: Literal["chunks", "documents", "both"] = "both"
    synonyms: str = ""
    synonym_weight: float = Field(default=0.6, ge=0, le=1)
    fields: Mapping[str, FieldType] = Field(default_factory=dict)
    folders: str = ""
    weights: Weights | None = None
    views: Views = Views()
    k: int = Field(default=5, ge=1, le=100)
    documents: int = Field(default=20, ge=1, le=1000)
    candidates: int = Field(default=100, ge=10, le=1000)
    keep: int = Field(default=5, ge=1, le=50)
    margin: float = Field(default=0.8, ge=0, le=1)
    decay: float = Field(default=0.05, ge=0, lt=1)
    global_weight: float = Field(default=0.6, ge=0)
    chunk_tokens: int = Field(default=360, ge=64, le=480)
    chunk_min_tokens: int = Field(default=160, ge=0, le=400)

    @field_validator("fields")
    @classmethod
    def _fields_are_new(cls, fields: Mapping[str, FieldType]) -> Mapping[str, FieldType]:
        for name in fields:
            if name in BUILTIN_FIELDS or name == "document":
                raise ValueError(f"{name!r} is a field of every document already")
            if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name):
                raise ValueError(f"{name!r} is no name for a field")
        return fields

    @property
    def embeds_chunks(self) -> bool:
        """Whether each chunk has an embedding."""
        return self.embedding != "none" and self.embed != "documents"

    @property
    def embeds_documents(self) -> bool:
        """Whether each document has an embedding of its own, which a flat index would not use."""
        hierarchical = self.layout == "hierarchical"
        return hierarchical and self.embedding != "none" and self.embed != "chunks"

    @property
    def label(self) -> str:
        """What people call the index."""
        return self.title or self.name


class Settings(BaseModel):
    """The part of waypost.toml that `indexes` owns."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    project: ProjectSettings = ProjectSettings()
    models: ModelSettings = ModelSettings()
    store: StoreSettings = StoreSettings()
    ingest: IngestSettings = IngestSettings()
    index: tuple[IndexSettings, ...] = ()
    source: tuple[SourceSettings, ...] = ()

    @field_validator("index")
    @classmethod
    def _names_differ(cls, indexes: tuple[IndexSettings, ...]) -> tuple[IndexSettings, ...]:
        names = [index.name for index in indexes]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two indexes are named {twice[0]!r}")
        if "none" in names:
            raise ValueError(
                "an index cannot be named 'none', which stands for 'no index covers this'"
            )
        return indexes

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        kinds: dict[str, str] = {}
        for index in self.index:
            for name, kind in index.fields.items():
                if kinds.setdefault(name, kind) != kind:
                    raise ValueError(
                        f"the field {name!r} is a {kinds[name]} in one index and a {kind} in another"
                    )
        return self

    @model_validator(mode="after")
    def _sources_have_an_index(self) -> Self:
        names = {index.name for index in self.index}
        for source in self.source:
            if source.index not in names:
                raise ValueError(f"the source {source.use!r} is of no index: {source.index!r}")
        return self

    @model_validator(mode="after")
    def _chunks_fit(self) -> Self:
        for index in self.index:
            if index.chunk_min_tokens >= index.chunk_tokens:
                raise ValueError(
                    f"index {index.name!r}: chunk_min_tokens must be below chunk_tokens"
                )
        return self


SettingsT = TypeVar("SettingsT", bound=Settings)


def load_settings(project: Path, kind: type[SettingsT]) -> SettingsT:
    """Read `project`/waypost.toml, overridden by `WAYPOST_<SECTION>__<KEY>` variables.

    Args:
        project: the project's folder.
        kind: the settings class to fill.

    Raises:
        ConfigurationError: the folder or file is missing, or a key is wrong (named with its line).
    """
    if not project.is_dir():
        raise ConfigurationError(
            f"There is no folder {str(project)!r}.",
            fix="pass --project with an existing project, or make one: waypost init DIR.",
        )
    path = project / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{str(project)!r} is no Waypost project: it has no {FILE_NAME}.",
            fix="pass --project with a project's folder, or make one: waypost init DIR.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{str(path)!r} cannot be read: {error}.", fix="save it as readable UTF-8 text."
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(
            f"{str(path)!r} is not valid TOML: {error}.", fix="correct the line named."
        ) from error
    try:
        return kind.model_validate(_with_environment(data, os.environ))
    except ValidationError as error:
        raise ConfigurationError(
            _describe(error, path, text, kind), fix="correct that key."
        ) from error


def _with_environment(data: dict[str, Any], environment: os._Environ[str]) -> dict[str, Any]:
    for name, value in environment.items():
        match = re.fullmatch(r"WAYPOST_([A-Z]+)__([A-Z0-9_]+)", name)
        if match:
            section = data.setdefault(match[1].lower(), {})
            if isinstance(section, dict):
                section[match[2].lower()] = value
    return data


def _describe(error: ValidationError, path: Path, text: str, kind: type[BaseModel]) -> str:
    problems = []
    for item in error.errors(include_url=False, include_input=False):
        where = ".".join(str(part + 1) if isinstance(part, int) else part for part in item["loc"])
        line = _line_of(item["loc"], text)
        at = f" (line {line})" if line else ""
        what = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            near = get_close_matches(str(item["loc"][-1]), _keys_at(kind, item["loc"][:-1]), 1)
            what = f"unknown key; did you mean {near[0]!r}?" if near else "unknown key"
        problems.append(f"{where or 'the file'}{at}: {what}")
    return f"{str(path)!r} is not usable: " + "; ".join(problems) + "."


def _keys_at(kind: type[BaseModel], loc: Sequence[int | str]) -> list[str]:
    """Return the keys that a table of the settings may have."""
    for part in loc:
        if isinstance(part, str):
            field = kind.model_fields.get(part)
            inner = [] if field is None else _tables_in(field.annotation)
            if not inner:
                return []
            kind = inner[0]
    return list(kind.model_fields)


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [table for part in get_args(annotation) for table in _tables_in(part)]


def _line_of(loc: tuple[int | str, ...], text: str) -> int | None:
    """Return the line of a key, or of its table: ("index", 1, "layout") is in the second [[index]]."""
    if not loc:
        return None
    section, rest = str(loc[0]), list(loc[1:])
    wanted = int(rest.pop(0)) if rest and isinstance(rest[0], int) else 0
    key = str(rest[0]) if rest else None
    seen, table_line, inside = -1, None, False
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([\w.-]+)\s*\]\]?", line)
        if header:
            seen += header[1] == section
            inside = header[1] == section and seen == wanted
            table_line = number if inside else table_line
        elif inside and key and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
        elif table_line is None and re.match(rf"\s*{re.escape(section)}\s*=", line):
            return number
    return table_line
