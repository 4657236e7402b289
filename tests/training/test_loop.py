import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from provence_plugins import Pruner, PruningPolicy
from provence_plugins.errors import BackendError, CheckpointError, DataError, InvalidInputError
from provence_plugins.model.checkpoint import open_checkpoint
from provence_plugins.training.loop import TrainingRun, train
from provence_plugins.training.settings import DataSettings, OptimizerSettings, SoftLabelSettings, TrainSettings

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel

PLACES = ("paris", "france", "the city", "the capital", "the river")
REST = ("is old", "is big", "is far", "is good")


def record(number: int, random: Random) -> dict[str, Any]:
    """A passage about three places and a question about cheese, which one of its sentences mentions or none does."""
    sentences = [f"{random.choice(PLACES)} {random.choice(REST)}. ".capitalize() for _ in range(3)]
    positive = number % 4 > 0
    if positive:
        sentences.insert(random.randrange(4), "The cheese is in the house. ")
    passage = "".join(sentences)
    at = passage.find("cheese")
    return {
        "id": f"q{number}",
        "source": "synthetic",
        "question": "Where is the cheese?",
        "passage": passage,
        "is_positive": positive,
        "answer_spans": [[at, at + 6]] if positive else [],
        **({"teacher_score": 2 if positive else -2} if number % 3 == 0 else {}),
    }


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def make_settings(folder: Path, network: "ProvenceModel", tokenizer_folder: Path) -> TrainSettings:
    """Write a base and data into a folder, and return the settings of a run on them."""
    base = folder / "base"
    network.backbone.save_pretrained(base)
    shutil.copy(tokenizer_folder / "tokenizer.json", base)
    random = Random(5)
    for name, size in (("train", 80), ("dev", 12)):
        lines = [json.dumps(record(number, random)) for number in range(size)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return TrainSettings(
        base=str(base),
        output=str(folder / "run"),
        data=DataSettings(train=[str(folder / "train.jsonl")], dev=[str(folder / "dev.jsonl")], title_share=0.0),
        optimizer=OptimizerSettings(
            tokens=1_000, batch_tokens=256, learning_rate=2e-3, head_learning_rate=5e-3, autocast="float32"
        ),
        window_tokens=60,
        evaluate_every=15,
        precision="float32",
        threads=1,
        card={"license": "mit"},
    )


@pytest.fixture
def settings(tmp_path: Path, tiny_network: "ProvenceModel", tokenizer_folder: Path) -> TrainSettings:
    """Settings of a run of a few steps; nothing has run yet."""
    return make_settings(tmp_path, tiny_network, tokenizer_folder)


@pytest.fixture(scope="module")
def finished(
    tmp_path_factory: pytest.TempPathFactory, build_network: Callable[[], "ProvenceModel"], tokenizer_folder: Path
) -> TrainSettings:
    """A run of a few steps that is finished. Copy it before changing anything."""
    settings = make_settings(tmp_path_factory.mktemp("finished"), build_network(), tokenizer_folder)
    train(settings, show_progress=False)
    return settings


@pytest.fixture
def copied(finished: TrainSettings, tmp_path: Path) -> TrainSettings:
    """A copy of the finished run; base and data are those of the original."""
    output = tmp_path / "copied"
    shutil.copytree(finished.output, output)
    return replace(finished, output=str(output))


def notes(settings: TrainSettings) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(settings.output, "log.jsonl").read_text().splitlines()]


def weights_of(settings: TrainSettings) -> dict[str, torch.Tensor]:
    """Return the weights at the last evaluation of a run, before it is finished."""
    network: dict[str, torch.Tensor] = torch.load(Path(settings.output, "checkpoint.pt"), weights_only=True)["network"]
    return network


class _Interruption(logging.Handler):
    """Stops a run as Ctrl+C would, at its second evaluation."""

    seen = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.seen += 1
        if self.seen == 2:
            raise KeyboardInterrupt


