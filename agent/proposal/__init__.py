"""The first run: a folder of documents is looked at, and indexes for it are proposed.

`look_into` walks the folder and reads a sample of its files; `propose` groups them by folder, source
code apart, and describes each group by what tells it from the others; `settings_text` writes it down.
Nothing is executed, asked of a model or fetched, and the same files give the same proposal.
"""

from agent.proposal.propose import Looked, Proposal, ProposedIndex, look_into, propose
from agent.proposal.walk import File, Trouble
from agent.proposal.writing import settings_text, write_new

__all__ = [
    "File",
    "Looked",
    "Proposal",
    "ProposedIndex",
    "Trouble",
    "look_into",
    "propose",
    "settings_text",
    "write_new",
]
