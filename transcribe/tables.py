"""Transcripts and their segments; the text index stands beside them (``transcribe.index``)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from core.db import Base


class TranscriptState(StrEnum):
    """Where a transcript is in its life."""

    PENDING = "pending"  # waits for a worker, or for a model (``note`` says which command mends it)
    RUNNING = "running"
    DONE = "done"  # its segments, and only those of done transcripts, are in the text index
    SUPERSEDED = "superseded"  # a newer transcript of the same recording is done; the text is kept, not searched
    FAILED = "failed"  # ``note`` says why; `huifang transcribe --retry` runs it again


class Channel(StrEnum):
    """Whose voice: the left channel is the client, the right one our side (prompts, agent)."""

    CLIENT = "client"
    FIRM = "firm"


class Transcript(Base):
    """The text of one recording by one engine and model (转写)."""

    __tablename__ = "transcript"
    __table_args__ = (Index("ix_transcript_queue", "state", "created_at"),)

    transcript_id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(index=True)
    attempt_id: Mapped[str] = mapped_column(index=True)
    language: Mapped[str]
    state: Mapped[str] = mapped_column(default=TranscriptState.PENDING)
    engine: Mapped[str | None]
    model: Mapped[str | None]
    created_at: Mapped[datetime]
    worker: Mapped[str | None]  # who claimed it: host and var folder
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)  # claims so far
    audio_ms: Mapped[int | None]
    speech_ms: Mapped[int | None]
    note: Mapped[str | None]


class Segment(Base):
    """One timed utterance of one channel (片段)."""

    __tablename__ = "segment"

    segment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    transcript_id: Mapped[str] = mapped_column(ForeignKey("transcript.transcript_id"), index=True)
    recording_id: Mapped[str] = mapped_column(index=True)
    channel: Mapped[str]
    start_ms: Mapped[int]
    end_ms: Mapped[int]
    text: Mapped[str]  # simplified characters
    confidence: Mapped[float | None]
    words: Mapped[list[Any]]  # [{"word", "start_ms", "end_ms", "confidence"}]
