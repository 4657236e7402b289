import logging

import numpy as np
import pytest

from provence_plugins.evaluation.metrics.scored_examples import JudgedExamples, ScoredExample
from provence_plugins.training.finishing import choose_threshold


def judged(*answers: float) -> JudgedExamples:
    """Questions whose answers score as given, each beside a sentence that scores nothing."""
    scored = [
        ScoredExample("s", "Who?", np.array([answer, 0.0]), np.array([10.0, 10.0]), np.array([True, False]), 2)
        for answer in answers
    ]
    return JudgedExamples(scored)


def test_the_threshold_keeps_the_target_share_of_answers() -> None:
    assert choose_threshold(judged(0.4, 0.3, 0.2, 0.1), 0.75) == 0.2


def test_a_threshold_from_data_without_mistakes_is_capped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert choose_threshold(judged(0.99, 0.98), 1.0) == 0.5
    assert "too easy to choose a default threshold: 0.98" in caplog.text
