"""Client fields as they are spoken, read back by an inverse of the tests' own."""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr_flows.errors import VoiceError
from ivr_flows.spoken import (
    PARTS,
    about,
    amount,
    calendar_day,
    clock,
    common_slots,
    day,
    decimal,
    digits,
    hinted,
    masked,
    name,
    number,
    percentage,
    pieces,
    plain,
    slot,
    surnames,
)

pytestmark = pytest.mark.unit

LANGUAGES = st.sampled_from(["zh-CN", "en"])
FIGURES = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"两": 2, "幺": 1}
WORDS = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"  # noqa: SIM905
        " seventeen eighteen nineteen".split()
    )
} | {
    word: 10 * value
    for value, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)  # noqa: SIM905
}
TODAY = date(2026, 11, 25)


def _read_chinese(text: str) -> int:
    for unit, base in (("亿", 10**8), ("万", 10**4), ("千", 1000), ("百", 100), ("十", 10)):
        if unit in text:
            high, _, low = text.rpartition(unit)
            return (_read_chinese(high) if high else 1) * base + (_read_chinese(low) if low else 0)
    return int("".join(str(FIGURES[character]) for character in text))


def _read_english(text: str) -> int:
    total = group = 0
    for word in re.split(r"[ -]", text):
        base = {"thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}.get(word)
        if base:
            total, group = total + group * base, 0
        elif word == "hundred":
            group *= 100
        else:
            group += WORDS[word]
    return total + group


def _read(text: str, language: str) -> int:
    return _read_chinese(text) if language == "zh-CN" else _read_english(text)


def _read_amount(text: str, language: str) -> Decimal:
    if language == "zh-CN":
        found = re.fullmatch(r"(?:(.+)元)?(?:(.)角)?零?(?:(.)分)?", text)
        assert found
        yuan, jiao, fen = (_read_chinese(part) if part else 0 for part in found.groups())
        return Decimal(yuan * 100 + jiao * 10 + fen) / 100
    found = re.fullmatch(r"(?:(.+) yuan)?(?: and )?(?:(.+) fen)?", text)
    assert found
    yuan, fen = (_read_english(part) if part else 0 for part in found.groups())
    return Decimal(yuan * 100 + fen) / 100


@given(st.integers(0, 10**12), LANGUAGES)
def test_every_number_is_read_back_as_itself(value: int, language: str) -> None:
    assert _read(number(value, language), language) == value


@given(st.integers(0, 10**14), LANGUAGES)
def test_every_amount_to_the_fen_is_read_back_as_itself(fen: int, language: str) -> None:
    yuan = Decimal(fen) / 100
    assert _read_amount(amount(yuan, language), language) == yuan


@given(st.integers(0, 10**12), LANGUAGES)
def test_a_rounded_amount_is_near_and_says_that_it_is_rounded(yuan: int, language: str) -> None:
    said = about(yuan, language)
    found = _read_amount(said.removeprefix("约").removeprefix("about "), language)
    assert abs(found - yuan) * 20 <= yuan
    assert (found == yuan) == (not said.startswith(("约", "about")))


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        (0, "零", "zero"),
        (10, "十", "ten"),
        (14, "十四", "fourteen"),
        (110, "一百一十", "one hundred ten"),
        (1001, "一千零一", "one thousand one"),
        (100_010, "十万零一十", "one hundred thousand ten"),
        (102_000, "十万二千", "one hundred two thousand"),
        (10**12, "一万亿", "one trillion"),
        (120_000_300, "一亿二千万零三百", "one hundred twenty million three hundred"),
    ],
)
def test_numbers_are_said_as_they_are_counted(value: int, zh: str, en: str) -> None:
    assert (number(value, "zh-CN"), number(value, "en")) == (zh, en)


