"""The application factory: one Flask application from opened rooms, nothing global, nothing read at import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask_bootstrap import Bootstrap5
from flask_login import LoginManager, current_user

from core.calendars import Calendars, ChinaCalendars
from core.clock import Clock
from core.db import Database
from core.settings import Settings
from recordings.archive import Archive
from web import labels, masking
from web.access import Permission, guard, may, permissions
from web.api.views import api
from web.audio.views import PURPOSES, audio
from web.auth.account import Account, remembered
from web.auth.views import auth, unauthorized
from web.board.views import board
from web.calls.evidence import keys, repeats
from web.calls.questions import wording
from web.calls.views import calls
from web.clients.views import clients
from web.context import EXTENSION, Context, context
from web.faults import init_faults
from web.flowmap.views import flowmap
from web.flows.views import flows
from web.health.views import health
from web.language import LANGUAGES, chosen_language, init_language
from web.line.views import line
from web.overview.views import overview
from web.programmes import deadline_words, executor_title, programme_choices, programme_title
from web.prompts.views import prompts
from web.rules.views import rules
from web.search.views import search
from web.security import init_security, limit_login
from web.tables import Role
from web.trying.views import trying
from web.windows.views import windows
from web.work.views import work

BLUEPRINTS = (
    *(auth, overview, board, calls, clients, rules, flows, flowmap, trying, prompts),
    *(windows, search, line, audio, work, api, health),
)


def create_app(
    settings: Settings, db: Database, archive: Archive, clock: Clock, calendars: Calendars | None = None
) -> Flask:
    """The pages and the API over these rooms; SettingsError when the session key cannot be read or kept.

    ``calendars`` None: the published ones, without notices of the firm.
    """
    app = Flask("web")
    app.extensions[EXTENSION] = Context(settings, db, archive, clock, calendars or ChinaCalendars())
    app.config["BOOTSTRAP_SERVE_LOCAL"] = True
    init_security(app, settings)
    _init_login(app)
    app.before_request(guard)
    init_language(app)
    init_faults(app)
    Bootstrap5(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    permissions(app).update({"static": Permission.PUBLIC, "bootstrap.static": Permission.PUBLIC})
    limit_login(app)
    _init_templates(app, settings)
    return app


def _init_login(app: Flask) -> None:
    manager = LoginManager(app)
    manager.session_protection = "basic"
    manager.user_loader(_load)
    manager.unauthorized_handler(unauthorized)


def _load(session_id: str) -> Account | None:
    with context().db.session() as session:
        return remembered(session, session_id)


def _init_templates(app: Flask, settings: Settings) -> None:
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.add_template_filter(_masked_phone, "phone")
    app.add_template_filter(_masked_name, "client_name")
    app.add_template_filter(_masked_text, "masked")
    app.add_template_filter(labels.raw_facts, "raw_facts")
    app.context_processor(_names)
    app.jinja_env.globals.update(wording=wording, keys=keys, repeats=repeats, firm_name=_firm_name(settings))
    app.jinja_env.globals.update(
        programme_choices=programme_choices,
        programme_title=programme_title,
        executor_title=executor_title,
        deadline_words=deadline_words,
    )
    app.jinja_env.globals.update(
        pack_word=labels.pack_word,
        skip_words=labels.skip_words,
        skip_choices=labels.skip_choices,
        trigger_words=labels.trigger_words,
        until=labels.until,
    )
    app.jinja_env.globals.update(
        branch_choices=labels.themselves, reason_words=labels.reason, handoff_reason=labels.handoff_reason
    )
    app.jinja_env.globals.update(
        label=labels.label, choices=labels.choices, firm=settings.firm, Permission=Permission, purposes=PURPOSES
    )


def _firm_name(settings: Settings) -> Callable[[str], str]:
    """The company's name by the language of a call."""
    return lambda language: settings.firm.name if language == "zh-CN" else settings.firm.name_en


def _names() -> dict[str, Any]:
    return {"language": chosen_language(), "languages": LANGUAGES, "may": may}


def _role() -> Role:
    """The least privileged role when nobody is signed in."""
    return current_user.role if current_user.is_authenticated else Role.AGENT


def _masked_phone(value: str) -> str:
    return masking.masked(value, _role())


def _masked_name(value: str) -> str:
    return masking.masked_name(value, _role())


def _masked_text(value: str) -> str:
    return masking.masked_text(value, _role())
