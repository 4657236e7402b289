"""Tables for pandas, where it is installed."""

import sys

import pytest

from provence_plugins.engine.dataframes import make_dataframe
from provence_plugins.errors import MissingExtraError


def test_rows_become_a_table_with_the_columns_in_order() -> None:
    pandas = pytest.importorskip("pandas")
    table = make_dataframe([{"b": 1, "a": "x", "c": None}], columns=["a", "b"])
    assert isinstance(table, pandas.DataFrame)
    assert table.to_dict("list") == {"a": ["x"], "b": [1]}


def test_no_rows_give_an_empty_table_with_the_columns() -> None:
    pytest.importorskip("pandas")
    assert list(make_dataframe([], columns=["a", "b"]).columns) == ["a", "b"]


def test_a_missing_pandas_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"provence-plugins\[pandas\]"):
        make_dataframe([], columns=["a"])
