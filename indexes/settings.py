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

    Args:
        name: the assistant's name, as people read it.
        language: language of its own words where a question's language says nothing; answers are in the question's.
        persona: how the assistant introduces itself and speaks.
        contact: how people reach a person: told where a conversation is handed over, and where
            nothing supported an answer twice in a row.
        default_access: who may see a document without any access list: "public": everyone; "private":
            nobody.
    """

    name: str = "Waypost"
    language: Literal["zh", "en"] = "en"
    persona: str = ""
    contact: str = ""
    default_access: Literal["public", "private"] = "private"


class ModelSettings(BaseModel):
    """[models], as far as retrieval reads it.

    Args:
        embedding: the embedding model of indexes that name none: "local", inside this process, or
            "openai:<model>"; an existing store then has to be made anew.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    embedding: str = Field(default="local", pattern=r"^(local|openai:.+)$")


class StoreSettings(Section):
    """[store]: where the vectors live: an embedded engine, or a Qdrant server with `url`.

    The settings from `shard_number` on count when a server's collections are made.

    Args:
        path: the project's folder for the embedded store, caches, conversations and traces.
        url: a Qdrant server; without it, the embedded store.
        api_key: the server's key; better in the environment variable QDRANT_API_KEY.
        collection: the collections are `<collection>_chunks` and `<collection>_documents`.
        timeout: seconds to wait for the server's answer.
        shard_number: shards of each collection, for several machines.
        replication_factor: copies of each shard.
        quantization: "scalar" (8 bits) or "turbo4" (4 bits) keep small vectors in memory; the best
            hits are scored again with the full ones.
        on_disk: vectors, graphs and texts are read from the disk.
        hnsw_m: links of a point in the graph; more: exacter and larger.
        hnsw_ef_construct: candidates while the graph is built; more: exacter and slower to build.
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
    """[ingest]: the bounds within which files are read, in processes of their own.

    Args:
        max_mb: MiB that a file may have.
        seconds: seconds for opening a file, for reading each block of it (a recognised page, say), and for
            cutting 64 chunks.
        memory_mb: MiB that a reading process may take.
        workers: reading processes; 0: one for each core, up to 4.
        loaders: loaders of the project's own, by ending: `".abc" = "loaders:load_abc"`.
        confirm_tokens: above so many tokens, `waypost ingest` asks before it pays a model over the network.
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

    Args:
        use: a `Source`, or a function without arguments that returns one, in a Python file of the
            project: "sources:articles".
        index: the index that its documents belong to.
    """

    use: str = Field(pattern=r"^\w+:\w+$")
    index: str


class Weights(Section):
    """Weights of a min-max fusion; without `weights`, scores are fused by their distribution (DBSF).

    Args:
        bm25: weight of the words' branch.
        dense: weight of the embeddings' branch.
    """

    bm25: float = Field(default=0.6, ge=0)
    dense: float = Field(default=0.4, ge=0)


class Views(Section):
    """How much each view of a document counts when a hierarchical index chooses documents.

    Args:
        chunk: its best chunk.
        dense: its own embedding.
        title: the share of its title that the question names.
        terms: BM25 of title, headings and key terms.
        opening: BM25 of its beginning.
        metadata: BM25 of file name, years, names and fields.
    """

    chunk: float = Field(default=1.0, ge=0)
    dense: float = Field(default=0.2, ge=0)
    title: float = Field(default=0.2, ge=0)
    terms: float = Field(default=0.0, ge=0)
    opening: float = Field(default=0.0, ge=0)
    metadata: float = Field(default=0.5, ge=0)


class IndexSettings(Section):
    """[[index]]: one category of documents and how it is searched.

    The keys `documents`, `keep`, `margin`, `decay`, `global_weight` and `views` are of a hierarchical
    index alone. A chunk's score is that inside its document, scaled, times the document's, less `decay`
    for each rank of the document, plus `global_weight` times its score among all chunks.

    Args:
        name: a lower-case letter, then letters, digits, `_`, `-`; not `none`.
        title: what people read; else `name`.
        description: what the index covers, enumerated; routing reads it.
        layout: "flat" searches all chunks at once; "hierarchical" chooses documents first.
        sources: globs of its files, from the project's folder.
        examples: questions that belong to it, for routing.
        examples_file: a file with more of them, one a line.
        groups: who may see its documents and be routed to it; without: as `default_access` says.
        embedding: a model of its own; "": the project's; "none": it is searched by words alone.
        embed: which levels are embedded.
        synonyms: a file with a group of words a line.
        synonym_weight: what a synonym counts beside a word of the question.
        fields: further fields to filter by, with their types.
        folders: fields that folders give: `"docs/{company}/{year}"`.
        weights: weights of the two branches in a min-max fusion.
        views: what counts how much when documents are chosen.
        k: passages that a search returns.
        documents: documents that each view proposes.
        candidates: how deep each branch is read before fusion.
        keep: documents whose chunks are searched, at the most.
        margin: a document is kept whose score is at least `1 - margin` of the best one's.
        decay: the share of a chunk's score that each rank of its document costs.
        global_weight: weight of a chunk's score among all chunks, beside that inside its document.
        chunk_tokens: tokens of a chunk at the most, as the embedding model counts.
        chunk_min_tokens: shorter sections are joined; 0 leaves each section, and each article, a chunk.
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
    told = f"{str(path)!r} is not usable: " + "; ".join(problems)
    return told if told.endswith("?") else f"{told}."


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
