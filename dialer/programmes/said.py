"""A sentence in both languages of the product, and how sentences are put together.

The rule of this module: a sentence is made in both languages at once, so that neither can say more than the other; a
code without a word is shown as the code in ‹ ›, never hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Language = Literal["zh-CN", "en"]
FIRM = "firm"


class Said(NamedTuple):
    """The same words in Chinese and in English."""

    zh: str
    en: str

    def words(self, language: Language) -> str:
        """The words in that language."""
        return self.zh if language == "zh-CN" else self.en


Sayable = Said | str | int
NOTHING = Said("", "")
COMMA = Said("、", ", ")
OR = Said("或", " or ")


def say(zh: str, en: str, /, **parts: Sayable) -> Said:
    """Both sentences with their ``{parts}`` filled in, each part in the sentence's own language."""
    return Said(
        zh.format(**{name: _in(part, 0) for name, part in parts.items()}),
        en.format(**{name: _in(part, 1) for name, part in parts.items()}),
    )


def _in(part: Sayable, language: int) -> str:
    return part[language] if isinstance(part, Said) else str(part)


def word(table: Mapping[str, Said], code: str) -> Said:
    """The word for ``code``; the code in ‹ › when the table has none, as for an event type of the firm's own."""
    found = table.get(code)
    return found if found is not None else say("‹{code}›", "‹{code}›", code=code)


def listed(parts: Iterable[Said], *, last: Said = COMMA) -> Said:
    """The parts one after the other; ``last`` stands before the last one."""
    every = list(parts)
    if len(every) < 2:
        return every[0] if every else NOTHING
    head, tail = every[:-1], every[-1]
    zh, en = "、".join(part.zh for part in head), ", ".join(part.en for part in head)
    return Said(f"{zh}{last.zh}{tail.zh}", f"{en}{last.en}{tail.en}")


def either(parts: Iterable[Said]) -> Said:
    """The parts as a choice."""
    return listed(parts, last=OR)


def sentences(parts: Iterable[Said]) -> Said:
    """Clauses as one sentence; empty ones are left out."""
    every = [part for part in parts if part.zh]
    if not every:
        return NOTHING
    en = "; ".join(part.en for part in every)
    return Said("；".join(part.zh for part in every) + "。", f"{en[0].upper()}{en[1:]}.")


def quoted(text: str) -> Said:
    """Words of a source, which stand in one language only."""
    return Said(f"“{text}”", f"“{text}”")


def rule_ids(*rules: str) -> tuple[str, ...]:
    """The single rule ids of texts such as ``A-54, firm``, each once, in their order."""
    every = (one.strip() for rule in rules for one in rule.split(","))
    return tuple(dict.fromkeys(one for one in every if one))


def ruled(said: Said, *rules: str) -> Said:
    """The words with the rules they come from in brackets."""
    ids = rule_ids(*rules)
    if not ids:
        return said
    zh = "、".join("公司自定" if one == FIRM else one for one in ids)
    en = ", ".join("the firm's own" if one == FIRM else one for one in ids)
    return Said(f"{said.zh}（{zh}）", f"{said.en} ({en})")
