"""Models come whole or not at all: joined from packages, downloaded with resume and checksum, or placed by hand."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from core.settings import Settings, Transcribe
from transcribe.choosing import choose
from transcribe.errors import ModelDamaged, ModelUnavailable
from transcribe.models import fetch, list_models
from transcribe.recognisers.base import EngineSpec

pytestmark = pytest.mark.integration

NEEDS = {"am/final.mdl": bytes(range(256)) * 4000, "conf/mfcc.conf": b"--sample-frequency=16000\n"}


def archive() -> bytes:
    """A zip as the publisher makes it: one folder with the model's files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as content:
        for name, data in NEEDS.items():
            content.writestr(zipfile.ZipInfo(f"vosk-model-site/{name}"), data)
    return out.getvalue()


class Site(BaseHTTPRequestHandler):
    """A web server with Range requests that can break off in the middle."""

    body: ClassVar[bytes] = b""
    break_after: ClassVar[int | None] = None
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        type(self).ranges.append(asked)
        begin = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked else 0  # type: ignore[index]
        if begin >= len(self.body):
            self.send_response(416)
            self.end_headers()
            return
        rest = self.body[begin:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.break_after] if self.break_after else rest)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def site() -> Iterator[str]:
    """The address of an archive on a real server on loopback."""
    Site.body, Site.break_after, Site.ranges = archive(), None, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/vosk-model-site.zip"
    server.shutdown()
    thread.join(10)
    server.server_close()


def describe(models_dir: Path, url: str, sha256: str | None = None) -> None:
    """Write the site's own catalogue with one downloadable model."""
    models_dir.mkdir(parents=True, exist_ok=True)
    (models_dir / "models.yaml").write_text(
        f"""
- name: vosk-site
  engine: vosk
  languages: [zh]
  licence: Apache-2.0
  needs: [am/final.mdl, conf/mfcc.conf]
  folders: [vosk-model-site]
  source:
    kind: download
    url: {url}
    sha256: {sha256 or hashlib.sha256(archive()).hexdigest()}
    folder: vosk-model-site
""",
        encoding="utf-8",
    )


def left_over(models_dir: Path) -> set[str]:
    return {item.name for item in models_dir.iterdir()} - {"models.yaml"}


def test_a_broken_download_is_continued_where_it_broke(tmp_path: Path, site: str) -> None:
    describe(tmp_path, site)
    Site.break_after = 600_000
    with pytest.raises(ModelUnavailable, match="what came is kept"):
        fetch("vosk-site", tmp_path)
    assert left_over(tmp_path) == {".partial"}
    Site.break_after = None
    seen: list[tuple[int, int | None]] = []
    status = fetch("vosk-site", tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert Site.ranges[0] is None
    assert re.fullmatch(r"bytes=[1-9]\d+-", Site.ranges[1] or "")
    assert seen[-1] == (len(archive()), len(archive()))
    assert status.present
    assert {name: (tmp_path / "vosk-site" / name).read_bytes() for name in NEEDS} == NEEDS
    fetch("vosk-site", tmp_path)
    assert len(Site.ranges) == 2  # a model that is here is left alone


def test_a_download_that_was_complete_is_only_checked(tmp_path: Path, site: str) -> None:
    describe(tmp_path, site)
    digest = hashlib.sha256(archive()).hexdigest()
    (tmp_path / ".partial").mkdir()
    (tmp_path / ".partial" / f"{digest[:16]}.part").write_bytes(archive())
    assert fetch("vosk-site", tmp_path).present


def test_other_bytes_than_the_published_are_refused_and_thrown_away(tmp_path: Path, site: str) -> None:
    describe(tmp_path, site, "f" * 64)
    with pytest.raises(ModelDamaged, match="not the published ffffffffffff"):
        fetch("vosk-site", tmp_path)
    assert not list((tmp_path / ".partial").iterdir())
    assert not (tmp_path / "vosk-site").exists()


def test_a_mirror_replaces_the_address_but_not_the_hash(tmp_path: Path, site: str) -> None:
    describe(tmp_path, "http://127.0.0.1:9/unreachable.zip")
    assert fetch("vosk-site", tmp_path, mirror=site).present


def test_offline_it_says_where_to_place_the_folder_and_takes_it_from_there(tmp_path: Path) -> None:
    describe(tmp_path, "http://127.0.0.1:9/vosk-model-site.zip")
    with pytest.raises(ModelUnavailable) as caught:
        fetch("vosk-site", tmp_path)
    assert str(tmp_path / "vosk-site") in str(caught.value)
    for name, data in NEEDS.items():
        placed = tmp_path / "vosk-model-site" / name  # the publisher's folder name is good enough
        placed.parent.mkdir(parents=True, exist_ok=True)
        placed.write_bytes(data)
    assert fetch("vosk-site", tmp_path).path == str(tmp_path / "vosk-model-site")
    spec = choose(Settings(transcribe=Transcribe(models=str(tmp_path))), "zh-CN")
    assert isinstance(spec, EngineSpec)
    assert (spec.engine, spec.model) == ("vosk", "vosk-site")


def test_a_folder_with_a_file_missing_is_not_a_model(tmp_path: Path) -> None:
    describe(tmp_path, "http://127.0.0.1:9/x.zip")
    (tmp_path / "vosk-site" / "am").mkdir(parents=True)
    (tmp_path / "vosk-site" / "am" / "final.mdl").write_bytes(b"half")
    assert not next(item for item in list_models(tmp_path) if item.name == "vosk-site").present


def test_whisper_is_joined_once_from_its_packages(models_dir: Path) -> None:
    status = next(item for item in list_models(models_dir) if item.name == "whisper-base")
    assert status.present
    assert status.size_bytes
    assert status.size_bytes > 145_000_000
    before = (models_dir / "whisper-base" / "model.bin").stat()
    fetch("whisper-base", models_dir)
    assert (models_dir / "whisper-base" / "model.bin").stat().st_ino == before.st_ino
    assert left_over(models_dir) == {"whisper-base"}


def test_a_model_inside_an_installed_package_is_used_where_it_lies(tmp_path: Path) -> None:
    status = next(item for item in list_models(tmp_path) if item.name == "vosk-ko")
    assert status.present
    assert status.path
    assert Path(status.path).name == "model"
    assert fetch("vosk-ko", tmp_path) == status
