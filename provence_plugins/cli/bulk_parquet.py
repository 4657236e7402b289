"""Read requests from the rows of a Parquet file, and write the results of a bulk run as one."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any, BinaryIO

from provence_plugins.cli.bulk_lines import OWN_KEYS
from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("parquet"):
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import types

_READ_ROWS = 256

# A row group of the output ends after this many rows or bytes of JSON, whichever comes first, to
# limit memory.
_GROUP_ROWS = 4096
_GROUP_BYTES = 64_000_000

_REQUEST = ("query", "passages")

# A row with a text that is not UTF-8 becomes a line that is not either, and fails by itself.
_NOT_UTF8 = b"\xff\n"

_SENTENCE = pa.struct(
    [
        ("start", pa.int64()),
        ("end", pa.int64()),
        ("probability", pa.float64()),
        ("kept", pa.bool_()),
        ("kind", pa.string()),
        ("tokens", pa.int64()),
        ("heading", pa.int64()),
    ]
)

_KEPT = pa.struct(
    [
        ("index", pa.int64()),
        ("title", pa.string()),
        ("relevance", pa.float64()),
        ("text", pa.string()),
        ("kept_spans", pa.list_(pa.list_(pa.int64()))),
        ("tokens_before", pa.int64()),
        ("tokens_after", pa.int64()),
        ("sentences", pa.list_(_SENTENCE)),
    ]
)

_DROPPED = pa.struct([("index", pa.int64()), ("relevance", pa.float64()), ("tokens_before", pa.int64())])

_LINE = pa.field("line", pa.int64())
_ERROR = pa.field("error", pa.string())
_OTHER = pa.field("other", pa.string())

_RESULT = [
    _ERROR,
    pa.field("query", pa.string()),
    pa.field("threshold", pa.float64()),
    pa.field("tokens_before", pa.int64()),
    pa.field("tokens_after", pa.int64()),
    pa.field("passages", pa.list_(_KEPT)),
    pa.field("dropped", pa.list_(_DROPPED)),
]


class ParquetRequests:
    """The rows of a Parquet file as lines of JSON.

    Args:
        file: The opened file.
        only_requests: Read no columns but `query` and `passages`.

    Attributes:
        name: Name of the file.
        rows: Number of rows.

    Raises:
        InvalidInputError: The file is damaged, a column is missing or has another type, or its name
            or type cannot occur in the output.
    """

    def __init__(self, file: BinaryIO, *, only_requests: bool) -> None:
        self._file = file
        self.name = str(file.name)
        with _damage_explained(self.name):
            self._parquet = pq.ParquetFile(file)
        schema = self._parquet.schema_arrow
        _check_requests(self.name, schema)
        _check_names(self.name, schema)
        if not only_requests:
            _check_json(self.name, schema)
        self._columns = [*_REQUEST] if only_requests else schema.names
        self.rows: int = self._parquet.metadata.num_rows

    def __iter__(self) -> Iterator[bytes]:
        with _damage_explained(self.name):
            for batch in self._parquet.iter_batches(batch_size=_READ_ROWS, columns=self._columns):
                yield from _encode(batch)

    def fileno(self) -> int:
        """Return the number by which the system knows the file."""
        return self._file.fileno()


def write_parquet(lines: Path, target: FileIO, source: Path | None) -> None:
    """Write lines of results as a Parquet file.

    Args:
        lines: The results in JSON lines.
        target: The file, opened and empty.
        source: The Parquet file that the requests came from, whose other columns are copied; None
            if they came in JSON lines, whose other keys become one column of JSON.

    Raises:
        InvalidInputError: The source has changed since it was read.
        OSError: The file cannot be written.
    """
    copied = None if source is None else _CopiedColumns(source)
    others = [_OTHER] if copied is None else copied.fields
    schema = pa.schema([_LINE, *others, *_RESULT])
    # Unlike the file itself, it writes everything or raises.
    stream = BufferedWriter(target)
    try:
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            for group in _row_groups(lines):
                results = _to_table(group, [_LINE, *([_OTHER] if copied is None else []), *_RESULT])
                columns = dict(zip(results.column_names, results.columns, strict=True))
                if copied is not None:
                    columns |= copied.take(len(group))
                writer.write_table(pa.table([columns[name] for name in schema.names], schema=schema), _GROUP_ROWS)
        stream.flush()
    finally:
        stream.detach()


def count_results(path: Path) -> tuple[int, int] | None:
    """Return the rows of a finished output and the errors among them; None if it is not one."""
    try:
        with pq.ParquetFile(path) as parquet:
            if {_LINE.name, *(field.name for field in _RESULT)} <= {*parquet.schema_arrow.names}:
                errors = parquet.read([_ERROR.name]).column(0)
                return parquet.metadata.num_rows, len(errors) - errors.null_count
    except (pa.ArrowException, OSError):
        pass
    return None


class _CopiedColumns:
    """The other columns of a Parquet file, read along with the results."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._parquet = pq.ParquetFile(path)
        self.fields = [field for field in self._parquet.schema_arrow if field.name not in _REQUEST]
        names = [field.name for field in self.fields]
        self._batches = self._parquet.iter_batches(batch_size=_GROUP_ROWS, columns=names)
        self._rest = pa.table({field.name: pa.array([], field.type) for field in self.fields})

    # Any: columns of pyarrow, which is not typed.
    def take(self, count: int) -> dict[str, Any]:
        """Return the next rows."""
        if not self.fields:
            return {}
        with _damage_explained(str(self._path)):
            while len(self._rest) < count:
                batch = next(self._batches, None)
                if batch is None:
                    raise InvalidInputError(f"{self._path} has fewer rows than when it was read. Start over.")
                self._rest = pa.concat_tables([self._rest, pa.table(batch)])
        taken, self._rest = self._rest.slice(0, count), self._rest.slice(count)
        return dict(zip(taken.column_names, taken.columns, strict=True))


