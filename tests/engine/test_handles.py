import copy

from provence_plugins import Pruner
from provence_plugins.testing import WordBackend


def test_a_copy_is_the_pruner_itself() -> None:
    with Pruner(backend=WordBackend()) as pruner:
        assert copy.copy(pruner) is pruner
        assert copy.deepcopy({"pruner": pruner})["pruner"] is pruner
