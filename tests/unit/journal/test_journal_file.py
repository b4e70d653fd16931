"""The journal as a file: what is appended is read back; what is damaged is refused, what is torn is cut."""

import json
import math
import os
import resource
import timeit
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchharness.core.acts import Outcome
from orchharness.core.events import RunStarted, TaskFinished, TaskStarted, to_record
from orchharness.errors import JournalError
from orchharness.journal import FORMAT, Journal, read_journal

START = to_record(RunStarted(at=1.0, run="r1", plan="p", digest="d", selected=("A", "B")))
STARTED = to_record(TaskStarted(at=2.0, task="A", iteration=1, attempt=1, act="A.i1.a1", key="k"))
FINISHED = to_record(
    TaskFinished(
        at=3.0,
        task="A",
        act="A.i1.a1",
        outcome=Outcome.SUCCESS,
        started=2.0,
        seconds=1.0,
        outputs={"doc": [{"path": "größe.md", "sha256": "ab" * 32, "size": 3, "how": "created"}]},
    )
)
THEN = [{"item": "A", "was": "running", "state": "passed"}]


def written(path: Path) -> Path:
    with Journal.create(path) as journal:
        journal.append(START)
        journal.append(STARTED, then=[{"item": "A", "was": "ready", "state": "running"}], mono=0.5)
        journal.append(FINISHED, then=THEN, mono=1.5)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


