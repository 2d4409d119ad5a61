"""What people say when they answer holds the very words of announcements, and must never be taken for one."""

from __future__ import annotations

import pytest

from dialer.calling.evidence.announcements import NONE, Phrases, load_phrases, match
from dialer.calling.evidence.answering import Answer, AnswerJudge
from dialer.calling.evidence.tones import ToneVerdict

pytestmark = pytest.mark.unit

SAID_BY_PEOPLE = (
    "喂你好哪位",
    "我正在开会不方便通话",
    "我现在正忙请稍后再打",
    "我这边在忙，请你稍后再拨过来",
    "我手机欠费停机了刚充上",
    "我手机之前关机了不好意思",
    "他手机停机了，你打另一个号码",
    "我停机保号了一段时间",
    "你拨打的这个号码是我老公的",
    "您拨的号码没错，我就是",
    "您呼叫的是我的手机没错",
    "这个电话是空号吧，你怎么打进来的",
    "他正在通话中，你等一下",
    "他在另一个电话上，正在通话",
    "对不起我现在很忙",
    "对不起，您打错电话了，请核对一下号码",
    "我是他的秘书，他现在开会，你有什么事",
    "我是他助理，有什么事情可以跟我讲",
    "您好，这里是前台，请问您找谁",
    "请问你要找哪一位，有什么事要我转告他吗",
    "他不在家，你有事我可以帮你转告",
    "你可以给我留言，我回头看",
    "你给我发微信留言吧",
    "信号不好，你说什么，老是无法接通",
    "我在地铁里，刚才不在服务区",
    "我的账户暂停使用了是怎么回事",
    "服务暂停是什么意思",
    "我没有收到你们的短信提醒",
    "你们给我发短信通知一下",
    "你们打的电话没人接听，我就打回来了",
    "我刚才没有接听您的电话",
    "I'm busy right now, can you call me back",
    "who are you calling please",
    "sorry, he is not here, can I take a message",
    "you dialed the wrong number",
    "I am driving and can't talk",
    "my phone was switched off",
    "you called me and there was no answer, so I am calling back",
    "the line is bad, I cannot hear you",
    "那个号码停机了，现在用的是这个",
    "你找机主有什么事",
    "你留下你的联系方式，我回头打给你",
    "我先挂了，正在忙",
    "this is he speaking",
)


@pytest.fixture(scope="module")
def phrases() -> Phrases:
    return load_phrases()


@pytest.mark.parametrize("text", SAID_BY_PEOPLE)
def test_what_people_say_is_no_announcement(text: str, phrases: Phrases) -> None:
    assert match(text, phrases).kind == NONE


@pytest.mark.parametrize("text", SAID_BY_PEOPLE)
def test_who_says_it_is_a_person(text: str, phrases: Phrases) -> None:
    judge = AnswerJudge(phrases)
    for number in range(250):
        judge.frame(25 <= number < 125)
    judge.text(text, 500)
    assert judge.finish().kind is Answer.PERSON


@pytest.mark.parametrize(
    "text",
    ["您拨打的电话正在接通中，请稍候", "您好，正在为您转接，请稍候", "欢迎致电，请按一转人工，按二查询", "请欣赏彩铃"],
)
def test_a_network_that_connects_has_not_said_how_it_ends(text: str, phrases: Phrases) -> None:
    assert match(text, phrases).kind == NONE


def test_the_tone_of_a_recorded_line_makes_no_mailbox_of_somebody_who_greeted_and_waited(phrases: Phrases) -> None:
    record_tone = ToneVerdict("beep", 0.85, 400, 0, 0, 400)  # 950 Hz every 10 s on recorded Chinese lines
    judge = AnswerJudge(phrases)
    for at_ms in range(0, 9000, 20):
        judge.frame(500 <= at_ms < 1200 or 4000 <= at_ms < 7000)
    judge.tone(record_tone)
    assert judge.finish().kind is Answer.PERSON
