"""Read text files for a client, only below folders that the server's owner allows."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from provence_plugins.errors import InvalidInputError
from provence_plugins.text.surrogates import without_surrogates
from provence_plugins.text.visible import show_name
from provence_plugins.types import shorten

MAX_FILES = 200
MAX_FILE_BYTES = 2_000_000
MAX_TOTAL_BYTES = 4_000_000

# The longest path that Linux opens.
_MAX_PATH = 4096

# A pattern that leads through more entries than this is too broad to be meant.
_MAX_ENTRIES = 50_000

_ANY_DEPTH = "**"
# The last one stands in a name for what is not UTF-8, so a name that was told can be given again.
_WILDCARDS = "*?[\N{REPLACEMENT CHARACTER}"

# Every folder on the way to a file is opened by itself, without following links: a link that is put
# there between the check of a path and its use is not followed. Systems without these calls open
# the path that was checked.
_CAN_OPEN_STEP_BY_STEP = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that was read.

    Attributes:
        name: Its path as a client may give it again; what is not UTF-8 in it is U+FFFD.
        text: Its text.
    """

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class FilesRead:
    """What was read of the files that a client asked for.

    Attributes:
        files: The files, in the order of the paths and sorted within a pattern.
        skipped: A line for each file that could not be read, with its name and the reason.
    """

    files: Sequence[TextFile]
    skipped: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Place:
    """A file below a root; no part of `inner` was a link when it was found."""

    root: Path
    inner: PurePath


