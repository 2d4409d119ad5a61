"""What is known about a client, in the words in which it is spoken: names, days, times, amounts, numbers. Pure.

Every function takes the language ("zh-CN" or "en"). A Chinese character whose reading is not the usual one carries it
behind itself, as pinyin with the tone as a digit: `仇[qiu2]`. The voices read the hint instead of the character;
`plain` takes hints out again, for a screen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Literal

import yaml

from ivr_flows.errors import VoiceError

Title = Literal["", "mr", "ms"]

TITLES: Mapping[str, Mapping[str, str]] = {
    "zh-CN": {"mr": "先生", "ms": "女士"},
    "en": {"mr": "Mr", "ms": "Ms"},
}
PARTS: Mapping[str, tuple[str, str, str]] = {
    "zh-CN": ("上午", "下午", "晚上"),
    "en": ("morning", "afternoon", "evening"),
}
"""The parts of a day as they are offered."""
WEEKDAYS: Mapping[str, list[str]] = {
    "zh-CN": [f"星期{character}" for character in "一二三四五六日"],
    "en": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
}
"""Monday first; these texts have committed audio in the scripts' own voice."""

_NEAR = ("今天", "明天", "后天")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_HANZI = "零一二三四五六七八九"
_ONE_BY_ONE = {**dict(zip("0123456789", _HANZI, strict=True)), "1": "幺"}
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_THOUSANDS = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_HINTED = re.compile(r"([\u3400-\u9fff])\[([a-zü:]+[1-5])\]")
_CHARACTER = re.compile(r"[\u3400-\u9fff]")
_SYLLABLE = re.compile(r"[a-zü:]+[1-5]")
_MOST = 10**16


# Names.


def name(full: str, language: str, *, reading: str = "", title: Title = "") -> str:
    """A person's name as it is spoken; `title` "mr" or "ms" when it is known.

    `reading` is the firm's hint: pinyin of every character ("qiú wěi" or "qiu2 wei3"). Without it a surname with a
    reading of its own gets that (readings.yaml). In an English call a Chinese name is said in pinyin. VoiceError when
    the hint does not fit the name.
    """
    called = TITLES[language].get(title, "")
    if language != "zh-CN":
        return f"{called} {_latin(full, reading)}".strip()
    return f"{hinted(full, reading)}{called}"


def hinted(full: str, reading: str = "") -> str:
    """A name with its readings written behind the characters that need them."""
    readings = _syllables(full, reading) if reading else _of_surname(full)
    characters = iter(readings)
    return _CHARACTER.sub(lambda found: found[0] + _bracketed(next(characters, "")), full)


def pieces(text: str) -> list[tuple[str, str]]:
    """A text cut at its hints: (characters, pinyin); the pinyin is empty for what is read as usual."""
    found: list[tuple[str, str]] = []
    end = 0
    for hint in _HINTED.finditer(text):
        found += [(text[end : hint.start()], ""), (hint[1], hint[2])]
        end = hint.end()
    return [piece for piece in [*found, (text[end:], "")] if piece[0]]


def plain(text: str) -> str:
    """The text without its reading hints."""
    return _HINTED.sub(r"\1", text)


def _bracketed(syllable: str) -> str:
    return f"[{syllable}]" if syllable else ""


def _syllables(full: str, reading: str) -> list[str]:
    from pypinyin.contrib.tone_convert import to_tone3  # noqa: PLC0415 - its tables are large, and few calls need them

    found = [to_tone3(syllable.lower()) for syllable in re.split(r"[\s'’·-]+", reading.strip())]
    wrong = len(found) != len(_CHARACTER.findall(full))
    if wrong or not all(_SYLLABLE.fullmatch(syllable) for syllable in found):
        raise VoiceError("a name's reading does not fit it: give one pinyin syllable with its tone a character")
    return found


def _of_surname(full: str) -> list[str]:
    for length in (2, 1):
        if full[:length] in surnames():
            return surnames()[full[:length]].split()
    return []


@cache
def surnames() -> Mapping[str, str]:
    """Surnames that are read in their own way, and how."""
    texts: dict[str, dict[str, str]] = yaml.safe_load(
        Path(__file__).with_name("readings.yaml").read_text(encoding="utf-8")
    )
    return texts["surnames"]


