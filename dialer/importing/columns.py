"""What each column may hold: parsers that take the text of a field and say in words what is wrong with it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import NoReturn

import phonenumbers

from core.clock import CHINA
from core.errors import HuifangError
from dialer.programmes.facts import BadPreference, Preference

Parser = Callable[[str], object]
LONGEST_TEXT = 200
MOST_PHONES = 10


class BadValue(HuifangError):
    """The field's text does not fit; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: an ``essential`` one must stand in the header; an absent one means ``default`` for new rows."""

    name: str
    parse: Parser
    essential: bool = False
    default: object = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one kind of file; ``key`` names the one that identifies a row."""

    kind: str
    key: str
    columns: tuple[Column, ...]

    @property
    def by_name(self) -> Mapping[str, Column]:
        """The columns by their name."""
        return {column.name: column for column in self.columns}


def identifier(text: str) -> str:
    """Letters, digits and ``_ . : / -``, at most 64."""
    if not re.fullmatch(r"[\w.:/-]{1,64}", text):
        raise BadValue("give an id of 1 to 64 letters, digits or _ . : / -")
    return text


def text_of(longest: int = LONGEST_TEXT) -> Parser:
    """A text that must not be empty."""

    def parse(text: str) -> str:
        if not text or len(text) > longest:
            raise BadValue(f"give 1 to {longest} characters")
        return text

    return parse


def one_of(*allowed: str, default: str | None = None) -> Parser:
    """One of the words; ``default`` is what an empty field means."""

    def parse(text: str) -> str:
        if not text and default is not None:
            return default
        if text not in allowed:
            raise BadValue(f"give one of {', '.join(allowed)}")
        return text

    return parse


def optional(parse: Parser) -> Parser:
    """An empty field is None."""
    return lambda text: parse(text) if text else None


def day(text: str) -> date:
    """A date like 2026-11-23, from 1900 to 2100."""
    try:
        found = date.fromisoformat(text) if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else None
    except ValueError:
        found = None
    if found is None or not 1900 <= found.year <= 2100:
        raise BadValue("give a date like 2026-11-23")
    return found


def moment(text: str) -> datetime:
    """An ISO 8601 time; without an offset it is Chinese time."""
    try:
        found = datetime.fromisoformat(text)
        aware = found if found.tzinfo else found.replace(tzinfo=CHINA)
        aware = aware.astimezone(CHINA)
    except (ValueError, OverflowError):
        raise BadValue("give a time like 2026-11-23T09:31:00+08:00") from None
    if not 1900 <= aware.year <= 2100:
        raise BadValue("give a time between the years 1900 and 2100")
    return aware


def number(lowest: float = -math.inf) -> Parser:
    """A decimal number without separators, at least ``lowest``."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[+-]?\d{1,15}(\.\d{1,10})?", text) or float(text) < lowest:
            raise BadValue("give a number like 1234567.89" + (" that is not negative" if lowest == 0 else ""))
        return float(text)

    return parse


def flag(text: str) -> bool:
    """0 or 1; empty is 0."""
    if text not in ("", "0", "1"):
        raise BadValue("give 0 or 1")
    return text == "1"


def words(text: str) -> list[str]:
    """Words separated by semicolons."""
    found = list(dict.fromkeys(word.strip() for word in text.split(";") if word.strip()))
    for word in found:
        if not re.fullmatch(r"[\w.-]{1,64}", word):
            raise BadValue(f"{word!r} is not a word of letters, digits and _ . -; separate words with ;")
    return found


def phones(text: str) -> list[str]:
    """Numbers separated by semicolons, in the form in which they are dialed (``dial_form``), without repetition."""
    found = list(dict.fromkeys(dial_form(part.strip()) for part in text.split(";") if part.strip()))
    if len(found) > MOST_PHONES:
        raise BadValue(f"at most {MOST_PHONES} numbers")
    return found