class AllowedFiles:
    """Text files below a few folders; whatever leads out of them is refused, also through links.

    Args:
        roots: The folders.

    Raises:
        InvalidInputError: A root is not a folder.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        for root in roots:
            if not root.is_dir():
                raise InvalidInputError(f"{str(root)!r} is not a folder. A root must be a folder that exists.")
        # A client may name a root as the owner did or by its real path.
        self._given = [Path(os.path.abspath(root)) for root in roots]
        self._real = [Path(os.path.realpath(root)) for root in roots]

    @property
    def roots(self) -> Sequence[Path]:
        """The folders, without links."""
        return self._real

    def read(self, paths: Sequence[str]) -> FilesRead:
        """Read the files that paths and patterns name, each once.

        Args:
            paths: Paths of files, relative to a root or absolute, and patterns with `*`, `?`, `[…]`
                and `**`. Wildcards match neither hidden files nor files inside a folder that is
                reached by a link.

        Raises:
            InvalidInputError: A path leads out of the roots, does not exist or is a folder, a
                pattern matches nothing, or there are too many files.
        """
        places: dict[_Place, None] = {}
        for path in paths:
            for place in self._find(path):
                places[place] = None
                if len(places) > MAX_FILES:
                    raise InvalidInputError(
                        f"The paths name more than {MAX_FILES} files. Name fewer, or use a narrower pattern."
                    )
        files: list[TextFile] = []
        skipped: list[str] = []
        total = 0
        for place in places:
            try:
                content = _read_bytes(place)
                files.append(TextFile(self._name(place), content.decode("utf-8-sig")))
            except (OSError, UnicodeDecodeError, InvalidInputError) as error:
                skipped.append(f"{show_name(self._name(place))}: {_reason(error)}")
                continue
            total += len(content)
            if total > MAX_TOTAL_BYTES:
                raise InvalidInputError(
                    f"The files have more than {MAX_TOTAL_BYTES} bytes together. Name fewer, or use a narrower pattern."
                )
        return FilesRead(files, skipped)

    def _name(self, place: _Place) -> str:
        # With several roots a relative path could mean two files.
        return without_surrogates(str(place.inner if len(self._real) == 1 else place.root / place.inner))

    def _find(self, path: str) -> Iterator[_Place]:
        """Yield the files that a path or a pattern names."""
        rows = self._below_roots(path)
        found = False
        for root, inner in rows:
            real = _real_inner(root, inner)
            if real is not None and os.path.exists(root / real):
                if os.path.isdir(root / real):
                    raise InvalidInputError(
                        f"{path!r} is a folder. Name files, or use a pattern such as {str(inner / '**' / '*.md')!r}."
                    )
                yield _Place(root, real)
                return
        if any(wildcard in path for wildcard in _WILDCARDS):
            for root, inner in rows:
                for match in _matches(root, inner.parts):
                    real = _real_inner(root, match)
                    if real is not None:
                        found = True
                        yield _Place(root, real)
        elif all(_real_inner(root, inner) is None for root, inner in rows):
            raise self._outside(path)
        if not found:
            raise InvalidInputError(f"No file matches {path!r}. {self._explain()}")

    def _below_roots(self, path: str) -> list[tuple[Path, PurePath]]:
        """Return each root that may contain a path, with the path relative to it."""
        given = PurePath(path)
        if not path.strip() or "\0" in path or len(path) > _MAX_PATH:
            raise InvalidInputError(
                f"A path must name a file or be a pattern, of at most {_MAX_PATH} characters; got {shorten(path)}."
            )
        if ".." in given.parts:
            raise InvalidInputError(f"{path!r} holds '..', which is not allowed in a path. {self._explain()}")
        if not given.is_absolute():
            if given.drive or given.root:
                raise self._outside(path)
            return [(real, given) for real in self._real]
        rows = []
        for spelled, real in zip(self._given, self._real, strict=True):
            for base in (spelled, real):
                if given.is_relative_to(base):
                    rows.append((real, given.relative_to(base)))
                    break
        if not rows:
            raise self._outside(path)
        return rows

    # The same words whether the file exists or not, so that nobody learns which other files exist.
    def _outside(self, path: str) -> InvalidInputError:
        return InvalidInputError(f"{path!r} leads out of the folders that may be read. {self._explain()}")

    def _explain(self) -> str:
        if len(self._real) == 1:
            return f"Paths are relative to {str(self._real[0])!r}, and only files below it may be read."
        return f"Only files below these folders may be read: {', '.join(map(repr, map(str, self._real)))}."


def _real_inner(root: Path, inner: PurePath) -> PurePath | None:
    """Return the path below a root with all links resolved; None if it leads out of the root."""
    try:
        real = Path(os.path.realpath(root / inner))
    except (OSError, ValueError):
        return None
    return real.relative_to(root) if real.is_relative_to(root) else None


def _matches(root: Path, pattern: Sequence[str]) -> Iterator[PurePath]:
    """Yield the files below a root that match a pattern, sorted, as seen from the root.

    Links to folders are not followed, and only folders in which something can match are read.
    """
    left = [_MAX_ENTRIES]

    def walk(inner: PurePath, reached: set[int]) -> Iterator[PurePath]:
        try:
            entries = sorted(os.scandir(root / inner), key=lambda entry: entry.name)
        except OSError:
            return
        left[0] -= len(entries)
        if left[0] < 0:
            raise InvalidInputError(
                f"The pattern leads through more than {_MAX_ENTRIES} files and folders. Use a narrower one."
            )
        for entry in entries:
            behind = _step(pattern, reached, entry.name)
            if not behind:
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from walk(inner / entry.name, behind)
            elif len(pattern) in behind and entry.is_file():
                yield inner / entry.name

    yield from walk(PurePath(), _with_any_depth(pattern, {0}))


def _step(pattern: Sequence[str], reached: set[int], name: str) -> set[int]:
    """Return how far a pattern is matched after one more name, from how far it was before."""
    behind: set[int] = set()
    for at in reached:
        if at == len(pattern):
            continue
        part = pattern[at]
        if name.startswith(".") and not part.startswith("."):
            continue
        if part == _ANY_DEPTH:
            behind.add(at)
        elif fnmatchcase(without_surrogates(name), part):
            behind.add(at + 1)
    return _with_any_depth(pattern, behind)


def _with_any_depth(pattern: Sequence[str], reached: set[int]) -> set[int]:
    """Add the places after every `**`, which may also match no folder."""
    wider = set(reached)
    for at in sorted(reached):
        while at < len(pattern) and pattern[at] == _ANY_DEPTH:
            at += 1
            wider.add(at)
    return wider


def _read_bytes(place: _Place) -> bytes:
    """Read a file that is neither a link nor anything but an ordinary file.

    Raises:
        OSError: It cannot be read.
        InvalidInputError: It is too large or not an ordinary file.
    """
    descriptor = _open(place)
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            raise InvalidInputError("it is not an ordinary file")
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise InvalidInputError(f"it has more than {MAX_FILE_BYTES} bytes")
    return content


def _open(place: _Place) -> int:
    """Open a file without waiting, so that a pipe in its place blocks nobody."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if not _CAN_OPEN_STEP_BY_STEP:
        return os.open(place.root / place.inner, flags)
    *folders, name = place.inner.parts
    opened = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = inner
        return os.open(name, flags | os.O_NOFOLLOW, dir_fd=opened)
    finally:
        os.close(opened)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, OSError):
        became_a_link = error.errno in (errno.ELOOP, errno.ENOTDIR)
        return "it became a link while it was read" if became_a_link else str(error.strerror)
    return str(error)
