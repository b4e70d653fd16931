from __future__ import annotations

import json
import os
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from orchharness.core.plan import Must
from orchharness.workspace import store as store_module
from orchharness.workspace.evidence import Evidence


def nothing() -> None:
    """An act that does nothing."""


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def how(evidence: Evidence, name: str = "out") -> dict[str, str]:
    return {entry["path"]: entry["how"] for entry in evidence.outputs.get(name, ())}


# ---- written by this act ---------------------------------------------------------------------------


def test_a_created_file_is_evidence_and_its_bytes_are_kept(bench) -> None:
    evidence = bench.act(lambda: bench.write("docs/guide.md", "hello"), bench.output("docs/guide.md"))

    assert evidence.ok
    assert evidence.detail == ""
    assert evidence.changed
    assert evidence.outputs == {
        "out": [{"path": "docs/guide.md", "sha256": digest("hello"), "size": 5, "how": "created"}]
    }
    assert bench.store.read(digest("hello")) == b"hello"


def test_changed_bytes_are_evidence(bench) -> None:
    bench.write("a", "old")

    evidence = bench.act(lambda: bench.write("a", "new"), bench.output("a", must=Must.CHANGE))

    assert evidence.ok
    assert how(evidence) == {"a": "changed"}


def test_an_identical_rewrite_is_evidence_for_a_command(bench) -> None:
    bench.write("a", "same")

    evidence = bench.act(lambda: bench.write("a", "same"), bench.output("a"))

    assert evidence.ok
    assert not evidence.changed
    assert how(evidence) == {"a": "rewritten"}


def test_an_identical_rewrite_is_no_evidence_where_change_is_demanded(bench) -> None:
    bench.write("a", "same")

    evidence = bench.act(lambda: bench.write("a", "same"), bench.output("a", must=Must.CHANGE))

    assert not evidence.ok
    assert evidence.detail == (
        "output 'out' (a): was only rewritten with the same bytes: new content is asked for (`must: change`)"
    )


def test_a_file_replaced_by_its_own_copy_counts_as_rewritten(bench) -> None:
    path = bench.write("a", "same")
    times = path.stat()

    def replace() -> None:
        copy = bench.write("copy", "same")
        os.utime(copy, ns=(times.st_atime_ns, times.st_mtime_ns))
        copy.rename(path)

    assert how(bench.act(replace, bench.output("a"))) == {"a": "rewritten"}


def test_setting_the_times_back_does_not_hide_a_rewrite(bench) -> None:
    path = bench.write("a", "same")
    times = path.stat()

    def rewrite() -> None:
        path.write_text("same")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert how(bench.act(rewrite, bench.output("a"))) == {"a": "rewritten"}


def test_setting_the_times_back_does_not_hide_a_change(bench) -> None:
    path = bench.write("a", "old")
    times = path.stat()

    def change() -> None:
        path.write_text("new")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert how(bench.act(change, bench.output("a", must=Must.CHANGE))) == {"a": "changed"}


def test_an_untouched_file_is_no_evidence(bench) -> None:
    bench.write("docs/guide.md")

    evidence = bench.act(nothing, bench.output("docs/guide.md", name="guide"))

    assert not evidence.ok
    assert not evidence.changed
    assert evidence.outputs == {}
    assert evidence.detail == (
        "output 'guide' (docs/guide.md): was not written by this act: it existed before and is untouched"
    )


def test_existence_is_enough_where_only_that_is_asked_for(bench) -> None:
    bench.write("a")

    evidence = bench.act(nothing, bench.output("a", must=Must.EXIST))

    assert evidence.ok
    assert not evidence.changed
    assert how(evidence) == {"a": "existed"}
    assert bench.store.read(digest("text")) == b"text"


def test_a_link_that_now_leads_to_another_file_counts_as_changed(bench) -> None:
    bench.write("one", "1")
    bench.write("two", "2")
    link = bench.workspace / "latest"
    link.symlink_to("one")

    def point_elsewhere() -> None:
        link.unlink()
        link.symlink_to("two")

    evidence = bench.act(point_elsewhere, bench.output("latest"))

    assert how(evidence) == {"latest": "changed"}
    assert evidence.outputs["out"][0]["sha256"] == digest("2")


# ---- exists, not empty, inside, regular ------------------------------------------------------------


