"""Rows of a database as documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import closing
from typing import Any

from indexes.ingest.structure import blocks_of_lines
from indexes.types import Block, Document

__all__ = ["SqlSource"]


class SqlSource:
    """The rows of a table or view, each a document, through any database driver of Python (PEP 249).

    A column that says when a row changed drives the ingestion: only rows with another value are
    read. A connection is opened for each look and closed after it.

    Args:
        name: what tells its documents from others; it begins their ids: "articles/12".
        connect: opens a connection.
        table: the table or view, as the database writes it. It stands in the SQL as it is, like the
            columns: take none of them from people.
        id: the column that identifies a row.
        updated: the column that changes with a row.
        text: the columns of the text; of several, each paragraph begins with its column's name.
        title: the column of the title.
        date: the column of the date.
        groups: the column of the access list, with commas between groups; empty: as the index's.
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
        self._text = tuple(text)
        self._title = title
        self._date = date
        self._groups = groups
        self._uri = uri
        self._fields = tuple(fields)
        self._placeholder = placeholder
        self._keys: dict[str, Any] = {}  # as the database gave them, by id

    async def versions(self) -> Mapping[str, str]:
        """Return each row's id and the value of its `updated` column."""
        rows = await asyncio.to_thread(
            self._rows, f"SELECT {self._id}, {self._updated} FROM {self._table}", ()
        )
        self._keys = {f"{self.name}/{key}": key for key, _ in rows}
        return {f"{self.name}/{key}": str(version) for key, version in rows}

    async def read(self, ids: Sequence[str]) -> AsyncIterator[Document]:
        """Yield the documents of rows that `versions` named."""
        single = (self._title, self._date, self._groups, self._uri)
        columns = list(
            dict.fromkeys([self._id, *self._text, *(one for one in single if one), *self._fields])
        )
        keys = [self._keys[id] for id in ids if id in self._keys]
        marks = ", ".join([self._placeholder] * len(keys))
        rows = await asyncio.to_thread(
            self._rows,
            f"SELECT {', '.join(columns)} FROM {self._table} WHERE {self._id} IN ({marks})",
            keys,
        )
        for row in rows:
            yield self._document(dict(zip(columns, row, strict=True)))

    def _rows(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        with closing(self._connect()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement, parameters)
            return [tuple(row) for row in cursor.fetchall()]

    def _document(self, row: Mapping[str, Any]) -> Document:
        def told(column: str) -> str:
            return "" if not column or row[column] is None else str(row[column])

        blocks: list[Block] = []
        for column in self._text:
            text = told(column)
            lead = f"{column}: " if len(self._text) > 1 and text else ""
            blocks += blocks_of_lines(f"{lead}{text}".splitlines(), {})
        return Document(
            id=f"{self.name}/{told(self._id)}",
            title=told(self._title),
            blocks=blocks,
            uri=told(self._uri),
            date=told(self._date),
            groups=_list(told(self._groups)) if self._groups and told(self._groups) else None,
            fields={
                name: row[name] if isinstance(row[name], int | float | bool) else str(row[name])
                for name in self._fields
                if row[name] is not None
            },
        )


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
