"""The template of a firm's own pack: it loads as it is printed, and filled in it leaves nothing open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.yaml import YamlError
from dialer.programmes.load import load_pack, pack_documents, shipped_packs
from dialer.programmes.template import new

pytestmark = pytest.mark.unit

VALUES = {
    "number": "3",
    "script": "some_script",
    "event type": "listed",
    "name": "someone",
    "words": "some words",
    "expression": "asset_total > 1",
}


def printed(name: str) -> str:
    return new(name, load_pack(name), pack_documents(name))


def filled(template: str) -> str:
    """What a firm makes of it: every # of an entry taken away, the first choice or the example for each < >."""
    uncommented = re.sub(r"^( *)#(?![# ])(.*)$", r"\1\2", template, flags=re.MULTILINE)
    uncommented = re.sub(r"^( *)#( +\S.*)$", _continued, uncommented, flags=re.MULTILINE)
    return re.sub(r"<([^>]+)>", _value, uncommented)


def _continued(line: re.Match[str]) -> str:
    """A further line of an entry begins with # and at least two spaces; comments of the header with one."""
    return line[0] if re.match(r" \S", line[2]) else f"{line[1]}{line[2]}"


def _value(placeholder: re.Match[str]) -> str:
    wanted = placeholder[1]
    if "such as " in wanted:
        return wanted.split("such as ")[1]
    return VALUES.get(wanted) or wanted.split(" | ")[0]


@pytest.mark.parametrize("name", shipped_packs())
def test_the_template_loads_and_changes_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    path.write_text(printed(name), encoding="utf-8")
    pack, base = load_pack(str(path)), load_pack(name)
    assert pack.lineage == (name, *base.lineage)
    assert pack.everything_open() == base.everything_open()
    assert pack.programmes == base.programmes


@pytest.mark.rule("M-01")
@pytest.mark.parametrize("name", shipped_packs())
def test_the_filled_template_leaves_nothing_open(name: str, tmp_path: Path) -> None:
    path = tmp_path / "firm.yaml"
    path.write_text(filled(printed(name)), encoding="utf-8")
    pack = load_pack(str(path))
    assert pack.everything_open() == ()
    assert pack.runnable()
    assert set(pack.programmes) == set(load_pack(name).programmes)


def test_every_open_value_is_an_entry_that_says_what_it_means() -> None:
    template = printed("GAL")
    assert "## 可以致电客户的日期和时段 / the days and hours at which clients may be called" in template
    assert "#windows: {rule: firm, days: <working_day | trading_day | every_day>, every: [" in template
    assert (
        "  signed:\n    title: 签约客户回访\n    ## 回访期限 / by when the call-back is made\n    #deadline: {"
        in template
    )


@pytest.mark.rule("M-27")
def test_a_block_that_is_replaced_as_a_whole_repeats_what_stands_there() -> None:
    template = printed("GAL")
    assert (
        "    #deadline: {amount: 3, unit: day, day_type: <working_day | trading_day | every_day>, "
        "words: 三天内, rule: [A-72, B-08, firm]}\n"
    ) in template
    assert "    #  - {when: asset_total >= 10000000, title: 总资产1000万元以上, rule: A-54}\n" in template
    assert (
        "    #  - {when: <expression>, title: 近六个月盈亏率低于上证指数涨跌幅20%, rule: [A-54, M-29, firm]}\n"
        in template
    )


def test_an_entry_that_is_not_filled_in_is_refused_at_its_line(tmp_path: Path) -> None:
    template = printed("GAL").replace("#interval:", "interval:")
    path = tmp_path / "firm.yaml"
    path.write_text(template, encoding="utf-8")
    line = next(n for n, text in enumerate(template.splitlines(), 1) if text.startswith("interval:"))
    with pytest.raises(YamlError, match=rf"firm.yaml:{line}:.*a time like 30s"):
        load_pack(str(path))


def test_a_pack_of_the_firms_own_may_be_extended_again(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("pack: own\nextends: demo_firm\ninterval: open\n", encoding="utf-8")
    template = printed(str(own))
    assert "#interval: {time: <time such as 10min>, rule: firm}" in template
    assert "#windows:" not in template
