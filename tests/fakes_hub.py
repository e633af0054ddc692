"""A small network to share, and the hub's client pointed to a stub."""

from pathlib import Path

import pytest

from stub_hub import TOKEN, StubHub


def point_client_to(hub: StubHub, monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """As HF_ENDPOINT, HF_HUB_CACHE and HF_TOKEN do for a process that begins with them."""
    from huggingface_hub import _commit_api, constants, file_download

    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Its own protocol of large files, which the stub does not speak.
    monkeypatch.setattr(_commit_api, "is_xet_available", lambda: False)
    monkeypatch.setattr(file_download, "is_xet_available", lambda: False)


def small_weights(path: Path, **ledger: object) -> Path:
    """A weights file of a small network."""
    from prepose.models.checkpoint import save_weights
    from prepose.models.pose_net import build_pose_net
    from prepose.specs.ledger import Ledger
    from prepose.specs.model import ModelSpec

    net = build_pose_net(ModelSpec(backbone="small-0.3m", decoder="light", size=32))
    net.ledger = Ledger.model_validate(ledger)
    return save_weights(net, path)