@contextmanager
def room_for(size: int):
    """The kernel writes up to that size of a file, then refuses: the short write of a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_records_come_back_as_they_were_appended(path):
    records, torn = read_journal(written(path))

    assert torn is None
    assert [r["n"] for r in records] == [0, 1, 2]
    assert records[2]["then"] == THEN
    assert records[2]["mono"] == 1.5
    assert FINISHED.items() <= records[2].items()


def test_a_line_is_compact_readable_and_ends_in_its_sum(path):
    line = written(path).read_text(encoding="utf-8").splitlines()[1]

    assert line.startswith('{"n":1,"event":"TaskStarted","at":2.0,')
    assert line[-26:-18] == ',"sum":"'
    assert list(json.loads(line))[-3:] == ["then", "mono", "sum"]


def test_text_outside_ascii_is_written_as_it_is(path):
    assert "größe.md" in written(path).read_text(encoding="utf-8")


def test_the_first_record_gets_the_format(path):
    assert read_journal(written(path)).records[0]["header"] == {"format": FORMAT}


def test_the_first_record_must_be_run_started(path):
    with (
        Journal.create(path) as journal,
        pytest.raises(JournalError, match="must be RunStarted, not 'TaskStarted'"),
    ):
        journal.append(STARTED)


def test_a_journal_is_private_and_never_overwritten(path):
    Journal.create(path).close()

    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(JournalError, match="the journal cannot be made: File exists"):
        Journal.create(path)


def test_append_gives_the_number_of_the_record(path):
    with Journal.create(path) as journal:
        assert [journal.append(START), journal.append(STARTED)] == [0, 1]


def test_keys_of_the_journal_are_refused_in_a_record(path):
    with (
        Journal.create(path) as journal,
        pytest.raises(JournalError, match=r"must not have the keys \['n', 'sum'\]"),
    ):
        journal.append({**START, "n": 5, "sum": "x"})


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("caf\udce9.md", "caf\udce9.md"),
        (math.nan, "nan"),
        ([{"x": (1, math.inf)}], [{"x": [1, "inf"]}]),
        (Outcome.LOST, "lost"),
        (frozenset({"b", "a"}), ["a", "b"]),
        (Path("/x"), "/x"),
    ],
)
def test_odd_values_are_written_as_json(path, value, read):
    with Journal.create(path) as journal:
        journal.append({**START, "plan": value})

    assert read_journal(path).records[0]["plan"] == read


def test_what_cannot_be_json_is_refused_and_leaves_no_trace(path):
    circle: list[object] = []
    circle.append(circle)
    with Journal.create(path) as journal:
        journal.append(START)
        with pytest.raises(JournalError, match="cannot be written as JSON"):
            journal.append({**STARTED, "task": circle})
        with pytest.raises(JournalError, match="cannot be written as JSON"):
            journal.append({**STARTED, (1, 2): "x"})
        journal.append(STARTED)

    assert len(read_journal(path).records) == 2


def test_an_append_that_does_not_fit_on_the_disk_is_taken_back(path):
    with Journal.create(path) as journal:
        journal.append(START)
        whole = path.stat().st_size
        with room_for(whole + 30), pytest.raises(JournalError, match="cannot be written: File too large"):
            journal.append(STARTED)

        assert path.stat().st_size == whole
        assert journal.append(STARTED) == 1
    assert len(read_journal(path).records) == 2


def test_short_writes_are_continued(path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:7]))
    written(path)

    assert len(read_journal(path).records) == 3


def test_a_torn_record_that_cannot_be_taken_back_ends_the_journal(path, monkeypatch):
    def refuse(*_):
        raise OSError(5, "Input/output error")

    journal = Journal.create(path)
    journal.append(START)
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", refuse)
        with room_for(path.stat().st_size + 9), pytest.raises(JournalError, match="File too large"):
            journal.append(STARTED)

    with pytest.raises(JournalError, match="torn record that cannot be cut: Input/output error"):
        journal.append(STARTED)
    journal.close()
    records, torn = read_journal(path)
    assert len(records) == 1
    assert "cut off" in torn


def test_sync_costs_nothing_when_nothing_is_new(path, monkeypatch):
    calls = []
    monkeypatch.setattr(os, "fdatasync", calls.append)
    with Journal.create(path) as journal:
        journal.sync()
        journal.append(START)
        journal.sync()
        journal.sync()

    assert len(calls) == 1


def test_after_a_failed_sync_nothing_is_believed(path, monkeypatch):
    def refuse(_):
        raise OSError(5, "Input/output error")

    journal = Journal.create(path)
    journal.append(START)
    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(JournalError, match="cannot be synced"):
        journal.sync()

    with pytest.raises(JournalError, match="cannot be synced"):
        journal.append(STARTED)
    journal.close()


def test_a_closed_journal_takes_nothing(path):
    journal = Journal.create(path)
    journal.close()
    journal.close()

    with pytest.raises(JournalError, match="the journal is closed"):
        journal.append(START)


def test_reopen_goes_on_with_number_and_chain(path):
    written(path)
    journal, content = Journal.reopen(path)
    n = journal.append(STARTED)
    journal.close()

    assert len(content.records) == 3
    assert n == 3
    assert len(read_journal(path).records) == 4


def test_reopen_cuts_the_torn_tail_off_the_file(path):
    whole = written(path).stat().st_size
    with path.open("ab") as file:
        file.write(b'{"n":3,"event":"Ta')
    journal, content = Journal.reopen(path)

    assert content.torn == f"{path}:4: the last record was cut off: it was not written to its end"
    assert path.stat().st_size == whole
    journal.append(STARTED)
    journal.close()
    assert read_journal(path).torn is None


def test_reading_does_not_change_the_file(path):
    written(path).write_bytes(path.read_bytes()[:-5])
    before = path.read_bytes()
    read_journal(path)

    assert path.read_bytes() == before


def test_an_empty_journal_has_no_records(path):
    Journal.create(path).close()

    assert read_journal(path) == ([], None)


def test_a_missing_journal_is_said(path):
    with pytest.raises(JournalError, match="cannot be read: No such file or directory"):
        read_journal(path)


def test_a_folder_is_no_journal(tmp_path):
    with pytest.raises(JournalError, match="not a file"):
        read_journal(tmp_path)


def test_an_unknown_major_version_is_refused(path):
    with Journal.create(path) as journal:
        journal.append({**START, "header": {"format": "2.0"}})

    with pytest.raises(JournalError, match=r":1: the journal has format '2\.0'; this version reads 1\.x"):
        read_journal(path)


def test_a_newer_minor_version_is_read(path):
    with Journal.create(path) as journal:
        journal.append({**START, "header": {"format": "1.7"}})

    assert len(read_journal(path).records) == 1


def test_json_lines_of_something_else_are_refused(path):
    path.write_text('{"message": "hello"}\n')

    with pytest.raises(JournalError, match="says no format"):
        Journal.reopen(path)


def test_a_missing_line_is_refused_with_its_place(path):
    lines = written(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2] + lines[2])

    with pytest.raises(
        JournalError, match=r"journal\.jsonl:2: the journal is damaged here: the checksum does not fit"
    ):
        read_journal(path)


def test_a_bad_last_record_is_cut_with_its_reason(path):
    data = written(path).read_bytes()
    path.write_bytes(data[:-60] + b"#" + data[-59:])
    records, torn = read_journal(path)

    assert len(records) == 2
    assert torn == (
        f"{path}:3: the last record was cut off: the checksum does not fit: the line was changed, or one before it is missing"
    )


def test_two_records_on_one_line_are_no_torn_tail(path):
    lines = written(path).read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:-1] + b" " + lines[2])

    with pytest.raises(JournalError, match=":2: the journal is damaged here"):
        read_journal(path)


def test_a_record_torn_at_any_byte_is_repaired(path):
    data = written(path).read_bytes()
    first = data.rindex(b"\n", 0, -1) + 1
    for end in range(first, len(data)):
        path.write_bytes(data[:end])
        records, torn = read_journal(path)

        assert len(records) == 2
        assert (torn is None) == (end == first)
        journal, _ = Journal.reopen(path)
        journal.append(FINISHED, then=THEN, mono=1.5)
        journal.close()
        assert path.read_bytes() == data


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_a_changed_byte_before_the_last_record_is_refused(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "flipped.jsonl"
    path.unlink(missing_ok=True)
    content = bytearray(written(path).read_bytes())
    place = data.draw(st.integers(0, content.rindex(b"\n", 0, -1)))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)

    with pytest.raises(JournalError, match=r"flipped\.jsonl:\d: "):
        read_journal(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(values=st.lists(JSON, max_size=6))
@settings(deadline=None, max_examples=80)
def test_any_json_comes_back(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.unlink(missing_ok=True)
    with Journal.create(path) as journal:
        journal.append(START)
        for value in values:
            journal.append({"event": "X", "value": value}, then=[{"item": "A", "reason": str(value)}])

    assert [r["value"] for r in read_journal(path).records[1:]] == values


def test_append_is_cheap(path):
    with Journal.create(path) as journal:
        journal.append(START)
        best = (
            min(timeit.repeat(lambda: journal.append(STARTED, then=THEN, mono=1.0), number=500, repeat=7))
            / 500
        )

    assert best < 60e-6  # 9 µs on an idle machine; the limit only catches a blunder
