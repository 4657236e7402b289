from typing import TYPE_CHECKING

import pytest
import torch

from provence_plugins.training.acceleration import suit_gpu, use_plain_attention

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
