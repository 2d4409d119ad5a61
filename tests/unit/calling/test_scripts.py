"""A script is made ready before the call, or the call is not made: the reason names what is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from core.clock import CHINA
from dialer.calling.scripts import Scripts, ScriptUnready
from dialer.calling.told import Told
from dialer.tables import Client
from ivr_flows.prompts import Catalogue
from ivr_flows.speech import Speaker
from tests.approving import Shipped
from tests.tones import spoken, studio

pytestmark = pytest.mark.unit

TODAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)


MORNING = datetime(2026, 11, 24, 9, tzinfo=CHINA)
COMPANIES = {"zh-CN": "汇方证券", "en": "Huifang Securities"}


class Voice:
    """Says everything as a click, and counts."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str, language: str) -> bytes:
        self.said.append(text)
        return b"\x01\x00" * 80


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's folder with the prompts of the new-account script."""
    return studio(tmp_path_factory.mktemp("studio"), seconds=0.1, flows=["new_account"])


@pytest.fixture
def speaking(recorded: Path) -> Scripts:
    return Scripts(Catalogue(recorded, Voice()), Shipped(COMPANIES))  # type: ignore[arg-type]


def told(client: Client, marketer: str | None = None) -> Told:
    return Told(client, TOMORROW, TODAY, marketer=marketer, slots=(MORNING,))


@pytest.mark.rule("C-05")
def test_a_client_without_identity_on_file_is_not_dialed(speaking: Scripts, a_client: Callable[..., Client]) -> None:
    with pytest.raises(ScriptUnready, match="id_last4") as refused:
        speaking.prepare("new_account", told(a_client()))
    assert refused.value.missing == ("id_last4",)


@pytest.mark.rule("C-23")
def test_a_marketed_client_needs_the_name_of_who_developed_him(
    speaking: Scripts, a_client: Callable[..., Client]
) -> None:
    client = a_client(id_last4="1234", developed_by="marketing")
    with pytest.raises(ScriptUnready, match="marketer"):
        speaking.prepare("new_account", told(client))
    script = speaking.prepare("new_account", told(client, "赵敏"))
    assert script.clips["marketer"].pcm


def test_every_prompt_is_in_memory_before_the_call_and_facts_show_in_no_repr(
    speaking: Scripts, a_client: Callable[..., Client]
) -> None:
    script = speaking.prepare("new_account", told(a_client(id_last4="9876")))
    fixed = {name for name, prompt in script.flow.prompts.items() if not prompt.slot}
    named = {name for name, prompt in script.flow.prompts.items() if prompt.slot == "client_name"}
    assert fixed | named | {"slot_1"} <= set(script.clips)
    assert "slot_2" not in script.clips, "a time that is not there is not offered"
    assert all(len(clip.pcm) > 100 for clip in script.clips.values())
    assert "9876" not in repr(script)
    assert "测试" not in repr(script)


def test_a_name_that_was_spoken_in_the_night_is_ready_at_once_and_another_one_waits(
    recorded: Path, tmp_path: Path, a_client: Callable[..., Client]
) -> None:
    def nobody(text: str, language: str) -> bytes:
        raise AssertionError("no voice is started while the store's thread waits")

    cache = tmp_path / "speech"
    Scripts(Catalogue(recorded, Speaker(cache, lambda *_: b"\x01\x00" * 80)), Shipped(COMPANIES)).prepare(
        "new_account", told(a_client(id_last4="1234"))
    )
    later = Scripts(Catalogue(recorded, Speaker(cache, nobody)), Shipped(COMPANIES))
    assert later.at_once("new_account", told(a_client(id_last4="1234"))) is None, "the script was not read yet"
    later.prepare("new_account", told(a_client(id_last4="1234")))
    spoken(cache, ["张涛"])
    script = later.at_once("new_account", told(a_client(id_last4="1234", name="张涛")))
    assert script is not None
    assert {clip.prompt for clip in script.clips.values()} == set(script.clips)
    assert later.at_once("new_account", told(a_client(id_last4="1234", name="李磊"))) is None


def test_names_spoken_lately_are_kept_in_memory(speaking: Scripts, a_client: Callable[..., Client]) -> None:
    client = a_client(id_last4="1234")
    speaking.prepare("new_account", told(client))
    assert speaking.at_once("new_account", told(client)) is not None
    assert speaking.at_once("new_account", told(a_client(id_last4="1234", name="李磊"))) is None
