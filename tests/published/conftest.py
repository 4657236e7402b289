"""Tiny random checkpoints in each published layout; see `tests/fixtures/published_checkpoints.py`."""

from published_checkpoints import make_exported, make_published, published

__all__ = ["make_exported", "make_published", "published"]
