"""The chat page: static files at /chat/, and what it asks about the project beside LangGraph's API."""

from __future__ import annotations

from starlette.routing import Route

from agent.server.page.correct import correct
from agent.server.page.documents import documents
from agent.server.page.files import PAGE, file, to_page
from agent.server.page.passage import passage
from agent.server.page.project import project

__all__ = ["PAGE", "routes"]

routes = [
    Route(PAGE, to_page, include_in_schema=False),
    Route(f"{PAGE}/{{path:path}}", file, include_in_schema=False),
    Route("/waypost/project", project),
    Route("/waypost/documents", documents, methods=["POST"]),
    Route("/waypost/passage", passage, methods=["POST"]),
    Route("/waypost/correct", correct, methods=["POST"]),
]
