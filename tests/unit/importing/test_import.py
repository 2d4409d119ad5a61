"""Imports: whole files or nothing, every mistake with its place."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from core.audit import AuditLink
from core.clock import SimulatedClock
from core.db import Database
from dialer.importing import ImportRefused, import_clients, import_events, import_staff
from dialer.tables import Client, Event, Staff

pytestmark = pytest.mark.unit

Write = Callable[..., Path]
HEADER = (
    "client_id,name,kind,phones,branch,opened_on,status,introducer_id,developed_by,asset_total,asset_avg_daily,"
    "volume_month_avg,commission_year,pnl_rate_6m,turnover,last_trade_on,tags,prefers,phone_opt_out,language,id_last4"
)
FULL = (
    "C1,王小明,person,13900000001;0571-87654321,上海,2026-11-16,active,S1,marketing,12000000.50,1,2,3,-0.25,1.5,"
    '2026-11-20,vip;margin,"windows=14:00-17:00,09:00-10:00;days=monday;channel=phone",0,zh-CN,123x'
)
SHORT = "client_id,name,kind,phones,branch,opened_on,status,developed_by"
ROW = "C1,王小明,person,13900000001,上海,2026-11-16,active,self"
EVENTS = "event_id,client_id,type,occurred_at,data"


def stored(db: Database, client_id: str = "C1") -> Client | None:
    with db.session() as session:
        return session.get(Client, client_id)


def count(db: Database, table: type) -> int:
    with db.session() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def refused(db: Database, clock: SimulatedClock, write: Write):
    """Imports clients that must be refused; returns the problems as text, and nothing was taken."""

    def of(*lines: str, **options: object) -> list[str]:
        with pytest.raises(ImportRefused) as error:
            import_clients(db, write(*lines), clock=clock, **options)
        assert count(db, Client) == 0
        return [str(problem).partition("clients.csv:")[2] for problem in error.value.errors]

    return of


@pytest.mark.rule("A-18")
def test_a_full_row_is_taken_as_it_was_written(db: Database, clock: SimulatedClock, write: Write) -> None:
    report = import_clients(db, write(HEADER, FULL, encoding="utf-8-sig"), clock=clock)
    assert (report.rows, report.new, report.changed, report.unchanged) == (1, 1, 0, 0)
    client = stored(db)
    assert client is not None
    assert client.phones == ["13900000001", "057187654321"]
    assert (client.opened_on, client.last_trade_on) == (date(2026, 11, 16), date(2026, 11, 20))
    assert (client.asset_total, client.pnl_rate_6m) == (12000000.50, -0.25)
    assert client.tags == ["vip", "margin"]
    assert client.prefers == {"windows": ["14:00-17:00", "09:00-10:00"], "days": ["monday"], "channel": "phone"}
    assert (client.phone_opt_out, client.language, client.id_last4) == (False, "zh-CN", "123X")


def test_columns_that_are_absent_get_defaults_and_keep_what_is_stored(
    db: Database, clock: SimulatedClock, write: Write
) -> None:
    import_clients(db, write(HEADER, FULL), clock=clock)
    report = import_clients(db, write(SHORT, ROW, ROW.replace("C1", "C2")), clock=clock)
    assert (report.new, report.changed) == (1, 1)
    old, new = stored(db), stored(db, "C2")
    assert old is not None
    assert (old.tags, old.id_last4, old.phones) == (["vip", "margin"], "123X", ["13900000001"])
    assert new is not None
    assert (new.tags, new.prefers, new.phone_opt_out, new.language, new.asset_total) == ([], {}, False, "zh-CN", None)


def test_the_same_file_again_changes_nothing(db: Database, clock: SimulatedClock, write: Write) -> None:
    path = write(HEADER, FULL)
    import_clients(db, path, clock=clock)
    report = import_clients(db, path, clock=clock)
    assert (report.new, report.changed, report.unchanged) == (0, 0, 1)


def test_a_dry_run_tells_what_would_happen_and_writes_nothing(
    db: Database, clock: SimulatedClock, write: Write
) -> None:
    report = import_clients(db, write(SHORT, ROW), clock=clock, dry_run=True)
    assert (report.new, report.dry_run, count(db, Client), count(db, AuditLink)) == (1, True, 0, 0)


def test_an_import_leaves_a_link_without_personal_data(db: Database, clock: SimulatedClock, write: Write) -> None:
    import_clients(db, write(SHORT, ROW), clock=clock)
    with db.session() as session:
        link = session.scalars(select(AuditLink)).one()
    assert (link.action, link.content) == ("clients.imported", '{"changed":0,"new":1,"unchanged":0}')


@pytest.mark.parametrize(
    ("old", "new", "place", "said"),
    [
        ("2026-11-16", "16.11.2026", "2:opened_on:16.11.2026", "a date like 2026-11-23"),
        ("2026-11-16", "2026-02-30", "2:opened_on:2026-02-30", "a date like"),
        ("13900000001", "1390", "2:phones:1390", "no such telephone number"),
        ("13900000001", "call me", "2:phones:call me", "telephone numbers like"),
        ("person", "robot", "2:kind:robot", "one of person, institution"),
        ("active", "ACTIVE", "2:status:ACTIVE", "one of active"),
        ("self", "", "2:developed_by:", "one of marketing"),
        ("王小明", "", "2:name:", "1 to 200 characters"),
        ("王小明", "长" * 201, "2:name:长", "1 to 200 characters"),
        ("C1", "C 1", "2:client_id:C 1", "an id of 1 to 64"),
        ("王小明", "王\x00明", "2:name:王·明", "control character"),
        (",self", "", "2::", "has 7 fields, the header has 8"),
        (",self", ",self,x", "2::", "has 9 fields"),
        ("王小明", '"王小明', "2::", "not valid CSV"),
    ],
)
def test_a_bad_value_is_told_with_its_row_and_column(refused, old: str, new: str, place: str, said: str) -> None:
    (problem,) = refused(SHORT, ROW.replace(old, new))
    assert problem.startswith(place)
    assert said in problem


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("asset_total", "-1", "not negative"),
        ("asset_total", "1e9", "a number like"),
        ("turnover", "nan", "a number like"),
        ("phone_opt_out", "yes", "0 or 1"),
        ("prefers", "windows=late", "is not a window"),
        ("prefers", "windows=17:00-14:00", "ends before it begins"),
        ("prefers", "evenings", "key=value"),
        ("tags", "v i p", "is not a word"),
        ("id_last4", "12345", "last four"),
        ("language", "fr", "one of zh-CN, en"),
    ],
)
def test_a_bad_value_of_an_optional_column_is_refused_too(refused, column: str, value: str, said: str) -> None:
    (problem,) = refused(f"{SHORT},{column}", f"{ROW},{value}")
    assert problem.startswith(f"2:{column}:{value}")
    assert said in problem


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (SHORT.replace(",status", ""), "1:status: — this column is missing"),
        (f"{SHORT},colour", "1:colour: — unknown column"),
        (f"{SHORT},name", "1:name: — this column stands twice"),
    ],
)
def test_a_header_that_does_not_fit_is_refused_before_any_row(refused, header: str, said: str) -> None:
    (problem,) = refused(header, "nonsense")
    assert problem.startswith(said)


def test_unknown_columns_are_passed_over_when_asked(db: Database, clock: SimulatedClock, write: Write) -> None:
    path = write(f"{SHORT},colour", f"{ROW},red")
    assert import_clients(db, path, clock=clock, allow_extra=True).new == 1


def test_an_id_that_stands_twice_is_refused(refused) -> None:
    assert refused(SHORT, ROW, "", ROW) == ["4:client_id:C1 — stands in an earlier row already; keep one"]


def test_the_first_twenty_mistakes_are_told_and_the_others_counted(
    db: Database, clock: SimulatedClock, write: Write
) -> None:
    rows = [ROW.replace("C1", f"C{number}").replace("active", "odd") for number in range(50)]
    with pytest.raises(ImportRefused) as refused:
        import_clients(db, write(SHORT, *rows), clock=clock)
    assert (len(refused.value.errors), refused.value.more) == (20, 30)
    assert "... and 30 more" in str(refused.value)


def test_one_bad_row_at_the_end_keeps_every_other_row_out(refused) -> None:
    rows = [ROW.replace("C1", f"C{number}") for number in range(1200)]
    assert len(refused(SHORT, *rows, ROW.replace("active", "odd"))) == 1


@pytest.mark.parametrize(("encoding", "said"), [("gbk", "2:name:"), ("utf-16", "0::")])
def test_another_encoding_is_refused(
    db: Database, clock: SimulatedClock, write: Write, encoding: str, said: str
) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_clients(db, write(SHORT, ROW, encoding=encoding), clock=clock)
    assert said in str(refused.value)
    assert "UTF-8" in str(refused.value)
    str(refused.value).encode()  # can be printed on any terminal


def test_files_that_are_empty_missing_or_too_long_are_refused(refused, db, clock, tmp_path: Path) -> None:
    assert refused("")[0].startswith("1:client_id: — this column is missing")
    assert "more than 2 rows" in refused(SHORT, ROW, ROW.replace("C1", "C2"), ROW.replace("C1", "C3"), max_rows=2)[0]
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(ImportRefused, match="the file is empty"):
        import_clients(db, tmp_path / "empty.csv", clock=clock)
    with pytest.raises(ImportRefused, match="cannot be read"):
        import_clients(db, tmp_path / "none.csv", clock=clock)


def test_events_need_their_clients_a_time_and_a_json_object(db: Database, clock: SimulatedClock, write: Write) -> None:
    import_clients(db, write(SHORT, ROW), clock=clock)
    good = write(EVENTS, 'E1,C1,account_opened,2026-11-16T10:00:00,"{""channel"": ""branch""}"', "E2,C1,x,2026-11-16,")
    assert import_events(db, good, clock=clock).new == 2
    with db.session() as session:
        event = session.get_one(Event, "E1")
    assert event.occurred_at == datetime(2026, 11, 16, 2, tzinfo=UTC)  # read as Chinese time
    assert event.data == {"channel": "branch"}
    bad = write(
        EVENTS, "E3,C9,x,2026-11-16,", "E4,C1,x,soon,", "E5,C1,x,2026-11-16,[1]", 'E6,C1,x,2026-11-16,{"a":NaN}'
    )
    with pytest.raises(ImportRefused) as refused:
        import_events(db, bad, clock=clock)
    columns = {problem.row: problem.column for problem in refused.value.errors}
    assert columns == {2: "client_id", 3: "occurred_at", 4: "data", 5: "data"}
    assert count(db, Event) == 2


def test_staff_are_imported_and_updated(db: Database, clock: SimulatedClock, write: Write) -> None:
    header = "staff_id,name,branch,series,left_on,languages"
    import_staff(db, write(header, "S1,李,上海,marketing,,zh-CN;en"), clock=clock)
    report = import_staff(db, write(header, "S1,李,上海,marketing,2026-11-20,zh-CN"), clock=clock)
    assert report.changed == 1
    with db.session() as session:
        staff = session.get_one(Staff, "S1")
    assert (staff.left_on, staff.languages) == (date(2026, 11, 20), ["zh-CN"])


def test_a_large_file_is_read_in_little_memory(db: Database, clock: SimulatedClock, tmp_path: Path) -> None:
    path = tmp_path / "clients.csv"
    filler = "长" * 200
    with path.open("w", encoding="utf-8") as file:
        file.write(f"{SHORT}\n")
        file.writelines(f"{ROW.replace('C1', f'C{number}').replace('王小明', filler)}\n" for number in range(4_000))
    tracemalloc.start()
    import_clients(db, path, clock=clock, dry_run=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300).map(lambda noise: f"{SHORT}\n{ROW}\n".encode() + noise))
def test_any_bytes_are_taken_or_refused_with_a_place(
    db: Database, clock: SimulatedClock, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "noise.csv"
    path.write_bytes(content)
    try:
        import_clients(db, path, clock=clock, dry_run=True)
    except ImportRefused as refused:
        str(refused).encode()
