"""Tables for pandas, which is imported here and nowhere else."""

from collections.abc import Mapping, Sequence
from typing import Any

from provence_plugins.errors import needs_extra


# Any: pandas is optional, so its types cannot be named here; a row holds values of any kind.
def make_dataframe(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str]) -> Any:
    """Return a `pandas.DataFrame` of rows, with these columns even if there are no rows.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    with needs_extra("pandas"):
        import pandas as pd
    return pd.DataFrame(rows, columns=list(columns))
