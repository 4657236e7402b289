"""Encoders of Transformers, built from nothing but the known keys of their configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.model.encoder_config import known_config
from provence_plugins.model.families import family_of

with needs_extra("torch"):
    from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel


def encoder_config(values: Mapping[str, Any]) -> PretrainedConfig:
    """Return the configuration of an encoder as Transformers needs it, made of known keys only.

    Raises:
        CheckpointError: The encoder's family is unknown, or a known key has an invalid value.
    """
    facts = known_config(values)
    config: PretrainedConfig = AutoConfig.for_model(facts.pop("model_type"), **facts)
    return config


def build_encoder(config: PretrainedConfig) -> PreTrainedModel:
    """Build an encoder with random weights and without a pooler."""
    options = {"add_pooling_layer": False} if family_of(config.to_dict()).has_pooler else {}
    encoder: PreTrainedModel = AutoModel.from_config(config, **options)
    return encoder