@pytest.mark.parametrize(
    ("value", "zh", "en"),
    [
        ("1234.56", "一千二百三十四元五角六分", "one thousand two hundred thirty-four yuan and fifty-six fen"),
        ("2", "两元", "two yuan"),
        ("20000", "两万元", "twenty thousand yuan"),
        ("12.05", "十二元零五分", "twelve yuan and five fen"),
        ("0.05", "五分", "five fen"),
        ("0", "零元", "zero yuan"),
        ("-3.50", "负三元五角", "minus three yuan and fifty fen"),
    ],
)
def test_amounts_are_said_in_yuan_jiao_and_fen(value: str, zh: str, en: str) -> None:
    assert (amount(Decimal(value), "zh-CN"), amount(Decimal(value), "en")) == (zh, en)


def test_amounts_are_rounded_half_up_to_two_figures() -> None:
    assert about(123_456, "zh-CN") == "约十二万元"
    assert about(125_000, "zh-CN") == "约十三万元"
    assert about(120_000, "zh-CN") == "十二万元"
    assert about(Decimal("99.60"), "en") == "about one hundred yuan"


def test_what_cannot_be_said_exactly_is_refused() -> None:
    with pytest.raises(VoiceError, match="fen"):
        amount(Decimal("0.005"), "en")
    for value in (-1, 10**16):
        with pytest.raises(VoiceError):
            number(value, "zh-CN")


@given(st.decimals(0, 1000, places=3), LANGUAGES)
def test_decimals_are_read_figure_by_figure(value: Decimal, language: str) -> None:
    whole, _, rest = decimal(value, language).partition("点" if language == "zh-CN" else " point ")
    figures = rest if language == "zh-CN" else rest.split()
    table = FIGURES if language == "zh-CN" else WORDS
    read = Decimal(f"{_read(whole, language)}.{''.join(str(table[figure]) for figure in figures) or 0}")
    assert read == value


def test_percentages() -> None:
    assert percentage(Decimal("12.50"), "zh-CN") == "百分之十二点五"
    assert percentage(-3, "zh-CN") == "负百分之三"
    assert percentage(Decimal("4.05"), "en") == "four point zero five percent"


@given(st.text("0123456789", min_size=1, max_size=20), LANGUAGES)
def test_digits_are_read_one_by_one(text: str, language: str) -> None:
    said = digits(text, language)
    figures = [
        str((FIGURES if language == "zh-CN" else WORDS)[one]) for one in (said if language == "zh-CN" else said.split())
    ]
    assert "".join(figures) == text
    assert "一" not in said


@given(st.from_regex(r"1[3-9][0-9]\*{4}[0-9]{4}", fullmatch=True))
def test_of_a_masked_number_only_its_end_is_said(text: str) -> None:
    assert masked(text, "zh-CN") == f"尾号{digits(text[-4:], 'zh-CN')}"
    assert masked(text.replace("*", "0"), "en") == f"ending in {digits(text[-4:], 'en')}"


def test_masked_numbers_as_they_are_heard() -> None:
    assert masked("138****5178", "zh-CN") == "尾号五幺七八"
    assert masked("138****5678", "en") == "ending in five six seven eight"
    assert masked("3101***********12X", "zh-CN") == "尾号幺二X"


@pytest.mark.parametrize(
    ("full", "said"),
    [
        ("仇伟", "仇[qiu2]伟"),
        ("单雄", "单[shan4]雄"),
        ("单于明", "单[chan2]于[yu2]明"),
        ("尉迟恭", "尉[yu4]迟[chi2]恭"),
        ("万俟光", "万[mo4]俟[qi2]光"),
        ("区明", "区[ou1]明"),
        ("张单", "张单"),
        ("Maria Wang", "Maria Wang"),
    ],
)
def test_a_surname_is_read_in_its_own_way(full: str, said: str) -> None:
    assert hinted(full) == said
    assert plain(said) == full


