from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace.staging import input_files, stage_artifacts, stage_inputs
from orchharness.workspace.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def entry(store: Store):
    """What was released: an artifact whose content is its path and maker, unless another is given."""

    def make(path: str, item: str = "A", content: str | None = None) -> dict:
        data = (content or f"{path} of {item}").encode("utf-8", "surrogateescape")
        return {"path": path, "sha256": store.put_bytes(data).sha256, "item": item}

    return make


def placed(folder: Path, paths: list[str]) -> list[str]:
    return [os.path.relpath(path, folder) for path in paths]


# ---- inputs ------------------------------------------------------------------------------------------


def test_inputs_are_read_only_copies_at_their_relative_paths(store: Store, tmp_path: Path, entry) -> None:
    folder = tmp_path / "act"
    found = stage_inputs(store, folder, {"guide": [entry("docs/guide.md")], "none": []})

    assert placed(folder, found["guide"]) == ["inputs/guide/docs/guide.md"]
    assert found["none"] == []
    assert Path(found["guide"][0]).read_text() == "docs/guide.md of A"
    assert stat.S_IMODE(Path(found["guide"][0]).stat().st_mode) == 0o400


def test_inputs_that_nobody_has_cost_nothing(store: Store, tmp_path: Path) -> None:
    assert stage_inputs(store, tmp_path / "act", {}) == {}
    assert not (tmp_path / "act").exists()


def test_files_of_the_run_and_words_are_handed_over_under_their_names(
    store: Store, tmp_path: Path, entry
) -> None:
    entries = [entry("run:sub/report.md"), entry("from:stdout"), entry("from:answer"), entry("./run:x")]
    found = stage_inputs(store, tmp_path, {"in": entries})

    assert placed(tmp_path / "inputs/in", found["in"]) == ["sub/report.md", "stdout", "answer", "run:x"]


def test_two_producers_of_one_path_are_kept_apart_by_their_ids(store: Store, tmp_path: Path, entry) -> None:
    entries = [entry("a.md", "A"), entry("a.md", "B"), entry("b.md", "B"), entry("c.md", "C")]
    found = stage_inputs(store, tmp_path, {"all": entries})

    assert placed(tmp_path / "inputs/all", found["all"]) == ["A/a.md", "B/a.md", "B/b.md", "c.md"]
    assert [Path(p).read_text() for p in found["all"]] == [
        "a.md of A",
        "a.md of B",
        "b.md of B",
        "c.md of C",
    ]


def test_equal_bytes_of_two_producers_stay_two_files(store: Store, tmp_path: Path, entry) -> None:
    found = stage_inputs(store, tmp_path, {"all": [entry("a", "A", "same"), entry("a", "B", "same")]})

    assert placed(tmp_path / "inputs/all", found["all"]) == ["A/a", "B/a"]


def test_a_file_where_another_needs_a_folder_is_kept_apart(store: Store, tmp_path: Path, entry) -> None:
    found = stage_inputs(store, tmp_path, {"all": [entry("a", "A"), entry("a/b", "B")]})

    assert placed(tmp_path / "inputs/all", found["all"]) == ["A/a", "B/a/b"]


def test_different_files_of_one_producer_for_one_path_are_numbered(
    store: Store, tmp_path: Path, entry
) -> None:
    found = stage_inputs(store, tmp_path, {"all": [entry("stdout", "A"), entry("from:stdout", "A")]})

    assert placed(tmp_path / "inputs/all", found["all"]) == ["1/A/stdout", "2/A/stdout"]


def test_one_file_in_two_outputs_is_copied_once_and_told_twice(store: Store, tmp_path: Path, entry) -> None:
    found = stage_inputs(store, tmp_path, {"all": [entry("a"), entry("a")]})

    assert placed(tmp_path / "inputs/all", found["all"]) == ["a", "a"]


def test_staging_again_gives_the_same(store: Store, tmp_path: Path, entry) -> None:
    inputs = {"all": [entry("a"), entry("b")]}

    assert stage_inputs(store, tmp_path, inputs) == stage_inputs(store, tmp_path, inputs)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", "run:../x", "run:/x", "", "a\0b"])
def test_a_recorded_path_never_leaves_the_folder(store: Store, tmp_path: Path, entry, path: str) -> None:
    recorded = entry("a") | {"path": path}

    with pytest.raises(OrchError):
        stage_inputs(store, tmp_path / "act", {"in": [recorded]})
    with pytest.raises(OrchError):
        stage_artifacts(store, tmp_path / "gate", {"A.out": [recorded]})
    assert not (tmp_path / "act").exists()
    assert not (tmp_path / "gate").exists()


