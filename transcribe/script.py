"""Text as it is stored: composed, one script, no stray spaces.

Recognisers mix traditional and simplified characters inside one call, and Vosk puts spaces between Chinese words.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

HAN = "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_SPACES_IN_HAN = re.compile(rf"(?<=[{HAN}])\s+(?=[{HAN}])")


def primary(language: str) -> str:
    """The language without its region: ``zh-CN`` gives ``zh``."""
    return language.replace("_", "-").partition("-")[0].lower()


def tidy(text: str, language: str) -> str:
    """``text`` composed (NFC) and trimmed, without control characters; Chinese also simplified and without spaces."""
    composed = unicodedata.normalize("NFC", text)
    clean = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in composed)
    words = " ".join(clean.split())
    return _SPACES_IN_HAN.sub("", simplified(words)) if primary(language) == "zh" else words


def simplified(text: str) -> str:
    """``text`` in simplified characters, phrase by phrase (乾隆 stays 乾隆, 乾淨 becomes 干净)."""
    converted: str = _converter().convert(text)
    return converted


@lru_cache(maxsize=65536)
def simplified_char(char: str) -> str:
    """One character in its simplified form, whatever stands beside it."""
    return simplified(char)


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")
