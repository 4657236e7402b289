"""The data that `provence evaluate` measures on."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provence_plugins.errors import InvalidInputError
from provence_plugins.text.sentences import SplitterName

if TYPE_CHECKING:
    from provence_plugins.data.examples import Example
    from provence_plugins.evaluation.metrics.breakdown import Breakdown


@dataclass(frozen=True, slots=True, kw_only=True)
class DataOptions:
    """The data that methods are measured on."""

    exclude: Annotated[
        list[str] | None,
        typer.Option(
            help="Skip files whose name matches this pattern with * and ?; may be repeated.", show_default="none"
        ),
    ] = None
    limit: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of questions of each source.", show_default="all")
    ] = None
    splitter: Annotated[SplitterName, typer.Option(help="Sentence splitter of all methods.")] = "sentencex"
    qrels: Annotated[
        Path | None,
        typer.Option(
            help="Measure reranking alone, by this file of graded judgements in the form of TREC or BEIR.",
            show_default="none",
        ),
    ] = None
    needles: Annotated[
        int,
        typer.Option(
            min=0, help="Number of needles of each size, and of passages shown at several lengths; 0 skips both."
        ),
    ] = 50
    seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0
    group: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=PATTERN[,PATTERN...]",
            help="Report the sources that match these patterns with * and ? in a separate table too; may be repeated.",
            show_default="none",
        ),
    ] = None
    by: Annotated[
        list[str] | None,
        typer.Option(
            metavar="source|kind|question-type",
            help="Report answers kept and text removed at the threshold by source, by the kind of text or by the type "
            "of question that the data name; may be repeated.",
            show_default="none",
        ),
    ] = None

    def read(self, patterns: Sequence[str]) -> "list[Example]":
        """Return the examples of the files, of at most `limit` questions of each source."""
        from provence_plugins.data.examples import first_questions

        examples = self.read_all(patterns)
        return examples if self.limit is None else first_questions(examples, self.limit)

    def read_all(self, patterns: Sequence[str]) -> "list[Example]":
        """Return all examples of all files that are not excluded.

        Raises:
            InvalidInputError: No file is left.
            DataError: A line is malformed.
        """
        from provence_plugins.data.examples import read_all_examples

        return read_all_examples(self.find(patterns))

    def find(self, patterns: Sequence[str]) -> list[Path]:
        """Return all files that are not excluded.

        Raises:
            InvalidInputError: No file is left.
        """
        from provence_plugins.data.files import find_files

        files = find_files(patterns)
        left = [path for path in files if not self._excludes(path)]
        if not left:
            raise InvalidInputError(f"--exclude skips all {len(files)} files. Remove this option, or name other files.")
        return left

    def read_breakdowns(self) -> "list[Breakdown]":
        """Return what the questions are grouped by.

        Raises:
            InvalidInputError: Questions cannot be grouped by one of these.
        """
        from provence_plugins.evaluation.metrics.breakdown import BREAKDOWNS

        named = dict(zip(map(str, BREAKDOWNS), BREAKDOWNS, strict=True))
        breakdowns: list[Breakdown] = []
        for given in self.by or ():
            if given not in named:
                raise InvalidInputError(f"--by must be one of {', '.join(named)}; got {given!r}.")
            breakdowns.append(named[given])
        return breakdowns

    def _excludes(self, path: Path) -> bool:
        return any(fnmatch(path.name, pattern) for pattern in self.exclude or ())

    def read_groups(self) -> dict[str, list[str]]:
        """Return the patterns of each group by its name.

        Raises:
            InvalidInputError: A group has no name or no pattern, or two have the same name.
        """
        groups: dict[str, list[str]] = {}
        for given in self.group or ():
            name, _, patterns = given.partition("=")
            if not name or not patterns or name in groups:
                raise InvalidInputError(
                    f"--group must be NAME=PATTERN[,PATTERN...], each name once; got {given!r}. "
                    f"Write for example --group 'news=squad*,newsqa'."
                )
            groups[name] = patterns.split(",")
        return groups