def test_the_firms_hint_goes_before_the_list() -> None:
    assert name("解乐", "zh-CN", reading="xiè yuè", title="ms") == "解[xie4]乐[yue4]女士"
    assert name("吕明", "zh-CN", reading="lü3 ming2") == "吕[lv3]明[ming2]"
    assert name("阿依·乐", "zh-CN", reading="a1 yi1 le4") == "阿[a1]依[yi1]·乐[le4]"


@pytest.mark.parametrize("reading", ["qiu2", "qiu2 wei3 ming2", "qiu wei", "Q2 ?"])
def test_a_hint_that_does_not_fit_is_refused_without_the_name(reading: str) -> None:
    with pytest.raises(VoiceError, match="reading") as refused:
        name("仇伟", "zh-CN", reading=reading)
    assert "仇" not in str(refused.value)


def test_an_english_call_says_a_chinese_name_in_pinyin() -> None:
    assert name("仇伟", "en", title="mr") == "Mr Qiu Wei"
    assert name("尉迟恭", "en") == "Yuchi Gong"
    assert name("单雄信", "en", reading="shan4 xiong2 xin4", title="ms") == "Ms Shan Xiongxin"
    assert name("John Smith", "en", title="mr") == "Mr John Smith"


@given(st.text("仇伟单于，好a ", max_size=12).map(hinted))
def test_pieces_put_together_are_the_text(text: str) -> None:
    assert "".join(f"{piece}[{hint}]" if hint else piece for piece, hint in pieces(text)) == text
    assert "".join(piece for piece, _ in pieces(text)) == plain(text)


def test_every_surname_has_a_syllable_with_a_tone_for_each_character() -> None:
    for surname, reading in surnames().items():
        assert len(surname) == len(reading.split())
        assert all(re.fullmatch(r"[a-z]+[1-4]", syllable) for syllable in reading.split())


def test_slots_of_an_appointment() -> None:
    said = [slot(TODAY + timedelta(days=ahead), 0, TODAY, "zh-CN") for ahead in (0, 1, 2, 3, 7)]
    assert said == ["今天上午", "明天上午", "后天上午", "星期六上午", "十二月二日上午"]
    said = [slot(TODAY + timedelta(days=ahead), 1, TODAY, "en") for ahead in (0, 1, 2, 7)]
    assert said == ["this afternoon", "tomorrow afternoon", "Friday afternoon", "December 2 in the afternoon"]


@given(st.integers(0, 6), st.integers(0, 2), LANGUAGES, st.dates(date(2020, 1, 1), date(2040, 1, 1)))
def test_the_slots_of_the_next_days_are_among_those_that_are_kept(
    ahead: int, part: int, language: str, today: date
) -> None:
    assert slot(today + timedelta(days=ahead), part, today, language) in common_slots(language)


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)), LANGUAGES)
def test_a_day_in_full_names_month_and_day(when: date, language: str) -> None:
    said = day(when, when, language)
    if language == "zh-CN":
        month, rest = said.split("月")
        assert (_read_chinese(month), _read_chinese(rest.split("日")[0])) == (when.month, when.day)
    else:
        assert said.endswith(f" {when.day}")


def test_dates_and_times_of_day() -> None:
    assert calendar_day(date(2026, 11, 27), "zh-CN") == "十一月二十七日"
    assert calendar_day(date(2026, 11, 27), "zh-CN", year=True) == "二零二六年十一月二十七日"
    assert calendar_day(date(2026, 11, 27), "en", year=True) == "November 27, 2026"
    assert [clock(time(hour, minute), "zh-CN") for hour, minute in ((9, 30), (14, 0), (12, 5), (0, 40))] == [
        "上午九点三十分",
        "下午两点",
        "中午十二点零五分",
        "凌晨零点四十分",
    ]
    assert clock(time(9, 30), "en") == "nine thirty in the morning"
    assert clock(time(14, 5), "en") == "two oh five in the afternoon"
    assert clock(time(19, 0), "en") == "seven o'clock in the evening"


def test_the_parts_of_a_day_are_three_in_both_languages() -> None:
    assert {len(parts) for parts in PARTS.values()} == {3}
