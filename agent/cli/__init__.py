"""The `waypost` command: parse, call the library, print."""
