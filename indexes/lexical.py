"""BM25 as sparse vectors: what documents and questions weigh, term by term.

Documents carry term frequency and length, questions one for each term, and the engine multiplies with
the inverse document frequency of the corpus that a query names.

Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; terms
are hashed as Qdrant's server and fastembed hash them.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from functools import lru_cache

import qdrant_edge as edge

from indexes.base import Sparse
from indexes.text import asked_symbols, tokens

__all__ = ["SATURATION", "encode_document", "encode_query", "encode_term", "encode_tokens"]

K1 = 1.2
DEFINED = (2.0, 3.0)  # what it weighs that a chunk defines a name of the question; one in another
SATURATION = K1 + 1  # what a term's weight in a document tends to
USUAL_LENGTH: Mapping[str, float] = {  # of a text, in tokens, by the vector's name
    "text": 300.0,
    "title": 24.0,
    "terms": 60.0,
    "opening": 300.0,
    "metadata": 16.0,
}


def encode_document(name: str, text: str) -> Sparse:
    """Return the vector of a text as the store keeps it.

    Args:
        name: the sparse vector it is for, which says how long such texts usually are.
        text: the text.
    """
    return encode_tokens(name, tokens(text))


def encode_tokens(name: str, terms: Sequence[str]) -> Sparse:
    """Return the vector of a text whose `tokens` are known already.

    Args:
        name: the sparse vector it is for, as for `encode_document`.
        terms: the tokens.
    """
    vector = _model(name).embed_document(" ".join(terms))
    # arrays cross to another process as they lie in memory
    return Sparse(array("I", vector.indices), array("f", vector.values))


def encode_query(text: str, further: Mapping[str, float] | None = None) -> Sparse:
    """Return the vector of a question.

    Args:
        text: the question; each of its terms weighs 1.
        further: other texts whose terms count too, such as synonyms, with their weights.
    """
    weights = dict.fromkeys(_sparse(_model("text").embed_query(" ".join(tokens(text)))).ids, 1.0)
    for terms, weight in zip(asked_symbols(text), DEFINED, strict=True):
        numbers = _sparse(_model("text").embed_query(" ".join(terms))).ids
        weights.update(dict.fromkeys(numbers, weight))
    for other, weight in (further or {}).items():
        for number in _sparse(_model("text").embed_query(" ".join(tokens(other)))).ids:
            weights[number] = max(weight, weights.get(number, 0.0))
    return Sparse(list(weights), list(weights.values()))


@lru_cache(maxsize=4096)
def encode_term(term: str) -> Sparse:
    """Return the one-token vector of a term that is already normalised."""
    return _sparse(_model("text").embed_query(term.lower()))


def _sparse(vector: edge.SparseVector) -> Sparse:
    return Sparse(vector.indices, vector.values)


@lru_cache(maxsize=len(USUAL_LENGTH))
def _model(name: str) -> edge.Bm25:
    """Return BM25 over tokens that are already made: split at spaces, no stemmer, no stop words."""
    return edge.Bm25(
        edge.Bm25Config(
            k=K1,
            tokenizer=edge.TokenizerType.Whitespace,
            stemmer=edge.DisabledStemmer(),
            stopwords=edge.StopwordsSet(languages=set(), custom=set()),
            lowercase=False,  # tokens are
            avg_len=USUAL_LENGTH[name],
            max_token_len=64,
        )
    )
