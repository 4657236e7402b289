"""Write the results of a bulk run as a Parquet file."""

import json
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedWriter, FileIO
from pathlib import Path
from typing import Any

from provence_plugins.cli.bulk_parquet import REQUEST_COLUMNS, damage_explained
from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("parquet"):
    import pyarrow as pa
    import pyarrow.parquet as pq

# A row group of the output ends after this many rows or bytes of JSON, whichever comes first, to
# limit memory.
_GROUP_ROWS = 4096
_GROUP_BYTES = 64_000_000

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
    own = [_LINE, *_RESULT]
    schema = pa.schema([_LINE, _OTHER, *_RESULT])
    copied = None
    if source is None:
        own = [*schema]
    else:
        copied = _CopiedColumns(source)
        schema = pa.schema([_LINE, *copied.fields, *_RESULT])
    # Unlike the file itself, it writes everything or raises.
    stream = BufferedWriter(target)
    try:
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            for group in _row_groups(lines):
                results = _to_table(group, own)
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
        self.fields = [field for field in self._parquet.schema_arrow if field.name not in REQUEST_COLUMNS]
        names = [field.name for field in self.fields]
        self._batches = self._parquet.iter_batches(batch_size=_GROUP_ROWS, columns=names)
        self._rest = pa.table({field.name: pa.array([], field.type) for field in self.fields})

    # Any: columns of pyarrow, which is not typed.
    def take(self, count: int) -> dict[str, Any]:
        """Return the next rows."""
        if not self.fields:
            return {}
        with damage_explained(str(self._path)):
            while len(self._rest) < count:
                batch = next(self._batches, None)
                if batch is None:
                    raise InvalidInputError(f"{self._path} has fewer rows than when it was read. Start over.")
                self._rest = pa.concat_tables([self._rest, pa.table(batch)])
        taken, self._rest = self._rest.slice(0, count), self._rest.slice(count)
        return dict(zip(taken.column_names, taken.columns, strict=True))


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
