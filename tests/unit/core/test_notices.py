"""Holiday notices: what a firm types is read exactly, and every slip of the pen has a line and a column."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import notices
from core.calendars import Notice, days_of
from core.notices import doubts, load_notices, notice_in
from core.yaml import YamlError, parse_strict

pytestmark = pytest.mark.unit

WHOLE = """\
title: 2027年放假安排
year: 2027
source: 国务院办公厅通知
holidays:
  - 2027-01-01..2027-01-03
  - 2027-02-05..2027-02-11
  - 2027-05-01..2027-05-05
  - 2027-09-15
  - 2027-10-01..2027-10-07
makeup: [2027-02-20, 2027-10-09]
festivals: {spring_festival: 2027-02-06}
exchanges:
  XSHG: {closed: [2027-01-01, 2027-02-05..2027-02-11, 2027-05-03..2027-05-05, 2027-09-15, 2027-10-01..2027-10-07]}
  XHKG: {closed: [2027-02-08, 2027-02-09]}
branches:
  北京营业部: {closed: [2027-03-02]}
"""


def days(*texts: str) -> frozenset[date]:
    return frozenset(date.fromisoformat(text) for text in texts)


def test_a_notice_is_read_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "2027.yaml"
    file.write_text(WHOLE, "utf-8")
    (notice,) = load_notices(file)
    assert (notice.year, notice.title, notice.source) == (2027, "2027年放假安排", "国务院办公厅通知")
    assert notice.holidays is not None
    assert len(notice.holidays) == 3 + 7 + 5 + 1 + 7
    assert days("2027-02-05", "2027-02-11", "2027-09-15") < notice.holidays
    assert notice.makeup == days("2027-02-20", "2027-10-09")
    assert notice.festivals == {"spring_festival": date(2027, 2, 6)}
    assert notice.exchanges["XHKG"] == days("2027-02-08", "2027-02-09")
    assert notice.branches == {"北京营业部": days("2027-03-02")}
    assert list(doubts(notice)) == []


def test_a_notice_about_a_branch_alone_leaves_working_days_to_the_library(tmp_path: Path) -> None:
    file = tmp_path / "branches.yaml"
    file.write_text("year: 2026\nbranches: {上海营业部: {closed: [2026-03-02]}}\n", "utf-8")
    assert load_notices(file) == (Notice(2026, branches={"上海营业部": days("2026-03-02")}),)


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("year: 2027\nholidays: [2027-02-30]\n", "2:12", "2027-02-30 is no day of the calendar"),
        ("year: 2027\nholidays: [2027-01-01..2027-13-01]\n", "2:12", "2027-13-01 is no day of the calendar"),
        ("year: 2027\nholidays:\n  - 2026-12-31\n", "3:5", "2026-12-31 is not in 2027"),
        ("year: 2027\nholidays: [2027-12-30..2028-01-02]\n", "2:12", "2028-01-02 is not in 2027"),
        ("year: 2027\nholidays: [2027-02-11..2027-02-05]\n", "2:12", "ends before it begins"),
        ("year: 2027\nholidays: [2027-02-05..2027-02-08, 2027-02-08]\n", "2:36", "2027-02-08 stands twice"),
        ("year: 2027\nholidays: [2027-02-20]\nmakeup: [2027-02-20]\n", "3:10", "is a holiday too"),
        ("year: 2027\nholidays: [2027-01-01]\nmakeup: [2027-02-22]\n", "3:10", "2027-02-22 is a Monday"),
        ("year: 2027\nmakeup: [2027-02-20]\n", "2:1", "make-up days without holidays"),
        ("year: 2027\n", "1:1", "the notice says nothing"),
        ("year: 2027\nholidays: []\n", "2:1", "holidays"),
        ("year: 27\nholidays: [2027-01-01]\n", "1:1", "give a year like 2027"),
        ("holidays: [2027-01-01]\n", "1:1", "'year' is a required property"),
        ("year: 2027\nholiday: [2027-01-01]\n", "2:1", "unknown key 'holiday'"),
        ("year: 2027\nyear: 2028\n", "2:1", "'year' stands here and in line 1"),
        ("year: 2027\nholidays: [2027-1-1]\n", "2:12", "give a date like 2027-02-06"),
        ("year: 2027\nholidays: [2027-01-01 .. 2027-01-03]\n", "2:12", "give a date like 2027-02-06"),
        ("year: 2027\nfestivals: {christmas: 2027-12-25}\n", "2:13", "unknown key 'christmas'; known here: new_year"),
        ("year: 2027\nfestivals: {new_year: 2028-01-01}\n", "2:13", "2028-01-01 is not in 2027"),
        ("year: 2027\nexchanges: {XSHE: {closed: [2027-01-01]}}\n", "2:13", "unknown key 'XSHE'; known here: XSHG"),
        ("year: 2027\nexchanges: {XSHG: {closed: [2027-06-31]}}\n", "2:29", "2027-06-31 is no day of the calendar"),
        ("year: 2027\nbranches: {北京: {closed: [2027-03-02, 2027-03-02]}}\n", "2:38", "2027-03-02 stands twice"),
        ("- 2027\n", "1:1", "give a mapping"),
        ("", "1:1", "the file is empty"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_column(tmp_path: Path, text: str, place: str, message: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(YamlError) as caught:
        load_notices(file)
    assert f"bad.yaml:{place}: " in str(caught.value)
    assert message in str(caught.value)


def test_a_folder_is_read_by_year(tmp_path: Path) -> None:
    for name, year in {"b": 2027, "a": 2028}.items():
        (tmp_path / f"{name}.yaml").write_text(f"year: {year}\nholidays: [{year}-01-01]\n", "utf-8")
    (tmp_path / "readme.txt").write_text("not a notice", "utf-8")
    assert [notice.year for notice in load_notices(tmp_path)] == [2027, 2028]


def test_a_year_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("year: 2027\nholidays: [2027-01-01]\n", "utf-8")
    with pytest.raises(YamlError, match=r"b\.yaml: the year 2027 stands in .*a\.yaml too"):
        load_notices(tmp_path)


def test_a_folder_or_a_file_that_holds_no_notice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(YamlError, match="no notice"):
        load_notices(tmp_path)
    with pytest.raises(YamlError, match="cannot be read"):
        load_notices(tmp_path / "missing.yaml")


def test_sizes_are_bounded(tmp_path: Path) -> None:
    file = tmp_path / "long.yaml"
    file.write_bytes(b"#" * (notices.MAX_NOTICE_BYTES + 1))
    with pytest.raises(YamlError, match="larger than"):
        load_notices(file)
    file.write_text(f"year: 2027\nholidays: [{', '.join(['2027-01-01'] * 367)}]\n", "utf-8")
    with pytest.raises(YamlError, match=r"long\.yaml:2:1: holidays"):
        load_notices(file)
    for number in range(notices.MAX_FILES):
        (tmp_path / f"{number}.yaml").touch()
    with pytest.raises(YamlError, match="more than 100 files"):
        load_notices(tmp_path)


def test_a_forgotten_festival_and_a_forgotten_exchange_day_are_doubted() -> None:
    notice = Notice(2027, holidays=days("2027-01-01", "2027-10-01"), exchanges={"XSHG": days("2027-10-01")})
    assert list(doubts(notice)) == [
        "2027-02-06: spring_festival is not among the holidays",
        "2027-05-01: labour_day is not among the holidays",
        "2027-09-15: mid_autumn is not among the holidays",
        "2027-01-01: a holiday on which XSHG is not closed",
    ]
    assert list(doubts(Notice(2099, branches={"北京": frozenset()}))) == [
        "no closed days of XSHG: its trading days come from the library alone"
    ]
    assert "2099-01-01: new_year is not among the holidays" in doubts(Notice(2099, holidays=days("2099-06-01")))


@given(st.sets(st.sampled_from(list(days_of(2027))), min_size=1, max_size=40))
def test_single_days_and_ranges_say_the_same(chosen: set[date]) -> None:
    first = min(chosen)
    run = {first + timedelta(days=number) for number in range(4)} & set(days_of(2027))
    singles = ", ".join(day.isoformat() for day in sorted(chosen | run))
    ranged = ", ".join([f"{first}..{max(run)}", *(day.isoformat() for day in sorted(chosen - run))])
    assert read(singles).holidays == read(ranged).holidays == frozenset(chosen | run)


def read(holidays: str) -> Notice:
    """The notice with these holidays, without a file."""
    return notice_in(parse_strict(f"year: 2027\nholidays: [{holidays}]\n".encode(), "test.yaml"))


def test_the_example_of_the_documentation_is_a_notice_without_doubts() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "calendars.md").read_text("utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    notice = notice_in(parse_strict(example.encode(), "calendars.md"))
    assert (notice.year, list(doubts(notice))) == (2027, [])
