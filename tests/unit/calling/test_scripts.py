"""A script is made ready before the call, or the call is not made: the reason names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from dialer.calling.scripts import Scripts, ScriptUnready
from dialer.tables import Client
from ivr_flows.prompts import Catalogue

pytestmark = pytest.mark.unit

TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


class Voice:
    """Says everything as a click."""

    def say(self, text: str, language: str) -> bytes:
        return b"\x01\x00" * 80


@pytest.fixture(scope="module")
def speaking() -> Scripts:
    return Scripts(Catalogue(speaker=Voice()), {"zh-CN": "汇方证券", "en": "Huifang Securities"})  # type: ignore[arg-type]


@pytest.mark.rule("C-05")
def test_a_client_without_identity_on_file_is_not_dialed(speaking: Scripts, a_client: Callable[..., Client]) -> None:
    with pytest.raises(ScriptUnready, match="id_last4") as refused:
        speaking.prepare("new_account", a_client(), marketer=None, callback_day=TOMORROW, today=TODAY)
    assert refused.value.missing == ("id_last4",)


@pytest.mark.rule("C-23")
def test_a_marketed_client_needs_the_name_of_who_developed_him(
    speaking: Scripts, a_client: Callable[..., Client]
) -> None:
    client = a_client(id_last4="1234", developed_by="marketing")
    with pytest.raises(ScriptUnready, match="marketer"):
        speaking.prepare("new_account", client, marketer=None, callback_day=TOMORROW, today=TODAY)
    script = speaking.prepare("new_account", client, marketer="赵敏", callback_day=TOMORROW, today=TODAY)
    assert script.clips["marketer"].pcm


def test_every_prompt_is_in_memory_before_the_call_and_facts_show_in_no_repr(
    speaking: Scripts, a_client: Callable[..., Client]
) -> None:
    script = speaking.prepare(
        "new_account", a_client(id_last4="9876"), marketer=None, callback_day=TOMORROW, today=TODAY
    )
    fixed = {name for name, prompt in script.flow.prompts.items() if not prompt.slot}
    assert fixed <= set(script.clips)
    assert all(len(clip.pcm) > 100 for clip in script.clips.values())
    assert "9876" not in repr(script)
