from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from provence_plugins.tokens.windows import Window
from provence_plugins.training.acceleration import send, suit_gpu, use_full_masks, use_plain_attention
from provence_plugins.training.objective import Objective
from provence_plugins.training.sampling import LabelledWindow
from provence_plugins.training.settings import DataSettings, OptimizerSettings, TrainSettings

if TYPE_CHECKING:
    from provence_plugins.model.network import ProvenceModel


@pytest.mark.parametrize("training", [False, True])
def test_plain_attention_gives_the_states_of_the_fused_kernel(tiny_network: "ProvenceModel", training: bool) -> None:
    ids = torch.tensor([[2, 10, 3, 11, 12, 3], [2, 10, 3, 3, 0, 0]])
    mask = (ids > 0).long()
    encoder = tiny_network.backbone.train(training)
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    expected = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    use_plain_attention(encoder)
    given = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(given[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-4)


def test_dropout_takes_weights_away_in_training_only(tiny_network: "ProvenceModel") -> None:
    ids = torch.tensor([[2, 10, 3, 11, 12, 3]])
    encoder = tiny_network.backbone
    use_plain_attention(encoder)
    encoder.train(False)
    first, second = (encoder(input_ids=ids).last_hidden_state for _ in range(2))
    assert torch.equal(first, second)
    encoder.train(True)
    first, second = (encoder(input_ids=ids).last_hidden_state for _ in range(2))
    assert not torch.equal(first, second)


def test_the_fused_kernel_is_not_called(tiny_network: "ProvenceModel", monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the fused kernel was called")

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", refuse)
    ids = torch.tensor([[2, 10, 3, 11, 12, 3]])
    with pytest.raises(AssertionError, match="fused"):
        tiny_network.backbone(input_ids=ids)
    use_plain_attention(tiny_network.backbone)
    tiny_network.backbone(input_ids=ids)


def test_a_run_on_a_gpu_neither_prepares_a_kernel_for_each_shape_nor_waits_for_threads() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        suit_gpu()
        assert not torch.backends.cuda.cudnn_sdp_enabled()
        assert torch.get_num_threads() == 1
    finally:
        torch.backends.cuda.enable_cudnn_sdp(True)
        torch.set_num_threads(threads)


class Counting(TorchDispatchMode):
    """Counts the operators that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    # Any: whatever an operator takes and gives.
    def __torch_dispatch__(
        self, operator: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.calls[str(operator)] += 1
        return operator(*args, **kwargs or {})


# What needs a number from the GPU before it goes on; the last finds out which values are true.
WAITING = ("aten._local_scalar_dense.default", "aten.item.default", "aten.nonzero.default")


def test_nothing_in_a_step_on_a_gpu_waits_for_its_numbers(tiny_network: "ProvenceModel") -> None:
    settings = TrainSettings(
        base="base",
        output="output",
        data=DataSettings(train=["train"], dev=["dev"]),
        optimizer=OptimizerSettings(tokens=1, contrast_weight=1.0, mark_weight=1.0),
    )
    objective = Objective(settings, tiny_network.config.backbone_config.hidden_size, torch.device("cpu"), False)
    tokens = [2, 10, 3, 11, 12, 13, 3]
    answering = LabelledWindow(
        Window(tokens, 3, 0, 1, ((0, 3, 5), (1, 5, 6))), "who", ("A b.", "C."), (True, False), True, None, (3,)
    )
    other = LabelledWindow(Window(tokens[:6], 3, 0, 1, ((0, 3, 5),)), "who", ("A b.",), (False,), False, 0.5)
    use_full_masks(tiny_network.backbone)
    inputs = torch.tensor([tokens, [*tokens[:6], 0]])
    with Counting() as counting:
        losses = objective(tiny_network(inputs, (inputs > 0).long(), torch.zeros_like(inputs)), [answering, other])
        losses.total.backward()
    assert counting.calls["aten.mm.default"]
    assert {name: counting.calls[name] for name in WAITING if counting.calls[name]} == {}


def test_full_masks_give_the_states_of_masks_that_are_left_out_where_nothing_is_masked(
    tiny_network: "ProvenceModel",
) -> None:
    encoder = tiny_network.backbone.train(False)
    for ids in (torch.tensor([[2, 10, 3, 11, 12, 3]]), torch.tensor([[2, 10, 3, 11, 12, 3], [2, 10, 3, 3, 0, 0]])):
        mask = (ids > 0).long()
        encoder.set_attn_implementation("sdpa")
        expected = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        use_full_masks(encoder)
        given = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        torch.testing.assert_close(given[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-4)


def test_an_encoder_with_another_kernel_keeps_it(tiny_network: "ProvenceModel") -> None:
    tiny_network.backbone.set_attn_implementation("eager")
    use_full_masks(tiny_network.backbone)
    assert tiny_network.backbone.config._attn_implementation == "eager"


def test_a_tensor_is_sent_to_its_device() -> None:
    given = torch.tensor([1, 2])
    assert send(given, torch.device("cpu")) is given
    assert send(given, torch.device("meta")).device.type == "meta"
