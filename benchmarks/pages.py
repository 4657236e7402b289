"""Write the pages of results from the result files in benchmarks/results and the texts in benchmarks/text.

    python benchmarks/pages.py

docs/reader.md has the files whose names begin with "reader", docs/ablations.md those that begin with "ablations", and
docs/benchmarks.md all others. A result file NAME.json is introduced by NAME.md, where there is one. Do not edit the
pages themselves.
"""

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from provence_plugins.evaluation.reporting.result_files import ResultFile, read_result

_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs"

# The pages by the beginning of the names of their files. What no other page has belongs to the last one.
PAGES = {"reader": _DOCS / "reader.md", "ablations": _DOCS / "ablations.md", "": _DOCS / "benchmarks.md"}

# What readers ask first comes first; a result file that is not named here follows, by name.
_ORDER = (
    *("reader", "reader-1500m", "reader-500m", "reader-choices", "reader-order", "reader-idle"),
    *("quality", "everyday", "documents", "searches", "retrieved", "accurate", "published", "progress"),
    *("label-agreement", "speed", "same-model", "memory"),
)

# The tables of texts that were written for this project.
_WRITTEN = (
    "Answers kept",
    "Inside passages that hold the answer",
    "Sentences and ranking",
    "At one threshold",
    "At the threshold, by kind of text",
    "By source",
)

# Results of which a page shows some tables, by patterns of their titles, and no plots; the file has all of them.
_TABLES = {
    "accurate": (
        "Answers kept",
        "Inside passages that hold the answer",
        "Sentences and ranking",
        "At one threshold",
        "Differences",
        "By source",
    ),
    "everyday": _WRITTEN,
    "documents": _WRITTEN,
    "searches": (*_WRITTEN, "At the threshold, by type of question"),
    "retrieved": (*_WRITTEN, "At the threshold, by type of question"),
    "reader-500m": ("Answers", "Differences from the full context", "Answers lost and won"),
    "reader-choices": ("Answers", "Differences from pruned at *", "Contexts of equal size"),
    "reader-order": ("Answers", "Differences from pruned at *"),
    "reader-idle": ("Cost against the full context", "Seconds"),
    "reader-idle-1500m": ("Cost against the full context", "Seconds"),
    "published": ("Words at one threshold", "At one threshold", "Differences"),
}


def main() -> None:
    for prefix, page in PAGES.items():
        page.write_text(render(_HERE / "results", _HERE / "text", prefix), encoding="utf-8")
        print(page)


def render(results: Path, texts: Path, prefix: str = "") -> str:
    """Return a page: a beginning, each result file with its text, an end."""
    files = [path for path in results.glob("*.json") if _prefix_of(path) == prefix]
    around = f"{prefix}-" if prefix else ""
    return _join(files, texts, f"{around}beginning", f"{around}end")


def _prefix_of(path: Path) -> str:
    return next(prefix for prefix in PAGES if path.stem.startswith(prefix))


def _join(files: Sequence[Path], texts: Path, beginning: str, end: str) -> str:
    parts = [_text(texts, beginning)]
    for path in in_order(files):
        result = choose_tables(read_result(path), path.stem)
        parts.append(result.to_markdown(level=2, text=_text(texts, path.stem), figures="figures/"))
    return "\n\n".join(part.strip() for part in [*parts, _text(texts, end)] if part.strip()) + "\n"


def choose_tables(result: ResultFile, name: str) -> ResultFile:
    """Return what a page shows of a result."""
    if name not in _TABLES:
        return result
    chosen = [table for table in result.tables if any(fnmatchcase(table.title, title) for title in _TABLES[name])]
    return replace(result, tables=chosen, figures=())


def in_order(files: Sequence[Path]) -> list[Path]:
    """Return the result files in the order of the page."""
    places = {name: place for place, name in enumerate(_ORDER)}
    return sorted(files, key=lambda path: (places.get(path.stem, len(places)), path.stem))


def _text(texts: Path, name: str) -> str:
    path = texts / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    main()
