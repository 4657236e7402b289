"""The kinds of readers, a row for each, by their names on the command line."""

from collections.abc import Callable
from dataclasses import dataclass

from provence_plugins.data.files import find_folder
from provence_plugins.errors import InvalidInputError
from provence_plugins.readers.gguf_reader import GgufReader
from provence_plugins.readers.hf_reader import HfReader
from provence_plugins.readers.openai_reader import OpenAIReader
from provence_plugins.readers.reader import Reader, ReaderOptions


@dataclass(frozen=True, slots=True)
class ReaderRow:
    """One kind of reader.

    Attributes:
        place: What follows the colon.
        open: Opens a reader at its place.
        is_local: Whether the place is a path, which may be inside an installed package.
    """

    place: str
    open: Callable[[str, ReaderOptions], Reader]
    is_local: bool = True


READERS: dict[str, ReaderRow] = {
    "gguf": ReaderRow("PATH", GgufReader),
    "hf": ReaderRow("FOLDER", HfReader),
    "openai": ReaderRow("URL#MODEL", OpenAIReader, is_local=False),
}


def open_reader(spec: str, options: ReaderOptions | None = None) -> Reader:
    """Open the reader of a specification "gguf:PATH", "hf:FOLDER" or "openai:URL#MODEL".

    A path may also be "package:NAME/PATH", a file or folder inside an installed package.

    Raises:
        InvalidInputError: There is no such kind of reader, or its place is missing or unusable.
        MissingExtraError: The packages of the reader are not installed.
        ReaderError: The model cannot be loaded.
    """
    kind, _, place = spec.partition(":")
    if kind not in READERS or not place:
        kinds = ", ".join(f"{name}:{row.place}" for name, row in READERS.items())
        raise InvalidInputError(f"The reader must be one of {kinds}; got {spec!r}.")
    row = READERS[kind]
    if row.is_local:
        place = str(find_folder(place))
    return row.open(place, options or ReaderOptions())