def _latin(full: str, reading: str) -> str:
    if not _CHARACTER.search(full):
        return full
    from pypinyin import lazy_pinyin  # noqa: PLC0415 - as above

    known = _syllables(full, reading) if reading else _of_surname(full)
    usual = lazy_pinyin(_CHARACTER.findall(full))
    said = [syllable.rstrip("12345") for syllable in known] + usual[len(known) :]
    last = 2 if len(said) > 3 or full[:2] in surnames() else 1  # the family's name comes first
    return " ".join("".join(part).capitalize() for part in (said[:last], said[last:]) if part)


# Days and times.


def day(when: date, today: date, language: str) -> str:
    """A day as it is spoken; the fact `callback_day` is made with this.

    Within the next six days the weekday says enough (星期二, Tuesday), and its audio is among the committed prompts;
    any other day is said in full (十二月三日,星期四; Thursday, December 3).
    """
    weekday = WEEKDAYS[language][when.weekday()]
    if 0 < (when - today).days < 7:
        return weekday
    return f"{calendar_day(when, language)}，{weekday}" if language == "zh-CN" else f"{weekday}, {_english_day(when)}"


def slot(when: date, part: int, today: date, language: str) -> str:
    """A time that is offered: today, tomorrow, a weekday of the next days, or the date; with the part of that day.

    明天上午, 星期五下午, 十一月二十七日下午; tomorrow morning, Friday afternoon, November 27 in the afternoon.
    """
    ahead, spoken = (when - today).days, PARTS[language][part]
    weekday = WEEKDAYS[language][when.weekday()] if 0 < ahead < 7 else ""
    if language == "zh-CN":
        near = _NEAR[ahead] if 0 <= ahead < len(_NEAR) else ""
        return (near or weekday or calendar_day(when, language)) + spoken
    if 0 <= ahead < 2:
        return f"{('this', 'tomorrow')[ahead]} {spoken}"
    return f"{weekday} {spoken}" if weekday else f"{_english_day(when)} in the {spoken}"


def common_slots(language: str) -> list[str]:
    """Every slot of the next six days: the texts whose audio is kept beside the scripts'."""
    near = list(_NEAR) if language == "zh-CN" else ["tomorrow"]
    found = [f"{when}{_gap(language)}{part}" for when in [*near, *WEEKDAYS[language]] for part in PARTS[language]]
    return found if language == "zh-CN" else [f"this {part}" for part in PARTS[language]] + found


def calendar_day(when: date, language: str, *, year: bool = False) -> str:
    """A date: 十一月二十七日, November 27; with its year when asked."""
    if language == "zh-CN":
        said = f"{number(when.month, language)}月{number(when.day, language)}日"
        return "".join(_HANZI[int(figure)] for figure in str(when.year)) + f"年{said}" if year else said
    return f"{_english_day(when)}, {when.year}" if year else _english_day(when)


def clock(at: time, language: str) -> str:
    """A time of day on the clock of twelve: 上午九点三十分, nine thirty in the morning."""
    hour = at.hour % 12 or 12
    if language == "zh-CN":
        said = {0: "零", 2: "两", 14: "两"}.get(at.hour) or number(hour, language)
        gap = "零" if 0 < at.minute < 10 else ""
        minutes = f"{gap}{number(at.minute, language)}分" if at.minute else ""
        return f"{_part_of_day(at.hour)}{said}点{minutes}"
    minutes = f"{'oh ' if at.minute < 10 else ''}{number(at.minute, language)}" if at.minute else "o'clock"
    return f"{number(hour, language)} {minutes} {_english_part(at.hour)}"


def _gap(language: str) -> str:
    return "" if language == "zh-CN" else " "


def _english_day(when: date) -> str:
    return f"{_MONTHS[when.month - 1]} {when.day}"


def _part_of_day(hour: int) -> str:
    limits = ((6, "凌晨"), (12, "上午"), (13, "中午"), (18, "下午"), (24, "晚上"))
    return next(part for limit, part in limits if hour < limit)


def _english_part(hour: int) -> str:
    limits = ((12, "in the morning"), (18, "in the afternoon"), (24, "in the evening"))
    return next(part for limit, part in limits if hour < limit)


# Amounts and numbers.


def amount(yuan: Decimal | int, language: str) -> str:
    """An amount of money to the fen: 一千二百三十四元五角六分; VoiceError when it is finer than that."""
    value = Decimal(yuan)
    fen = abs(value) * 100
    if fen != fen.to_integral_value():
        raise VoiceError("an amount is spoken to the fen: round it first")
    whole, rest = divmod(int(fen), 100)
    sign = ("负" if language == "zh-CN" else "minus ") if value < 0 else ""
    return sign + (_yuan(whole, rest) if language == "zh-CN" else _english_yuan(whole, rest))


