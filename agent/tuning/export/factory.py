"""What LLaMA-Factory needs beside the files: what they are called, and how to train on them.

Source: LLaMA-Factory 0.9.5, data/README.md and its arguments; `llamafactory-cli train train.yaml` in the
folder of the export.
"""

from __future__ import annotations

import json
import math
from typing import Any

from agent.tuning.export.types import Format, Task

__all__ = ["dataset_info", "dataset_names", "template_of", "train_yaml"]

ROUND = 128  # tokens
OTHERWISE = 1.3  # how many more tokens another tokenizer may make of a row
TEMPLATES = (  # part of a model's name, and LLaMA-Factory's template for it
    ("qwen3", "qwen3_nothink"),
    ("qwen", "qwen"),
    ("llama-3", "llama3"),
    ("llama-2", "llama2"),
    ("smollm", "smollm"),
    ("gemma-3", "gemma3"),
    ("gemma", "gemma"),
    ("glm-4", "glm4"),
    ("mistral", "mistral"),
    ("phi-4", "phi4"),
    ("deepseek", "deepseek3"),
)
DEFAULT = "default"
TAGS = {
    "role_tag": "role",
    "content_tag": "content",
    "user_tag": "user",
    "assistant_tag": "assistant",
    "system_tag": "system",
}


def dataset_names(task: Task) -> tuple[str, str]:
    """Return what the training and the validation file are called."""
    return f"waypost_{task}_train", f"waypost_{task}_validation"


def dataset_info(task: Task, form: Format, *, validation: bool) -> dict[str, Any]:
    """Return dataset_info.json, without anything where LLaMA-Factory cannot read the format.

    Args:
        task: what the files teach.
        form: of the files; LLaMA-Factory reads calls in sharegpt alone.
        validation: whether there is a validation file.
    """
    kind: dict[str, Any]
    columns: dict[str, Any]
    if form == "sharegpt":
        kind = {"formatting": "sharegpt"}
        columns = {"messages": "conversations", "system": "system", "tools": "tools"}
    elif form == "openai":
        if task == "tools":
            return {}
        kind = {"formatting": "sharegpt", "tags": TAGS}
        columns = {"messages": "messages"}
    elif form == "alpaca":
        kind = {"formatting": "alpaca"}
        columns = {"prompt": "instruction", "query": "input", "response": "output",
                   "system": "system", "history": "history"}  # fmt: skip
    else:
        kind = {"formatting": "alpaca"}
        columns = {"prompt": "prompt", "response": "completion"}
    files = ("train.jsonl", "validation.jsonl")
    return {
        name: {"file_name": file, **kind, "columns": columns}
        for name, file in zip(dataset_names(task), files, strict=True)
        if validation or file == files[0]
    }


def template_of(base: str) -> str:
    """Return LLaMA-Factory's template for a model, as far as its name tells."""
    name = base.rpartition("/")[2].lower()
    return next((template for part, template in TEMPLATES if part in name), DEFAULT)


def train_yaml(
    task: Task, base: str, template: str, *, longest: int, epochs: int, seed: int, validation: bool
) -> str:
    """Return train.yaml: LoRA on the attention's query and value projections.

    Args:
        task: what the files teach.
        base: the model to tune: its name at a hub, or a folder.
        template: LLaMA-Factory's for that model.
        longest: tokens of the longest row, by another tokenizer than the model's.
        epochs: how often the rows are gone through.
        seed: of the training.
        validation: whether there is a validation file.
    """
    cutoff = max(ROUND * math.ceil(longest * OTHERWISE / ROUND), 2 * ROUND)
    train, held = dataset_names(task)
    lines = [
        "# llamafactory-cli train train.yaml, in this folder",
        f"model_name_or_path: {json.dumps(base, ensure_ascii=False)}",
        "stage: sft",
        "do_train: true",
        "finetuning_type: lora",
        "lora_rank: 8",
        "lora_alpha: 16",
        "lora_dropout: 0.05",
        "lora_target: q_proj,v_proj",
        "",
        "dataset_dir: .",
        f"dataset: {train}",
        f"template: {template}",
        f"cutoff_len: {cutoff}  # the longest row, and room for another tokenizer",
        "mask_history: true  # examples in a prompt are not what is to be learned",
        "overwrite_cache: true",
        "preprocessing_num_workers: 1",
        "",
        "output_dir: adapter",
        "overwrite_output_dir: true",
        "per_device_train_batch_size: 4",
        "gradient_accumulation_steps: 4",
        "learning_rate: 1.0e-4",
        f"num_train_epochs: {epochs}",
        "lr_scheduler_type: cosine",
        "warmup_ratio: 0.1",
        "logging_steps: 5",
        "save_strategy: epoch",
        "plot_loss: true",
        "report_to: none",
        "bf16: false  # true on a GPU that has it",
        f"seed: {seed}",
    ]
    if validation:
        lines += [
            "",
            f"eval_dataset: {held}",
            "eval_strategy: epoch",
            "per_device_eval_batch_size: 4",
        ]
    return "\n".join(lines) + "\n"
