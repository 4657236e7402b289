"""The network with two heads: relevance of a passage, and keep probability of each token.

After Provence (arXiv 2501.16214). Importing this module registers the network with the Auto classes
of Transformers, so that `sentence_transformers.CrossEncoder(folder)` can rerank with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from provence_plugins.errors import needs_extra
from provence_plugins.model.encoders import build_encoder, encoder_config
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

# Initial values of the similarity term. The cosines of a sentence encoder's tokens and its pooled
# question are 0.2 to 0.8; these values spread them over keep probabilities of 0.1 to 0.7, so that
# training begins with a useful ranking.
_SIMILARITY_SCALE = 5.0
_SIMILARITY_OFFSET = -3.0

# Implementations of attention that are part of torch or Transformers.
_PLAIN_ATTENTION = (None, "eager", "sdpa", "flex_attention")
_PRECISIONS = (None, "auto", "float32", "bfloat16", "float16")

# Keys that every configuration of Transformers has, and that change nothing but labels and outputs.
_COMMON_KEYS = frozenset(
    {"architectures", "chunk_size_feed_forward", "id2label", "is_encoder_decoder", "label2id", "name_or_path"}
    | {"num_labels", "output_attentions", "output_hidden_states", "problem_type", "return_dict"}
    | {"transformers_version"}
)


class ProvenceConfig(PretrainedConfig):
    """The content of `config.json` in a native model folder.

    Args:
        backbone_config: The encoder's own configuration, or its dictionary, of which only known
            keys are read.
        separator_id: Id of the token between query and text; it marks the query's end.
        splitter: Name of the sentence splitter that the model was trained with.
        default_threshold: Keep threshold for a policy without one.
        thresholds: Keep thresholds by name.
        comparison: How much a better sentence of the same passage counts against a sentence.
        passage_comparison: How much a surer passage of the same query counts against a passage.
        max_tokens: Longest window, query and special tokens included.
        calibration: Metrics measured on held-out data, one row per threshold.
        format_version: Version of the folder format.
        kwargs: Passed on to `PretrainedConfig`, if they are on the list of common keys.
    """

    model_type = NATIVE_TYPE
    sub_configs = {"backbone_config": AutoConfig}  # noqa: RUF012 - the base class declares it so

    def __init__(
        self,
        backbone_config: PretrainedConfig | dict[str, Any] | None = None,
        separator_id: int = 102,
        splitter: str = "sentencex",
        default_threshold: float = 0.1,
        thresholds: dict[str, float] | None = None,
        comparison: float = 0.0,
        passage_comparison: float = 0.0,
        max_tokens: int = 512,
        calibration: list[dict[str, float]] | None = None,
        format_version: int | None = NATIVE.version,
        **kwargs: Any,
    ) -> None:
        if backbone_config is None:
            backbone_config = {"model_type": "bert"}
        if isinstance(backbone_config, dict):
            backbone_config = encoder_config(backbone_config)
        self.backbone_config = backbone_config
        self.separator_id = separator_id
        self.splitter = splitter
        self.default_threshold = default_threshold
        self.thresholds = thresholds or {}
        self.comparison = comparison
        self.passage_comparison = passage_comparison
        self.max_tokens = max_tokens
        self.calibration = calibration or []
        self.format_version = format_version
        kwargs.setdefault("num_labels", 1)
        super().__init__(**{name: value for name, value in kwargs.items() if _is_harmless(name, value)})


def _is_harmless(name: str, value: Any) -> bool:
    """Return whether Transformers may see a value of `config.json`, which could name code."""
    if name.endswith("attn_implementation"):
        return value in _PLAIN_ATTENTION
    if name.endswith("dtype"):
        return isinstance(value, torch.dtype) or value in _PRECISIONS
    return name in _COMMON_KEYS


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
    """Score of a state, computed from the state itself and its similarity to the question.

    The question is the mean of its token states. Its cosine with the state, and their product
    feature by feature, give the head from the first step what a sentence encoder already knows. A
    head that sees only the state must learn the comparison first, and stays at chance for thousands
    of steps.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.dense = nn.Linear(2 * hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, 1)
        self.similarity = nn.Parameter(torch.tensor([_SIMILARITY_SCALE, _SIMILARITY_OFFSET]))

    def forward(self, states: Tensor, compared: Tensor, query: Tensor) -> Tensor:
        """Score states; all three arguments have shape (rows, n, hidden), and the query's n is 1.

        Args:
            states: The states to score.
            compared: The states to compare with the question; often the same ones.
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
    """Return the mean over the length of states (rows, length, hidden) under a mask."""
    weights = mask.to(states.dtype).unsqueeze(-1)
    return (states * weights).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=1.0)


class ProvenceModel(PreTrainedModel):
    """An encoder with two heads: relevance from first token and mean, keep from each token."""

    config_class = ProvenceConfig
    base_model_prefix = "backbone"
    _supports_sdpa = True

    def __init__(self, config: ProvenceConfig) -> None:
        super().__init__(config)
        backbone_config = config.backbone_config
        self.family = family_of(backbone_config.to_dict())
        self.backbone = build_encoder(backbone_config)
        hidden_size = int(backbone_config.hidden_size)
        self.relevance_head = SimilarityHead(hidden_size)
        self.keep_head = SimilarityHead(hidden_size)
        self.post_init()  # type: ignore[no-untyped-call]

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
        # The encoder may run in half precision; the heads are small, and float32 keeps close
        # probabilities apart.
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
        """Return relevance (rows,) and keep (rows, length) of a padded batch, float32 in [0, 1]."""
        logits, keep_logits = self(input_ids, attention_mask, token_type_ids, return_dict=False)
        return logits[:, 0].float().sigmoid(), keep_logits.float().sigmoid()


AutoConfig.register(ProvenceConfig.model_type, ProvenceConfig, exist_ok=True)
AutoModel.register(ProvenceConfig, ProvenceModel, exist_ok=True)
AutoModelForSequenceClassification.register(ProvenceConfig, ProvenceModel, exist_ok=True)
