from collections.abc import Callable

import numpy as np

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.evaluation.methods.method import split
from provence_plugins.evaluation.probes.unrelated import UnrelatedRow, judge_unrelated, pair_unrelated


def test_unrelated_passages_come_from_other_sources(make_example: Callable[..., Example]) -> None:
    given = [make_example(source, id=f"{source}{number}", source=source) for source in "abc" for number in range(4)]
    mixed = pair_unrelated([*given, make_example("No.", id="negative#n0")])
    assert len(mixed) == len(given)
    assert [item.question_id for item in mixed] == [item.question_id for item in given]
    assert all(item.passage.text.strip() != item.source and not item.positive for item in mixed)


def test_what_is_kept_and_removed_is_counted(make_example: Callable[..., Example]) -> None:
    [passage] = split([make_example("Four.", "Nine.", "And ten.")], "sentencex")
    scores = PassageScores(0.0, np.array([0.9, 0.1, 0.5], np.float32))
    # "Nine. " has six characters, all three sentences have 21.
    assert judge_unrelated([passage], [scores], 0.5) == [UnrelatedRow(kept=2, removed=6, characters=21)]
