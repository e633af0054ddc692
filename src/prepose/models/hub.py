"""Networks of prepose that were shared: `hf:OWNER/NAME` on the Hugging Face hub, or a folder of the same form.

The names are those of backbones (`auto_backbone`): after `hf:` a folder (one that exists, or `/`, `./` or `~/` first),
else a repository, of which the local cache is read first. Tokens and addresses are those of `huggingface_hub`
(`hf auth login`, HF_TOKEN, HF_ENDPOINT). Needs no torch.
"""

import re
from pathlib import Path
from typing import Any

from prepose.errors import DataError, RecipeError, one_line, shortened
from prepose.specs.model import HUB_PREFIX

EXTRA = "hub"
WEIGHTS_NAME = "weights.safetensors"
REPOSITORY = r"[\w-][\w.-]{0,95}/[\w-][\w.-]{0,95}"
PATIENCE_S = 10  # the hub's own client asks six times, half a minute in all, before it says that there is no network
_OFFLINE = "it is not in the local cache either: connect to the network, or give the path of a downloaded folder"
TOKEN_ADVICE = "log in with `hf auth login`, or set HF_TOKEN"


def means_hub(word: object) -> bool:
    """Whether a text or path names a shared network."""
    return str(word).startswith(HUB_PREFIX)


def is_folder(source: str) -> bool:
    """Whether a source is meant as a local folder."""
    return source.startswith(("/", ".", "~")) or Path(source).is_dir()


def hub_weights(name: str) -> Path:
    """The weights file of a shared network: in its folder, in the cache of the hub, or downloaded into that.

    Args:
        name: `hf:OWNER/NAME`, `hf:OWNER/NAME@REVISION`, or `hf:` and a folder.

    Raises:
        DataError: there is no such folder or repository, it is not one of prepose, or access has to be requested.
        RecipeError: the hub cannot be reached, or `huggingface_hub` is not installed.
    """
    source = name.removeprefix(HUB_PREFIX)
    if is_folder(source):
        path = Path(source).expanduser() / WEIGHTS_NAME
        if not path.is_file():
            what = f"has no {WEIGHTS_NAME}" if path.parent.is_dir() else "does not exist"
            raise DataError(f"{name}: the folder {what}; expected what `prepose push --to-folder` wrote")
        return path
    repository, _, revision = source.partition("@")
    check_repository(repository)
    path = _downloaded(name, repository, revision or None)
    _check_header(name, path)
    return path


def check_repository(repository: str) -> None:
    """Refuse what is no name of a repository.

    Raises:
        DataError: it is none.
    """
    if not re.fullmatch(REPOSITORY, repository):
        raise DataError(
            f"{shortened(repr(repository))} is no repository of the hub and no folder; expected OWNER/NAME; a folder "
            f"is {HUB_PREFIX}/a/folder or {HUB_PREFIX}./a/folder"
        )


def hub_client() -> Any:
    """The package `huggingface_hub`.

    Raises:
        RecipeError: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise RecipeError(f"the hub needs {error.name}; run `pip install 'prepose[{EXTRA}]'`") from error
    return huggingface_hub


def ask_hub(url: str) -> None:
    """Ask the hub for anything, with little patience.

    Raises:
        Exception: it cannot be reached; the client's own errors, which are of no one kind.
    """
    hub_client().get_session().head(url, timeout=PATIENCE_S)


def _downloaded(name: str, repository: str, revision: str | None) -> Path:
    hub = hub_client()
    cached = hub.try_to_load_from_cache(repository, WEIGHTS_NAME, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    try:
        ask_hub(hub.hf_hub_url(repository, WEIGHTS_NAME, revision=revision))
        return Path(hub.hf_hub_download(repository, WEIGHTS_NAME, revision=revision, library_name="prepose"))
    except Exception as error:
        raise explained_by_hub(error, name, _OFFLINE) from error


def explained_by_hub(error: Exception, name: str, advice: str) -> DataError | RecipeError:
    """What an error of the hub's client means, in one line.

    Args:
        error: The error.
        name: What was asked for, as the user wrote it.
        advice: What to do where the hub gave no answer.
    """
    from huggingface_hub import constants, errors

    where = constants.ENDPOINT
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError):
        return DataError(
            f"{name}: access has to be requested at {where}/{name.removeprefix(HUB_PREFIX)}; then {TOKEN_ADVICE}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return DataError(
            f"{name}: {where} has no such repository, or it is private; check the name, or {TOKEN_ADVICE} of an "
            "account that may read it"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return DataError(f"{name}: the repository has no such revision; leave @REVISION out for the newest")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return DataError(f"{name}: is not a repository of prepose: it has no {WEIGHTS_NAME}")
    if isinstance(error, errors.LocalTokenNotFoundError) or status in (401, 403):
        return DataError(f"{name}: {where} refuses access ({one_line(error, 200)}); {TOKEN_ADVICE}")
    return RecipeError(f"{name}: {where} gives no answer of use ({one_line(_with_cause(error), 300)}); {advice}")


def _with_cause(error: BaseException) -> str:
    """What an error says, with what the first one behind it says: the client's own says little."""
    first: BaseException = error
    while first.__cause__ is not None:
        first = first.__cause__
    return str(error) if first is error else f"{error}: {first}"


def _check_header(name: str, path: Path) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            ours = "prepose" in (file.metadata() or {})
    except SafetensorError:
        ours = False
    if not ours:
        raise DataError(f"{name}: is not a repository of prepose: its {WEIGHTS_NAME} has no prepose header")
