import math
from typing import Any

from provence_plugins.readers.completions import error_message, mean_log_probability, quote


def scored(pieces: list[tuple[str, float]]) -> dict[str, Any]:
    content = [{"bytes": list(text.encode()), "logprob": value} for text, value in pieces]
    return {"choices": [{"logprobs": {"content": content}}]}


def test_the_mean_counts_the_tokens_of_the_answer_and_not_the_one_that_ends_it() -> None:
    value = mean_log_probability(scored([("Rott", -1.0), ("nest", -2.0), ("", -9.0)]), "Rottnest")
    assert value is not None
    assert math.isclose(value, -1.5)


def test_an_answer_that_was_cut_or_changed_has_no_probability() -> None:
    assert mean_log_probability(scored([("Rott", -1.0)]), "Rottnest") is None


def test_a_body_without_probabilities_has_none() -> None:
    for body in ({}, {"choices": []}, {"choices": [{"logprobs": None}]}, None):
        assert mean_log_probability(body, "Rottnest") is None


def test_errors_are_found_in_the_forms_that_servers_use() -> None:
    assert error_message({"error": {"type": "bad", "message": "No."}}) == "bad: No."
    assert error_message({"error": "No."}) == "No."
    assert error_message({"choices": []}) is None


def test_a_quotation_is_short_and_holds_no_control_characters() -> None:
    assert quote("a\x1b\n" * 500).startswith("a␛ a␛ ")
    assert len(quote("a" * 5000)) == 301
