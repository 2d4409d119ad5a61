"""Our own side of a conversation: what a test hears and says through the engine."""

from __future__ import annotations

import asyncio

from dialer.lines.base import FRAME_BYTES, Call


async def take(call: Call, seconds: float) -> bytes:
    """What the call hears within ``seconds``."""
    heard, loop = bytearray(), asyncio.get_running_loop()
    until = loop.time() + seconds
    while loop.time() < until:
        heard += call.read()
        await asyncio.sleep(0.02)
    return bytes(heard + call.read())


async def read_until(call: Call, count: int, seconds: float = 8.0) -> bytes:
    """``count`` bytes of what the call hears."""
    heard = bytearray()
    async with asyncio.timeout(seconds):
        while len(heard) < count:
            heard += call.read()
            await asyncio.sleep(0.02)
    return bytes(heard)


async def feed(call: Call, pcm: bytes, seconds: float = 8.0) -> None:
    """Write ``pcm`` as fast as the call takes it."""
    async with asyncio.timeout(seconds):
        while pcm:
            pcm = pcm[call.write(pcm[: 10 * FRAME_BYTES]) :]
            await asyncio.sleep(0.02)
