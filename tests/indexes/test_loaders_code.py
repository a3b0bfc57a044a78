from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from indexes.errors import LoadError
from indexes.ingest.loaders import code, grammars
from indexes.ingest.loaders.code import load_code
from indexes.types import Block

ROOT = Path(__file__).parents[2]

PYTHON = '''\
"""Keeps documents: 合同 and 台账.

More about it.
"""
import os
LIMIT = 3


# Opens a store.
@cache
def open_store(path):
\t"""打开文档仓库。"""
\treturn Store(path)


@dataclass
class Store:
    """A store."""

    path: str

    # Reads one.
    @property
    def 读取(self):
        return self.path

    class Inner:
        def run(self):
            pass


def close(): pass
if __name__ == "__main__":
    close()
'''
JAVASCRIPT = """\
'use strict';
const http = require('http'), limit = 3;
function Store() {
  this.items = {};
}
Store.prototype.get = function (key) {
  return this.items[key];
};
module.exports.parse = (text) => {
  return JSON.parse(text);
};
const api = {
  list() { return []; },
};
describe('store', () => {
  const make = () => new Store();
});
"""
TYPESCRIPT = """\
/** A key. */
export type Key = string | number;
@Injectable()
export class Store<T> extends Base {
  constructor(private db: Db) {}
  /** Returns one. */
  @Log()
  async get(key: Key): Promise<T> {
    return this.items.get(key);
  }
  onClose = (): void => { this.items.clear(); };
}
export const parseHttp = async (raw: string) => {
  return JSON.parse(raw);
};
namespace Tools {
  export function help() { return 1; }
}
"""
JAVA = """\
package com.acme;
/**
 * 仓库：保存文档。
 */
@Service
public final class Store<T> implements Closeable {
    private int size;
    public Store() { }
    @Override
    public T get(String key) {
        return items.get(key);
    }
    enum Kind { A, B }
}
"""
GO = """\
// Package store keeps documents.
package store

// Store keeps them.
type Store struct {
\titems map[string]int
}

// Get returns one.
func (s *Store) Get(key string) int {
\treturn s.items[key]
}
func (l List[T]) Len() int { return 0 }
func parseHTTP() {}
"""
RUST = """\
//! Keeps documents.

/// A store.
#[derive(Debug)]
pub struct Store<T> { items: Vec<T> }
impl<T> Store<T> {
    #[inline]
    pub fn new() -> Self { Store { items: vec![] } }
}
mod tests {
    #[test]
    fn works() {}
}
"""
C = """\
#ifndef STORE_H
#define STORE_H
/* A point. */
typedef struct point {
    int x;
} Point;
static inline int *add(int a, int b)
{
    return 0;
}
#endif
"""
CPP = """\
namespace acme {
// A store.
template <typename T>
class Store : public Base {
 public:
  Store() {}
  T& get(const std::string& key) {
    return items_[key];
  }
};
int Reader::read(char* data) { return 0; }
}  // namespace acme
"""
CSHARP = """\
namespace Acme.Web
{
    /// <summary>A store.</summary>
    [Serializable]
    public class Store<T> : IStore
    {
        public int Count { get; set; }
        [HttpGet]
        public async Task<T> GetAsync(string key)
        {
            return await Find(key);
        }
    }
}
"""
RUBY = """\
require 'set'
module Acme
  # A store.
  class Store < Base
    def empty?
      @items.empty?
    end
    def self.open(path)
      new(path)
    end
  end
end
"""
PHP = """\
<?php
namespace Acme;
/** A store. */
final class Store extends Base
{
    public function get(string $key): ?string
    {
        return $this->items[$key] ?? null;
    }
}
function helper() { return 1; }
?>
<p>你好</p>
"""
SHELL = """\
#!/bin/bash
# Runs the service.
set -e
# Says it.
log() {
  echo "$1"
}
log up
"""
SQL = """\
-- 合同表
CREATE TABLE IF NOT EXISTS contract (
    id bigint, -- 编号

    name text
);
CREATE OR REPLACE FUNCTION total(a int) RETURNS int AS $$
BEGIN
SELECT 1;

RETURN a;
END;
$$ LANGUAGE plpgsql;
INSERT INTO contract VALUES (1, '东站');
"""
SAMPLES = {
    "store.py": PYTHON,
    "store.js": JAVASCRIPT,
    "store.jsx": JAVASCRIPT,
    "store.mjs": JAVASCRIPT,
    "store.ts": TYPESCRIPT,
    "store.tsx": TYPESCRIPT.replace("<T>", ""),
    "Store.java": JAVA,
    "store.go": GO,
    "store.rs": RUST,
    "store.h": C,
    "store.c": C,
    "store.cpp": CPP,
    "store.cc": CPP,
    "store.hpp": CPP,
    "Store.cs": CSHARP,
    "store.rb": RUBY,
    "store.php": PHP,
    "run.sh": SHELL,
    "schema.sql": SQL,
}


