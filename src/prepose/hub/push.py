"""Sharing a network: to the Hugging Face hub, or into a folder that `hf:` names just as well."""

from pathlib import Path
from typing import Any

from prepose import __version__
from prepose.errors import DataError
from prepose.files import LOCK, inside, is_left_over, locked, write_whole
from prepose.hub.repository import NAMES, Repository
from prepose.models.hub import HUB_PREFIX, TOKEN_ADVICE, WEIGHTS_NAME, ask_hub, explained_by_hub, hub_client

# What a repository may hold before the first push: what the hub itself writes, and a card written by hand.
_UNTOUCHED = {".gitattributes", ".gitignore"}


def write_to_folder(repository: Repository, folder: Path) -> list[Path]:
    """Write the repository into a folder that does not exist, is empty, or holds a part of the same, as after a kill.

    Raises:
        DataError: the folder holds something else, or all of it, or another process writes to it.
        OSError: it cannot be written.
    """
    with locked(folder / LOCK, f"is writing {folder}"):
        _check_free(repository, folder)
        # The weights make it a network, and come last.
        for name, content in sorted(repository.files.items(), key=lambda each: each[0] == WEIGHTS_NAME):
            write_whole(inside(folder, name), content)
    return [folder / name for name in repository.files]


def _check_free(repository: Repository, folder: Path) -> None:
    there = [path for path in folder.iterdir() if not is_left_over(path)]
    ours = [path for path in there if path.name in repository.files and _holds(path, repository.files[path.name])]
    if ours != there or folder / WEIGHTS_NAME in there:
        raise DataError(f"{folder}: is not an empty folder; remove it, or name another")


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_bytes() == content


def push(repository: Repository, *, private: bool = False, terms_read: bool = False) -> str:
    """Write the repository to the hub, in one commit; a repository that is not there is made.

    Args:
        repository: What is shared.
        private: Whether a new repository is private; else it is what the account's settings say.
        terms_read: Whether the user says that the terms of the data allow it.

    Returns:
        Its address.

    Raises:
        DataError: the data's terms have to be read first, there is no token, the hub refuses, or the repository holds
            something else.
        RecipeError: the hub cannot be reached, or `huggingface_hub` is not installed.
    """
    if repository.terms is not None and not terms_read:
        raise DataError(
            f"{repository.name}: {repository.terms}; where they allow it, say so by --terms-read; nothing was shared"
        )
    hub = hub_client()
    if hub.get_token() is None:
        raise DataError(f"{repository.name}: there is no token for the hub; {TOKEN_ADVICE} to one that may write")
    api = hub.HfApi(library_name="prepose", library_version=__version__)
    made = False
    try:
        ask_hub(api.endpoint)
        there = _files_there(api, repository.name)
        made = there is None
        _check_ours(repository.name, there or set())
        api.create_repo(repository.name, private=private or None, exist_ok=True)
        operations = [
            hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=content)
            for name, content in repository.files.items()
        ]
        stale = [name for name in NAMES if name in (there or set()) and name not in repository.files]
        operations += [hub.CommitOperationDelete(path_in_repo=name) for name in stale]
        api.create_commit(repository.name, operations, commit_message=f"Push from prepose {__version__}")
    except DataError:
        raise
    except Exception as error:  # the client's own errors, which are of no one kind
        raise _explained(error, repository.name, made=made) from error
    return f"{api.endpoint}/{repository.name}"


def _files_there(api: Any, name: str) -> set[str] | None:
    """The files of a repository; None where there is none, or none that the token may read."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return {file.rfilename for file in api.model_info(name).siblings or ()}
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return None


def _check_ours(name: str, there: set[str]) -> None:
    others = sorted(there - _UNTOUCHED - set(NAMES))
    if others and WEIGHTS_NAME not in there:
        raise DataError(
            f"{name}: holds something else already ({', '.join(others[:4])}), which would be lost; choose another name"
        )


def _explained(error: Exception, name: str, *, made: bool) -> Exception:
    line = explained_by_hub(error, f"{HUB_PREFIX}{name}", "connect to the network and run the command again")
    left = "; nothing was uploaded" + (", though the repository may be there now, empty" if made else "")
    return type(line)(f"{line}{left}")
