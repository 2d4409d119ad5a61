"""The small voice that is always there: espeak-ng, in a process of its own.

Run as `python -m ivr_flows.espeak VOICE`: the text comes on standard input; on standard output come one line with the
sample rate and then 16-bit samples. The library is loaded only in this process, never in the node's.
"""

from __future__ import annotations

import ctypes
import sys

import espeakng_loader

_RETRIEVAL = 1  # AUDIO_OUTPUT_RETRIEVAL: the samples come to the callback
_UTF8 = 1
_RATE_PARAMETER, _WORDS_A_MINUTE = 1, 150

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(text: str, voice: str) -> tuple[int, bytes]:
    """Sample rate (Hz) and samples (s16, this machine's byte order); no samples when the voice is unknown."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), 0)
    spoken = bytearray()

    def keep(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int | None) -> int:
        if count:
            spoken.extend(ctypes.string_at(samples, count * 2))
        return 0

    callback = _Callback(keep)
    library.espeak_SetSynthCallback(callback)
    if rate <= 0 or library.espeak_SetVoiceByName(voice.encode()):
        return 0, b""
    library.espeak_SetParameter(_RATE_PARAMETER, _WORDS_A_MINUTE, 0)
    given = text.encode()
    library.espeak_Synth(given, len(given) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    return rate, bytes(spoken)


def main() -> None:
    """The process: text in, samples out."""
    rate, samples = speak(sys.stdin.buffer.read().decode(), sys.argv[1])
    sys.stdout.buffer.write(f"{rate}\n".encode() + samples)


if __name__ == "__main__":
    main()
