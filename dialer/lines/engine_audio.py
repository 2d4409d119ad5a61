"""The audio of a call of the engine, exchanged without giving up the interpreter.

The rule of this module: a tick asks the engine for audio twice a call. The binding lets other threads run at each of
these calls, which take a microsecond; beside a busy thread (the books of a node) the tick then waits for its turn two
hundred times and comes late, so that from about 110 calls on everything stands still. The engine holds its lock for a
copy only and never calls Python under it, so nothing is gained by letting go.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

from baresip import _native
from baresip.audio import CallAudio
from baresip.call import Call

_MOST_BYTES = 32_768  # what the engine keeps of one direction: two seconds at 8 kHz


class TickAudio(CallAudio):
    """As the binding's own ``CallAudio``, for one thread: every call of a process reads into the same place."""

    def read(self, max_bytes: int) -> bytes:
        """Take up to ``max_bytes`` of received PCM, at most 32,768; empty when none has come.

        AudioNotActive and AudioRestarted as the binding's.
        """
        engine = _engine()
        taken = engine.read(self._handle, self._ensure_bound(), engine.place, min(max_bytes, _MOST_BYTES))
        return ctypes.string_at(engine.place, self._checked(taken))

    def write(self, pcm: bytes) -> int:
        """Queue PCM; the bytes that the engine had room for. AudioNotActive and AudioRestarted as the binding's."""
        if not pcm:
            return 0
        return self._checked(_engine().write(self._handle, self._ensure_bound(), pcm, len(pcm)))


def audio_of(call: Call) -> TickAudio:
    """The audio of ``call``; always there as an object, as the binding's own is."""
    return TickAudio(call._handle)


class _Engine:
    """The two functions, called while the interpreter is held (``PyDLL``), and the place that is read into."""

    def __init__(self) -> None:
        library = ctypes.PyDLL(_native.__file__)
        unsigned = ctypes.c_uint32
        self.read = library.bp_audio_read
        self.read.argtypes = (unsigned, unsigned, ctypes.c_void_p, unsigned)
        self.read.restype = ctypes.c_int32
        self.write = library.bp_audio_write
        self.write.argtypes = (unsigned, unsigned, ctypes.c_char_p, unsigned)
        self.write.restype = ctypes.c_int32
        self.place = ctypes.create_string_buffer(_MOST_BYTES)


@lru_cache(maxsize=1)
def _engine() -> _Engine:
    return _Engine()
