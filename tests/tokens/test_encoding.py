import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

from provence_plugins.errors import BackendError, CheckpointError
from provence_plugins.tokens.encoding import PairTemplate, TextEncoder, learn_template


def xlm_roberta_tokenizer() -> Tokenizer:
    """`<s> query </s></s> text </s>`, with a pad id other than zero."""
    vocabulary = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -1.0), ("a", -2.0), ("▁a", -1.5)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    return tokenizer


def test_the_template_of_bert_is_learned(tokenizer: Tokenizer) -> None:
    cls, sep, pad = (tokenizer.token_to_id(name) for name in ("[CLS]", "[SEP]", "[PAD]"))
    assert learn_template(tokenizer) == PairTemplate((cls,), (sep,), (sep,), query_type=0, text_type=1, pad_id=pad)


def test_the_template_of_xlm_roberta_has_two_separators_and_one_token_type() -> None:
    template = learn_template(xlm_roberta_tokenizer())
    assert template == PairTemplate((0,), (2, 2), (2,), query_type=0, text_type=0, pad_id=1)
    assert template.special_tokens == 4


def test_a_tokenizer_without_a_pair_template_is_refused(tokenizer: Tokenizer) -> None:
    plain = Tokenizer(tokenizer.model)
    with pytest.raises(CheckpointError, match="no special tokens around a pair"):
        TextEncoder(plain)


def test_texts_are_encoded_without_special_tokens(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer)
    [ids] = encoder.encode(["Paris is a city"])
    assert [tokenizer.id_to_token(token) for token in ids] == ["paris", "is", "a", "city"]


def test_an_empty_text_has_no_tokens(tokenizer: Tokenizer) -> None:
    assert TextEncoder(tokenizer).encode(["", "a"])[0] == ()
    assert TextEncoder(tokenizer).encode([]) == []


@pytest.mark.parametrize("name", ["[SEP]", "[CLS]", "[PAD]", "[MASK]"])
def test_a_text_that_spells_a_special_token_gets_ordinary_ones(tokenizer: Tokenizer, name: str) -> None:
    [ids] = TextEncoder(tokenizer).encode([f"the city {name} of paris"])
    assert tokenizer.token_to_id(name) not in ids
    assert len(ids) > 4


def test_padding_and_truncation_of_the_tokenizer_file_are_switched_off(tokenizer: Tokenizer) -> None:
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=30)
    short, long = TextEncoder(tokenizer).encode(["a city", "the city of paris in france is the capital"])
    assert (len(short), len(long)) == (2, 9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None, categories=["L", "N", "P", "Z", "Cs", "Cc", "So"])))
def test_any_string_can_be_encoded_even_with_lone_surrogates(tokenizer: Tokenizer, text: str) -> None:
    encoder = TextEncoder(tokenizer)
    [ids] = encoder.encode([text])
    assert all(0 <= token < encoder.vocabulary_size for token in ids)


def test_a_lone_surrogate_is_read_as_one_unknown_character(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer)
    assert encoder.encode(["paris \ud800 city"]) == encoder.encode(["paris \ufffd city"])


def test_encoding_many_texts_is_encoding_each(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer)
    texts = ["Where is Paris?", "In France.", ""]
    assert encoder.encode(texts) == [encoder.encode([text])[0] for text in texts]


def test_token_spans_say_which_characters_a_token_stands_for(tokenizer: Tokenizer) -> None:
    encoder = TextEncoder(tokenizer)
    texts = ["Paris is the city.", "", "the \ud800 river"]
    spans = encoder.token_spans(texts)
    assert [len(row) for row in spans] == [len(ids) for ids in encoder.encode(texts)]
    assert [texts[0][span.start : span.end] for span in spans[0]] == ["Paris", "is", "the", "city", "."]
    assert [texts[2][span.start : span.end] for span in spans[2]] == ["the", "river"]


def test_a_tokenizer_that_panics_on_a_text_is_an_error_of_ours(tokenizer: Tokenizer) -> None:
    # Matching takes more steps than the library's regular expressions allow, and its panic is not an `Exception`.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+$"), "isolated")
    encoder = TextEncoder(tokenizer)
    with pytest.raises(BackendError, match="tokenizer failed"):
        encoder.encode(["fine", "a" * 40 + "b"])
    assert encoder.encode(["fine"])
