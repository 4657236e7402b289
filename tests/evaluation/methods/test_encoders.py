from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError
from provence_plugins.evaluation.methods.encoders import cross_encoder, embeddings, encode, late_chunking, load_encoder
from provence_plugins.evaluation.methods.method import Method, SplitPassage, split
from provence_plugins.types import Passage

TEXT = "The city is old. Paris is the capital of France. The cheese is good. The river is in the city."


def passages(*texts: str, question: str = "The cheese is good.") -> list[SplitPassage]:
    return list(split([Example("q", "s", question, Passage(text), (), True) for text in texts], "regex"))


def score(method: Method, text: str = TEXT, question: str = "The cheese is good.") -> PassageScores:
    [scores] = method(passages(text, question=question))
    return scores


@pytest.fixture(scope="module")
def cross_folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_folder: Path) -> Path:
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        config = BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            max_position_embeddings=64,
            initializer_range=0.5,
            num_labels=1,
        )
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def test_embeddings_prefer_the_sentence_that_is_the_question(encoder_folder: Path) -> None:
    scores = score(embeddings(encoder_folder))
    assert scores.probabilities.argmax() == 2
    assert scores.probabilities[2] == pytest.approx(1.0, abs=1e-5)


def test_the_relevance_of_embeddings_is_the_cosine_of_the_whole_passage(encoder_folder: Path) -> None:
    question, whole = encode(load_encoder(encoder_folder), ["The cheese is good.", TEXT])
    assert score(embeddings(encoder_folder)).relevance == pytest.approx(float(question @ whole), abs=1e-5)
    assert score(embeddings(encoder_folder), "The cheese is good.").relevance == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("make", [embeddings, late_chunking])
def test_a_passage_without_sentences_has_no_scores(make: Callable[[Path], Method], encoder_folder: Path) -> None:
    scores = score(make(encoder_folder), "")
    assert scores.relevance == 0.0
    assert len(scores.probabilities) == 0


@pytest.mark.parametrize("make", [embeddings, late_chunking, cross_encoder])
def test_company_changes_no_scores(make: Callable[[Path], Method], encoder_folder: Path, cross_folder: Path) -> None:
    method = make(cross_folder if make is cross_encoder else encoder_folder)
    _, found, _ = method(passages("Paris. France.", TEXT, "A river."))
    assert found.probabilities == pytest.approx(score(method).probabilities, abs=1e-5)


def test_late_chunking_of_one_sentence_is_the_mean_of_its_token_states(encoder_folder: Path) -> None:
    encoder = load_encoder(encoder_folder)
    text = "The cheese is good"
    states = np.asarray(encoder.encode(text, output_value="token_embeddings"))[1:-1]
    mean = states.mean(axis=0) / np.linalg.norm(states.mean(axis=0))
    [question] = encode(encoder, ["Where is Paris?"])
    found = score(late_chunking(encoder_folder), text, "Where is Paris?")
    assert found.probabilities.tolist() == pytest.approx([float(mean @ question)], abs=1e-5)


def test_late_chunking_sees_what_stands_around_a_sentence(encoder_folder: Path) -> None:
    method = late_chunking(encoder_folder)
    here, there = score(method, "It is old. Paris."), score(method, "It is old. Cheese.")
    assert here.probabilities[0] != pytest.approx(there.probabilities[0], abs=1e-4)
    alone = embeddings(encoder_folder)
    here, there = score(alone, "It is old. Paris."), score(alone, "It is old. Cheese.")
    assert here.probabilities[0] == pytest.approx(there.probabilities[0], abs=1e-5)


def test_late_chunking_reads_what_is_too_long_in_parts_of_whole_sentences(encoder_folder: Path) -> None:
    # The encoder holds 64 tokens; each sentence has 32 with the special tokens, so two go together.
    sentence = "Cheese " * 29 + ". "
    assert load_encoder(encoder_folder).max_seq_length == 64
    whole = score(late_chunking(encoder_folder), sentence * 5)
    parts = [score(late_chunking(encoder_folder), text) for text in (sentence * 2, sentence * 2, sentence)]
    assert whole.probabilities == pytest.approx(np.concatenate([part.probabilities for part in parts]), abs=1e-5)


def test_a_sentence_too_long_for_the_encoder_is_read_up_to_its_limit(encoder_folder: Path) -> None:
    method = late_chunking(encoder_folder)
    long, longer = (score(method, "cheese " * words + "river") for words in (90, 120))
    assert long.probabilities == pytest.approx(longer.probabilities, abs=1e-5)


def test_a_cross_encoder_scores_each_sentence_alone(cross_folder: Path) -> None:
    from sentence_transformers import CrossEncoder

    [passage] = passages(TEXT)
    pairs = [(passage.example.question, text) for text in passage.texts]
    expected = CrossEncoder(str(cross_folder), device="cpu").predict(pairs)
    scores = score(cross_encoder(cross_folder))
    assert scores.probabilities == pytest.approx(expected, abs=1e-5)
    assert scores.relevance == pytest.approx(expected.max(), abs=1e-5)
    assert len(set(np.round(expected, 4))) == 4


def test_a_classifier_of_several_labels_is_not_taken_for_a_cross_encoder(cross_folder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoTokenizer.from_pretrained(cross_folder).save_pretrained(tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(cross_folder, num_labels=3, ignore_mismatched_sizes=True)
    model.save_pretrained(tmp_path)
    with pytest.raises(InvalidInputError, match="3 scores"):
        cross_encoder(tmp_path)


@pytest.mark.parametrize("make", [embeddings, late_chunking, cross_encoder])
def test_a_folder_that_holds_no_model_is_named(make: Callable[[Path], Method], tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"Cannot open .*nothing-here as a"):
        make(tmp_path / "nothing-here")
