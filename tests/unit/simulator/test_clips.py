"""Every clip is playable, documented and at one level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from simulator.errors import TableError
from simulator.sounds import BEEP, CLIPS, ClipStore

pytestmark = pytest.mark.unit

STORE = ClipStore()


@pytest.mark.parametrize("clip", sorted(STORE.names()))
def test_a_clip_is_audible_and_not_clipped(clip: str) -> None:
    samples = STORE.samples(clip).astype(np.float64) / 32768
    level = 20 * np.log10(np.sqrt(np.mean(samples**2)))
    assert -24 < level < -14
    assert np.abs(samples).max() < 0.999


@pytest.mark.parametrize("payload_type", [0, 8])
def test_frames_are_20_ms_of_g711(payload_type: int) -> None:
    frames = STORE.frames(BEEP, payload_type)
    assert {len(frame) for frame in frames} == {160}
    assert len(frames) == 30


def test_every_clip_stands_in_the_readme_with_its_source() -> None:
    readme = (CLIPS / "README.md").read_text(encoding="utf-8")
    assert [clip for clip in STORE.names() - {BEEP} if f"| {clip} |" not in readme] == []


def test_a_clip_of_another_rate_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", np.zeros(1600, dtype=np.int16), 16000)
    with pytest.raises(TableError, match="clips are 8000 Hz mono, this is 16000 Hz"):
        ClipStore((tmp_path,)).frames("wide", 8)


def test_an_unknown_clip_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="no clip named 'x'; there are: beep"):
        ClipStore((tmp_path,)).samples("x")
