import json
from importlib.util import find_spec
from itertools import accumulate, pairwise
from pathlib import Path

import pytest

from provence_plugins.data.examples import Example
from provence_plugins.engine.pooling import PassageScores
from provence_plugins.errors import InvalidInputError, MissingExtraError
from provence_plugins.evaluation.methods.method import Method, SplitPassage, split
from provence_plugins.evaluation.methods.third_party import _find_words, llmlingua2, open_provence
from provence_plugins.types import Passage, Sentence

TEXT = "The city is old. Paris is the capital of France. The cheese is good."

# Answers as OpenProvence's module does: the title is a sentence of its own in front, and blank sentences are left out.
MODULE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel


class CountingConfig(PretrainedConfig):
    model_type = "counting"


class CountingModel(PreTrainedModel):
    config_class = CountingConfig

    def __init__(self, config):
        super().__init__(config)
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.post_init()

    def process(self, question, context, title="first_sentence", *, threshold=None, show_progress=True,
                zero_score_when_empty=True, return_sentence_metrics=False):
        assert not show_progress and not zero_score_when_empty and return_sentence_metrics
        [sentences] = context
        sentences = [text for text in sentences if text.strip()]
        shown = [*(title or []), *sentences]
        return {
            "reranking_score": [len(question) / 100],
            "sentence_probabilities": [[len(text) / 100 for text in shown]],
        }
"""


def score(method: Method, text: str = TEXT, title: str | None = None) -> PassageScores:
    [scores] = method(list(split([Example("q", "s", "Is it?", Passage(text, title), (), True)], "lines")))
    return scores


@pytest.fixture
def folder_with_code(tmp_path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    (tmp_path / "counting.py").write_text(MODULE)
    auto = {"AutoConfig": "counting.CountingConfig", "AutoModel": "counting.CountingModel"}
    (tmp_path / "config.json").write_text(
        json.dumps({"model_type": "counting", "architectures": ["CountingModel"], "auto_map": auto})
    )
    save_file({"weight": torch.zeros(1)}, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return tmp_path


def test_code_in_a_folder_runs_only_when_that_is_said(folder_with_code: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"--trust-remote-code"):
        open_provence(folder_with_code, trust_remote_code=False)


@pytest.mark.parametrize("title", [None, "A title"])
def test_the_probabilities_of_a_folders_own_code_go_to_our_sentences(
    folder_with_code: Path, tmp_path_factory: pytest.TempPathFactory, title: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
    method = open_provence(folder_with_code, trust_remote_code=True)
    pieces = ["One.", " \n", "Three is long. "]
    bounds = pairwise(accumulate(map(len, pieces), initial=0))
    passage = SplitPassage(
        Example("q", "s", "Is it?", Passage("".join(pieces), title), (), True),
        [Sentence(start, end) for start, end in bounds],
    )
    [scores] = method([passage])
    assert scores.probabilities.tolist() == pytest.approx([0.04, 0.0, 0.15])
    assert scores.relevance == pytest.approx(0.06)
    blank = score(method, " \n", title)
    assert (blank.relevance, blank.probabilities.tolist()) == (0.0, [0.0])


def test_code_that_fails_is_named(
    folder_with_code: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path_factory.mktemp("modules")))
    code = (folder_with_code / "counting.py").read_text()
    (folder_with_code / "counting.py").write_text(code.replace("self.post_init()", "self.no_such_thing()"))
    with pytest.raises(InvalidInputError, match=r"own code: AttributeError.*version of transformers"):
        open_provence(folder_with_code, trust_remote_code=True)


def test_a_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"Cannot open .* with its own code"):
        open_provence(tmp_path, trust_remote_code=True)


@pytest.fixture
def classifier(tmp_path: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A token classifier of random weights under a name that the package knows, and the tokens that it counts with."""
    pytest.importorskip("llmlingua")
    import llama_index.core
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(Path(llama_index.core.__path__[0]) / "_static" / "tiktoken_cache"))
    folder = tmp_path / "bert-base-multilingual-cased-tiny"
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        config = BertConfig(
            # Room for the hundred tokens that the package adds.
            vocab_size=len(tokenizer) + 100,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            initializer_range=0.5,
            num_labels=2,
        )
        BertForTokenClassification(config).save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("ignore")
def test_a_sentence_scores_by_how_long_its_words_stay(classifier: Path) -> None:
    method = llmlingua2(classifier)
    scores = score(method, TEXT.replace(". ", ".\n"))
    assert len(scores.probabilities) == 3
    assert ((scores.probabilities >= 0) & (scores.probabilities <= 1)).all()
    assert len(set(scores.probabilities.tolist())) > 1
    # At rates from 10 to 90 % half of the words stay on average.
    assert scores.probabilities.mean() == pytest.approx(0.5, abs=0.15)
    assert scores.relevance == 0.0
    assert score(method, " ").probabilities.tolist() == [0.0]


@pytest.mark.filterwarnings("ignore")
def test_llmlingua_runs_no_code_of_a_folder(classifier: Path) -> None:
    config = json.loads((classifier / "config.json").read_text())
    auto = {"AutoConfig": "evil.Config", "AutoModelForTokenClassification": "evil.Model"}
    (classifier / "config.json").write_text(json.dumps({**config, "auto_map": auto}))
    ran = classifier / "ran"
    (classifier / "evil.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Config: pass\nclass Model: pass\n")
    score(llmlingua2(classifier))
    assert not ran.exists()


def test_llmlingua_that_is_not_installed_is_named_with_its_extra(tmp_path: Path) -> None:
    if find_spec("llmlingua"):
        pytest.skip("it is installed")
    with pytest.raises(MissingExtraError, match=r"provence-plugins\[eval-llmlingua\]"):
        llmlingua2(tmp_path)


def test_words_are_found_in_order_whatever_the_tokenizer_made_of_some() -> None:
    text = "the old naïve city. the end of the city."
    words = [("The", True), ("old", False), ("[UNK]", True), ("city", True), (".", False), ("the", False)]
    found = list(_find_words(text, words))
    assert [text[place : place + 3] for place, _ in found] == ["the", "old", "cit", ". t", "the"]
    assert [stays for _, stays in found] == [True, False, True, False, False]


def test_a_word_that_stands_only_far_away_is_passed_over() -> None:
    text = "one " + "two " * 20 + "three"
    assert list(_find_words(text, [("three", True), ("one", True)])) == [(0, True)]
