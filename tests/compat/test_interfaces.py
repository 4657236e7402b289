"""A row for each published interface."""

import pytest

from provence_plugins.compat.contexts import ContextDecision
from provence_plugins.compat.interfaces import INTERFACES, choose_interface
from provence_plugins.errors import InvalidInputError
from provence_plugins.model.formats import FORMATS


@pytest.mark.parametrize("layout", [row.name for row in FORMATS])
def test_every_checkpoint_layout_has_one_interface(layout: str) -> None:
    assert choose_interface(None, layout).name in INTERFACES


def test_a_name_wins_over_the_layout() -> None:
    assert choose_interface("open-provence", "provence").name == "open-provence"


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidInputError, match="'provence', 'open-provence'; got 'naver'"):
        choose_interface("naver", "provence")  # type: ignore[arg-type]


def test_every_field_of_a_result_is_an_attribute_of_a_decision() -> None:
    for interface in INTERFACES.values():
        assert set(interface.fields) <= set(ContextDecision.__dataclass_fields__)
