"""The demo day: a whole day on one machine, with real SIP and RTP, checked against what the carrier really did."""

from __future__ import annotations

from huifang.demo.day import run

__all__ = ["run"]