def put(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def units(path: Path) -> list[tuple[str, int, int]]:
    """Return (symbol, first line, last line) of each block that is no heading."""
    return [
        (block.location.get("symbol", ""), *block.location["lines"])  # type: ignore[misc]
        for block in load_code(path).blocks
        if not block.level
    ]


def check(path: Path, source: str) -> list[Block]:
    """Assert that the blocks are the file: each line once, in order, where its block says."""
    lines = source.split("\n")
    blocks = [block for block in load_code(path).blocks if not block.level]
    seen: list[str] = []
    for block in blocks:
        first, last = block.location["lines"]
        assert block.text == "\n".join(lines[first - 1 : last])
        assert last - first < code.ROWS
        seen += block.text.split("\n")
    assert [line for line in seen if line.strip()] == [line for line in lines if line.strip()]
    return blocks


@pytest.mark.parametrize("name", SAMPLES)
def test_every_line_comes_once_and_unchanged(tmp_path: Path, name: str) -> None:
    """Joined, the blocks give each line of the file, and each stands on the lines that it names."""
    check(put(tmp_path, name, SAMPLES[name]), SAMPLES[name])
    assert load_code(tmp_path / name).warnings == []


def test_own_sources_come_whole() -> None:
    """Every line of Waypost's own sources comes once."""
    paths = [
        path for part in ("agent", "indexes", "prompts") for path in (ROOT / part).rglob("*.py")
    ]
    assert len(paths) > 50
    for path in paths:
        check(path, path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "store.py",
            [
                ("", 1, 6),
                ("open_store", 9, 13),
                ("Store", 16, 20),
                ("Store.读取", 22, 25),
                ("Store.Inner", 27, 27),
                ("Store.Inner.run", 28, 29),
                ("close", 32, 32),
                ("", 33, 34),
            ],
        ),
        (
            "store.js",
            [
                ("", 1, 2),
                ("Store", 3, 5),
                ("Store.get", 6, 8),
                ("parse", 9, 11),
                ("api", 12, 14),
                ("", 15, 17),
            ],
        ),
        (
            "store.ts",
            [
                ("Key", 1, 2),
                ("Store", 3, 4),
                ("Store.constructor", 5, 5),
                ("Store.get", 6, 10),
                ("Store.onClose", 11, 12),
                ("parseHttp", 13, 15),
                ("Tools", 16, 16),
                ("Tools.help", 17, 18),
            ],
        ),
        (
            "Store.java",
            [
                ("", 1, 1),
                ("Store", 2, 7),
                ("Store.Store", 8, 8),
                ("Store.get", 9, 12),
                ("Store.Kind", 13, 14),
            ],
        ),
        (
            "store.go",
            [
                ("", 1, 2),
                ("Store", 4, 7),
                ("Store.Get", 9, 12),
                ("List.Len", 13, 13),
                ("parseHTTP", 14, 14),
            ],
        ),
        (
            "store.rs",
            [
                ("", 1, 1),
                ("Store", 3, 5),
                ("Store", 6, 6),
                ("Store.new", 7, 9),
                ("tests", 10, 10),
                ("tests.works", 11, 13),
            ],
        ),
        ("store.h", [("", 1, 2), ("Point", 3, 6), ("add", 7, 11)]),
        (
            "store.cpp",
            [
                ("acme", 1, 1),
                ("acme.Store", 2, 5),
                ("acme.Store.Store", 6, 6),
                ("acme.Store.get", 7, 10),
                ("acme.Reader.read", 11, 12),
            ],
        ),
        (
            "Store.cs",
            [
                ("Acme.Web", 1, 2),
                ("Acme.Web.Store", 3, 7),
                ("Acme.Web.Store.GetAsync", 8, 14),
            ],
        ),
        (
            "store.rb",
            [
                ("", 1, 1),
                ("Acme", 2, 2),
                ("Acme.Store", 3, 4),
                ("Acme.Store.empty?", 5, 7),
                ("Acme.Store.open", 8, 12),
            ],
        ),
        (
            "store.php",
            [
                ("", 1, 2),
                ("Store", 3, 5),
                ("Store.get", 6, 10),
                ("helper", 11, 11),
                ("", 12, 13),
            ],
        ),
        ("run.sh", [("", 1, 3), ("log", 4, 7), ("", 8, 8)]),
        ("schema.sql", [("contract", 1, 6), ("total", 7, 13), ("", 14, 14)]),
    ],
)
def test_units_are_functions_methods_and_class_heads(
    tmp_path: Path, name: str, expected: list[tuple[str, int, int]]
) -> None:
    """A unit has its comments and decorators, and what only closes brackets goes with the last one."""
    assert units(put(tmp_path, name, SAMPLES[name])) == expected


