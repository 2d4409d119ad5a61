"""Announcements as Chinese networks are widely quoted to word them (not recordings, and none is in the benchmark)."""

from __future__ import annotations

import pytest

from dialer.calling.evidence.announcements import Phrases, load_phrases, match

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("您拨打的号码有误，请查证后再拨", "invalid_number"),
        ("您好，您拨打的号码不存在，请核对后再拨", "invalid_number"),
        ("Sorry, the number you dialed does not exist, please check it and dial later", "invalid_number"),
        ("您好，您拨打的用户已关机", "powered_off"),
        ("Sorry, the subscriber you dialed is power off", "powered_off"),
        ("您拨打的用户已申请停机保号", "suspended"),
        ("The number you have dialed is not in service", "suspended"),
        ("对不起，您拨打的用户暂时无法接通，请稍后再拨", "unreachable"),
        ("Sorry, the subscriber you dialed can not be connected for the moment, please redial later", "unreachable"),
        ("请不要挂机，您拨打的电话正在通话中", "busy"),
        ("您好，您拨打的用户正在通话中，他已知道您的来电，请不要挂机", "busy"),
        ("Please hold on, the subscriber you dialed is talking on the phone", "busy"),
        ("您拨打的用户已暂停服务", "out_of_service"),
        ("您拨打的电话已启用呼入限制功能", "incoming_restricted"),
        ("Sorry, the number you have dialed is incoming call barred", "incoming_restricted"),
        ("您拨打的用户暂时无法接听，请稍后再拨", "no_answer"),
        ("对不起，您拨打的电话暂时无人接听，请稍后再拨", "no_answer"),
        ("Sorry, your call cannot be answered at the moment, please call back later", "no_answer"),
        ("您好，我是智能语音助手，机主暂时无法接听电话", "assistant"),
        ("您拨打的用户已启用来电提醒功能，您的来电信息将以短信的形式通知对方", "assistant"),
        ("对方正在通话中", "busy"),
        ("该用户已停机", "suspended"),
        ("该号码已停止使用", "out_of_service"),
        ("号码是空号", "invalid_number"),
        ("抱歉，您呼叫的号码不在线或不在服务区", "unreachable"),
        ("对方暂时无法接听您的电话", "no_answer"),
        ("The number you've called is no longer in service", "suspended"),
        ("请留下你的姓名和来电原因，我会帮你确认此人是否方便接听", "assistant"),
        ("您拨打的电话转接中", "none"),
        ("您好，这里是语音信箱，请在提示音后留言，按井号键结束", "voicemail"),
    ],
)
def test_a_quoted_wording_is_known(text: str, kind: str, phrases: Phrases) -> None:
    assert match(text, phrases).kind == kind
