"""The player's endpoints: shape of the sound, permission to listen (POST), the sound itself, and its proof.

Listening is a POST because it changes something: the audit chain gains a link that names who, what and from where.
"""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestedRangeNotSatisfiable
from werkzeug.wsgi import FileWrapper

from recordings.reading import peaks as read_peaks
from recordings.tables import Recording, RecordingState
from recordings.verify import verify_recording
from web.access import Permission, route, signed_in
from web.audio import ticket
from web.context import context
from web.faults import answer
from web.labels import label

audio = Blueprint("audio", __name__)
PURPOSES = ("spot_check", "complaint", "inspection")
BUCKETS = 1200  # columns of the drawn shape: finer than any screen shows
_BLOCK = 64 * 1024


@route(audio, "/recordings/<recording_id>/peaks", Permission.LISTEN)
def peaks(recording_id: str) -> ResponseReturnValue:
    """The loudness of both channels over time, computed here so that a long call opens at once."""
    recording = _sealed(recording_id)
    return jsonify(duration_ms=recording.duration_ms, **read_peaks(context().archive, recording, BUCKETS))


@route(audio, "/recordings/<recording_id>/listen", Permission.LISTEN, methods=("POST",))
def listen(recording_id: str) -> ResponseReturnValue:
    """Put the listen on record and answer with the address of the sound, good for half an hour."""
    _sealed(recording_id)
    asked = request.get_json(silent=True) or {}
    from_ms, purpose = asked.get("from_ms", 0), asked.get("purpose", "")
    if not isinstance(from_ms, int) or isinstance(from_ms, bool) or from_ms < 0 or purpose not in ("", *PURPOSES):
        return answer(400, "from_ms is a whole number of milliseconds; purpose is one of " + ", ".join(PURPOSES))
    with context().db.write() as session:
        given = ticket.issue(
            session,
            recording_id=recording_id,
            user_id=signed_in().user_id,
            from_ms=from_ms,
            purpose=purpose,
            at=context().clock.now(),
        )
    address = url_for("audio.sound", recording_id=recording_id, ticket=given.text(_key()))
    return jsonify(url=address, audit_number=given.number, expires_at=given.expires.isoformat())


@route(audio, "/recordings/<recording_id>/sound", Permission.LISTEN)
def sound(recording_id: str) -> ResponseReturnValue:
    """The WAV file, whole or a range of it (206), for a valid ticket only."""
    found = ticket.redeem(
        request.args.get("ticket", ""),
        _key(),
        recording_id=recording_id,
        user_id=signed_in().user_id,
        at=context().clock.now(),
    )
    if found is None:
        abort(403)
    return _stream(_sealed(recording_id))


@route(audio, "/recordings/<recording_id>/verify", Permission.LISTEN, methods=("POST",))
def verify(recording_id: str) -> ResponseReturnValue:
    """Hash the stored bytes now and compare them with the row and with its link in the audit chain."""
    with context().db.session() as session:
        recording = session.get(Recording, recording_id)
        if recording is None:
            abort(404)
        differences = verify_recording(session, context().archive, recording)
    return jsonify(
        ok=not differences and recording.state == RecordingState.SEALED,
        differences=[{"kind": found.kind, "words": str(label("difference", found.kind))} for found in differences],
        checked_at=context().clock.now().isoformat(),
    )


def _sealed(recording_id: str) -> Recording:
    with context().db.session() as session:
        recording = session.get(Recording, recording_id)
    if recording is None or recording.state != RecordingState.SEALED or recording.object is None:
        abort(404)
    return recording


def _stream(recording: Recording) -> Response:
    name = recording.object or ""
    size, handle = context().archive.size(name), context().archive.open(name)
    response = Response(FileWrapper(handle, _BLOCK), mimetype="audio/wav", direct_passthrough=True)
    response.content_length = size
    try:
        response.make_conditional(request.environ, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        handle.close()
        raise
    return response


def _key() -> str:
    return str(current_app.secret_key)
