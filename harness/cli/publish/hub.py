"""The way to the hub, through huggingface_hub alone. The token is its business: it is read by it from HF_TOKEN or from
its own login, and is in no argument, variable, log or row of ours.

    upload(chosen, card, "org/name", private=True)   -> {"url": "https://..", "commit": "9f1c..", "private": True}

One commit, so that a repository never holds half a model. Source: huggingface_hub's guide on uploading.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness import __version__
from harness.cli.publish.files import Chosen
from harness.errors import HarnessError, InfrastructureError, MissingPackage, UsageError
from harness.workbench import record


def check(repository: str, needs_token: bool = True) -> None:
    """Refuse what cannot be uploaded, before anything is read.

    Raises:
        UsageError: a name that is none, no token, or the network is switched off. MissingPackage: huggingface_hub.
    """
    try:
        from huggingface_hub import constants, get_token
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]
    except ImportError as error:
        raise MissingPackage("huggingface_hub", "--hub", "hf") from error
    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UsageError(f"--hub {repository!r}: {error}", "org/name", "type: --hub org/name") from error
    if repository.count("/") != 1:
        raise UsageError(f"--hub {repository!r} names no owner", "org/name", f"type: --hub YOU/{repository}")
    if not needs_token:
        return
    if constants.HF_HUB_OFFLINE:
        raise UsageError("HF_HUB_OFFLINE is set: nothing can be uploaded", "a way to the hub", "unset HF_HUB_OFFLINE")
    if get_token() is None:
        how = "make one that may write at https://huggingface.co/settings/tokens, then type: hf auth login"
        raise UsageError("no token of the hub", "HF_TOKEN in the environment, or a login of huggingface's", how)


def upload(chosen: Chosen, card: str, repository: str, private: bool) -> dict[str, Any]:
    """Upload the files and the card in one commit; return where they are.

    Raises:
        UsageError: the token is refused or may not write there; the repository is public and `private` is wanted.
        InfrastructureError: the hub cannot be reached, or broke.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi(library_name="llm-harness", library_version=__version__)
    with _translated(repository):
        api.whoami()
        api.create_repo(repository, private=private, exist_ok=True)
        is_private = bool(api.model_info(repository).private)
        if private and not is_private:
            what = f"the repository {repository!r} is there and is public"
            raise UsageError(what, "a private one, or your word", "type: --public, or another --hub org/name")
        operations = [CommitOperationAdd(record.CARD, card.encode())]
        for name in chosen.kept:
            sent = chosen.content(name)
            operations.append(CommitOperationAdd(name, sent if isinstance(sent, bytes) else str(sent)))
        done = api.create_commit(repository, operations, commit_message="harness export")
    return {"url": str(done.repo_url), "commit": done.oid, "private": is_private}


@contextmanager
def _translated(repository: str) -> Iterator[None]:
    import httpx
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HarnessError:
        raise
    except (HfHubHTTPError, httpx.HTTPError, OSError, ValueError, RuntimeError) as error:
        # Of a file that does not go through huggingface_hub makes a RuntimeError.
        cause = error.__cause__ if isinstance(error, RuntimeError) and error.__cause__ else error
        line = (str(cause).strip().splitlines() or [""])[0]
        status = cause.response.status_code if isinstance(cause, HfHubHTTPError) and cause.response is not None else 0
        if status in (401, 403):
            what = f"the hub refuses {repository!r}: {line}"
            raise UsageError(what, "a token that may write there", "type: hf auth whoami") from error
        answer = f"the hub answered {status}" if status else f"the upload broke: {type(cause).__name__}"
        what = f"{answer} for {repository!r}: {line}"
        raise InfrastructureError(what, "a commit", "the same command again") from error
