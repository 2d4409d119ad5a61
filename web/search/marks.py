"""A hit's snippet with the found words marked: masked first, everything escaped."""

from __future__ import annotations

from markupsafe import Markup, escape

from transcribe.search import Hit
from web.masking import masked_text
from web.tables import Role


def marked(hit: Hit, role: Role) -> Markup:
    """The snippet with its highlights in ``<mark>``; masking moves no character, so the highlights still fit."""
    shown, end, pieces = masked_text(hit.snippet, role), 0, []
    for start, stop in hit.highlights:
        pieces += [escape(shown[end:start]), Markup("<mark>{}</mark>").format(shown[start:stop])]
        end = stop
    return Markup("").join([*pieces, escape(shown[end:])])
