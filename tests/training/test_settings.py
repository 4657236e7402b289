from collections.abc import Mapping

import pytest

from provence_plugins.errors import InvalidInputError
from provence_plugins.training.settings import DataSettings, OptimizerSettings, SoftLabelSettings, TrainSettings

DATA = {"train": ["train.jsonl"], "dev": ["dev.jsonl"]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crop_sentences": [3, 1]}, r"crop_sentences .*\[3, 1\]"),
        ({"crop_sentences": [0, 1]}, "crop_sentences"),
        ({"crop_sentences": [2]}, "crop_sentences"),
        ({"negatives": -1}, "negatives must be at least 0; got -1"),
        ({"random_negatives": -1}, "random_negatives must be at least 0"),
        ({"joined_share": 1.5}, "joined_share must be between 0 and 1"),
        ({"search_share": 2.0}, "search_share must be between 0 and 1"),
        ({"structured_share": 1.5}, "structured_share must be between 0 and 1; got 1.5"),
        ({"source_exponent": -0.1}, "source_exponent must be between 0 and 1"),
        ({"dev": "dev.jsonl"}, "dev must be a list, each item of which is a text; got 'dev.jsonl'"),
        ({"train": [3]}, r"train must be a list, each item of which is a text; got \[3\]"),
        ({"crop_sentences": [1.5, 2]}, "crop_sentences must be a list, each item of which is an integer"),
        ({"negatives": "1"}, r"negatives must be an integer; got '1' \(str\)"),
        ({"negatives": True}, "negatives must be an integer"),
        ({"whole_share": float("nan")}, "whole_share must be a finite number; got nan"),
        ({"whole_share": 2}, "whole_share must be between 0 and 1"),
        ({"final_dev_limit": 0}, "final_dev_limit must be at least 1"),
        ({"limit": 3}, "Did you mean 'dev_limit'"),
    ],
)
def test_data_settings_that_make_no_sense_are_refused(changes: Mapping[str, object], message: str) -> None:
    assert DataSettings(**DATA)
    with pytest.raises(InvalidInputError, match=message):
        DataSettings(**{**DATA, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give the length of the run as either tokens or epochs; got 'neither'"),
        ({"tokens": 1000, "epochs": 2.0}, "either tokens or epochs; got .*1000.*2.0"),
        ({"tokens": 0}, "tokens must be above 0; got 0"),
        ({"epochs": 0.0}, "epochs must be above 0"),
        ({"tokens": 1, "warmup": 1.0}, "warmup must be at least 0 and below 1; got 1.0"),
        ({"tokens": 1, "layer_decay": 0.0}, "layer_decay must be above 0"),
        ({"tokens": 1, "token_weight": -1}, "token_weight must be at least 0; got -1"),
        ({"tokens": 1, "mark_weight": -1}, "mark_weight must be at least 0"),
        ({"tokens": 1, "silver_weight": 1.1}, "silver_weight must be between 0 and 1"),
        ({"tokens": "1"}, "tokens must be an integer; got '1'"),
        ({"tokens": 1, "learning_rate": "high"}, "learning_rate must be a finite number; got 'high'"),
        ({"tokens": 1, "learning_rate": float("inf")}, "learning_rate must be a finite number"),
        ({"tokens": 1, "learning_rate": 10**400}, "learning_rate must be a finite number"),
        ({"tokens": 1, "dropout": 1}, "dropout must be at least 0 and below 1"),
        ({"tokens": 1, "batch_tokens": 0}, "batch_tokens must be at least 1"),
        ({"tokens": 1, "gradient_accumulation_steps": 0}, "gradient_accumulation_steps must be at least 1"),
        ({"tokens": 1, "compile": "no"}, "compile must be true or false; got 'no'"),
        ({"tokens": 1, "autocast": "bf16"}, "autocast must be one of .*bfloat16.*'bf16'"),
    ],
)
def test_optimizer_settings_that_make_no_sense_are_refused(given: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        OptimizerSettings(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_share": 1.0}, "base_share must be at least 0 and below 1"),
        ({"target_recall": 97}, "target_recall must be above 0 and at most 1; got 97"),
        ({"precision": "int4"}, "precision must be one of"),
        ({"precision": ["int8"]}, "precision must be one of"),
        ({"splitter": "words"}, "splitter must be one of 'sentencex'"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"seed": 1.5}, "seed must be an integer"),
        ({"card": "mit"}, "card must be a table"),
        ({"soft_labels": {}}, "soft_labels must be a table"),
        ({"device": 3}, "device must be a text"),
        ({"evaluate_every": 0}, "evaluate_every must be at least 1; got 0"),
        ({"workers": -1}, "workers must be at least 0; got -1"),
        ({"log_every": 0}, "log_every must be at least 1"),
        ({"passage_comparison": 11}, "passage_comparison must be between 0 and 10; got 11"),
        ({"window_tokens": 2048}, "batch_tokens must be at least window_tokens=2048; got 1536"),
    ],
)
def test_settings_of_a_run_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    def build(**more: object) -> TrainSettings:
        return TrainSettings(
            base="encoder",
            output="runs/one",
            data=DataSettings(**DATA),
            optimizer=OptimizerSettings(tokens=1),
            **more,  # type: ignore[arg-type]
        )

    assert build()
    with pytest.raises(InvalidInputError, match=message):
        build(**changes)


def test_the_share_of_similarity_is_a_share() -> None:
    with pytest.raises(InvalidInputError, match="similarity_share must be between 0 and 1; got 2"):
        SoftLabelSettings(encoder="encoder", similarity_share=2)
