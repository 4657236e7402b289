"""Download and upload model folders (Hugging Face Hub), only the files that a pruner reads.

The hub's client is imported where it is used: it takes half of the time that importing the pruner
takes, and loads an HTTP client that a local model has no use for.
"""

from pathlib import Path

from provence_plugins.errors import CheckpointError, CheckpointNotFoundError
from provence_plugins.model.folder import CARD, FILES_READ, locate, show_error


def download(repository: str, *, revision: str | None = None) -> Path:
    """Download what a pruner reads of a repository, unless it is cached; return the folder.

    Args:
        repository: Repo id, "owner/name".
        revision: Branch, tag or commit; None for the main branch.

    Raises:
        CheckpointNotFoundError: The hub has no such repository or revision, or could not be
            reached.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(FILES_READ)))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        # The message says what the client's own chain of errors says in seventy lines.
        raise CheckpointNotFoundError(
            f"Cannot load the model {repository!r}: there is no such local folder, and downloading "
            f"it from the Hugging Face Hub failed ({type(error).__name__}: {show_error(error)}). "
            f"Check the name and the network, or give the path of a local copy."
        ) from None


def upload(
    folder: Path,
    repository: str,
    *,
    revision: str | None = None,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Upload a model folder, and create the repository if it does not exist.

    Configuration, safetensors, ONNX files, tokenizer and card are uploaded, and no other file.

    Args:
        folder: The folder of a checkpoint that could be opened.
        repository: Repo id, "owner/name".
        revision: Branch to write to; None for the main branch.
        private: Whether a new repository is private.
        token: Access token; None for the one that the hub's own command line has stored.

    Returns:
        The address of the commit.

    Raises:
        CheckpointError: The folder has no card, or the hub refused it.
    """
    from huggingface_hub import HfApi

    if not locate(folder, CARD):
        raise CheckpointNotFoundError(
            f"The folder {folder} has no {CARD}. Write a model card that names data, licence and limits."
        )
    hub = HfApi(token=token)
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(
            repo_id=repository, folder_path=folder, revision=revision, allow_patterns=list(FILES_READ)
        )
    except Exception as error:  # the hub's client raises the exceptions of several HTTP libraries
        raise CheckpointError(
            f"Uploading {folder} to {repository!r} failed ({type(error).__name__}: "
            f"{show_error(error)}). Check the name, the network and the token."
        ) from error
    return str(commit.commit_url)
