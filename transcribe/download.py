"""One file over HTTP: continued where it broke off, accepted only with the right SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import requests

from transcribe.errors import ModelDamaged, ModelUnavailable

BLOCK = 1 << 18
TIMEOUT_S = (10.0, 60.0)  # to connect, between two blocks


def download(url: str, sha256: str, folder: Path, by_hand: str, progress: Callable[[int, int | None], None]) -> Path:
    """The file at ``url`` in ``folder``, whole and checked.

    A part from an earlier call is continued with a Range request. ModelUnavailable when the source cannot be reached
    (``by_hand`` tells the other way), ModelDamaged when the bytes are not those of ``sha256``; these are thrown away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{sha256[:16]}.part"
    try:
        _continue(url, part, progress)
    except requests.RequestException as error:
        raise ModelUnavailable(
            f"{url} cannot be fetched ({type(error).__name__}); try again (what came is kept), "
            f"name another source with --mirror, {by_hand}"
        ) from error
    return _checked(part, sha256, url)


def _continue(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as answer:
        if have and answer.status_code == requests.codes.requested_range_not_satisfiable:
            return  # nothing is left to come; the hash decides
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        _append(answer, part, have if resumed else 0, progress)


def _append(answer: requests.Response, part: Path, have: int, progress: Callable[[int, int | None], None]) -> None:
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length and length.isdigit() else None
    with part.open("r+b" if have else "wb") as file:
        file.seek(have)
        for block in answer.iter_content(BLOCK):
            file.write(block)
            have += len(block)
            progress(have, total)


def _checked(part: Path, sha256: str, url: str) -> Path:
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found == sha256:
        return part
    part.unlink()
    raise ModelDamaged(
        f"{url} gave {found[:12]}..., not the published {sha256[:12]}...; fetch again, or change the mirror"
    )