@pytest.mark.parametrize("item", ["..", "", "../..", "a/b"])
def test_an_id_never_leaves_the_folder(store: Store, tmp_path: Path, entry, item: str) -> None:
    found = stage_inputs(store, tmp_path, {"in": [entry("a", item), entry("a", "B")]})
    judged = stage_artifacts(store, tmp_path, {f"{item}.out": [entry("a")]})

    assert all(Path(p).is_relative_to(tmp_path / "inputs/in") for p in found["in"])
    assert all(Path(p).is_relative_to(tmp_path / "artifacts") for p in judged[f"{item}.out"])


def test_an_input_name_never_leaves_the_folder(store: Store, tmp_path: Path, entry) -> None:
    with pytest.raises(OrchError, match="leaves its folder"):
        stage_inputs(store, tmp_path, {"../x": [entry("a")]})


def test_strange_names_are_staged(store: Store, tmp_path: Path, entry) -> None:
    odd = os.fsdecode(b"b\xff\nd.md")
    found = stage_inputs(store, tmp_path, {"in": [entry(odd)]})

    assert Path(found["in"][0]).name == odd
    assert Path(found["in"][0]).is_file()


# ---- artifacts ---------------------------------------------------------------------------------------


def test_artifacts_stand_below_their_task(store: Store, tmp_path: Path, entry) -> None:
    found = stage_artifacts(
        store,
        tmp_path,
        {
            "A.doc": [entry("docs/x.md"), entry("docs/y.md")],
            "A.report": [entry("run:report")],
            "A.log": [entry("from:stdout")],
            "B.doc": [entry("docs/x.md", "B")],
            "B.1.said": [entry("from:answer")],
            "C.nothing": [],
        },
    )

    assert {key: placed(tmp_path / "artifacts", paths) for key, paths in found.items()} == {
        "A.doc": ["A/docs/x.md", "A/docs/y.md"],
        "A.report": ["A/run/report"],
        "A.log": ["A/run/stdout"],
        "B.doc": ["B/docs/x.md"],
        "B.1.said": ["B.1/run/answer"],
        "C.nothing": [],
    }
    assert stat.S_IMODE(Path(found["A.doc"][0]).stat().st_mode) == 0o400


def test_two_outputs_that_hold_the_same_file_share_its_copy(store: Store, tmp_path: Path, entry) -> None:
    found = stage_artifacts(store, tmp_path, {"A.one": [entry("a")], "A.all": [entry("a"), entry("b")]})

    assert found["A.one"][0] == found["A.all"][0]


def test_outputs_of_a_task_that_clash_stand_below_their_names(store: Store, tmp_path: Path, entry) -> None:
    found = stage_artifacts(
        store,
        tmp_path,
        {"A.file": [entry("run/stdout")], "A.log": [entry("from:stdout")], "B.file": [entry("b", "B")]},
    )

    assert [placed(tmp_path / "artifacts", paths) for paths in found.values()] == [
        ["A/file/run/stdout"],
        ["A/log/stdout"],
        ["B/b"],
    ]


def test_what_judges_gets_no_damaged_bytes(store: Store, tmp_path: Path, entry) -> None:
    artifact = entry("a")
    store.path(artifact["sha256"]).chmod(0o600)
    store.path(artifact["sha256"]).write_text("forged")

    with pytest.raises(OrchError, match="the run's store is damaged"):
        stage_artifacts(store, tmp_path, {"A.out": [artifact]})


# ---- inputs that are plain files ---------------------------------------------------------------------


def test_plain_files_are_found_in_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    for name in ("b.md", "a.md", "[x].md"):
        (tmp_path / "docs" / name).write_text("x")
    os.mkfifo(tmp_path / "docs" / "fifo.md")
    (tmp_path / "docs" / "data.md").symlink_to("/etc/passwd")

    def names(pattern: str) -> list[str]:
        return placed(tmp_path, [str(p) for p in input_files(tmp_path, pattern)])

    assert names("docs/a.md") == ["docs/a.md"]
    assert names("./docs") == ["docs"]
    assert names(".") == ["."]
    assert names("docs/*.md") == ["docs/[x].md", "docs/a.md", "docs/b.md", "docs/data.md"]
    assert names("docs/[x].md") == ["docs/[x].md"]
    assert names("missing") == []
    assert names("docs/fifo.md") == []
    assert names("missing/*") == []
    with pytest.raises(OrchError, match="leaves its folder"):
        input_files(tmp_path, "../x")