def test_class_is_a_heading_and_the_file_name_ends_it(tmp_path: Path) -> None:
    """Methods stand under their class; what follows a class stands under the document's title."""
    loaded = load_code(put(tmp_path, "store.py", PYTHON))
    found = [(block.text, block.level) for block in loaded.blocks if block.level]
    assert found == [("class Store", 1), ("class Inner", 2), ("store.py", 1)]
    assert loaded.title == "store.py"


def test_header_of_cpp_is_told_from_one_of_c(tmp_path: Path) -> None:
    """A .h file with classes is read as C++."""
    path = put(tmp_path, "store.h", CPP)
    assert load_code(path).fields["programming_language"] == "C++"
    assert ("acme.Store.get", 7, 10) in units(path)


@pytest.mark.parametrize(
    ("name", "text", "summary"),
    [
        ("a.py", PYTHON, "Keeps documents: 合同 and 台账."),
        ("a.go", GO, "Package store keeps documents."),
        ("a.rs", RUST, "Keeps documents."),
        ("a.sh", SHELL, "Runs the service."),
        ("a.sql", SQL, "合同表"),
        ("a.js", "// Copyright 2024 Acme\n// Licensed under MIT\n\n// 解析请求\nf();", "解析请求"),
        ("a.java", "/*\n * Copyright Acme\n */\n/**\n * Reads.\n */\nclass A {}\n", "Reads."),
        ("a.ts", "/** Reads. */\nf();\n", "Reads."),
        ("a.php", "<?php\n// 合同仓库\n", "合同仓库"),
        ("a.c", "#include <a.h>\nint a;\n", None),
        ("a.py", "x = 1  # no summary\n", None),
    ],
)
def test_opening_comment_is_the_summary(
    tmp_path: Path, name: str, text: str, summary: str | None
) -> None:
    """What the first comment or docstring says is a field; licences and directives say nothing."""
    assert load_code(put(tmp_path, name, text)).fields.get("summary") == summary


def test_long_function_is_cut_between_statements(tmp_path: Path) -> None:
    """Its parts keep the symbol, have their own lines and start at its least nested lines."""
    body = "".join(
        f"    for i in range({n}):\n        work(i)\n        more(i)\n\n" for n in range(40)
    )
    source = f"def long():\n{body}    return 1\n\n\ndef short(): pass\n"
    path = put(tmp_path, "a.py", source)
    blocks = check(path, source)
    parts = [block for block in blocks if block.location.get("symbol") == "long"]
    assert len(parts) >= 4
    assert all(part.text.startswith("    for") for part in parts[1:])
    assert all(
        left.location["lines"][1] < right.location["lines"][0] for left, right in pairwise(parts)
    )
    headings = [block.text for block in load_code(path).blocks if block.level]
    assert headings == ["long", "a.py"]


def test_definitions_inside_a_long_function_are_units(tmp_path: Path) -> None:
    """A closure in a function that fits stays there; one in a long function is taken out."""
    inner = "    def inner():\n        return 1\n"
    short = f"def outer():\n{inner}    return inner\n"
    long = f"def outer():\n{inner}" + "    work()\n" * 50
    assert units(put(tmp_path, "short.py", short)) == [("outer", 1, 4)]
    assert ("outer.inner", 2, 3) in units(put(tmp_path, "long.py", long))


