"""The transcription run of one installation: where its audio comes from."""

from __future__ import annotations

from huifang.context import Context
from recordings.reading import read_channels
from recordings.tables import Recording
from transcribe.audio import Pcm
from transcribe.run import TranscriptionRun


def transcription(context: Context) -> TranscriptionRun:
    """A run that reads its audio from the archive of ``context``."""

    def read(recording_id: str) -> tuple[Pcm, Pcm]:
        with context.db.session() as session:
            recording = session.get_one(Recording, recording_id)
        return read_channels(context.archive, recording)

    return TranscriptionRun(context.settings, context.db, context.clock, read)
