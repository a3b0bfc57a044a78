"""Fences around data in a prompt, which nothing inside can end, forge or talk its way out of.

What could is written with look-alikes: `</source>` as `＜/source>`, `[2]` as `﹇2﹈`, `assistant:` as
`assistant﹕`. Compatibility normalisation (NFKC, as in `indexes.text.normalize`) gives the original
back, so that an answer which copies them still compares equal with its source.
"""

from __future__ import annotations

import re
from functools import lru_cache

from agent.answering.shown import outside_code, visible

__all__ = ["fenced", "one_line", "plain", "unnumbered"]

TITLE = 200  # characters of a title or place
_TAGS = (
    # of our own prompts
    r"sources?|question|answer|conversation|turn|summary|schema|passages?|tool_results?|资料|问题|对话|已有摘要|摘要|工具结果"
    # of chat templates
    r"|s|bos|eos|pad|unk|sop|eop|eo[hamt]|eod|think(?:ing)?|reasoning|analysis|final"
    r"|(?:begin|start|end)_of_\w+|begin▁of▁\w+|end▁of▁\w+|im_\w+|eot_id|endof\w+|reserved_\w+|unused\d*"
    r"|tools?|tool_\w+|function\w*|invoke|parameter|available_tools|observation"
    r"|system\w*|user|assistant|human|developer|instructions?|prompt|context|documents?|sys"
)
_OPENING = re.compile(
    rf"<(?=\s*(?:[|｜]|<?\s*/?\s*(?:{_TAGS})(?![A-Za-z0-9_一-鿿])))", re.IGNORECASE
)
_INSTRUCTION = re.compile(
    r"\[(?=\s*/?\s*(?:INST|SYS|SYSTEM|USER|ASSISTANT|TOOL_\w+|AVAILABLE_\w+|gMASK|sMASK|MASK|CLS|SEP"
    r"|BOS|EOS|UNUSED\w*)\s*\])",
    re.IGNORECASE,
)
# A subscript, as in code, is no marker of a source. Full-width brackets are: models write them, too.
_NUMBERS = r"\s*\d{1,3}(?:\s*[,，、;；–~-]\s*\d{1,3})*\s*"
_MARKER = re.compile(
    rf"(?:(?<![A-Za-z0-9_)\]])\[|[［【]){_NUMBERS}[\]］】](?:[\[［【]{_NUMBERS}[\]］】])*"
)
_UPRIGHT = str.maketrans("[]［］【】", "﹇﹈﹇﹈︻︼")
_ROLE = re.compile(
    r"(?im)^([#>*_\-–—`\"'【\[（( \t]*"
    r"(?:system|assistant|user|human|ai|developer|tool|instructions?|response"
    r"|系统(?:提示|消息|指令)?|助手|用户|人类|开发者|工具|指令)"
    r"(?:[ \t]+(?:message|prompt))?[ \t*_`\"'】\]）)]{0,20})[:：]"
)
_REFUSAL = re.compile(r"NO_ANSWER", re.IGNORECASE)


@lru_cache(maxsize=512)  # the same passages come back question after question
def plain(text: str) -> str:
    """Return a text as data: nothing in it ends a fence, numbers a source or opens a turn.

    Args:
        text: of a document, a tool, a person or a model.
    """
    text = visible(text.encode("utf-8", "replace").decode())
    text = _OPENING.sub("＜", text)
    text = _INSTRUCTION.sub("［", text)
    text = _upright(text)
    text = _ROLE.sub(r"\1﹕", text)
    return _REFUSAL.sub(lambda found: found.group().replace("_", "＿"), text)


def unnumbered(text: str) -> str:
    """Return a text in which nothing looks like the marker of a source, but for code in code blocks.

    Args:
        text: a quotation or a tool's result, for people to read.
    """
    return outside_code(text, _upright)


def _upright(text: str) -> str:
    return _MARKER.sub(lambda found: found.group().translate(_UPRIGHT), text)


def one_line(text: str, most: int = TITLE) -> str:
    """Return a title, name or place as data on one line.

    Args:
        text: the title.
        most: characters of it that are kept.
    """
    line = " ".join(plain(text).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def fenced(tag: str, text: str, **attributes: str | int) -> str:
    """Return a text between tags on lines of their own.

    Args:
        tag: the tag's name.
        text: what stands between; `plain` already.
        attributes: of the tag, ours and not somebody's.
    """
    told = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f"<{tag}{told}>\n{text}\n</{tag}>"
