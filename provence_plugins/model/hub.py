"""A model folder to the hub, with its card and without anything that is none of its business."""

from pathlib import Path

from huggingface_hub import HfApi

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError
from provence_plugins.model.checkpoint import CARD, FILES_READ, open_checkpoint


def push_to_hub(
    folder: str | Path, repository: str, *, revision: str | None = None, private: bool = False, token: str | None = None
) -> str:
    """Upload a model folder, and make the repository if there is none.

    Only what a pruner reads goes up: configuration, safetensors, ONNX files, tokenizer and card.

    Args:
        folder: The folder; it is opened first, so that nothing broken goes up.
        repository: Hub id, "owner/name".
        revision: Branch to write to; None for the main one.
        private: Whether a new repository is private.
        token: Access token; None takes the one that the hub's own command line has stored.

    Returns:
        The address of the commit.

    Raises:
        CheckpointError: The folder cannot be used, has no card, or the hub refused it.
    """
    opened = open_checkpoint(Path(folder)).folder
    if not (opened / CARD).is_file():
        raise CheckpointNotFoundError(
            f"The folder {opened} has no {CARD}. Write a model card that names data, licence and limits."
        )
    hub = HfApi(token=token)
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository, folder_path=opened, revision=revision, allow_patterns=list(FILES_READ)
        )
    except Exception as error:  # the hub's client raises those of whichever HTTP library it has
        raise CheckpointError(
            f"{opened} could not be uploaded to {repository!r} ({type(error).__name__}: {str(error).splitlines()[0]}). "
            f"Check the name, the network and the token."
        ) from error
    return str(commit.commit_url)
