"""The language of the pages: the user's choice, else the session's, else the setting. English is the source text."""

from __future__ import annotations

from datetime import date, datetime

from flask import Flask, session
from flask_babel import Babel
from flask_babel import get_locale as babel_locale
from flask_login import current_user

from core.clock import china
from web.context import context

LANGUAGES = {"zh-CN": "中文", "en": "English"}
_LOCALES = {"zh-CN": "zh_Hans_CN", "en": "en"}


def init_language(app: Flask) -> None:
    """Switch Babel and the date filters on."""
    app.config["BABEL_DEFAULT_TIMEZONE"] = "Asia/Shanghai"
    app.config["BABEL_DEFAULT_LOCALE"] = "en"
    Babel(app, locale_selector=lambda: _LOCALES[chosen_language()])
    app.add_template_filter(when, "when")
    app.add_template_filter(clock_time, "clock_time")
    app.add_template_filter(offset, "offset")
    app.add_template_filter(length, "length_of_time")
    app.add_template_filter(seconds, "seconds")
    app.add_template_filter(iso_time, "iso_time")


def chosen_language() -> str:
    """``zh-CN`` or ``en``."""
    own = current_user.language if current_user.is_authenticated else None
    for choice in (own, session.get("language"), context().settings.web.language):
        if choice in LANGUAGES:
            return str(choice)
    return "zh-CN"


def is_chinese() -> bool:
    """Whether this page is shown in Chinese."""
    return str(babel_locale()).startswith("zh")


def when(moment: datetime | date | None) -> str:
    """A date or an instant in Chinese wall-clock time, the same in both languages: 2026-11-23 09:31:05."""
    if moment is None:
        return "–"
    if isinstance(moment, datetime):
        return china(moment).strftime("%Y-%m-%d %H:%M:%S")
    return moment.isoformat()


def clock_time(moment: datetime | None) -> str:
    """The time of day of an instant, Chinese wall-clock time: 09:31:05."""
    return china(moment).strftime("%H:%M:%S") if moment else "–"


def offset(milliseconds: int | None) -> str:
    """A place in a recording: 1:05."""
    seconds = (milliseconds or 0) // 1000
    return f"{seconds // 60}:{seconds % 60:02d}"


def length(seconds: float | None) -> str:
    """A duration: 3:07:09 or 2:05."""
    whole = round(seconds or 0)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}" if hours else f"{rest // 60}:{rest % 60:02d}"


def seconds(milliseconds: int) -> str:
    """A place to the tenth of a second, as evidence: 12.3 s."""
    return f"{milliseconds / 1000:.1f} s"


def iso_time(text: str) -> str:
    """The time of day of an instant stored as ISO text; the text itself when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return clock_time(moment) if moment.tzinfo else text
