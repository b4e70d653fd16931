from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from orchharness.core.plan import Must, OutputKind
from orchharness.errors import OrchError
from orchharness.workspace.declared import Declared, declare, watched
from orchharness.workspace.evidence import Evidence


def nothing() -> None:
    """An act that does nothing."""


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def how(evidence: Evidence, name: str = "out") -> dict[str, str]:
    return {entry["path"]: entry["how"] for entry in evidence.outputs.get(name, ())}


# ---- files of the run, stdout, answer ----------------------------------------------------------------


def test_a_file_of_the_run_is_held_to_the_same_rules(bench) -> None:
    target = bench.run_files / "report.md"
    output = bench.output("report.md", kind="run")

    missing = bench.act(nothing, output)
    created = bench.act(lambda: target.write_text("x"), output)
    untouched = bench.act(nothing, output)

    assert missing.detail == "output 'out' (run:report.md): does not exist"
    assert created.outputs["out"] == [
        {"path": "run:report.md", "sha256": digest("x"), "size": 1, "how": "created"}
    ]
    assert "existed before and is untouched" in untouched.detail


def test_a_file_of_the_run_may_be_a_link_into_the_workspace_but_not_elsewhere(bench) -> None:
    bench.write("a")
    target = bench.run_files / "report.md"
    output = bench.output("report.md", kind="run")

    inward = bench.act(lambda: target.symlink_to(bench.workspace / "a"), output)
    target.unlink()
    outward = bench.act(lambda: target.symlink_to("/etc/passwd"), output)

    assert inward.ok
    assert outward.detail == "output 'out' (run:report.md): is outside the run (a link to /etc/passwd)"


def test_standard_output_and_answer_are_outputs(bench) -> None:
    evidence = bench.act(
        lambda: (bench.folder / "stdout.log").write_text("said"),
        bench.output(kind="stdout", name="log"),
        bench.output(kind="answer", name="answer"),
        answer="done",
    )

    assert evidence.outputs == {
        "log": [{"path": "from:stdout", "sha256": digest("said"), "size": 4, "how": "created"}],
        "answer": [{"path": "from:answer", "sha256": digest("done"), "size": 4, "how": "created"}],
    }


def test_silence_is_an_empty_output(bench) -> None:
    evidence = bench.act(
        lambda: (bench.folder / "stdout.log").write_text(""),
        bench.output(kind="stdout", name="log"),
        bench.output(kind="answer", name="answer"),
        answer="",
    )

    assert evidence.detail.splitlines() == [
        "output 'log' (from:stdout): is empty",
        "output 'answer' (from:answer): is empty",
    ]


@pytest.mark.parametrize(("answer", "data"), [("b\udcff", b"b\xff"), ("b\ud800", b"b?")])
def test_an_answer_that_is_not_utf8_is_kept_as_far_as_it_can_be(bench, answer: str, data: bytes) -> None:
    evidence = bench.act(nothing, bench.output(kind="answer"), answer=answer)

    assert bench.store.read(evidence.outputs["out"][0]["sha256"]) == data


def test_a_workspace_file_never_looks_like_a_file_of_the_run(bench) -> None:
    evidence = bench.act(lambda: bench.write("run:report"), bench.output("*"))

    assert how(evidence) == {"./run:report": "created"}


# ---- later iterations --------------------------------------------------------------------------------


def test_from_iteration_2_on_outputs_must_only_exist_and_not_be_empty(bench) -> None:
    bench.write("a")
    bench.write("b", "")

    evidence = bench.act(
        nothing, bench.output("a", name="a", must=Must.CHANGE), bench.output("b", name="b"), iteration=2
    )

    assert how(evidence, "a") == {"a": "existed"}
    assert evidence.detail == "output 'b' (b): is empty"
    assert not evidence.changed


def test_what_an_earlier_iteration_wrote_and_still_exists_stays_the_tasks(bench) -> None:
    bench.write("foreign.md")
    output = bench.output("*.md")
    first = bench.act(lambda: [bench.write(f"{n}.md") for n in "abc"], output)

    second = bench.act(
        lambda: (bench.write("b.md", "better"), (bench.workspace / "c.md").unlink()),
        output,
        iteration=2,
        earlier=first.outputs,
    )

    assert second.ok
    assert second.changed
    assert how(second) == {"a.md": "existed", "b.md": "changed"}


def test_a_later_iteration_that_only_leaves_foreign_matches_fails(bench) -> None:
    bench.write("foreign.md")
    output = bench.output("*.md")
    first = bench.act(lambda: bench.write("a.md"), output)

    second = bench.act((bench.workspace / "a.md").unlink, output, iteration=2, earlier=first.outputs)

    assert "was not written by this act" in second.detail


def test_the_same_words_again_are_no_new_work(bench) -> None:
    output = bench.output(kind="answer")
    first = bench.act(nothing, output, answer="done")

    same = bench.act(nothing, output, answer="done", iteration=2, earlier=first.outputs)
    other = bench.act(nothing, output, answer="done better", iteration=2, earlier=first.outputs)

    assert first.changed
    assert not same.changed
    assert other.changed


# ---- changed -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "changed"),
    [
        (lambda b: None, False),
        (lambda b: b.write("src/a", "old"), False),
        (lambda b: b.write("src/a", "new"), True),
        (lambda b: b.write("src/new"), True),
        (lambda b: (b.workspace / "src/a").unlink(), True),
        (lambda b: b.write("elsewhere"), False),
        (lambda b: (b.workspace / "src/a").rename(b.workspace / "src/b"), True),
        (lambda b: (b.workspace / "src/out").symlink_to("/etc/passwd"), True),
    ],
)
def test_changed_looks_at_everything_the_act_may_write(bench, work, changed: bool) -> None:
    bench.write("src/a", "old")

    evidence = bench.act(lambda: work(bench), writes=("src",))

    assert evidence.ok
    assert evidence.changed is changed


def test_where_nothing_is_declared_every_act_is_work(bench) -> None:
    assert bench.act(nothing) == Evidence(ok=True, changed=True)


# ---- concurrent change ---------------------------------------------------------------------------------


def test_what_is_recorded_is_what_was_stored_when_a_file_changes_meanwhile(
    bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bench.store.put

    def meddle(path: str):
        stored = real(path)
        Path(path).write_text("changed afterwards")
        return stored

    monkeypatch.setattr(type(bench.store), "put", lambda self, path: meddle(path))
    evidence = bench.act(lambda: bench.write("a", "judged"), bench.output("a"))

    assert evidence.outputs["out"][0]["sha256"] == digest("judged")
    assert bench.store.read(digest("judged")) == b"judged"


# ---- declared ------------------------------------------------------------------------------------------


def test_a_declared_output_survives_json(bench) -> None:
    for kind in OutputKind:
        declared = declare(bench.output("a", kind=kind, must=Must.CHANGE), bench.run_files, bench.folder)

        assert Declared.from_record(json.loads(json.dumps(declared.to_record()))) == declared


@pytest.mark.parametrize("kind", ["file", "run"])
@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x"])
def test_an_output_that_leaves_its_folder_is_refused(bench, kind: str, path: str) -> None:
    with pytest.raises(OrchError, match="leaves its folder"):
        declare(bench.output(path, kind=kind), bench.run_files, bench.folder)


def test_the_snapshot_covers_writes_outputs_and_files_of_the_run(bench) -> None:
    outputs = [bench.output("a"), bench.output("r", kind="run"), bench.output(kind="stdout")]
    declared = [declare(o, bench.run_files, bench.folder) for o in outputs]

    assert watched(declared, ["src", "a"]) == ["src", "a", str(bench.run_files / "r")]
