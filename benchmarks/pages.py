"""Write docs/benchmarks.md from the result files in benchmarks/results and the texts in benchmarks/text.

    python benchmarks/pages.py

A result file NAME.json is introduced by NAME.md, where there is one. The page itself is never edited.
"""

from collections.abc import Sequence
from pathlib import Path

from provence_plugins.evaluation.reporting.result_files import read_result

_HERE = Path(__file__).parent

PAGE = _HERE.parent / "docs" / "benchmarks.md"

# What readers ask first comes first; a result file that is not named here follows, by name.
_ORDER = ("quality", "progress", "speed", "same-model", "memory")


def main() -> None:
    PAGE.write_text(render(_HERE / "results", _HERE / "text"), encoding="utf-8")
    print(PAGE)


def render(results: Path, texts: Path) -> str:
    """Return the page: a beginning, each result file with its text, an end."""
    parts = [_text(texts, "beginning")]
    for path in in_order(list(results.glob("*.json"))):
        parts.append(read_result(path).to_markdown(level=2, text=_text(texts, path.stem), figures="figures/"))
    return "\n\n".join(part.strip() for part in [*parts, _text(texts, "end")] if part.strip()) + "\n"


def in_order(files: Sequence[Path]) -> list[Path]:
    """Return the result files in the order of the page."""
    places = {name: place for place, name in enumerate(_ORDER)}
    return sorted(files, key=lambda path: (places.get(path.stem, len(places)), path.stem))


def _text(texts: Path, name: str) -> str:
    path = texts / f"{name}.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    main()