def interrupt(settings: TrainSettings) -> None:
    logger, handler = logging.getLogger("provence_plugins.training.loop"), _Interruption()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(KeyboardInterrupt):
            train(settings, show_progress=False)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_a_run_learns_and_its_folder_prunes(settings: TrainSettings) -> None:
    optimizer = replace(settings.optimizer, tokens=20_000)
    settings = replace(settings, optimizer=optimizer, precision="int8", evaluate_every=40)
    folder = train(settings, show_progress=False)
    assert folder == Path(settings.output, "model")
    lines = notes(settings)
    assert lines[-1]["keep_loss"] < 0.7 * lines[0]["keep_loss"]
    assert lines[-1]["ranking_loss"] < 0.7 * lines[0]["ranking_loss"]
    assert lines[-1]["average_precision"] > 0.9
    assert lines[-1]["tokens"] >= settings.optimizer.tokens

    checkpoint = open_checkpoint(folder)
    assert checkpoint.max_tokens == 60
    assert len(checkpoint.thresholds.named) == 3
    assert checkpoint.default_threshold == checkpoint.thresholds.balanced
    measured = [row["threshold"] for row in checkpoint.config["calibration"]]
    assert set(checkpoint.thresholds.named.values()) <= set(measured)
    with Pruner(folder, backend="torch", policy=PruningPolicy(when_empty="keep_best")) as pruner:
        text = "Paris is old. The cheese is in the house. The river is far."
        [pruned] = pruner.prune("Where is the cheese?", [text]).passages
    assert "cheese" in pruned.text

    card = (folder / "README.md").read_text()
    assert 'license: "mit"' in card
    assert f"{checkpoint.default_threshold:g}: the highest" in card
    assert f"{lines[-1]['step']} steps" in card


def test_an_interrupted_run_says_how_it_goes_on_and_ends_with_the_weights_of_an_uninterrupted_one(
    settings: TrainSettings, caplog: pytest.LogCaptureFixture
) -> None:
    optimizer = replace(settings.optimizer, tokens=2_000, gradient_accumulation_steps=2)
    settings = replace(settings, optimizer=optimizer, evaluate_every=2)
    interrupted = replace(settings, output=f"{settings.output}-interrupted")
    interrupt(interrupted)
    assert f"Resume the run to continue from {Path(interrupted.output, 'checkpoint.pt')}" in caplog.text
    assert not Path(interrupted.output, "model").exists()
    assert train(interrupted, resume=True, show_progress=False) == Path(interrupted.output, "model")
    TrainingRun(settings).fit(show_progress=False)
    resumed, straight = weights_of(interrupted), weights_of(settings)
    assert resumed.keys() == straight.keys()
    assert all(torch.equal(resumed[name], straight[name]) for name in straight)
    assert notes(interrupted)[-1]["step"] == notes(settings)[-1]["step"]


def test_a_step_takes_the_mean_of_the_gradients_of_its_batches(settings: TrainSettings) -> None:
    def after_step(*numbers: int) -> dict[str, torch.Tensor]:
        run = TrainingRun(settings)
        [first], [second] = islice(run._batches_of_steps(), 2)
        run._step([(first, second)[number] for number in numbers])
        return {name: weight.clone() for name, weight in run.network.state_dict().items()}

    once, twice, both = after_step(0), after_step(0, 0), after_step(0, 1)
    assert all(torch.equal(once[name], twice[name]) for name in once)
    assert not torch.equal(once["keep_head.out.weight"], both["keep_head.out.weight"])


def test_a_step_reads_as_many_batches_as_the_settings_say(settings: TrainSettings) -> None:
    optimizer = replace(settings.optimizer, gradient_accumulation_steps=3)
    alone = islice(TrainingRun(settings)._batches_of_steps(), 6)
    together = islice(TrainingRun(replace(settings, optimizer=optimizer))._batches_of_steps(), 2)
    windows = [[item.window for item in batch.items] for [batch] in alone]
    assert [[[item.window for item in batch.items] for batch in batches] for batches in together] == [
        windows[:3],
        windows[3:],
    ]


