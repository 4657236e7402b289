"""Read data in the layout of OpenProvence: a query with texts, spans of sentences, labels."""

from collections.abc import Iterator, Mapping
from typing import Any

from provence_plugins.data.json_lines import describe_fault
from provence_plugins.data.silver import SILVER_KEY, TEACHER_KEY, raw_score, silver_values
from provence_plugins.errors import DataError
from provence_plugins.types import Span

_SCORES = "teacher_scores."


# Any: whatever JSON or Parquet holds, in all of this file.
def read_rows(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the lines of data for the texts of one row.

    `labels` become `is_positive`; `context_spans` with `context_spans_relevance` become `silver`;
    the mean of all columns `teacher_scores.…` becomes `teacher_score`. Rerankers that end in a
    logistic function give scores between 0 and 1, which are turned back into raw scores.

    Raises:
        DataError: The row lacks a column, or its columns do not fit each other.
    """
    try:
        texts, query = row["texts"], row["query"]
        labels, spans = row.get("labels"), row.get("context_spans")
        relevance = row.get("context_spans_relevance")
        scores = [values for name, values in row.items() if name.startswith(_SCORES) and values is not None]
        for number, text in enumerate(texts):
            line: dict[str, Any] = {"id": f"{row.get('id', query)}-{number}", "question": query, "passage": text}
            if row.get("dataset_name"):
                line["source"] = row["dataset_name"]
            if labels is not None:
                line["is_positive"] = bool(labels[number])
            if spans is not None and relevance is not None:
                ranges = [Span(start, end) for start, end in spans[number]]
                line[SILVER_KEY] = silver_values(ranges, relevance[number])
            if scores:
                line[TEACHER_KEY] = sum(_raw(values, number) for values in scores) / len(scores)
            yield line
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"The row {row.get('id')!r} is not in the layout of OpenProvence "
            f"({describe_fault(error)}). Expected query, texts, and lists of the same "
            f"length in labels, context_spans and context_spans_relevance."
        ) from error


def _raw(values: Any, number: int) -> float:
    if all(0 <= value <= 1 for value in values):
        return raw_score(values[number])
    return float(values[number])
