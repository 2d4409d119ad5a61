"""The words on the picture of a script, in the visitor's language; codes of the script itself stay codes."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import lazy_gettext as _

from web.labels import label

NOTES: Mapping[str, object] = {
    "steps": _("steps"),
    "calls": _("calls"),
    "walked": _("walked by rehearsals"),
    "never": _("never walked by a rehearsal"),
    "hung_up": _("hung up"),
    "agent": _("agent"),
    "passage": _("Passage"),
    "pass": _("right answer"),
    "when": _("only when"),
    "mandatory": _("to be played to its end"),
    "promised_callback": _("Called again as promised"),
    "appointment": _("Called again as agreed"),
}
LEADS: Mapping[str, object] = {
    "wish": _("wishes an agent"),
    "limit": _("goes in circles"),
    "hung_up": _("hung up"),
    "ready": _("convenient now"),
    "later": _("another time"),
    "refuse": _("does not want"),
}


def word(kind: str, code: str) -> str:
    """The word for a `verb`, a `lead` (an outcome of a step) or a `note` of the picture."""
    if kind == "verb":
        return str(label("flow_verb", code))
    if kind == "lead":
        return str(LEADS.get(code) or label("flow_lead", code))
    return str(NOTES.get(code) or label("outcome", code)) if code else ""
