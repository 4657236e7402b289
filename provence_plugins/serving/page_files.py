"""The files of the page at /."""

from pathlib import Path

from provence_plugins.engine.rendering import VIEW_STYLE

_FOLDER = Path(__file__).with_name("page")

PAGE = _FOLDER / "index.html"

FILES = {
    "page.css": (_FOLDER / "page.css", "text/css"),
    "view.css": (VIEW_STYLE, "text/css"),
    "page.js": (_FOLDER / "page.js", "text/javascript"),
    "decide.js": (_FOLDER / "decide.js", "text/javascript"),
    "state.js": (_FOLDER / "state.js", "text/javascript"),
    "view.js": (_FOLDER / "view.js", "text/javascript"),
}
"""Path and media type of each file that the page loads."""

PAGE_PATHS = frozenset({"/", *(f"/page/{name}" for name in FILES)})
"""What a browser fetches before a person can enter a key."""