def test_a_missing_output_is_told_with_near_misses(bench) -> None:
    def slip() -> None:
        bench.write("guide.md")
        bench.write("doc/guide.md")

    evidence = bench.act(slip, bench.output("docs/guide.md", name="guide"))

    assert evidence.detail == (
        "output 'guide' (docs/guide.md): does not exist; a file of that name is at guide.md, doc/guide.md"
    )


def test_all_failing_outputs_are_told_at_once(bench) -> None:
    evidence = bench.act(
        lambda: (bench.write("b", ""), bench.write("c", "abc"), bench.write("good")),
        bench.output("a", name="a"),
        bench.output("b", name="b"),
        bench.output("c", name="c", min_bytes=10),
        bench.output("good", name="good"),
        bench.output(kind="answer", name="answer"),
    )

    assert evidence.detail.splitlines() == [
        "output 'a' (a): does not exist",
        "output 'b' (b): is empty",
        "output 'c' (c): has 3 bytes, at least 10 were asked for",
        "output 'answer' (from:answer): does not exist: the agent gave no final text",
    ]
    assert list(evidence.outputs) == ["good"]


def test_an_empty_file_is_enough_where_that_is_asked_for(bench) -> None:
    assert bench.act(lambda: bench.write("a", ""), bench.output("a", min_bytes=0)).ok


def test_a_link_out_of_the_workspace_is_no_evidence(bench) -> None:
    evidence = bench.act(
        lambda: (bench.workspace / "a").symlink_to("/etc/passwd"), bench.output("a", must=Must.EXIST)
    )

    assert evidence.detail == "output 'out' (a): is outside the workspace (a link to /etc/passwd)"
    assert not bench.store.root.exists()


def test_a_folder_that_is_a_link_out_of_the_workspace_is_no_way_out(bench) -> None:
    evidence = bench.act(
        lambda: (bench.workspace / "docs").symlink_to("/etc"),
        bench.output("docs/passwd", name="file"),
        bench.output("docs/*.conf", name="glob"),
    )

    assert evidence.detail.splitlines() == [
        "output 'file' (docs/passwd): is outside the workspace (a link to /etc/passwd)",
        "output 'glob' (docs/*.conf): docs is outside the workspace (a link to /etc)",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", "is a link that leads back to itself"),
        ("nowhere", "is a link that leads nowhere: {root}/nowhere"),
    ],
)
def test_a_link_that_leads_to_no_file_is_no_evidence(bench, text: str, said: str) -> None:
    evidence = bench.act(lambda: (bench.workspace / "a").symlink_to(text), bench.output("a"))

    assert evidence.detail == "output 'out' (a): " + said.format(root=bench.workspace)


@pytest.mark.parametrize("must", list(Must))
def test_what_is_no_regular_file_is_no_evidence_and_blocks_nothing(bench, must, monkeypatch) -> None:
    monkeypatch.chdir(bench.workspace)
    with socket.socket(socket.AF_UNIX) as server:
        evidence = bench.act(
            lambda: (os.mkfifo("fifo"), Path("folder").mkdir(), server.bind("socket")),
            *(bench.output(name, name=name, must=must) for name in ("fifo", "folder", "socket")),
        )

    assert evidence.detail.splitlines() == [
        "output 'fifo' (fifo): is a FIFO, not a regular file",
        "output 'folder' (folder): is a folder, not a file: write folder/** to mean everything in it",
        "output 'socket' (socket): is a socket, not a regular file",
    ]


def test_an_output_that_cannot_be_read_is_no_evidence(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(store_module, "open_regular", refuse)
    evidence = bench.act(lambda: bench.write("a"), bench.output("a"))

    assert evidence.detail == "output 'out' (a): cannot be read: Permission denied"


def test_a_full_disk_is_no_verdict_about_the_output(bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: str, mode: int):
        raise OSError(28, "No space left on device", path)

    monkeypatch.setattr(store_module, "new_file", full)

    with pytest.raises(OSError, match="No space left"):
        bench.act(lambda: bench.write("a"), bench.output("a"))


def test_strange_names_are_shown_escaped_and_survive_json(bench) -> None:
    odd = os.fsdecode(b"b\xff\nd.md")
    evidence = bench.act(
        lambda: bench.write(odd), bench.output("*.md"), bench.output("mis\nsing", name="missing")
    )

    assert evidence.outputs["out"][0]["path"] == odd
    assert json.loads(json.dumps(evidence.outputs)) == evidence.outputs
    assert evidence.detail == "output 'missing' ('mis\\nsing'): does not exist"
