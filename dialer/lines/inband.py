"""Keys that are only tones in the audio: a detector for trunks that send neither RFC 4733 nor SIP INFO.

The rule of this module: pure; feed it what ``Call.read`` gave, it gives the keys that were released (ITU-T Q.23 tones,
Q.24 limits). Goertzel's filter at eight frequencies over blocks of 12.75 ms; a key counts when both its tones lead
their groups, hold nearly all the power, and last. Speech and music do that for a block, not for 40 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dialer.lines.base import SAMPLE_RATE

ROWS, COLUMNS = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0, 1633.0)
KEYS = ("123A", "456B", "789C", "*0#D")
BLOCK = 102  # samples: 12.75 ms, wide enough that a tone 1.5 % off still falls into its filter
_SHORTEST = 3  # blocks in a row that must agree: Q.24 wants 40 ms tones recognised, and 23 ms ones refused
_GAP = 2  # blocks without the key before the same key counts anew
_PURITY = 0.72  # of the block's power in the two tones
_TWIST_DB = (8.0, 6.0)  # the row's tone may be stronger by the first, weaker by the second figure
_AHEAD = 6.0  # times the power of the next tone in the same group
_QUIETEST = 100.0  # RMS; -41 dBm0 or so: below it there is no key
_WAVES = np.exp(-2j * np.pi * np.outer((*ROWS, *COLUMNS), np.arange(BLOCK)) / SAMPLE_RATE)


class KeyDetector:
    """Finds keys in one direction of one call."""

    def __init__(self) -> None:
        self._rest = b""
        self._now = ""
        self._blocks = 0
        self._silent = _GAP
        self._told = ""

    def feed(self, pcm: bytes) -> str:
        """The keys recognised in ``pcm`` (8 kHz, 16 bit, mono), each told once, 40 ms after its start."""
        data = self._rest + pcm
        whole = len(data) // (2 * BLOCK) * (2 * BLOCK)
        self._rest = data[whole:]
        blocks = np.frombuffer(data[:whole], "<i2").astype(float).reshape(-1, BLOCK)
        return "".join(map(self._step, _block_keys(blocks)))

    def _step(self, key: str) -> str:
        """The key that this block completes; empty for most blocks."""
        self._silent = 0 if key and key == self._told else self._silent + 1
        if self._silent >= _GAP:
            self._told = ""
        self._blocks = self._blocks + 1 if key == self._now else 1
        self._now = key
        if not key or self._blocks != _SHORTEST or key == self._told:
            return ""
        self._told, self._silent = key, 0
        return key


def _block_keys(blocks: NDArray[np.float64]) -> list[str]:
    """The key of each block; empty where there is none."""
    powers = np.abs(blocks @ _WAVES.T) ** 2 * (2.0 / BLOCK)  # a pure tone gives the block's energy
    energies = (blocks**2).sum(axis=1)
    return [_key(power, float(energy)) for power, energy in zip(powers, energies, strict=True)]


def _key(power: NDArray[np.float64], energy: float) -> str:
    row, column = int(power[:4].argmax()), int(power[4:].argmax())
    low, high = float(power[row]), float(power[4 + column])
    if energy < _QUIETEST**2 * BLOCK or low + high < _PURITY * energy or min(low, high) <= 0.0:
        return ""
    twist = 10 * np.log10(low / high)
    if not -_TWIST_DB[1] <= twist <= _TWIST_DB[0]:
        return ""
    return KEYS[row][column] if _leads(power[:4]) and _leads(power[4:]) else ""


def _leads(group: NDArray[np.float64]) -> bool:
    second, first = np.sort(group)[-2:]
    return bool(first >= _AHEAD * second)