def about(yuan: Decimal | int, language: str) -> str:
    """An amount rounded to its two leading digits, half up: 约十二万元; exact when rounding changes nothing."""
    value = Decimal(yuan)
    unit = Decimal(1).scaleb(max(value.adjusted() - 1, 0))
    rounded = (value / unit).quantize(Decimal(1), ROUND_HALF_UP) * unit
    said = amount(rounded, language)
    return said if rounded == value else f"约{said}" if language == "zh-CN" else f"about {said}"


def percentage(value: Decimal | int, language: str) -> str:
    """百分之十二点五, twelve point five percent."""
    sign = "负" if language == "zh-CN" else "minus "
    said = decimal(abs(Decimal(value)), language)
    whole = f"百分之{said}" if language == "zh-CN" else f"{said} percent"
    return (sign if value < 0 else "") + whole


def decimal(value: Decimal, language: str) -> str:
    """A number that may have decimals; these are read one by one, zeros at the end are left out."""
    whole, _, rest = f"{value:f}".partition(".")
    rest, between = rest.rstrip("0"), "" if language == "zh-CN" else " "
    said = number(int(whole), language)
    names = _HANZI if language == "zh-CN" else _ONES
    point = between.join([" point" if between else "点", *(names[int(figure)] for figure in rest)])
    return said + point if rest else said


def number(value: int, language: str) -> str:
    """A whole number from 0 to below 10^16 as a count: 十二万零三百, one hundred twenty thousand three hundred."""
    if not 0 <= value < _MOST:
        raise VoiceError("only numbers from 0 to below ten quadrillion are spoken")
    if language != "zh-CN":
        return _english(value)
    said = _chinese(value)
    return said[1:] if said.startswith("一十") else said


def digits(text: str, language: str) -> str:
    """Digits one by one, 1 as 幺: 尾号 and codes; what is no digit and no letter is left out."""
    figures = [figure for figure in text.upper() if figure.isascii() and figure.isalnum()]
    if language == "zh-CN":
        return "".join(_ONE_BY_ONE.get(figure, figure) for figure in figures)
    return " ".join(_ONES[int(figure)] if figure.isdigit() else figure for figure in figures)


def masked(text: str, language: str) -> str:
    """A masked or whole number by its end, never more: 138****5678 is 尾号五六七八, ending in five six seven eight."""
    end = digits(re.split(r"[*•xX#]+(?=\w)", text.strip())[-1][-4:], language)
    return f"尾号{end}" if language == "zh-CN" else f"ending in {end}"


def _yuan(whole: int, fen: int) -> str:
    jiao, rest = divmod(fen, 10)
    parts = [f"{_counted(whole)}元"] if whole or not fen else []
    parts += [f"{_HANZI[jiao]}角"] if jiao else ["零"] if whole and rest else []
    return "".join([*parts, f"{_HANZI[rest]}分" if rest else ""])


def _counted(value: int) -> str:
    """两 where a counted thing follows, and before 千, 万 and 亿 at the head of the number."""
    said = number(value, "zh-CN")
    return f"两{said[1:]}" if said == "二" or said[:2] in {"二千", "二万", "二亿"} else said


def _english_yuan(whole: int, fen: int) -> str:
    parts = [f"{_english(whole)} yuan"] if whole or not fen else []
    return " and ".join([*parts, *([f"{_english(fen)} fen"] if fen else [])])


def _chinese(value: int) -> str:
    for base, unit in ((10**8, "亿"), (10**4, "万"), (1000, "千"), (100, "百"), (10, "十")):
        if value >= base:
            high, low = divmod(value, base)
            gap = "零" if 0 < low < base // 10 else ""
            return f"{_chinese(high)}{unit}{gap}{_chinese(low) if low else ''}"
    return _HANZI[value]


def _english(value: int) -> str:
    for base, unit in (*_THOUSANDS, (100, "hundred")):
        if value >= base:
            high, low = divmod(value, base)
            return f"{_english(high)} {unit}" + (f" {_english(low)}" if low else "")
    if value < len(_ONES):
        return _ONES[value]
    tens, ones = divmod(value, 10)
    return _TENS[tens] + (f"-{_ONES[ones]}" if ones else "")
