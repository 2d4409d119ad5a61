"""Which signalling tone a line plays: ringback, busy, congestion, SIT, fax, or the beep of a mailbox.

The rule of this module: pure; it hears 8 kHz 16-bit audio in blocks of 20 ms. A block is tonal when nearly all of its
power lies at one frequency; tonal blocks in a row make a burst; kinds are told from the bursts' frequency and cadence
alone. Speech and music are tonal for a moment, never with the cadence of a network. Ringback lies below every beep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median

import numpy as np
from numpy.typing import NDArray

from dialer.lines.base import SAMPLE_RATE

BLOCK = 160
BLOCK_MS = 20
_POINTS = 512  # of the transform: 15.6 Hz a bin, a parabola through the peak gives 2 Hz
_LOBE = 7  # bins either side of the peak that a Hann window of one block spreads a pure tone over
_REMEMBERED = 16  # blocks whose level is kept
_WINDOW = np.hanning(BLOCK + 1)[:-1]
_LOWEST = 300 * _POINTS // SAMPLE_RATE  # the telephone's band begins here; rooms and engines are loud below it

RINGBACK, BUSY, CONGESTION, SIT = "ringback", "busy", "congestion", "sit"
FAX_CNG, FAX_CED, BEEP, NONE = "fax_cng", "fax_ced", "beep", "none"


@dataclass(frozen=True, slots=True)
class Cadence:
    """A tone that comes and goes: hertz and milliseconds, each with its tolerance."""

    kind: str
    hertz: float
    hertz_off: float
    on_ms: float
    on_off_ms: float
    pause_ms: float
    pause_off_ms: float
    bursts: int  # from so many bursts on it is certain


@dataclass(frozen=True, slots=True)
class ToneRules:
    """What counts as which tone. GB 3380 allows 450 +-25 Hz and times +-10 %; blocks add up to 30 ms to a time."""

    ringback: Cadence = Cadence(RINGBACK, 450, 30, 1000, 160, 4000, 500, 2)
    busy: Cadence = Cadence(BUSY, 450, 30, 350, 70, 350, 70, 4)
    congestion: Cadence = Cadence(CONGESTION, 450, 30, 700, 100, 700, 100, 3)
    cng: Cadence = Cadence(FAX_CNG, 1100, 40, 500, 80, 3000, 500, 2)  # ITU-T T.30: 1100 +-38 Hz, 0.5 s on, 3 s off
    ced_hertz: tuple[float, float] = (2080, 2120)  # T.30: 2100 +-15 Hz for 2.6 to 4 s; modems send the same
    ced_ms: float = 1000  # a beep of 2.1 kHz is shorter than this
    sit_hertz: tuple[float, float, float] = (950, 1400, 1800)  # ITU-T E.180: +-50 Hz, 330 +-70 ms each
    sit_off: float = 60
    sit_ms: tuple[float, float] = (240, 420)
    sit_gap_ms: float = 80
    beep_hertz: tuple[float, float] = (600, 2000)  # above the 450 Hz family, below CED
    beep_ms: tuple[float, float] = (120, 1500)  # 2 ms, as elsewhere, takes speech and ringback for beeps
    beep_steady_hz: float = 12  # sung and played notes waver or have a neighbour
    beep_above: float = 0.5  # what comes just before and after is at most so loud beside it: music goes on
    beep_alone_ms: float = 160  # no other tone this near: melodies are notes in a row
    purity: float = 0.75  # share of a block's power in the tone: 5 dB above the noise
    quietest: float = 60.0  # RMS, about -55 dBFS; below it nothing is heard
    drift_hz: float = 25  # a burst goes on while the frequency stays this near
    hole_ms: float = 40  # lost packets and noise may blind this much of a burst


TONE_RULES = ToneRules()


@dataclass(frozen=True, slots=True)
class ToneVerdict:
    """The tone, how surely (0..1), its mean burst and pause, and where in the audio it stands (milliseconds)."""

    kind: str
    confidence: float
    on_ms: int
    off_ms: int
    start_ms: int
    end_ms: int


SILENT = ToneVerdict(NONE, 0.0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Burst:
    """A tone without a break: its median frequency, how far that moves (hertz), and when it sounds (milliseconds).

    ``level`` is its RMS, ``before`` that of what came just before it.
    """

    pitch: float
    wavering: float
    start_ms: float
    end_ms: float
    level: float
    before: float

    @property
    def length_ms(self) -> float:
        """How long it sounds."""
        return self.end_ms - self.start_ms


@dataclass(slots=True)
class _Open:
    """A burst that still sounds: what its tonal blocks were."""

    first_ms: int
    last_ms: int  # the end of the last tonal block
    before: float  # RMS of what came before
    hertz: list[float] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def burst(self) -> Burst:
        """What it is so far: the edges lie in their blocks as deep as these are filled."""
        usual = max(median(self.levels), 1.0)
        first, last = (BLOCK_MS * (1 - min(1.0, (self.levels[edge] / usual) ** 2)) for edge in (0, -1))
        inner = self.hertz[1:-1] or self.hertz
        start, end = self.first_ms + first, self.last_ms - last
        return Burst(median(self.hertz), max(inner) - min(inner), start, end, usual, self.before)


class ToneDetector:
    """Feed 20 ms frames of one direction of one call."""

    def __init__(self, rules: ToneRules = TONE_RULES) -> None:
        self._rules = rules
        self._rest = b""
        self._at_ms = 0
        self._open: _Open | None = None
        self._bursts: list[Burst] = []
        self._levels: list[float] = []  # RMS of the last blocks
        self.verdict = SILENT

    def feed(self, pcm: bytes) -> ToneVerdict | None:
        """Take s16le audio of any length; the new verdict when the kind changed or became surer, else None."""
        data = self._rest + pcm
        whole = len(data) // (2 * BLOCK) * (2 * BLOCK)
        self._rest = data[whole:]
        before = self.verdict
        for hertz, purity, level in spectrum(np.frombuffer(data[:whole], "<i2").reshape(-1, BLOCK), self._rules):
            self._step(hertz, purity, level)
        changed = (self.verdict.kind, self.verdict.confidence) != (before.kind, before.confidence)
        return self.verdict if changed else None

    def finish(self) -> ToneVerdict:
        """The verdict over everything heard; a burst that still sounds counts as it is."""
        self._close()
        return self.verdict

    def _step(self, hertz: float, purity: float, level: float) -> None:
        start, self._at_ms = self._at_ms, self._at_ms + BLOCK_MS
        tonal = purity >= self._rules.purity
        if self._ends(tonal, hertz):
            self._close()
        if tonal:
            self._extend(start, hertz, level)
        elif self._bursts and self._open is None:
            self._take(beep(self._bursts, self._at_ms, self._levels, self._rules))
        self._levels = [*self._levels[1 - _REMEMBERED :], level]

    def _ends(self, tonal: bool, hertz: float) -> bool:
        """Whether the open burst ends with this block: another tone, or too long a hole."""
        if self._open is None:
            return False
        if tonal:
            return abs(hertz - self._open.hertz[-1]) > self._rules.drift_hz
        return self._at_ms - self._open.last_ms > self._rules.hole_ms

    def _extend(self, start: int, hertz: float, level: float) -> None:
        if self._open is None:
            self._open = _Open(start, start, max(self._levels[-4:-1], default=0.0))
        self._open.hertz.append(hertz)
        self._open.levels.append(level)
        self._open.last_ms = self._at_ms
        if self._open.last_ms - self._open.first_ms == self._rules.ced_ms + BLOCK_MS:  # told while it sounds
            self._take(ced(self._open.burst(), self._rules))

    def _close(self) -> None:
        if self._open is not None and len(self._open.hertz) > 1:
            self._bursts = [*self._bursts[-11:], self._open.burst()]
            self._judge()
        self._open = None

    def _judge(self) -> None:
        rules = self._rules
        for cadence in (rules.busy, rules.congestion, rules.cng, rules.ringback):
            self._take(in_cadence(self._bursts, cadence))
        self._take(sit(self._bursts, rules))
        self._take(ced(self._bursts[-1], rules))

    def _take(self, verdict: ToneVerdict) -> None:
        if _rank(verdict) > _rank(self.verdict):
            self.verdict = verdict


_WEIGHT = (NONE, BEEP, RINGBACK, BUSY, CONGESTION, FAX_CNG, FAX_CED, SIT)


def _rank(verdict: ToneVerdict) -> tuple[bool, int, float]:
    """Certain before doubtful, then what says more about the ending: busy after ringback is busy."""
    return (verdict.confidence >= 0.8, _WEIGHT.index(verdict.kind), verdict.confidence)


def classify_tones(pcm: bytes, rules: ToneRules = TONE_RULES) -> ToneVerdict:
    """The tone in 8 kHz 16-bit little-endian mono audio; the kind is ``none`` where there is none.

    Of several the one that says most about the ending: busy after ringback is busy.
    """
    detector = ToneDetector(rules)
    detector.feed(pcm)
    return detector.finish()


def tones_of(pcm: bytes, rules: ToneRules = TONE_RULES) -> list[tuple[int, ToneVerdict]]:
    """Every verdict over the audio of ``classify_tones``, with the millisecond at which it was known."""
    detector, told = ToneDetector(rules), []
    for at in range(0, len(pcm) - 2 * BLOCK + 1, 2 * BLOCK):
        verdict = detector.feed(pcm[at : at + 2 * BLOCK])
        if verdict is not None:
            told.append((at // (2 * BLOCK) * BLOCK_MS + BLOCK_MS, verdict))
    return told


def spectrum(blocks: NDArray[np.int16], rules: ToneRules) -> list[tuple[float, float, float]]:
    """Of each block its strongest frequency (hertz), the share of its power there (0..1), and its RMS."""
    samples = blocks.astype(np.float64)
    levels = np.sqrt((samples**2).mean(axis=1))
    loud = levels >= rules.quietest
    found = [(0.0, 0.0, float(level)) for level in levels]
    if loud.any():
        powers = np.abs(np.fft.rfft(samples[loud] * _WINDOW, _POINTS)) ** 2
        powers[:, :_LOWEST] = 0.0
        for place, power in zip(np.flatnonzero(loud), powers, strict=True):
            found[place] = (*_peak(power), float(levels[place]))
    return found


def _peak(power: NDArray[np.float64]) -> tuple[float, float]:
    top = min(max(int(power.argmax()), 1), len(power) - 2)
    left, middle, right = np.sqrt(power[top - 1 : top + 2])
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend else 0.0
    share = power[max(0, top - _LOBE) : top + _LOBE + 1].sum() / max(power.sum(), 1.0)
    return float((top + shift) * SAMPLE_RATE / _POINTS), float(share)


def in_cadence(bursts: Sequence[Burst], cadence: Cadence) -> ToneVerdict:
    """Whether the last bursts follow ``cadence``: one burst is a hint (0.5), ``cadence.bursts`` are certain (0.95)."""
    run = _regular(bursts, cadence)
    if not run:
        return SILENT
    pauses = [after.start_ms - before.end_ms for before, after in pairwise(run)]
    sure = 0.5 + 0.45 * min(1.0, (len(run) - 1) / (cadence.bursts - 1))
    on, off = mean(one.length_ms for one in run), mean(pauses) if pauses else 0.0
    start, end = run[0].start_ms, run[-1].end_ms
    return ToneVerdict(cadence.kind, round(sure, 2), round(on), round(off), round(start), round(end))


def _regular(bursts: Sequence[Burst], cadence: Cadence) -> list[Burst]:
    """The longest row of bursts at the end that fits."""
    run: list[Burst] = []
    for burst in reversed(bursts):
        if not _fits(burst, cadence):
            break
        if run and abs(run[0].start_ms - burst.end_ms - cadence.pause_ms) > cadence.pause_off_ms:
            break
        run.insert(0, burst)
    return run


def _fits(burst: Burst, cadence: Cadence) -> bool:
    return (
        abs(burst.pitch - cadence.hertz) <= cadence.hertz_off
        and abs(burst.length_ms - cadence.on_ms) <= cadence.on_off_ms
        and burst.wavering <= 2 * cadence.hertz_off
    )


def sit(bursts: Sequence[Burst], rules: ToneRules) -> ToneVerdict:
    """The three rising tones before an announcement of the network."""
    three = bursts[-3:]
    if len(three) < 3 or not all(
        abs(one.pitch - hertz) <= rules.sit_off and rules.sit_ms[0] <= one.length_ms <= rules.sit_ms[1]
        for one, hertz in zip(three, rules.sit_hertz, strict=True)
    ):
        return SILENT
    gaps = [after.start_ms - before.end_ms for before, after in pairwise(three)]
    if max(gaps) > rules.sit_gap_ms:
        return SILENT
    length = round(three[2].end_ms - three[0].start_ms)
    return ToneVerdict(SIT, 0.95, length, 0, round(three[0].start_ms), round(three[2].end_ms))


def ced(burst: Burst, rules: ToneRules) -> ToneVerdict:
    """The long tone of a fax that answers."""
    low, high = rules.ced_hertz
    if not low <= burst.pitch <= high or burst.length_ms < rules.ced_ms:
        return SILENT
    return ToneVerdict(FAX_CED, 0.95, round(burst.length_ms), 0, round(burst.start_ms), round(burst.end_ms))


def beep(bursts: Sequence[Burst], now_ms: int, levels: Sequence[float], rules: ToneRules) -> ToneVerdict:
    """One steady tone, quiet before and after it (``levels``: RMS of the last blocks): "speak now" of a mailbox."""
    last = bursts[-1]
    since = now_ms - last.end_ms
    if not rules.beep_alone_ms <= since < rules.beep_alone_ms + BLOCK_MS:
        return SILENT  # judged once, when it has been quiet for long enough
    if len(bursts) > 1 and last.start_ms - bursts[-2].end_ms < rules.beep_alone_ms:
        return SILENT
    after = max(levels[-(int(since) // BLOCK_MS - 2) :])
    if max(last.before, after) > last.level * rules.beep_above or not _beeps(last, rules):
        return SILENT
    return ToneVerdict(BEEP, 0.85, round(last.length_ms), 0, round(last.start_ms), round(last.end_ms))


def _beeps(burst: Burst, rules: ToneRules) -> bool:
    low, high = rules.beep_hertz
    return (
        low <= burst.pitch <= high
        and rules.beep_ms[0] <= burst.length_ms <= rules.beep_ms[1]
        and burst.wavering <= rules.beep_steady_hz
        and not _fits(burst, rules.cng)
    )
