"""The table of sessions: names to rows, rows that are used again, and little memory for each."""

from __future__ import annotations

import sys

import numpy as np

from service.journal import Head
from service.sessions import NOWHERE, UNKNOWN, SessionTable


def head(name: str, key: int, last_step: int = 3) -> Head:
    return Head(key, name, 100 + key, 1, last_step, np.array([float(key), np.nan]), "")


def test_a_name_is_found_at_its_row_and_others_are_unknown() -> None:
    table = SessionTable(2)
    rows = [table.put(head(name, key), unborn=False) for key, name in enumerate("abc", start=1)]
    assert table.find(["c", "x", "a", "c"]).tolist() == [rows[2], UNKNOWN, rows[0], rows[2]]
    assert table.row("b") == rows[1]
    assert table.row("x") == UNKNOWN
    assert [table.name(row) for row in rows] == ["a", "b", "c"]
    assert table.start[rows].tolist() == [101, 102, 103]
    np.testing.assert_array_equal(table.last_values[rows[1]], [2.0, np.nan])


def test_setting_a_session_again_keeps_its_row_and_forgets_its_state() -> None:
    table = SessionTable(2)
    row = table.put(head("a", 1), unborn=True)
    table.slot[row] = table.saved_step[row] = 3
    assert table.put(head("a", 1, last_step=9), unborn=False) == row
    assert (table.slot[row], table.saved_step[row], table.last_step[row]) == (NOWHERE, -1, 9)
    assert not table.unborn[row]


def test_states_are_at_hand_in_the_arena_or_saved_as_they_are() -> None:
    table = SessionTable(2)
    new, old = table.put(head("new", 1, last_step=-1), unborn=False), table.put(head("old", 2), unborn=False)
    assert table.at_hand(["new"])
    assert not table.at_hand(["new", "old"])
    table.slot[old] = 7
    assert table.at_hand(["new", "old"])
    table.slot[old], table.saved_step[old] = NOWHERE, 3
    assert table.at_hand(["old"])
    table.slot[new] = 1
    table.remove(new)
    assert not table.at_hand(["new"])


def test_a_removed_row_is_used_again_by_another_name() -> None:
    table = SessionTable(2)
    row = table.put(head("a", 1), unborn=False)
    table.remove(row)
    assert table.row("a") == UNKNOWN
    assert table.key[row] == -1
    assert table.put(head("b", 2), unborn=False) == row
    assert (table.name(row), len(table)) == ("b", 1)


def test_readings_move_sessions_on() -> None:
    table = SessionTable(1)
    rows = np.array(
        [table.put(Head(key, name, 0, 1, -1, np.array([np.nan]), ""), False) for key, name in enumerate("ab")]
    )
    table.advance(rows[::-1], np.array([4, 7]), np.array([[1.0], [2.0]]))
    assert table.last_step[rows].tolist() == [7, 4]
    assert table.last_values[rows, 0].tolist() == [2.0, 1.0]


def test_a_hundred_thousand_sessions_cost_little_and_keep_their_places() -> None:
    table = SessionTable(2)
    for key in range(100_000):
        table.put(head(f"session-{key}", key), unborn=False)
    assert table.find(["session-99999", "session-0"]).tolist() == [99_999, 0]
    arrays = sum(column.nbytes for column in vars(table).values() if isinstance(column, np.ndarray))
    names = sys.getsizeof(table._names) + sys.getsizeof(table._name_of)
    assert (arrays + names) / 100_000 < 200
