"""What a project brings as Python code: loaders, sources and tools, loaded by path.

Each file gets a module name of its own, so that several projects live in one process.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from indexes.errors import ConfigurationError

__all__ = ["load_module", "load_object"]

_LOADING = threading.RLock()  # or a thread could get a module that another has not finished


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
    with _LOADING:
        if unique not in sys.modules:
            _run(unique, path)
        return sys.modules[unique]


def _run(unique: str, path: Path) -> None:
    spec = importlib.util.spec_from_file_location(unique, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{str(path)!r} cannot be loaded as Python.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[unique]
        raise ConfigurationError(
            f"{str(path)!r} failed while loading: {type(error).__name__}: {error}.",
            fix=_cure(path, error),
        ) from error


def _cure(path: Path, error: BaseException) -> str:
    wanted = str(getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and (path.parent / f"{wanted}.py").exists():
        return f"a file of a project cannot import another: move what it needs of {wanted}.py in."
    return f"make `python {path.name}` run without an error."


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
            f"{str(project / f'{file}.py')!r} has no {name!r}.",
            fix=f"define it, or correct {use!r}.",
        ) from None
