"""An INVITE whose dialog cannot be made: the engine loses a call, and must neither fill up nor crash by it."""

from __future__ import annotations

import re

import pytest

from .conftest import LiveLine, Sender
from .storms import gathered, request

pytestmark = pytest.mark.integration

DAMAGES = {
    "no Contact": lambda invite: re.sub(rb"Contact:[^\r]*\r\n", b"", invite),
    "a Contact without a host": lambda invite: re.sub(rb"Contact:[^\r]*", b"Contact: <sip:>", invite),
    "no From tag": lambda invite: re.sub(rb";tag=a\d+", b"", invite),
    "a broken Record-Route": lambda invite: invite.replace(b"Max-Forwards", b"Record-Route: <\r\nMax-Forwards", 1),
}


@pytest.mark.parametrize("damage", sorted(DAMAGES))
def test_a_hundred_invites_without_a_dialog_cost_one_call_and_the_line_ends_cleanly(
    idle: LiveLine, peer: Sender, damage: str
) -> None:
    memory, descriptors = idle.memory(), idle.descriptors
    invites = [DAMAGES[damage](request("INVITE", peer, idle, number=n, sdp=True)) for n in range(100)]
    peer.send(idle.address, invites[0])
    gathered(peer, lambda found: any(b" 500 " in answer for answer in found))
    peer.send(idle.address, *invites[1:])
    answers = gathered(peer, lambda found: sum(b" 486 " in answer for answer in found) >= 99)
    assert not any(answer.startswith(b"SIP/2.0 2") for answer in answers)
    assert idle.descriptors - descriptors <= 6
    assert idle.memory() - memory <= 8_000_000
    idle.hang_up(idle.dial())
    idle.finish()
