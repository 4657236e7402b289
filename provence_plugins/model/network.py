"""The two-headed network: one encoder pass gives a passage's relevance and each token's keep probability.

After Provence (arXiv 2501.16214). Importing this module registers the network with the Auto classes of Transformers,
so that `sentence_transformers.CrossEncoder(folder)` can rerank with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.model.families import family_of
from provence_plugins.model.formats import NATIVE, NATIVE_TYPE

with needs_extra("torch"):
    import torch
    from torch import Tensor, nn
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForSequenceClassification,
        PretrainedConfig,
        PreTrainedModel,
    )
    from transformers.utils.generic import ModelOutput

# Start of the keep head's similarity term. A sentence encoder's tokens and its pooled question have cosines of 0.2 to
# 0.8; these values spread them over keep probabilities of 0.1 to 0.7, so that training begins with a useful ranking.
_SIMILARITY_SCALE = 5.0
_SIMILARITY_OFFSET = -3.0


class ProvenceConfig(PretrainedConfig):
    """What `config.json` of a native model folder holds.

    Args:
        backbone_config: The encoder's own configuration, or its dictionary.
        separator_id: Id of the token that parts query from text; the query's end is found by it.
        splitter: Name of the sentence splitter that the model was trained with.
        default_threshold: Keep threshold used when a policy names none.
        max_tokens: Longest window, query and special tokens included.
        calibration: Rows of figures measured on held-out data, one per threshold.
        format_version: Version of the folder format.
        kwargs: Passed on to `PretrainedConfig`.
    """

    model_type = NATIVE_TYPE
    sub_configs = {"backbone_config": AutoConfig}  # noqa: RUF012 - the base class declares it so

    def __init__(
        self,
        backbone_config: PretrainedConfig | dict[str, Any] | None = None,
        separator_id: int = 102,
        splitter: str = "sentencex",
        default_threshold: float = 0.1,
        max_tokens: int = 512,
        calibration: list[dict[str, float]] | None = None,
        format_version: int | None = NATIVE.version,
        **kwargs: Any,
    ) -> None:
        if backbone_config is None:
            backbone_config = {"model_type": "bert"}
        if isinstance(backbone_config, dict):
            backbone_config = AutoConfig.for_model(**backbone_config)
        self.backbone_config = backbone_config
        self.separator_id = separator_id
        self.splitter = splitter
        self.default_threshold = default_threshold
        self.max_tokens = max_tokens
        self.calibration = calibration or []
        self.format_version = format_version
        kwargs.setdefault("num_labels", 1)
        super().__init__(**kwargs)


@dataclass
class ProvenceOutput(ModelOutput):
    """Raw outputs of the network.

    Attributes:
        loss: Always None; losses live in training.
        logits: Relevance before the sigmoid, of shape (rows, 1).
        keep_logits: Keep score of each token before the sigmoid, of shape (rows, length).
        last_hidden_state: The encoder's states, of shape (rows, length, hidden).
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    keep_logits: Tensor | None = None
    last_hidden_state: Tensor | None = None


class SimilarityHead(nn.Module):
    """Score of a state from itself and from its likeness to the question.

    The question is the mean of its token states. Its cosine with the state, and their product feature by feature, give
    the head from the first step on what a sentence encoder already knows; a head that sees the state alone has to
    discover the comparison and stays at chance for thousands of steps.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(2 * hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, 1)
        self.similarity = nn.Parameter(torch.tensor([_SIMILARITY_SCALE, _SIMILARITY_OFFSET]))

    def forward(self, states: Tensor, compared: Tensor, query: Tensor) -> Tensor:
        """Score states; all three have shape (rows, n, hidden), the query's n is 1.

        Args:
            states: What is scored.
            compared: What is compared with the question in its place; often the states themselves.
            query: Mean state of the question.

        Returns:
            Scores of shape (rows, n).
        """
        product = compared * nn.functional.normalize(query, dim=-1)
        cosine = product.sum(-1) / compared.norm(dim=-1).clamp(min=1e-6)
        # The factor brings the products to the size of the states.
        features = torch.cat([states, product * states.shape[-1] ** 0.5], dim=-1)
        scale, offset = self.similarity[0], self.similarity[1]
        scores: Tensor = self.out(nn.functional.gelu(self.dense(features))).squeeze(-1) + scale * cosine + offset
        return scores


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    """Mean of the states (rows, length, hidden) under a mask (rows, length), of shape (rows, 1, hidden)."""
    weights = mask.to(states.dtype).unsqueeze(-1)
    return (states * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=1.0)


class ProvenceModel(PreTrainedModel):
    """An encoder with a relevance head on its first token, which also sees the text's mean, and a keep head on each."""

    config_class = ProvenceConfig
    base_model_prefix = "backbone"
    _supports_sdpa = True

    def __init__(self, config: ProvenceConfig) -> None:
        super().__init__(config)
        backbone_config = config.backbone_config
        self.family = family_of(backbone_config.to_dict())
        options = {"add_pooling_layer": False} if self.family.has_pooler else {}
        self.backbone = AutoModel.from_config(backbone_config, **options)
        hidden_size = int(backbone_config.hidden_size)
        self.relevance_head = SimilarityHead(hidden_size)
        self.keep_head = SimilarityHead(hidden_size)
        self.post_init()  # type: ignore[no-untyped-call]

    @classmethod
    def from_backbone(cls, folder: str | Path, **config: Any) -> ProvenceModel:
        """Put fresh heads on a pretrained encoder.

        Args:
            folder: Folder of the encoder, in the layout of Transformers.
            config: Fields of `ProvenceConfig` other than the encoder's own configuration.
        """
        backbone_config = AutoConfig.from_pretrained(folder)
        model = cls(ProvenceConfig(backbone_config=backbone_config, **config))
        options = {"add_pooling_layer": False} if model.family.has_pooler else {}
        model.backbone = AutoModel.from_pretrained(folder, dtype=torch.float32, **options)
        return model

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        return_dict: bool = True,
    ) -> ProvenceOutput | tuple[Tensor, Tensor]:
        """Score a padded batch; all inputs have shape (rows, length)."""
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.family.takes_type_ids and token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids
        # The encoder may run in half precision; the heads are small, and float32 keeps close probabilities apart.
        states = self.backbone(**inputs).last_hidden_state.to(self.keep_head.out.weight.dtype)
        in_query = (input_ids == self.config.separator_id).long().cumsum(1) == 0
        query = _mean(states, in_query)
        text = _mean(states, attention_mask.bool() & ~in_query)
        logits = self.relevance_head(states[:, :1], text, query)
        keep_logits = self.keep_head(states, states, query)
        if not return_dict:
            return logits, keep_logits
        return ProvenceOutput(logits=logits, keep_logits=keep_logits, last_hidden_state=states)

    def probabilities(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Relevance of shape (rows,) and keep of shape (rows, length), float32 in [0, 1], for a padded batch."""
        logits, keep_logits = self(input_ids, attention_mask, token_type_ids, return_dict=False)
        return logits[:, 0].float().sigmoid(), keep_logits.float().sigmoid()


AutoConfig.register(ProvenceConfig.model_type, ProvenceConfig, exist_ok=True)
AutoModel.register(ProvenceConfig, ProvenceModel, exist_ok=True)
AutoModelForSequenceClassification.register(ProvenceConfig, ProvenceModel, exist_ok=True)
