"""Messages to another system over real HTTP: signed, tried again, taken once, never sent elsewhere."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import select

from core.clock import SimulatedClock
from core.db import Database
from dialer.following import webhooks
from dialer.following.webhooks import Delivered
from dialer.tables import Webhook

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)
SECRET = "shared-secret"
BODY = {"callback_id": "B1", "client_id": "C1", "outcome": "passed"}


class Receiver(ThreadingHTTPServer):
    """The other system: answers with the next of ``answers`` (200 when there is none) and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.taken: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.taken.append((dict(self.headers), b"followed"))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with serving() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    sqlite = request.param == "sqlite"
    opened = Database(f"sqlite:///{tmp_path / 'hooks.db'}" if sqlite else request.getfixturevalue("postgres_url"))
    opened.migrate()
    yield opened
    opened.close()


def put(db: Database, at: datetime = START) -> str:
    with db.write() as session:
        return webhooks.put(session, "callback.closed", BODY, at=at).webhook_id


def row(db: Database) -> Webhook:
    with db.session() as session:
        return session.scalars(select(Webhook)).one()


def test_a_message_is_signed_over_its_time_and_its_bytes(db: Database, receiver: Receiver) -> None:
    webhook_id = put(db)
    assert webhooks.deliver(db, receiver.url, SECRET, SimulatedClock(START)) == Delivered(1, 0)
    ((headers, body),) = receiver.taken
    stamped = headers["X-Huifang-Timestamp"]
    wanted = hmac.new(SECRET.encode(), f"{stamped}.{body.decode()}".encode(), hashlib.sha256).hexdigest()
    assert headers["X-Huifang-Signature"] == f"sha256={wanted}"
    assert int(stamped) == int(START.timestamp())
    told = json.loads(body)
    assert told == {"id": webhook_id, "event": "callback.closed", "created_at": "2026-11-23T01:30:00+00:00", **BODY}


def test_a_failed_message_is_tried_again_later_and_never_after_it_was_taken(db: Database, receiver: Receiver) -> None:
    put(db)
    clock = SimulatedClock(START)
    receiver.answers = [500]
    assert webhooks.deliver(db, receiver.url, SECRET, clock) == Delivered(0, 1)
    assert (row(db).last_error, row(db).tries) == ("HTTP 500", 1)
    assert row(db).next_try_at == START + timedelta(minutes=1)
    assert webhooks.deliver(db, receiver.url, SECRET, clock) == Delivered(0, 0)
    clock.advance(60)
    assert webhooks.deliver(db, receiver.url, SECRET, clock) == Delivered(1, 0)
    assert (row(db).delivered_at, row(db).last_error) == (clock.now(), "")
    clock.advance(86400 * 3)
    assert webhooks.deliver(db, receiver.url, SECRET, clock) == Delivered(0, 0)
    assert len(receiver.taken) == 2
    assert receiver.taken[0][1] == receiver.taken[1][1]  # the same bytes under the same id


def test_waits_grow_to_a_day_and_nothing_is_given_up(db: Database, receiver: Receiver) -> None:
    put(db)
    clock, waits = SimulatedClock(START), []
    receiver.answers = [503] * 8
    for _ in range(8):
        webhooks.deliver(db, receiver.url, SECRET, clock)
        waits.append(int((row(db).next_try_at - clock.now()).total_seconds()) // 60)
        clock.advance(waits[-1] * 60)
    assert waits == [1, 5, 30, 120, 480, 1440, 1440, 1440]
    assert webhooks.deliver(db, receiver.url, SECRET, clock) == Delivered(1, 0)


def test_a_redirect_is_not_followed(db: Database, receiver: Receiver) -> None:
    put(db)
    receiver.answers = [302]
    assert webhooks.deliver(db, receiver.url, SECRET, SimulatedClock(START)) == Delivered(0, 1)
    assert row(db).last_error == "HTTP 302"
    assert [json.loads(body)["event"] for _, body in receiver.taken] == ["callback.closed"]


def test_one_bad_message_holds_up_no_other(db: Database, receiver: Receiver) -> None:
    put(db)
    put(db, START + timedelta(seconds=1))
    receiver.answers = [400]
    assert webhooks.deliver(db, receiver.url, SECRET, SimulatedClock(START + timedelta(minutes=1))) == Delivered(1, 1)


def test_a_system_that_is_not_there_ends_the_round_and_its_address_is_not_kept(db: Database) -> None:
    with serving() as gone:
        url = gone.url
    put(db)
    put(db)
    assert webhooks.deliver(db, url, SECRET, SimulatedClock(START)) == Delivered(0, 1)
    with db.session() as session:
        errors = {one.last_error for one in session.scalars(select(Webhook))}
    assert errors == {"", "ConnectionError"}


def test_two_nodes_at_once_send_each_message_once(db: Database, receiver: Receiver) -> None:
    for _ in range(10):
        put(db)
    sent: list[int] = []

    def node() -> None:
        sent.append(webhooks.deliver(db, receiver.url, SECRET, SimulatedClock(START)).sent)

    nodes = [threading.Thread(target=node) for _ in range(2)]
    for one in nodes:
        one.start()
    for one in nodes:
        one.join()
    assert sum(sent) == 10
    assert len({json.loads(body)["id"] for _, body in receiver.taken}) == len(receiver.taken) == 10


@pytest.mark.parametrize(("url", "secret"), [("", SECRET), ("http://127.0.0.1:1/", "")])
def test_nothing_is_sent_unsigned_or_nowhere(tmp_path: Path, url: str, secret: str) -> None:
    database = Database(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(webhooks.WebhookUnset):
        webhooks.deliver(database, url, secret, SimulatedClock(START))
    database.close()
