"""Files that somebody brings: what is wrong with one is said with its line, and no name in one is more than a name."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Open
from tests.browser.visitor import bring, play, until_phase, wave

HEAD = "timestamp,value\n2015-01-01 00:00:00,1\n2015-01-01 00:30:00,2\n"
NAME = "<script>alert(1)</script><img src=x onerror=alert(2)>"


WRONG = [
    (HEAD + "2015-01-01 01:00:00,three\n", "Line 4: “three” in the column of values is no number"),
    (HEAD + "2015-13-01 01:00:00,3\n", "Line 4: there is no time “2015-13-01 01:00:00”"),
    (HEAD + "yesterday,3\n", "Line 4: a time such as 2015-01-10 00:30:00 was expected, got “yesterday”"),
    (HEAD + "2015-01-01 00:45:00,3\n", "Line 4: 2015-01-01 00:45:00 is not on the model's grid"),
    (HEAD + "2015-01-01 00:30:00,3\n", "Line 4: 2015-01-01 00:30:00 is the time of the row before too"),
    (HEAD + "2015-01-01 00:00:00,3\n", "Line 4: 2015-01-01 00:00:00 is before the row above"),
    (HEAD + "2015-01-01 01:00:00\n", "Line 4: 2 columns were expected, got 1"),
    (HEAD + '2015-01-01 01:00:00,"3\n', "Line 4: a quote is opened here and never closed"),
    (HEAD + "2040-01-01 01:00:00,3\n", "at most 200000 are taken"),
    (HEAD + "2015-01-01T01:00:00+01:00,3\n", "has an offset, which this model's times have not"),
    ("timestamp,weather\n2015-01-01,fine\n", "Line 2: “fine”"),
    ("a,b,c\n1,2,3\n", "Line 1:"),
    ("timestamp,value\n", "There is a heading and no row below it."),
    ("", "The file is empty"),
    ("timestamp,value\n2015-01-01 00:00:00,1\n", "has one reading; at least two were expected"),
]


def test_what_is_wrong_with_a_file_is_said_with_its_line(open_page: Open, home: str) -> None:
    page = open_page(home)
    expect(page.locator("#play")).to_be_enabled()
    for at, (text, said) in enumerate(WRONG):
        bring(page, text, f"wrong-{at}.csv")
        expect(page.locator("#trouble")).to_contain_text(f"wrong-{at}.csv cannot be streamed. ")
        expect(page.locator("#trouble")).to_contain_text(said)


def test_a_file_that_can_be_read_takes_the_trouble_away(open_page: Open, home: str) -> None:
    page = open_page(home)
    bring(page, "", "wrong.csv")
    expect(page.locator("#trouble")).to_be_visible()
    bring(page, wave(30)[0])
    expect(page.locator("#trouble")).to_be_hidden()


def test_rows_that_are_left_out_and_empty_cells_are_missing_readings(open_page: Open, home: str, live) -> None:
    page = open_page(home)
    bring(
        page, "ds;y\r\n2015-01-01;1\r\n2015-01-01 00:30;\r\n2015-01-01 02:00;4\r\n2015-01-01 02:30;NaN\r\n", "gaps.csv"
    )
    play(page)
    until_phase(page, "ended")
    (session,) = live.http.get("/v1/sessions?prefix=page-gaps-").json()["sessions"]
    assert (session["start"], session["last_step"]) == ("2015-01-01T00:00:00", 5)


def test_each_series_of_a_file_can_be_chosen(open_page: Open, home: str) -> None:
    page = open_page(home)
    rows = wave(20)[0].splitlines()[1:]
    bring(page, "\n".join(["unique_id,ds,y", *(f"{name},{row}" for name in ("north", "south") for row in rows)]))
    expect(page.locator("#status")).to_contain_text("north: 10 readings of history, 10 to come")
    page.select_option("#series", label="meters.csv: south")
    expect(page.locator("#status")).to_contain_text("south: 10 readings of history, 10 to come")


def test_a_file_is_dropped_anywhere_on_the_page(open_page: Open, home: str) -> None:
    page = open_page(home)
    page.wait_for_selector("#upload:enabled", state="attached")
    page.evaluate(
        """(text) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
          for (const name of ["dragenter", "dragover", "drop"]) {
            const event = new DragEvent(name, { dataTransfer, bubbles: true, cancelable: true });
            document.querySelector("footer").dispatchEvent(event);
          }
        }""",
        wave(40)[0],
    )
    expect(page.locator("#status")).to_contain_text("dropped: 20 readings of history")


def test_a_series_and_a_session_named_like_a_script_are_only_names(open_page: Open, home: str, live) -> None:
    live.http.put("/v1/sessions/%3Cscript%3Ealert(3)%3C%2Fscript%3E", json={"start": "2015-01-01T00:00:00"})
    page = open_page(home)
    page.on("dialog", lambda dialog: pytest.fail(f"a script ran: {dialog.message}"))
    rows = wave(20)[0].splitlines()[1:]
    bring(page, "\n".join(["unique_id,ds,y", *(f"{NAME},{row}" for row in rows)]), "<b>meters.csv")
    expect(page.locator("#status")).to_contain_text(f"{NAME}: 10 readings of history")
    play(page)
    until_phase(page, "ended")
    expect(page.locator("#sessions")).to_contain_text("<script>alert(3)</script>")
    assert page.locator("main script, main b, main img").count() == 0
