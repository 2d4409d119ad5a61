"""The policy pack in words. Everybody who is signed in may read the rules he works under."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from core.clock import china
from dialer.programmes.said import Language
from web.access import Permission, route
from web.context import context
from web.language import is_chinese
from web.programmes import firm_pack, read_pack
from web.rules.told import choices, told

rules = Blueprint("rules", __name__, template_folder="templates")


@route(rules, "/rules", Permission.SIGNED_IN)
def pack() -> ResponseReturnValue:
    """The firm's pack, or the shipped one that ``pack`` names; its year is this one or the one asked for."""
    own = context().settings.firm.pack
    asked = request.args.get("pack", "")
    name = asked if asked in choices(own) else own
    read = firm_pack() if name == own else read_pack(name)
    language: Language = "zh-CN" if is_chinese() else "en"
    explained = told(read, _year(), language, context().calendars)
    return render_template("rules/pack.html", told=explained, read=read, name=name, own=own, names=choices(own))


def _year() -> int:
    text = request.args.get("year", "")
    asked = int(text) if text.isdecimal() and len(text) == 4 else 0
    return asked if 2000 <= asked <= 2100 else china(context().clock.now()).year
