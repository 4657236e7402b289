"""Old names go on for one version, and warn."""

import pytest

from provence_plugins.deprecation import warn_renamed


def old() -> None:
    warn_renamed("old()", "new()")


def test_the_warning_names_the_new_name_and_the_place_of_the_call() -> None:
    with pytest.warns(DeprecationWarning, match=r"old\(\) is deprecated .* Use new\(\)\.") as caught:
        old()
    assert caught[0].filename == __file__
