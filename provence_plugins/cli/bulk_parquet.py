"""Read requests from the rows of a Parquet file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from provence_plugins.cli.bulk_input import DamagedInputError
from provence_plugins.cli.bulk_lines import OWN_KEYS
from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("parquet"):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import types

_READ_ROWS = 256

REQUEST_COLUMNS = ("query", "passages")
"""The columns that a request is read from; all others are copied to the output."""

# The keys of a passage that is a struct; its other fields are not a part of the request.
_PASSAGE_KEYS = ("text", "title")

# A row with a text that is not UTF-8 becomes a line that is not either, and fails by itself.
_NOT_UTF8 = b"\xff\n"


class ParquetRequests:
    """The rows of a Parquet file as lines of JSON.

    Args:
        file: The opened file.
        only_requests: Read no columns but `query` and `passages`.

    Attributes:
        name: Name of the file.
        rows: Number of rows.

    Raises:
        DamagedInputError: The file is damaged.
        InvalidInputError: A column is missing or has another type, or its name, its type or a value
            of it cannot occur in the output.
    """

    def __init__(self, file: BinaryIO, *, only_requests: bool) -> None:
        self._file = file
        self.name = str(file.name)
        with damage_explained(self.name):
            self._parquet = pq.ParquetFile(file)
        schema = self._parquet.schema_arrow
        _check_requests(self.name, schema)
        _check_names(self.name, schema)
        if not only_requests:
            _check_json(self.name, schema)
            self._check_finite(schema)
        self._columns = [*REQUEST_COLUMNS] if only_requests else schema.names
        self.rows: int = self._parquet.metadata.num_rows

    def __iter__(self) -> Iterator[bytes]:
        with damage_explained(self.name):
            for batch in self._parquet.iter_batches(batch_size=_READ_ROWS, columns=self._columns):
                yield from _encode(batch)

    def fileno(self) -> int:
        """Return the number by which the system knows the file."""
        return self._file.fileno()

    def _check_finite(self, schema: Any) -> None:
        """Refuse NaN and infinity before the run begins: JSON would lose the value, or the row."""
        columns = [field.name for field in _other_fields(schema) if _holds_floats(field.type)]
        if not columns:
            return
        with damage_explained(self.name):
            for batch in self._parquet.iter_batches(batch_size=_READ_ROWS, columns=columns):
                for column in columns:
                    if not _is_finite(batch.column(column)):
                        raise InvalidInputError(
                            f"{self.name}: JSON cannot hold NaN or infinity, and the column {column!r} does. Name an "
                            f"output that ends in .parquet, or replace these values by null."
                        )


def _check_requests(name: str, schema: Any) -> None:
    for column in REQUEST_COLUMNS:
        if column not in schema.names:
            raise InvalidInputError(
                f"{name} has no column {column!r}; it has {', '.join(schema.names) or 'none'}. "
                f"Give a column query of strings, and a column passages of lists of strings, or of "
                f"structs with text and optionally title."
            )
    query, passages = (schema.field(column).type for column in REQUEST_COLUMNS)
    if not _is_text(query):
        raise InvalidInputError(f"{name}: the column 'query' must hold strings, and its type is {query}.")
    if not (_is_list(passages) and _holds_text(passages.value_type)):
        raise InvalidInputError(
            f"{name}: the column 'passages' must hold lists of strings, or of structs with a text "
            f"and optionally a title, and its type is {passages}."
        )


def _check_names(name: str, schema: Any) -> None:
    names = [column for column in schema.names if column not in REQUEST_COLUMNS]
    taken = OWN_KEYS.intersection(names) or {column for column in names if names.count(column) > 1}
    if taken:
        raise InvalidInputError(
            f"{name}: the output would have two columns {min(taken)!r}. Rename or remove this column of the input."
        )


def _check_json(name: str, schema: Any) -> None:
    for field in _other_fields(schema):
        if not _fits_json(field.type):
            raise InvalidInputError(
                f"{name}: JSON cannot hold the column {field.name!r} of type {field.type}. Name an "
                f"output that ends in .parquet, or remove this column."
            )


def _other_fields(schema: Any) -> list[Any]:
    return [field for field in schema if field.name not in REQUEST_COLUMNS]


def _holds_text(item: Any) -> bool:
    if not types.is_struct(item):
        return _is_text(item)
    kinds = {field.name: field.type for field in item}
    title = kinds.get("title", pa.null())
    return "text" in kinds and _is_text(kinds["text"]) and (types.is_null(title) or _is_text(title))


def _is_text(kind: Any) -> bool:
    inner = kind.value_type if types.is_dictionary(kind) else kind
    return any(is_of_kind(inner) for is_of_kind in (types.is_string, types.is_large_string, types.is_string_view))


def _is_list(kind: Any) -> bool:
    return any(is_of_kind(kind) for is_of_kind in (types.is_list, types.is_large_list, types.is_fixed_size_list))


def _fits_json(kind: Any) -> bool:
    if _is_list(kind):
        return _fits_json(kind.value_type)
    if types.is_struct(kind):
        return all(_fits_json(field.type) for field in kind)
    simple = (types.is_boolean, types.is_integer, types.is_floating, types.is_null, _is_text)
    return any(is_of_kind(kind) for is_of_kind in simple)


def _holds_floats(kind: Any) -> bool:
    if _is_list(kind):
        return _holds_floats(kind.value_type)
    if types.is_struct(kind):
        return any(_holds_floats(field.type) for field in kind)
    return bool(types.is_floating(kind))


def _is_finite(values: Any) -> bool:
    """Return whether an array holds neither NaN nor infinity, at whatever depth; nulls count as finite."""
    if _is_list(values.type):
        return _is_finite(values.flatten())
    if types.is_struct(values.type):
        return all(map(_is_finite, values.flatten()))
    if not types.is_floating(values.type):
        return True
    return bool(np.isfinite(values.drop_null().to_numpy(zero_copy_only=False)).all())


def _encode(batch: Any) -> Iterator[bytes]:
    try:
        rows = batch.to_pylist()
    except UnicodeDecodeError:
        if len(batch) == 1:
            yield _NOT_UTF8
        else:
            for row in range(len(batch)):
                yield from _encode(batch.slice(row, 1))
        return
    for row in rows:
        passages = row["passages"] and [_only_text(passage) for passage in row["passages"]]
        yield json.dumps({**row, "passages": passages}, ensure_ascii=False).encode() + b"\n"


def _only_text(passage: Any) -> Any:
    """Return a passage without fields that a request ignores, and which JSON may not be able to hold."""
    if not isinstance(passage, dict):
        return passage
    return {key: passage[key] for key in _PASSAGE_KEYS if key in passage}


@contextmanager
def damage_explained(name: str) -> Iterator[None]:
    """Turn what pyarrow says of a damaged file into an error that names the file."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DamagedInputError(f"{name} is not a complete Parquet file ({error}). Write it again.") from error
