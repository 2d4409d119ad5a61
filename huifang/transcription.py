"""The transcription run of one installation: where its audio comes from."""

from __future__ import annotations

from functools import partial

from dialer.calling.evidence.announcements import load_phrases
from dialer.calling.hearing import hear
from huifang.context import Context
from recordings.reading import read_channels
from recordings.tables import Recording
from transcribe.audio import Pcm
from transcribe.run import TranscriptionRun


def hear_early(context: Context) -> int:
    """Judge what was heard before the answer in calls that nobody answered; returns how many were judged."""

    def client_side(recording_id: str) -> bytes:
        return _channels(context, recording_id)[0].tobytes()

    return hear(context.db, client_side, load_phrases(), context.clock)


def transcription(context: Context) -> TranscriptionRun:
    """A run that reads its audio from the archive of ``context``."""
    return TranscriptionRun(context.settings, context.db, context.clock, partial(_channels, context))


def _channels(context: Context, recording_id: str) -> tuple[Pcm, Pcm]:
    with context.db.session() as session:
        recording = session.get_one(Recording, recording_id)
    return read_channels(context.archive, recording)
