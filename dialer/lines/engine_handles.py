"""Keeps the engine's end clean although a hostile INVITE can make it lose a call.

The rule of this module: an engine is closed calls first, accounts last. An INVITE whose dialog cannot be made (no
usable Contact, no From tag, a broken Record-Route) leaves a call that only its handle holds; the engine lets go of its
handles in the order of their numbers, and an account that goes before such a call frees it twice, which ends the
process. So the lowest numbers are kept from the accounts and left to calls (docs/interop/robustness.md).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from baresip import Runtime
from baresip._native import lib

__all__ = ["MAX_CALLS_AT_AN_INVITE", "low_handles_kept"]

# The engine refuses an INVITE with 486 and forgets it, before any work, while this many calls live in either direction;
# our own calls are not counted against it. One lost call counts too: so there is never a second.
MAX_CALLS_AT_AN_INVITE = 1
_KEPT = 4  # one is enough; the others cost nothing


@asynccontextmanager
async def low_handles_kept(runtime: Runtime) -> AsyncIterator[None]:
    """Accounts made inside this block get higher handles than the calls that come later, while no call lives."""
    kept = [await _new_handle(runtime) for _ in range(_KEPT)]
    try:
        yield
    finally:
        for handle in kept:
            await runtime.cmd(lib.BP_CMD_TEST_HANDLE_DROP, args=str(handle))


async def _new_handle(runtime: Runtime) -> int:
    _, payload = await runtime.cmd(lib.BP_CMD_TEST_HANDLE_NEW)
    return int(json.loads(payload)["handle"])
