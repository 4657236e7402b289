"""What makes a run faster on the machine that it is on."""

import os
import shutil
import time

from provence_plugins.errors import InvalidInputError, needs_extra

with needs_extra("train"):
    import torch


def compile_encoder(encoder: torch.nn.Module, device: torch.device) -> None:
    """Let torch compile an encoder, which happens at its first batch.

    Raises:
        InvalidInputError: It runs on the CPU, and there is no C++ compiler.
    """
    compilers = [os.environ.get("CXX", ""), "c++", "g++", "clang++", "cl"]
    if device.type == "cpu" and not any(map(shutil.which, filter(None, compilers))):
        raise InvalidInputError("compile needs a C++ compiler, and there is none. Install one, or set compile = false.")
    # Batches have lengths of every kind; without `dynamic` each would be compiled anew.
    encoder.compile(dynamic=True)


def pays_autocast(device: torch.device) -> bool:
    """Whether bfloat16 multiplies faster than float32 here; a CPU without hardware for it is many times slower."""
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
