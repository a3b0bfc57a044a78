"""Access lists: who may see a document, compiled into the store's filter.

A stored point carries `access`: the groups that may see it, or "*" for everyone. An empty list is
visible to nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from indexes.types import AnyOf, Principal

__all__ = ["EVERYONE", "access_list", "permits", "visible_to"]

EVERYONE = "*"


def visible_to(principal: Principal | None) -> AnyOf:
    """Return the condition that a point is visible to `principal`; None sees public points only."""
    groups = () if principal is None else principal.groups
    return AnyOf("access", (EVERYONE, *(g for g in groups if g != EVERYONE)))


def permits(groups: Sequence[str] | None, principal: Principal | None) -> bool:
    """Say whether a list of groups lets `principal` in; None and "*" let everyone in."""
    return (
        groups is None
        or EVERYONE in groups
        or (principal is not None and bool(set(groups) & set(principal.groups)))
    )


def access_list(
    document: Sequence[str] | None,
    index: Sequence[str] | None,
    default: Literal["public", "private"],
) -> list[str]:
    """Return the stored list of a document: its own, else its index's, else the project's default."""
    own = document if document is not None else index
    if own is not None:
        return sorted(set(own))
    return [EVERYONE] if default == "public" else []
