"""Serving a project on LangGraph: the graph, who may use it, and an HTTP app that opens the project.

langgraph.json names `agent.server:make_graph`, `agent.server:auth` and `agent.server:app`. The app's
lifespan opens the project once; the graph's factory is called for every run and read, and only hands
the graph out. Every request is refused until the project is open, and unless `auth` knows who asks.
"""

from agent.server.app import app
from agent.server.auth import auth
from agent.server.graph import make_graph
from agent.server.threads import make_checkpointer

__all__ = ["app", "auth", "make_checkpointer", "make_graph"]
