"""Rows of a database as documents."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from indexes.errors import LoadError
from indexes.ingest.structure import blocks_of_lines
from indexes.types import Block, Document, FieldValue

__all__ = ["SqlSource"]

MANY = 1000  # rows that are fetched together


class SqlSource:
    """The rows of a table or view, each a document, through any database driver of Python (PEP 249).

    A column that says when a row changed drives the ingestion: only rows with another value are
    read. A connection is opened for each look and closed after it.

    Every column may be any expression of SQL. Table and columns stand in the SQL as they are: take
    none of them from people.

    Args:
        name: what tells its documents from others; it begins their ids: "articles/12".
        connect: opens a connection.
        table: the table or view.
        id: the column that identifies a row.
        updated: the column that changes with a row, whose access list included.
        text: the columns of the text; of several, each text begins with its column's name.
        title: the column of the title; "" if there is none.
        date: the column of the date.
        groups: the column of the access list: groups with commas between them, or an array; a row
            without one has the index's.
        uri: the column of the address that people open.
        fields: columns that become metadata.
        placeholder: how the driver marks a parameter: "?" for SQLite, "%s" for PostgreSQL, MySQL.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Any],
        *,
        table: str,
        id: str = "id",
        updated: str = "updated_at",
        text: Sequence[str] = ("text",),
        title: str = "title",
        date: str = "",
        groups: str = "",
        uri: str = "",
        fields: Sequence[str] = (),
        placeholder: str = "?",
    ) -> None:
        self.name = name
        self._connect = connect
        self._table = table
        self._id = id
        self._updated = updated
        self._text = (text,) if isinstance(text, str) else tuple(text)
        self._title = title
        self._date = date
        self._groups = groups
        self._uri = uri
        self._fields = (fields,) if isinstance(fields, str) else tuple(fields)
        self._placeholder = placeholder
        self._keys: dict[str, Any] = {}  # as the database gave them, by id

    async def versions(self) -> Mapping[str, str]:
        """Return each row's id and the value of its `updated` column.

        Raises:
            LoadError: two rows have the same id, or one has none.
        """
        return await asyncio.to_thread(self._versions)

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield the documents of rows that `versions` named."""
        keys = [self._keys[id] for id in ids if id in self._keys]
        for document in await asyncio.to_thread(lambda: list(self._documents(keys))):
            yield document

    def _versions(self) -> Mapping[str, str]:
        versions: dict[str, str] = {}
        keys: dict[str, Any] = {}
        for key, updated in self._rows(f"SELECT {self._id}, {self._updated} FROM {self._table}"):
            id = self._document_id(key)
            if key is None or id in versions:
                raise LoadError(
                    f"{self._id!r} is no key of {self._table!r}: "
                    + ("a row has none." if key is None else f"two rows have {key!r}."),
                    fix="name the column that identifies a row as `id`.",
                )
            versions[id] = _text_of(updated)
            keys[id] = key
        self._keys = keys
        return versions

    def _documents(self, keys: Sequence[Any]) -> Iterator[Document]:
        if not keys:
            return
        single = (self._title, self._date, self._groups, self._uri)
        columns = list(
            dict.fromkeys([self._id, *self._text, *(one for one in single if one), *self._fields])
        )
        marks = ", ".join([self._placeholder] * len(keys))
        statement = f"SELECT {', '.join(columns)} FROM {self._table} WHERE {self._id} IN ({marks})"
        for row in self._rows(statement, keys):
            yield self._document(dict(zip(columns, row, strict=True)))

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[Sequence[Any]]:
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement, parameters)
            while rows := cursor.fetchmany(MANY):
                yield from rows

    def _document_id(self, key: Any) -> str:
        return f"{self.name}/{_text_of(key)}"

    def _document(self, row: Mapping[str, Any]) -> Document:
        def told(column: str) -> str:
            return _text_of(row[column]) if column else ""

        blocks: list[Block] = []
        for column in self._text:
            text = told(column)
            lead = f"{column}: " if len(self._text) > 1 and text else ""
            blocks += blocks_of_lines(f"{lead}{text}".splitlines(), {})
        return Document(
            id=self._document_id(row[self._id]),
            title=told(self._title),
            blocks=blocks,
            uri=told(self._uri),
            date=told(self._date),
            groups=_groups_of(row[self._groups]) if self._groups else None,
            fields={name: _field_of(row[name]) for name in self._fields if row[name] is not None},
        )


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)


def _groups_of(value: Any) -> tuple[str, ...] | None:
    """Return the groups of a column; None if it says nothing. An empty array stands for nobody."""
    if isinstance(value, list | tuple):
        return tuple(str(one) for one in value)
    return tuple(s for part in re.split("[,，]", _text_of(value)) if (s := part.strip())) or None


def _field_of(value: Any) -> FieldValue:
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [one if isinstance(one, int | float) else _text_of(one) for one in value]
    return value if isinstance(value, int | float) else _text_of(value)
