"""Ten thousand hostile datagrams a second for a minute, from a stranger and from the peer's own address.

Not part of the default run: `make robustness` names this file. Each storm prints what it measured.
"""

from __future__ import annotations

import random
import time

import pytest

from .conftest import LiveLine, Sender
from .storms import answerable, damaged, flood, garbage, request, scans

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

RATE, SECONDS = 10_000, 60
MAY_GROW = 8_000_000  # bytes, between the tenth second and the last


def test_a_strangers_storm_touches_nothing(
    live: LiveLine, stranger: Sender, torture: dict[str, bytes], dice: random.Random
) -> None:
    pool = [*torture.values(), *scans(stranger, live), *flood(stranger, live, 1000), *garbage(dice, 3000)]
    storm(live, stranger, pool, dice)
    assert stranger.answers() == []


def test_a_peers_random_datagrams_harm_nothing(live: LiveLine, peer: Sender, dice: random.Random) -> None:
    storm(live, peer, list(garbage(dice, 5000)), dice)


def test_a_peers_damaged_messages_harm_nothing(
    live: LiveLine, peer: Sender, torture: dict[str, bytes], dice: random.Random
) -> None:
    models = [answerable(message, peer, live) for message in torture.values()]
    models += [request(method, peer, live, number=n, sdp=True) for n, method in enumerate(("INVITE", "BYE", "INFO"))]
    storm(live, peer, [damaged(dice.choice(models), dice) for _ in range(20_000)], dice)


def storm(live: LiveLine, sender: Sender, pool: list[bytes], dice: random.Random) -> None:
    """Send from ``pool`` at ``RATE``; the live calls must be sound during the storm and after it."""
    started, sent, warm, most = time.monotonic(), 0, 0, 0
    sounded = 0
    while (passed := time.monotonic() - started) < SECONDS:
        due = int(passed * RATE) - sent
        sender.send(live.address, *dice.choices(pool, k=min(due, 200)))
        sent += min(due, 200)
        sender.answers(0 if due > 200 else 0.002)
        if passed > 10 * (sounded + 1):
            live.sound()
            sounded += 1
            most = max(most, live.memory())
            warm = warm or most
    live.carries_on()
    last = live.memory()
    print(
        f"\n{sent / SECONDS:.0f} datagrams a second for {SECONDS} s; resident {warm / 1e6:.1f} MB after 10 s, "
        f"{most / 1e6:.1f} MB at most, {last / 1e6:.1f} MB at the end"
    )
    assert last - warm <= MAY_GROW
