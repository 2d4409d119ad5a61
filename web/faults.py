"""What a visitor sees when something is not there, not allowed or broken: one calm page, or JSON under ``/api/``."""

from __future__ import annotations

import logging

from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from recordings.errors import ArchiveError, ObjectMissing

logger = logging.getLogger(__name__)


def init_faults(app: Flask) -> None:
    """Answer every error in the house's words."""
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(ArchiveError, _archive)
    app.register_error_handler(Exception, _broken)


def wants_json() -> bool:
    """Whether this request comes from a program: the API, or a page's script."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


def _csrf(error: CSRFError) -> ResponseReturnValue:  # noqa: ARG001
    return answer(400, _("This form is too old or did not come from this site. Reload the page and try again."))


def _http(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None or (error.code or 500) < 400:
        return error
    return answer(error.code or 500, _words(error.code or 500))


def _archive(error: ArchiveError) -> ResponseReturnValue:
    code = 404 if isinstance(error, ObjectMissing) else 503
    logger.error("the archive failed for %s: %s", request.endpoint, error)
    return answer(code, _words(code))


def _broken(error: Exception) -> ResponseReturnValue:
    # The message of an exception may quote personal data: log its kind and place only (style: ids, never contents).
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    logger.error("request to %s failed: %s at %s", request.endpoint, type(error).__name__, place)
    return answer(500, _words(500))


def _words(code: int) -> str:
    words: dict[int, str] = {
        401: _("Please sign in first."),
        403: _("Your role does not open this page. Ask an administrator if it should."),
        404: _("There is nothing at this address, or it is not yours to see."),
        405: _("This address is used by another form of request."),
        416: _("The recording is shorter than that."),
        429: _("Too many tries. Wait a minute, then try again."),
        503: _("The archive does not answer. It is in the log; please try again later."),
        500: _("Something went wrong here. It is in the log; please try again."),
    }
    return words.get(code) or str(_("This request could not be understood."))


def answer(code: int, words: str) -> ResponseReturnValue:
    """One error answer with status ``code``."""
    if wants_json():
        return jsonify(error={"status": code, "message": words}), code
    return render_template("fault.html", code=code, words=words), code
