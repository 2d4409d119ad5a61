"""Why the next attempt comes when it comes, or why there is none: a code, and a sentence in both languages.

The rule of this module: whoever asks "why is this client called then" reads it here, word for word as it was stored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta

from dialer.calling.dispositions import Disposition


@dataclass(frozen=True, slots=True)
class Why:
    """One explanation; ``code`` is for programs, ``text`` is Chinese, ``text_en`` English."""

    code: str
    text: str
    text_en: str

    def as_json(self) -> dict[str, str]:
        """As it stands in ``Callback.next_why``."""
        return asdict(self)

    def moved(self) -> Why:
        """The same, for a time that no window allows: it became the next window."""
        code = "next_window" if self.code == "after_delay" else self.code
        return Why(code, f"{self.text}，顺延到下一可拨时段", f"{self.text_en}, moved to the next window")


_D = Disposition
WORDS: dict[Disposition, tuple[str, str]] = {
    _D.ANSWERED: ("已接听未完成", "answered, nothing confirmed"),
    _D.BUSY: ("占线", "busy"),
    _D.NO_ANSWER: ("无人接听", "no answer"),
    _D.REJECTED: ("拒接", "declined"),
    _D.INVALID_NUMBER: ("空号", "invalid number"),
    _D.SUSPENDED: ("停机", "number suspended"),
    _D.UNREACHABLE: ("关机或不在服务区", "switched off or out of reach"),
    _D.BLOCKED_BY_NETWORK: ("被网络拦截", "blocked by the network"),
    _D.TRUNK_CONGESTION: ("线路拥塞，不计次数", "trunk congestion, uses no attempt"),
    _D.OUR_FAULT: ("系统故障，不计次数", "our fault, uses no attempt"),
    _D.CANCELLED: ("呼叫已收回，不计次数", "taken back, uses no attempt"),
    _D.INTERRUPTED: ("呼叫中断", "interrupted"),
}
_STEPS = (("天", "d", 86400), ("小时", "h", 3600), ("分钟", "min", 60), ("秒", "s", 1))


def after_delay(disposition: Disposition, delay: timedelta) -> Why:
    """Again when the ladder's delay is over."""
    zh, en = _words(delay)
    return Why("after_delay", f"{WORDS[disposition][0]}：{zh}后再拨", f"{WORDS[disposition][1]}: again after {en}")


def other_day_part(disposition: Disposition) -> Why:
    """Again in another part of the day."""
    text, text_en = WORDS[disposition]
    return Why("other_day_part", f"{text}：换一个时段再拨", f"{text_en}: another part of the day")


def same_day_part(disposition: Disposition) -> Why:
    """Another part of the day was wanted, and the deadline leaves none."""
    text, text_en = WORDS[disposition]
    return Why(
        "same_day_part",
        f"{text}：截止前没有其他时段，仍在同一时段再拨",
        f"{text_en}: the deadline leaves no other part of the day, so the same one again",
    )


def next_number(disposition: Disposition) -> Why:
    """This number is done with, the client has another one."""
    text, text_en = WORDS[disposition]
    return Why("next_number", f"{text}：改拨另一个号码", f"{text_en}: another number of the client")


OTHER_TRUNK = Why(
    "other_trunk", "线路故障，不计次数：改用另一条线路再拨", "trunk fault, uses no attempt: over another trunk"
)
APPOINTMENT = Why("appointment", "与客户约定的时间", "appointment agreed with the client")
PROMISED = Why("promised_callback", "已答应客户再次致电", "we promised the client another call")
NEXT_SCRIPT = Why("next_script", "还有一项回访尚未询问", "a script of this call-back has not been asked yet")
AGENT_ASKED = Why("agent_asked", "坐席要求再次致电", "the agent asked for another call")
CALENDAR_UNKNOWN = Why(
    "calendar_unknown", "日历尚未覆盖今后的日期，拨打前再判断", "no calendar covers the days to come; the gate decides"
)
WISH_UNREADABLE = Why(
    "wish_unreadable", "客户希望的时间无法识别，请更正后再拨", "the client's preferred times cannot be read; mend them"
)
NOT_RETRIED = Why("not_retried", "此结果不再拨打", "not called again after this result")
USED_UP = Why("retries_used_up", "拨打次数已用完", "all attempts are used up")
NO_WINDOW = Why("no_window_before_deadline", "截止前没有可拨时段", "no window before the deadline")
MOVED_TOO_OFTEN = Why("follow_ups_used_up", "约定再拨的次数已用完", "moved too often")


def _words(delay: timedelta) -> tuple[str, str]:
    """A delay in its two largest units, Chinese and English."""
    rest, zh, en = int(delay.total_seconds()), "", []
    for chinese, english, seconds in _STEPS:
        count, rest = divmod(rest, seconds)
        if count:
            zh += f"{count} {chinese}"
            en.append(f"{count} {english}")
    return zh or "0 秒", " ".join(en) or "0 s"
