# mypy: ignore-errors
"""Run in an environment that has LLaMA-Factory: loads exports with its own loader, and trains on one.

`python llama_factory.py LOADED.json FOLDER...` writes the text of every row, and what of it is learned;
the last folder is trained on, with its train.yaml as it stands, but for a tiny model of random weights.
What it imports is in that environment alone, so its types are not checked.
"""

from __future__ import annotations

import importlib.machinery
import json
import os
import sys
import types
from pathlib import Path

import yaml

audio = types.ModuleType("torchaudio")  # no export has audio, and the package comes for GPUs alone
audio.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
sys.modules["torchaudio"] = audio

from llamafactory.data.loader import get_dataset  # noqa: E402
from llamafactory.data.template import get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.hparams import get_train_args  # noqa: E402
from llamafactory.train.tuner import run_exp  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: E402
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast  # noqa: E402


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer that makes a token of every byte."""
    signs = {sign: place for place, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab=signs, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|pad|>"
    )


def loaded(folder: Path) -> dict[str, list[str]]:
    """Return what is learned of every row, in the order of the files."""
    arguments = yaml.safe_load((folder / "train.yaml").read_text("utf-8"))
    arguments |= {"dataset_dir": str(folder), "cutoff_len": 200_000}  # a byte is a short token
    model, data, training, tuning, _ = get_train_args(arguments)
    bytewise = tokenizer()
    template = get_template_and_fix_tokenizer(bytewise, data)
    sets = get_dataset(template, model, data, training, tuning.stage, bytewise)
    return {
        name: [bytewise.decode([one for one in row["labels"] if one >= 0]) for row in rows]
        for name, rows in sets.items()
    }


def train(folder: Path) -> None:
    """Train as train.yaml says, in the folder."""
    os.chdir(folder)
    tokenizer().save_pretrained("tiny")
    config = LlamaConfig(
        vocab_size=300, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=8192,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained("tiny")
    run_exp(yaml.safe_load(Path("train.yaml").read_text("utf-8")) | {"model_name_or_path": "tiny"})


if __name__ == "__main__":
    folders = [Path(one).resolve() for one in sys.argv[2:]]
    found = {str(folder): loaded(folder) for folder in folders}
    Path(sys.argv[1]).write_text(json.dumps(found, ensure_ascii=False), "utf-8")
    train(folders[-1])
