"""Result files: what was measured, with which command and where, as JSON and as Markdown."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from provence_plugins.data.json_lines import describe_fault
from provence_plugins.errors import InvalidInputError

Cell = str | int | float


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its heading and a note; numbers are shown as they are."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""

    def to_markdown(self) -> str:
        """Return the table in Markdown, with its note but without its title."""
        lines: list[str] = []
        for row in (self.columns, ["---"] * len(self.columns), *self.rows):
            lines.append(f"| {' | '.join(map(_show, row))} |")
        if self.note:
            lines += ["", self.note]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot: the name of its file, and what it shows in words."""

    file: str
    alt: str


@dataclass(frozen=True, slots=True)
class ResultFile:
    """Everything about one measurement.

    Attributes:
        title: What was measured.
        command: The command that made the file.
        machine: Processor, system and versions.
        commit: Commit of the code; "" when unknown.
        tables: The tables.
        figures: The plots.
        data: Raw numbers, for programs.
    """

    title: str
    command: str
    machine: str
    commit: str
    tables: Sequence[Table]
    figures: Sequence[Figure] = ()
    # Any: plain values of every kind.
    data: Mapping[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """Write the file as JSON."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False)
        # Only strings can hold half a surrogate pair, and \ud800 in a string is how JSON spells it.
        path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")

    def to_markdown(self, *, level: int = 1, text: str = "", figures: str = "") -> str:
        """Return the whole file as a page.

        Args:
            level: Level of its heading.
            text: Text before the tables.
            figures: Folder of the plots, seen from the page, with a slash at its end; "" for the
                page's own folder.
        """
        parts = [f"{'#' * level} {self.title}", f"```bash\n{self.command}\n```"]
        if text.strip():
            parts.append(text.strip())
        for table in self.tables:
            parts += [f"{'#' * (level + 1)} {table.title}", table.to_markdown()]
        parts += [_with_caption(figure, figures) for figure in self.figures]
        place = f"{self.machine}, commit {self.commit}" if self.commit else self.machine
        return "\n\n".join([*parts, f"({place}.)"]) + "\n"


def read_result(path: Path) -> ResultFile:
    """Read a result file.

    Raises:
        InvalidInputError: The file is not a result file; the message says why.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        tables = [Table(**table) for table in record.pop("tables")]
        figures = [Figure(**figure) for figure in record.pop("figures")]
        return ResultFile(**record, tables=tables, figures=figures)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidInputError(
            f"{path} is not a result file: {describe_fault(error)}. Expected an object "
            f"with title, command, machine, commit, tables, figures and data."
        ) from error


def _with_caption(figure: Figure, folder: str) -> str:
    caption = figure.alt[:1].upper() + figure.alt[1:]
    return f"![{figure.alt}]({folder}{figure.file})\n*{caption}.*"


def _show(cell: Cell) -> str:
    return str(cell).replace("|", "\\|")
