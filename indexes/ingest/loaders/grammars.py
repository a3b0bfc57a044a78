"""The programming languages that source files are split in: tree-sitter grammars and what to look for.

A query captures definitions: `@class` (a heading, and its members are units of their own), `@space`
(a namespace: a part of its members' names), `@unit` (a function, method or type), `@value` (a
unit unless it is one line) and `@plain` (a statement without a name). Of units and plain statements,
definitions inside are only taken out of those that are longer than a passage. `@name` names the one before,
where the grammar has no field for it, and `@owner` is the type that a method is declared outside of.
`@wrap` is what a definition may be wrapped in, as decorators do, `@lead` a comment or decorator that
belongs to what follows, `@error` what does not parse.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tree_sitter import Language, Query

__all__ = ["CPLUSPLUS", "GRAMMARS", "WORDS", "Grammar", "GrammarError", "compiled"]


@dataclass(frozen=True)
class Grammar:
    """A language: its name, its grammar's package and function, and the query for its definitions."""

    name: str
    package: str
    query: str
    function: str = "language"


class GrammarError(Exception):
    """A grammar is not installed, or not one that the installed tree-sitter can use."""


_SCRIPT = """
(class_declaration) @class
[(function_declaration) (generator_function_declaration) (method_definition)] @unit
(lexical_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (class)])) @unit
(variable_declaration (variable_declarator name: (identifier) @name
  value: [(arrow_function) (function_expression) (class)])) @unit
(lexical_declaration (variable_declarator name: (identifier) @name
  value: [(object) (call_expression)])) @value
(variable_declaration (variable_declarator name: (identifier) @name
  value: [(object) (call_expression)])) @value
(expression_statement (assignment_expression left: [(member_expression) (identifier)] @name
  right: [(arrow_function) (function_expression) (class) (object)])) @unit
(pair key: (_) @name value: [(arrow_function) (function_expression)]) @unit
(expression_statement (call_expression)) @plain
(export_statement value: (_)) @plain
(export_statement) @wrap
[(comment) (decorator)] @lead
(ERROR) @error
"""
_JAVASCRIPT = f"""{_SCRIPT}
(field_definition property: (_) @name value: [(arrow_function) (function_expression)]) @unit
"""
_TYPESCRIPT = f"""{_SCRIPT}
(abstract_class_declaration) @class
[(interface_declaration) (enum_declaration) (type_alias_declaration)] @unit
[(internal_module) (module)] @space
(public_field_definition name: (_) @name value: [(arrow_function) (function_expression)]) @unit
(ambient_declaration) @wrap
"""
_C = """
[(function_definition) (type_definition) (preproc_function_def)] @unit
(struct_specifier name: (_) body: (_)) @unit
(union_specifier name: (_) body: (_)) @unit
(enum_specifier name: (_) body: (_)) @unit
(comment) @lead
(ERROR) @error
"""
_CPP = """
(class_specifier name: (_) body: (_)) @class
(struct_specifier name: (_) body: (_)) @class
[(function_definition) (type_definition) (preproc_function_def) (concept_definition)] @unit
(union_specifier name: (_) body: (_)) @unit
(enum_specifier name: (_) body: (_)) @unit
(namespace_definition name: (_)) @space
(template_declaration) @wrap
(comment) @lead
(ERROR) @error
"""

_PYTHON = Grammar(
    "Python",
    "tree_sitter_python",
    """
(class_definition) @class
(function_definition) @unit
(decorated_definition) @wrap
(comment) @lead
(ERROR) @error
""",
)
_JS = Grammar("JavaScript", "tree_sitter_javascript", _JAVASCRIPT)
CPLUSPLUS = Grammar("C++", "tree_sitter_cpp", _CPP)
_TS = Grammar("TypeScript", "tree_sitter_typescript", _TYPESCRIPT, "language_typescript")
GRAMMARS: Mapping[str, Grammar] = {  # by a file's ending
    ".py": _PYTHON,
    **dict.fromkeys((".js", ".jsx", ".mjs"), _JS),
    ".ts": _TS,
    ".tsx": Grammar("TypeScript", "tree_sitter_typescript", _TYPESCRIPT, "language_tsx"),
    ".java": Grammar(
        "Java",
        "tree_sitter_java",
        """
[(class_declaration) (interface_declaration) (enum_declaration) (record_declaration)
 (annotation_type_declaration)] @class
[(method_declaration) (constructor_declaration) (compact_constructor_declaration)] @unit
[(line_comment) (block_comment)] @lead
(ERROR) @error
""",
    ),
    ".go": Grammar(
        "Go",
        "tree_sitter_go",
        """
(function_declaration) @unit
(method_declaration receiver: (parameter_list (parameter_declaration type: [
  (type_identifier) @owner (generic_type type: (_) @owner)
  (pointer_type [(type_identifier) @owner (generic_type type: (_) @owner)])]))) @unit
[(type_spec) (type_alias)] @unit
(comment) @lead
(ERROR) @error
""",
    ),
    ".rs": Grammar(
        "Rust",
        "tree_sitter_rust",
        """
(impl_item type: (_) @name) @class
(trait_item) @class
[(function_item) (struct_item) (enum_item) (union_item) (macro_definition)] @unit
(mod_item body: (_)) @space
[(line_comment) (block_comment) (attribute_item)] @lead
(ERROR) @error
""",
    ),
    **dict.fromkeys((".c", ".h"), Grammar("C", "tree_sitter_c", _C)),
    **dict.fromkeys((".cc", ".cpp", ".hpp"), CPLUSPLUS),
    ".cs": Grammar(
        "C#",
        "tree_sitter_c_sharp",
        """
[(class_declaration) (interface_declaration) (struct_declaration) (record_declaration)] @class
[(method_declaration) (constructor_declaration) (destructor_declaration) (operator_declaration)
 (local_function_statement) (enum_declaration)] @unit
(namespace_declaration) @space
(comment) @lead
(ERROR) @error
""",
    ),
    ".rb": Grammar(
        "Ruby",
        "tree_sitter_ruby",
        """
[(class) (module)] @class
[(method) (singleton_method)] @unit
(comment) @lead
(ERROR) @error
""",
    ),
    ".php": Grammar(
        "PHP",
        "tree_sitter_php",
        """
[(class_declaration) (interface_declaration) (trait_declaration) (enum_declaration)] @class
[(function_definition) (method_declaration)] @unit
(namespace_definition body: (_)) @space
(comment) @lead
(ERROR) @error
""",
        "language_php",
    ),
    ".sh": Grammar(
        "shell",
        "tree_sitter_bash",
        """
(function_definition) @unit
(comment) @lead
(ERROR) @error
""",
    ),
}
WORDS: Mapping[str, str] = {  # what a heading calls a class, if not that
    "interface_declaration": "interface",
    "annotation_type_declaration": "interface",
    "enum_declaration": "enum",
    "record_declaration": "record",
    "struct_declaration": "struct",
    "struct_specifier": "struct",
    "trait_item": "trait",
    "trait_declaration": "trait",
    "impl_item": "impl",
    "module": "module",
}


@lru_cache(maxsize=32)
def compiled(grammar: Grammar) -> tuple[Language, Query]:
    """Return a language and its query, ready to use.

    Raises:
        GrammarError: the grammar is not installed, or does not fit the installed tree-sitter.
    """
    try:
        from tree_sitter import Language, Query

        module: Any = importlib.import_module(grammar.package)
        language = Language(getattr(module, grammar.function)())
        return language, Query(language, grammar.query)
    except (ImportError, AttributeError, ValueError) as error:  # ValueError: another version's
        raise GrammarError(str(error)) from error
