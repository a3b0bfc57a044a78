"""What a project brings as Python code: loaders, sources and tools, loaded by path.

Each file gets a module name of its own, so that several projects live in one process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from indexes.errors import ConfigurationError

__all__ = ["load_module", "load_object"]


def load_module(project: Path, name: str) -> ModuleType:
    """Load a Python file of a project, once.

    Args:
        project: the project's folder.
        name: the file without its ending.

    Raises:
        ConfigurationError: there is no such file, or it fails.
    """
    path = (project / f"{name}.py").resolve()
    if not path.is_file():
        raise ConfigurationError(
            f"There is no file {str(path)!r} for '{name}:…' in waypost.toml.",
            fix="create it, or correct the setting.",
        )
    unique = f"waypost_project_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}_{name}"
    if unique in sys.modules:
        return sys.modules[unique]
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{str(path)!r} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[unique]
        raise ConfigurationError(
            f"{str(path)!r} failed while loading: {type(error).__name__}: {error}.",
            fix=f"make `python {name}.py` run without an error.",
        ) from error
    return module


def load_object(project: Path, use: str) -> Any:
    """Return what "module:name" names in a project.

    Raises:
        ConfigurationError: the file or the name is missing, or the file fails.
    """
    file, _, name = use.partition(":")
    module = load_module(project, file)
    try:
        return getattr(module, name)
    except AttributeError:
        raise ConfigurationError(
            f"{project / file!s}.py has no {name!r}.", fix=f"define it, or correct {use!r}."
        ) from None
