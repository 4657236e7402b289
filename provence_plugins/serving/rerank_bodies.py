"""The JSON objects that clients of Cohere, Jina and text-embeddings-inference send to rerank."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag

from provence_plugins.serving.bodies import StrictBody, text_or_object
from provence_plugins.thresholds import Threshold
from provence_plugins.types import Passage


class DocumentBody(BaseModel):
    """A document as an object. Other fields than text and title are not read, as Cohere does.

    Attributes:
        text: The text.
        title: Title of the page that it comes from, which the model reads as context.
    """

    model_config = ConfigDict(strict=True)

    text: str
    title: str | None = None


Document = Annotated[DocumentBody, text_or_object(DocumentBody, "document")]


class RelevantSpans(StrictBody):
    """Asks for the sentences that help to answer the query: context pruning in Cohere's shape.

    Attributes:
        mode: "enabled" returns these sentences, "disabled" does not.
        threshold: Minimum probability of a sentence, or the name of a threshold of the model; None
            for the threshold of the server.
        max_spans: Maximum number of sentences of a document, the most probable ones; None for no
            limit.
    """

    mode: Literal["enabled", "disabled"]
    threshold: Threshold | None = None
    max_spans: int | None = None


class RerankBody(StrictBody):
    """The fields that requests in the shapes of Cohere and Jina share.

    Attributes:
        query: The question.
        documents: Texts, or objects with a text.
        model: Accepted without effect; the answer names the model that is served.
        top_n: Maximum number of results.
    """

    query: str
    documents: list[Document]
    model: str | None = None
    top_n: int | None = None

    def passages(self) -> list[Passage]:
        """Return the documents as the pruner reads them."""
        return [Passage(document.text, document.title) for document in self.documents]


class CohereBody(RerankBody):
    """A request in the shape of Cohere's API version 2.

    Attributes:
        relevant_spans: Asks for the sentences that help to answer the query; null for none.
        return_documents: Whether the answer repeats the texts.
        max_tokens_per_doc: Accepted without effect: no document is cut.
        priority: Accepted without effect.
    """

    relevant_spans: RelevantSpans | None = None
    return_documents: bool = False
    max_tokens_per_doc: int | None = None
    priority: int | None = None


class JinaBody(RerankBody):
    """A request in the shape of Jina's API, and of Cohere's version 1.

    Attributes:
        return_documents: Whether the answer repeats the texts, as Jina does by default.
        truncation: Accepted without effect: no document is cut.
        max_chunks_per_doc: Accepted without effect: no document is cut.
    """

    return_documents: bool | None = True
    truncation: bool | None = None
    max_chunks_per_doc: int | None = None


class TeiBody(StrictBody):
    """A request in the shape of text-embeddings-inference.

    Attributes:
        query: The question.
        texts: The documents.
        raw_scores: Whether scores are logits instead of probabilities.
        return_text: Whether the answer repeats the texts.
        truncate: Accepted without effect: no text is cut.
        truncation_direction: Accepted without effect.
    """

    query: str
    texts: list[str]
    raw_scores: bool = False
    return_text: bool = False
    truncate: bool | None = None
    truncation_direction: Literal["left", "right", "Left", "Right"] | None = None


TEI, JINA = "(text-embeddings-inference)", "(jina)"


# Any: whatever the client has sent.
def _shape(value: Any) -> str:
    return TEI if isinstance(value, dict) and "texts" in value else JINA


EitherBody = Annotated[Annotated[TeiBody, Tag(TEI)] | Annotated[JinaBody, Tag(JINA)], Discriminator(_shape)]
"""A request to /rerank: `texts` in the shape of text-embeddings-inference, `documents` in that of
Jina."""
