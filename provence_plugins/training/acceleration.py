"""Make a run faster, and its memory steady, on the machine that it runs on."""

import os
import shutil
import time
from typing import Any

from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("train"):
    import torch
    from torch import Tensor, nn
    from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

_FULL_MASKS = "provence_full_masks"
_PLAIN_ATTENTION = "provence_plain"

# oneDNN keeps a compiled kernel for every shape of a product that it has met, by default 1,024 of
# them. In bfloat16 they hold tens of megabytes each, and a run with windows of every length filled
# the memory of its machine with them.
_CACHE_VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_CACHED_KERNELS = "256"


def bound_kernel_cache() -> None:
    """Limit how many compiled kernels oneDNN keeps, unless the environment already says how many.

    oneDNN reads the limit once, at its first product, so a process that has used torch before keeps
    the former limit.
    """
    os.environ.setdefault(_CACHE_VARIABLE, _CACHED_KERNELS)


def compile_encoder(encoder: nn.Module, device: torch.device) -> None:
    """Let torch compile an encoder, which happens at its first batch.

    Raises:
        InvalidInputError: The encoder runs on the CPU, and there is no C++ compiler.
    """
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl"]
    if device.type == "cpu" and not any(map(shutil.which, filter(None, compilers))):
        raise InvalidInputError("compile needs a C++ compiler, and there is none. Install one, or set compile = false.")
    # Batches have lengths of every kind; without `dynamic` each would be compiled again.
    encoder.compile(dynamic=True)


def is_bfloat16_faster(device: torch.device) -> bool:
    """Return whether bfloat16 multiplies faster than float32 here; most CPUs are slower."""
    if device.type != "cpu":
        return True
    left, right = torch.randn(512, 384), torch.randn(384, 1536)

    def seconds(dtype: torch.dtype) -> float:
        factors = left.to(dtype), right.to(dtype)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            torch.mm(*factors)
            times.append(time.perf_counter() - began)
        return min(times)

    return seconds(torch.bfloat16) < seconds(torch.float32)


def suit_gpu() -> None:
    """Leave out what slows a run on a GPU down.

    The attention of cuDNN prepares a kernel for every new shape, and nearly every batch has one. A
    few encoders compute small tables on the CPU, which many threads only delay.
    """
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.set_num_threads(1)


def send(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a tensor on a device, where it may arrive later than this returns.

    A step is prepared while a GPU computes the one before, as long as nothing waits for the GPU; a
    plain copy would.
    """
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)


def use_full_masks(encoder: PreTrainedModel) -> None:
    """Make an encoder build its attention masks without looking whether any token is masked.

    Looking means to wait for the GPU in every step. An encoder with an attention of its own keeps
    it, and so does one whose kernel takes no such mask.
    """
    if not encoder._supports_attention_backend or encoder.config._attn_implementation != "sdpa":
        return
    AttentionInterface.register(_FULL_MASKS, sdpa_attention_forward)
    AttentionMaskInterface.register(_FULL_MASKS, _full_mask)
    encoder.set_attn_implementation(_FULL_MASKS)


# Any: whatever Transformers hands over.
def _full_mask(*args: Any, **facts: Any) -> Tensor | None:
    mask: Tensor | None = sdpa_mask(*args, **{**facts, "allow_is_bidirectional_skip": False})
    return mask


def use_plain_attention(encoder: PreTrainedModel) -> None:
    """Make an encoder compute attention as two products and a softmax in its own precision.

    On a CPU this trains faster than torch's fused kernel. An encoder with an attention of its own
    keeps it.
    """
    if not encoder._supports_attention_backend:
        return
    AttentionInterface.register(_PLAIN_ATTENTION, _attend)
    AttentionMaskInterface.register(_PLAIN_ATTENTION, sdpa_mask)
    encoder.set_attn_implementation(_PLAIN_ATTENTION)


def _attend(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    # Queries are few beside scores: scaling them, and adding the mask in place, spares passes over the scores.
    scores = query * (query.shape[-1] ** -0.5 if scaling is None else scaling) @ key.transpose(-1, -2)
    if attention_mask is not None:
        bias = torch.zeros_like(attention_mask, dtype=scores.dtype)
        scores += bias.masked_fill_(~attention_mask, torch.finfo(scores.dtype).min)
    # Autocast would copy all scores to float32; the softmax adds up in float32 inside anyway.
    with torch.autocast(scores.device.type, enabled=False):
        weights = scores.softmax(-1)
    weights = nn.functional.dropout(weights, dropout, module.training)
    return (weights @ value).transpose(1, 2).contiguous(), None
