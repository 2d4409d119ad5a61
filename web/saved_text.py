"""Words a user searched for, kept out of every URL (design rule 8): a client's name may stand in them.

A search is posted; the text goes into the signed session cookie under a short random id, and the page that shows the
result is ``?s=<id>``. Back, paging and language switch keep working; a copied address tells nothing to anyone else, no
server or proxy log ever holds the words, and nothing has to be deleted from the database later. The last few are kept.
"""

from __future__ import annotations

import secrets

from flask import session

KEPT = 6  # a cookie holds 4 kB
LONGEST = 60
_KEY = "texts"


def save(text: str) -> str:
    """Keep ``text`` (cut to 60 characters) and return its id."""
    texts: dict[str, str] = dict(session.get(_KEY, {}))
    cut = text.strip()[:LONGEST]
    known = next((key for key, kept in texts.items() if kept == cut), None)
    key = known or secrets.token_urlsafe(6)
    texts.pop(key, None)
    texts[key] = cut
    session[_KEY] = dict(list(texts.items())[-KEPT:])
    return key


def saved(key: str) -> str | None:
    """The text kept under ``key``; None when it is not this session's or was dropped."""
    found = dict(session.get(_KEY, {})).get(key)
    return str(found) if found is not None else None