def _check_requests(name: str, schema: Any) -> None:
    for column in _REQUEST:
        if column not in schema.names:
            raise InvalidInputError(
                f"{name} has no column {column!r}; it has {', '.join(schema.names) or 'none'}. "
                f"Give a column query of strings, and a column passages of lists of strings, or of "
                f"structs with text and optionally title."
            )
    query, passages = (schema.field(column).type for column in _REQUEST)
    if not _is_text(query):
        raise InvalidInputError(f"{name}: the column 'query' must hold strings, and its type is {query}.")
    if not (_is_list(passages) and _holds_text(passages.value_type)):
        raise InvalidInputError(
            f"{name}: the column 'passages' must hold lists of strings, or of structs with a text, "
            f"and its type is {passages}."
        )


def _check_names(name: str, schema: Any) -> None:
    names = [column for column in schema.names if column not in _REQUEST]
    taken = OWN_KEYS.intersection(names) or {column for column in names if names.count(column) > 1}
    if taken:
        raise InvalidInputError(
            f"{name}: the output would have two columns {min(taken)!r}. Rename or remove this column of the input."
        )


def _check_json(name: str, schema: Any) -> None:
    for field in schema:
        if not _fits_json(field.type):
            raise InvalidInputError(
                f"{name}: JSON cannot hold the column {field.name!r} of type {field.type}. Name an "
                f"output that ends in .parquet, or remove this column."
            )


def _holds_text(item: Any) -> bool:
    if types.is_struct(item):
        return item.get_field_index("text") >= 0 and _is_text(item.field("text").type)
    return _is_text(item)


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
        yield json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _row_groups(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Read results, a row group of the output at a time."""
    group: list[dict[str, Any]] = []
    size = 0
    with open(path, "rb") as lines:
        for line in lines:
            group.append(json.loads(line))
            size += len(line)
            if len(group) == _GROUP_ROWS or size >= _GROUP_BYTES:
                yield group
                group, size = [], 0
    if group:
        yield group


def _to_table(rows: Sequence[dict[str, Any]], fields: Iterable[Any]) -> Any:
    own = {_LINE.name, *(field.name for field in _RESULT)}
    with_others = []
    for row in rows:
        others = {key: value for key, value in row.items() if key not in own}
        with_others.append({**row, _OTHER.name: json.dumps(others, ensure_ascii=False) if others else None})
    schema = pa.schema([*fields])
    try:
        return pa.Table.from_pylist(with_others, schema)
    except UnicodeEncodeError:
        return pa.Table.from_pylist(_without_surrogates(with_others), schema)


# Any: plain values of every kind.
def _without_surrogates(value: Any) -> Any:
    """Replace halves of surrogate pairs, which Parquet cannot hold, as the model reads them."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_surrogates(item) for key, item in value.items()}
    return value


@contextmanager
def _damage_explained(name: str) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise InvalidInputError(f"{name} is not a complete Parquet file ({error}). Write it again.") from error
