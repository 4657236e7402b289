"""Sentences by NLTK's Punkt, as Provence was trained with, from data that is on the machine already."""

from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from provence_plugins.errors import SplitterError, needs_extra


def punkt_spans(text: str) -> Iterator[tuple[int, int]]:
    """Find sentences by NLTK's English Punkt; white space between two belongs to neither."""
    with needs_extra("nltk"):
        import nltk.data
    spans: Iterator[tuple[int, int]] = _load_punkt(tuple(nltk.data.path)).span_tokenize(text)
    return spans


@lru_cache(maxsize=1)
def _load_punkt(folders: tuple[str, ...]) -> Any:  # NLTK has no types
    import nltk.data
    from nltk.tokenize.punkt import PunktSentenceTokenizer, load_punkt_params

    own = nltk.data.path
    # NLTK refuses to read from folders that are not on its path, which is left as it was.
    nltk.data.path = [*folders, *_llama_index_data()]
    try:
        return PunktSentenceTokenizer(load_punkt_params(nltk.data.find("tokenizers/punkt_tab/english/")))
    except LookupError as error:
        raise SplitterError(
            'The splitter "nltk" needs the Punkt data of NLTK, which was not found on this machine and is never '
            "downloaded on its own. Run: python -m nltk.downloader punkt_tab, or set NLTK_DATA to a folder that holds "
            'tokenizers/punkt_tab, or choose the splitter "sentencex".'
        ) from error
    finally:
        nltk.data.path = own


def _llama_index_data() -> list[str]:
    """Return the folder of NLTK data that llama-index-core contains, found without importing it."""
    spec = find_spec("llama_index")
    locations = (spec.submodule_search_locations if spec else None) or []
    folders = (Path(location, "core", "_static", "nltk_cache") for location in locations)
    return [str(folder) for folder in folders if folder.is_dir()]