@pytest.mark.parametrize(
    "text",
    ["x" * 500_000, "function a(b){return b+1};var c=[1,{d:3}];" * 25_000, "合同台账，" * 50_000],
)
def test_minified_file_is_cut_into_bounded_blocks(tmp_path: Path, text: str) -> None:
    """One line of a megabyte gives blocks that fit a chunk, join to the line, and a warning."""
    loaded = load_code(put(tmp_path, "a.js", text))
    blocks = list(loaded.blocks)
    assert "".join(block.text for block in blocks) == text
    assert {tuple(block.location["lines"]) for block in blocks} == {(1, 1)}
    assert max(len(block.text) for block in blocks) <= 4 * code.ROOM
    assert any("minified" in warning for warning in loaded.warnings)
    assert any("longer than a passage" in warning for warning in loaded.warnings)


def test_line_ends_become_newlines_and_tabs_stay(tmp_path: Path) -> None:
    """CRLF is a line end, not a character of the text."""
    blocks = list(load_code(put(tmp_path, "a.go", GO.replace("\n", "\r\n"))).blocks)
    assert not any("\r" in block.text for block in blocks)
    assert any("\n\treturn s.items[key]" in block.text for block in blocks)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "gb18030"])
def test_encodings_of_chinese_sources(tmp_path: Path, encoding: str) -> None:
    """Comments in GB 18030 or UTF-16 read as in UTF-8."""
    text = "# 删除已经不存在的合同文档，并返回删除的数量。\ndef 删除(文档):\n    return 文档\n"
    assert units(put(tmp_path, "a.py", text.encode(encoding))) == [("删除", 1, 3)]


def test_broken_syntax_keeps_every_line(tmp_path: Path) -> None:
    """Sound functions among broken lines are found, and nothing is lost."""
    source = "def good():\n    return 1\n\ndef bad(:\n  ))) x ==\n\ndef fine():\n    return 2\n"
    blocks = check(put(tmp_path, "a.py", source), source)
    assert "good" in {block.location.get("symbol") for block in blocks}


def test_text_that_is_no_code_is_told(tmp_path: Path) -> None:
    """A file that mostly does not parse says so."""
    source = "def (:\n" * 200
    path = put(tmp_path, "a.py", source)
    check(path, source)
    assert "does not parse as Python" in load_code(path).warnings[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", "x = " + "(\n" * 100_000 + ")\n" * 100_000),
        ("a.js", "f(()=>{\n" * 20_000 + "})\n" * 20_000),
        ("a.cpp", "namespace a{\n" * 40_000 + "}\n" * 40_000),
        ("a.cs", "{\n" * 100_000),
        ("a.c", "/*\n" * 100_000),
        ("a.sql", "create or replace\n" * 50_000),
    ],
)
def test_hostile_nesting_takes_bounded_time(tmp_path: Path, name: str, text: str) -> None:
    """100,000 brackets are read in seconds, whole."""
    started = time.monotonic()
    check(put(tmp_path, name, text), text)
    assert time.monotonic() - started < 30


def test_missing_grammar_leaves_lines_and_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a grammar is not installed, the file is cut by lines, and the warning names the cure."""
    missing = grammars.Grammar("Python", "tree_sitter_no_such_grammar", "")
    monkeypatch.setattr(code, "GRAMMARS", {".py": missing})
    source = PYTHON * 5
    path = put(tmp_path, "a.py", source)
    blocks = check(path, source)
    assert all("symbol" not in block.location for block in blocks)
    assert "install tree-sitter-no-such-grammar" in load_code(path).warnings[0]


def test_every_grammar_fits_the_installed_tree_sitter() -> None:
    """Each language's query names node types that its grammar has."""
    for grammar in grammars.GRAMMARS.values():
        grammars.compiled(grammar)


def test_empty_and_binary_files(tmp_path: Path) -> None:
    """White space gives no block; null bytes are no source code."""
    assert list(load_code(put(tmp_path, "a.py", " \n\n")).blocks) == []
    with pytest.raises(LoadError):
        load_code(put(tmp_path, "b.py", bytes(range(256)) * 20))
