"""What a causal model makes of questions: tokens in, and how likely each name is out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.models.adapter.labels import Labels

__all__ = ["TEMPLATE", "encode", "score", "sharpened", "written"]

Array = NDArray[np.float64]
TEMPLATE = "Question: {question}\nCategory:"
LONGEST = 192  # tokens of a prompt; of a longer one the beginning and the end are kept
AT_ONCE = 32  # sequences


def encode(question: str, tokenizer: Any, template: str) -> list[int]:
    """Return the tokens of the prompt that has a question.

    Args:
        question: the standalone question.
        tokenizer: of the model.
        template: what it is inserted into, for {question}.
    """
    text = template.replace("{question}", " ".join(question.split()))
    tokens = [int(token) for token in tokenizer.encode(text)]
    if tokens and tokens[-1] == tokenizer.eos_token_id:
        tokens.pop()  # some tokenizers end every text
    if len(tokens) > LONGEST:
        tokens = tokens[: LONGEST * 2 // 3] + tokens[-(LONGEST // 3) :]
    return tokens


def written(model: Any, sequences: Sequence[Sequence[int]], kept: int) -> Any:
    """Return what a model would write at the last places of sequences.

    Args:
        model: a causal one.
        sequences: tokens, which are padded on the left.
        kept: how many places at the end are wanted.

    Returns:
        A tensor of scores, as (sequences, places, vocabulary).
    """
    import torch

    most = max(len(one) for one in sequences)
    tokens = torch.tensor([[0] * (most - len(one)) + [*one] for one in sequences])
    mask = torch.tensor([[0] * (most - len(one)) + [1] * len(one) for one in sequences])
    places = (mask.cumsum(dim=1) - 1).clamp(min=0)
    device = model.device
    return model(
        input_ids=tokens.to(device),
        attention_mask=mask.to(device),
        position_ids=places.to(device),
        logits_to_keep=kept,
        use_cache=False,
    ).logits


def score(
    model: Any,
    prompts: Sequence[Sequence[int]],
    labels: Labels,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Array:
    """Return how likely a model finds each name after each prompt.

    Args:
        model: a causal one, not in training.
        prompts: tokens of each.
        labels: the names.
        progress: told (sequences done, of how many).

    Returns:
        Natural logarithms of probabilities, as (prompts, names); each row's sum to 1.
    """
    import torch

    found = [np.empty((len(prompts), len(branches))) for branches in labels.branches]
    wanted = [
        (row, number, [*prompt, *fork])
        for row, prompt in enumerate(prompts)
        for number, fork in enumerate(labels.forks)
    ]
    wanted.sort(key=lambda one: len(one[2]))  # alike in length, so that little is padded
    with torch.inference_mode():
        for start in range(0, len(wanted), AT_ONCE):
            part = wanted[start : start + AT_ONCE]
            scores = written(model, [tokens for _, _, tokens in part], 1)[:, -1].double().cpu()
            for (row, number, _), one in zip(part, scores, strict=True):
                found[number][row] = one[list(labels.branches[number])].numpy()
            progress(min(start + AT_ONCE, len(wanted)), len(wanted))
    return labels.log_likelihoods(found)


def sharpened(logs: Array, temperature: float) -> Array:
    """Return probabilities from their logarithms, divided by a temperature, as (questions, names)."""
    scaled = logs / temperature
    scaled = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(scaled / scaled.sum(axis=1, keepdims=True))