def dial_form(text: str) -> str:
    """The one form of a number: national digits for China (13900000001, 057187654321), E.164 for other countries."""
    try:
        parsed = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        raise BadValue("give telephone numbers like 13900000001 or +85221234567, separated by ;") from None
    if not phonenumbers.is_valid_number(parsed) or parsed.extension:
        raise BadValue("no such telephone number exists; check the digits and the area code")
    if parsed.country_code == 86:
        national = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL)
        return re.sub(r"\D", "", national)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def prefers(text: str) -> dict[str, object]:
    """``key=value;...``; ``windows`` and ``days`` are lists separated by commas and are understood (B-07)."""
    found: dict[str, object] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        key, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or not key or not value or key in found:
            raise BadValue(f"{part!r}: write key=value;key=value, such as windows=14:00-17:00;days=monday,friday")
        listed = [item.strip() for item in value.split(",")]
        found[key] = listed if key in ("windows", "days") else value
    try:
        Preference.of(found)
    except BadPreference as error:
        raise BadValue(f"{error.__cause__}; write windows=14:00-17:00;days=monday,friday") from error
    return found


def id_last4(text: str) -> str:
    """The last four characters of the identity number: digits, the very last may be X."""
    if not re.fullmatch(r"[0-9]{3}[0-9Xx]", text):
        raise BadValue("give the last four of the identity number: digits, the last may be X")
    return text.upper()


def json_object(text: str) -> dict[str, object]:
    """A JSON object; empty is ``{}``."""
    try:
        found = json.loads(text or "{}", parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadValue(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise BadValue("nested too deeply") from None
    if not isinstance(found, dict):
        raise BadValue('give a JSON object like {"amount": 1}')
    return found


def _no_constant(name: str) -> NoReturn:
    raise BadValue(f"{name} is not a JSON number")


_AMOUNT = optional(number(0))
_RATE = optional(number())

CLIENTS = Layout(
    "clients",
    "client_id",
    (
        Column("client_id", identifier, essential=True),
        Column("name", text_of(), essential=True),
        Column("kind", one_of("person", "institution"), essential=True),
        Column("phones", phones, essential=True),
        Column("branch", text_of(), essential=True),
        Column("opened_on", day, essential=True),
        Column("status", one_of("active", "dormant", "suspended", "closed"), essential=True),
        Column("introducer_id", optional(identifier)),
        Column("developed_by", one_of("marketing", "broker", "branch", "self"), essential=True),
        *(Column(name, _AMOUNT) for name in ("asset_total", "asset_avg_daily", "volume_month_avg", "commission_year")),
        Column("pnl_rate_6m", _RATE),
        Column("turnover", _RATE),
        Column("last_trade_on", optional(day)),
        Column("tags", words, default=()),
        Column("prefers", prefers, default={}),
        Column("phone_opt_out", flag, default=False),
        Column("language", one_of("zh-CN", "en", default="zh-CN"), default="zh-CN"),
        Column("id_last4", optional(id_last4)),
    ),
)
EVENTS = Layout(
    "events",
    "event_id",
    (
        Column("event_id", identifier, essential=True),
        Column("client_id", identifier, essential=True),
        Column("type", identifier, essential=True),
        Column("occurred_at", moment, essential=True),
        Column("data", json_object, default={}),
    ),
)
STAFF = Layout(
    "staff",
    "staff_id",
    (
        Column("staff_id", identifier, essential=True),
        Column("name", text_of(), essential=True),
        Column("branch", text_of(), essential=True),
        Column("series", one_of("marketing", "broker", "operations", "callcentre", "compliance"), essential=True),
        Column("left_on", optional(day)),
        Column("languages", words, default=()),
    ),
)
FIGURES = Layout(
    "figures",
    "figure_id",
    (
        Column("figure_id", identifier, essential=True),
        Column("name", one_of("index_rate_6m"), essential=True),
        Column("holds_from", day, essential=True),
        Column("value", number(), essential=True),
    ),
)
"""Figures of the market that expressions compare with; ``index_rate_6m`` is the index's change over six months."""
