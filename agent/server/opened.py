"""What the app's lifespan opened, for the graph's factory and for those who check requests."""

from __future__ import annotations

from dataclasses import dataclass

from agent.app import Waypost
from agent.errors import WaypostError
from agent.server.identity import Identities
from agent.server.metrics import Stored

__all__ = ["Opened", "opened"]


@dataclass
class Opened:
    """The project, those who may use it, and figures of its store, while the server runs.

    `failure` is why it could not be opened.
    """

    waypost: Waypost | None = None
    identities: Identities | None = None
    stored: Stored | None = None
    failure: WaypostError | None = None


opened = Opened()
