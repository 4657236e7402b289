"""Read the content of a tool's result in the first shape that fits."""

from collections.abc import Sequence

from provence_plugins.integrations.embedded_documents import read_documents
from provence_plugins.integrations.embedded_values import read_values
from provence_plugins.integrations.labelled_records import read_records
from provence_plugins.integrations.prose import is_prose
from provence_plugins.integrations.tool_results import ResultText, one_text
from provence_plugins.types import Passage


def read_result(
    content: str,
    documents: Sequence[Passage] = (),
    title: str | None = None,
) -> ResultText:
    """Take a content apart into the texts that it holds.

    Args:
        content: What a tool returned.
        documents: Documents that came with it.
        title: Title of the content as a whole.

    Returns:
        The content as the first shape that fits; see `tool_results`.
    """
    read = read_documents(content, documents) if documents else None
    read = read or read_values(content) or read_records(content)
    return read or one_text("prose" if is_prose(content) else "other", content, title)