def test_a_folder_with_a_run_is_refused_unless_it_is_that_run_resumed(copied: TrainSettings) -> None:
    with pytest.raises(InvalidInputError, match="already holds a run"):
        train(copied, show_progress=False)
    with pytest.raises(CheckpointError, match="other settings"):
        train(replace(copied, seed=14), resume=True, show_progress=False)
    weights = load_file(train(copied, resume=True, show_progress=False) / "model.safetensors")
    assert weights
    Path(copied.output, "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match="cannot be read"):
        train(copied, resume=True, show_progress=False)


def test_what_cannot_work_is_refused_before_training(settings: TrainSettings, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"window_tokens must be at most 64, .* got 128"):
        train(replace(settings, window_tokens=128), show_progress=False)
    (tmp_path / "empty.jsonl").touch()
    data = replace(settings.data, train=[str(tmp_path / "empty.jsonl")])
    with pytest.raises(DataError, match=r"no examples in .*empty\.jsonl"):
        train(replace(settings, data=data), show_progress=False)
    (tmp_path / "negative.jsonl").write_text('{"question": "Who?", "passage": "One. Two.", "is_positive": false}')
    data = replace(settings.data, dev=[str(tmp_path / "negative.jsonl")])
    with pytest.raises(DataError, match=r"no positive with annotated evidence .* in .*negative\.jsonl"):
        train(replace(settings, data=data), show_progress=False)


def test_lower_layers_move_less(settings: TrainSettings) -> None:
    optimizer = replace(settings.optimizer, layer_decay=0.5, freeze_embeddings=False)
    run = TrainingRun(replace(settings, optimizer=optimizer))
    peaks = {id(weight): group["peak"] for group in run.optimizer.param_groups for weight in group["params"]}
    named = {name: peaks.pop(id(weight)) for name, weight in run.network.named_parameters()}
    assert not peaks
    assert named["backbone.encoder.layer.1.output.dense.weight"] == optimizer.learning_rate
    assert named["backbone.encoder.layer.0.output.dense.weight"] == optimizer.learning_rate / 2
    assert named["backbone.embeddings.word_embeddings.weight"] == optimizer.learning_rate / 4
    assert named["keep_head.similarity"] == named["relevance_head.out.weight"] == optimizer.head_learning_rate


def test_soft_labels_take_part_in_a_run(finished: TrainSettings, tmp_path: Path) -> None:
    hard = weights_of(finished)
    run = TrainingRun(
        replace(finished, output=str(tmp_path / "soft"), soft_labels=SoftLabelSettings(encoder=finished.base))
    )
    run.fit(show_progress=False)
    softened = run.network.state_dict()
    assert softened.keys() == hard.keys()
    assert not torch.equal(hard["keep_head.out.weight"], softened["keep_head.out.weight"])


def test_a_head_that_finds_marked_tokens_moves_the_encoder_and_stays_behind(
    finished: TrainSettings, tmp_path: Path
) -> None:
    plain = load_file(Path(finished.output, "model/model.safetensors"))
    optimizer = replace(finished.optimizer, mark_weight=2.0)
    marking = replace(finished, output=str(tmp_path / "marked"), optimizer=optimizer)
    folder = train(marking, show_progress=False)
    marked = load_file(folder / "model.safetensors")
    assert marked.keys() == plain.keys()
    name = "backbone.encoder.layer.0.output.dense.weight"
    assert not torch.equal(marked[name], plain[name])
    resumed = TrainingRun(marking)
    before = {name: weight.clone() for name, weight in resumed.objective.state_dict().items()}
    resumed.restore()
    assert before
    assert all(not torch.equal(weight, before[name]) for name, weight in resumed.objective.state_dict().items())


def test_compiling_without_a_compiler_is_refused(settings: TrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(InvalidInputError, match=r"compile needs a C\+\+ compiler"):
        TrainingRun(replace(settings, optimizer=replace(settings.optimizer, compile=True)))


@pytest.mark.slow
# Torch's compiler imports parts of torch that warn of themselves.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_run_learns_the_same(settings: TrainSettings) -> None:
    ends = {}
    for compiled in (False, True):
        optimizer = replace(settings.optimizer, tokens=1500, compile=compiled)
        folder = train(replace(settings, output=f"{settings.output}-{compiled}", optimizer=optimizer))
        ends[compiled] = load_file(folder / "model.safetensors")
    assert ends[True].keys() == ends[False].keys()
    for name, weight in ends[True].items():
        torch.testing.assert_close(weight, ends[False][name], rtol=1e-3, atol=1e-3)


def test_a_device_that_is_not_there_is_named(settings: TrainSettings) -> None:
    with pytest.raises(BackendError, match="no device 'cuda:77'"):
        TrainingRun(replace(settings, device="cuda:77"))


def test_a_run_may_go_on_with_another_length_and_card(copied: TrainSettings) -> None:
    optimizer = replace(copied.optimizer, tokens=2_000)
    longer = replace(copied, optimizer=optimizer, card={"license": "isc"}, evaluate_every=5)
    folder = train(longer, resume=True, show_progress=False)
    assert notes(longer)[-1]["tokens"] >= 2_000
    assert 'license: "isc"' in (folder / "README.md").read_text(encoding="utf-8")
    with pytest.raises(CheckpointError, match="other settings"):
        train(replace(longer, seed=99), resume=True, show_progress=False)


def test_the_finished_model_is_the_mean_of_base_and_training_where_asked_for(
    settings: TrainSettings, tiny_folder: Path
) -> None:
    short = replace(
        settings,
        base=str(tiny_folder),
        optimizer=replace(settings.optimizer, tokens=500, freeze_embeddings=False),
        output=f"{settings.output}-mean",
    )
    TrainingRun(short).fit(show_progress=False)
    trained = weights_of(short)
    # The share may be chosen when all training is done.
    folder = train(replace(short, base_share=0.25), resume=True, show_progress=False)
    mean = load_file(folder / "model.safetensors")
    base = load_file(tiny_folder / "model.safetensors")
    name = "backbone.encoder.layer.1.output.dense.weight"
    assert not torch.allclose(base[name], trained[name])
    torch.testing.assert_close(mean[name], 0.25 * base[name] + 0.75 * trained[name])


def test_a_run_does_not_go_on_from_a_base_that_has_changed(settings: TrainSettings) -> None:
    short = replace(settings, optimizer=replace(settings.optimizer, tokens=500))
    TrainingRun(short).fit(show_progress=False)
    [weights] = Path(settings.base).glob("*.safetensors")
    changed = {name: weight + 1 for name, weight in load_file(weights).items()}
    save_file(changed, weights, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="holds other weights"):
        train(short, resume=True, show_progress=False)


def test_a_run_does_not_go_on_with_training_data_that_have_changed(settings: TrainSettings) -> None:
    short = replace(settings, optimizer=replace(settings.optimizer, tokens=500))
    run = TrainingRun(short)
    run.fit(show_progress=False)
    [data] = map(Path, short.data.train)
    data.write_text(data.read_text(encoding="utf-8").replace("house", "river"), encoding="utf-8")
    with pytest.raises(CheckpointError, match="training data or labels have other content"):
        train(short, resume=True, show_progress=False)
    # Earlier versions kept no digest of the data.
    state = torch.load(run.checkpoint, weights_only=True)
    del state["data"]
    torch.save(state, run.checkpoint)
    TrainingRun(short).restore()


def test_a_base_without_heads_cannot_be_averaged_with(settings: TrainSettings) -> None:
    with pytest.raises(InvalidInputError, match="no heads to average with"):
        train(replace(settings, base_share=0.5), show_progress=False)


def test_a_run_ends_after_its_epochs(settings: TrainSettings) -> None:
    [file] = map(Path, settings.data.train)
    file.write_text("\n".join(file.read_text(encoding="utf-8").splitlines()[:40]), encoding="utf-8")
    optimizer = replace(settings.optimizer, tokens=None, epochs=1.5)
    TrainingRun(replace(settings, optimizer=optimizer)).fit(show_progress=False)
    assert notes(settings)[-1]["epochs"] >= 1.5
    assert notes(settings)[-1]["epochs"] < 1.8


def test_the_folder_of_a_run_prunes_without_torch(finished: TrainSettings) -> None:
    folder = Path(finished.output, "model")
    assert (folder / "model.onnx").is_file()
    assert not (folder / "model_int8.onnx").exists()
    with Pruner(folder) as pruner:
        assert "onnx" in repr(pruner)
    assert not list(Path(finished.output).glob(".finishing-*"))


def test_the_log_has_lines_for_people_and_curves(settings: TrainSettings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "provence_plugins")
    short = replace(settings, log_every=2, evaluate_every=4)
    TrainingRun(short).fit(show_progress=False)
    assert "step 2, " in caplog.text
    assert "% done" in caplog.text
    assert "tokens/s" in caplog.text
    assert "step 4, dev: answers kept" in caplog.text
    assert "training loss" in Path(short.output, "curves.svg").read_text(encoding="utf-8")


def test_a_run_starts_from_the_bundled_model_or_a_hub_id(settings: TrainSettings) -> None:
    bundled = TrainingRun(replace(settings, base="bundled"))
    assert bundled.network.config.backbone_config.hidden_size == 384
    with pytest.raises(CheckpointError, match="nobody/nothing"):
        TrainingRun(replace(settings, base="nobody/nothing"))
