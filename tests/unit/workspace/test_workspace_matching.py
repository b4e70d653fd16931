from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchharness.errors import OrchError
from orchharness.workspace.matching import find, find_named


def tree(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    return root


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a.md", ["a.md"]),
        ("./a.md", ["a.md"]),
        ("docs/../a.md", ["a.md"]),
        ("*.md", ["a.md"]),
        ("docs/*.md", ["docs/.hidden.md", "docs/x.md"]),
        ("docs/?.md", ["docs/x.md"]),
        ("docs/[xyz].md", ["docs/x.md"]),
        ("docs/*", ["docs/.hidden.md", "docs/x.md"]),
        ("docs", ["docs/.hidden.md", "docs/deep/er/y.md", "docs/x.md"]),
        ("docs/", ["docs/.hidden.md", "docs/deep/er/y.md", "docs/x.md"]),
        ("docs/**", ["docs/.hidden.md", "docs/deep/er/y.md", "docs/x.md"]),
        ("docs/**/**/y.md", ["docs/deep/er/y.md"]),
        ("**/*.md", ["a.md", "docs/.hidden.md", "docs/deep/er/y.md", "docs/x.md"]),
        ("**/deep/**/*.md", ["docs/deep/er/y.md"]),
        ("*/deep", ["docs/deep/er/y.md"]),
        ("pages/[id].tsx", ["pages/[id].tsx", "pages/d.tsx"]),
        ("a.md/x", []),
        ("nothing/*.md", []),
        ("x" * 300, []),
    ],
)
def test_patterns_mean(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    tree(
        tmp_path, "a.md", "docs/x.md", "docs/.hidden.md", "docs/deep/er/y.md", "pages/[id].tsx", "pages/d.tsx"
    )

    assert find(str(tmp_path), [pattern]) == expected


@pytest.mark.parametrize("pattern", ["", ".", "**"])
def test_the_whole_workspace_leaves_out_git_and_the_run_directory(tmp_path: Path, pattern: str) -> None:
    tree(tmp_path, "a", ".git/config", "sub/.git", "runs/store/x")

    assert find(str(tmp_path), [pattern], str(tmp_path / "runs")) == ["a"]


def test_what_is_named_is_found_also_in_git(tmp_path: Path) -> None:
    tree(tmp_path, ".git/hooks/pre-commit")

    assert find(str(tmp_path), [".git/hooks/pre-commit", "*/hooks/*"]) == [".git/hooks/pre-commit"]


@pytest.mark.parametrize("pattern", ["../x", "/etc/passwd", "a/../../x", "a\0b"])
def test_a_pattern_that_leaves_the_workspace_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(OrchError, match="leaves its folder"):
        find(str(tmp_path), [pattern])


def test_link_loops_end(tmp_path: Path) -> None:
    tree(tmp_path, "a/x")
    (tmp_path / "a/up").symlink_to(tmp_path)
    (tmp_path / "a/self").symlink_to("self")

    assert find(str(tmp_path), ["**", "a/self/*", "a/up/**"]) == [
        "a/self",
        "a/up",
        "a/up/a/self",
        "a/up/a/up",
        "a/up/a/x",
        "a/x",
    ]


def test_nothing_behind_a_link_that_leaves_the_workspace_is_listed(tmp_path: Path) -> None:
    workspace = tree(tmp_path / "w", "a")
    (workspace / "root").symlink_to("/")

    assert find(str(workspace), ["root"]) == ["root"]
    assert find(str(workspace), ["root/**"]) == ["root"]
    assert find(str(workspace), ["root/*"]) == ["root"]
    assert find(str(workspace), ["root/etc/passwd"]) == ["root/etc/passwd"]


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    name = os.fsdecode(b"b\xff\n.md")
    tree(tmp_path, name)

    assert find(str(tmp_path), ["*.md"]) == [name]
    assert find(str(tmp_path), [name]) == [name]


def test_a_folder_that_cannot_be_read_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path, "secret/x", "a")
    real = os.scandir

    def refuse(path: str):
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)

    assert find(str(tmp_path), ["**"]) == ["a"]


def test_a_failing_disk_is_not_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: str):
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr(os, "scandir", broken)

    with pytest.raises(OSError, match="Input/output"):
        find(str(tmp_path), ["**"])


def test_the_search_for_a_name_is_bounded(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{n}/x.md" for n in range(9)))

    assert len(find_named(str(tmp_path), "x.md")) == 3
    assert len(find_named(str(tmp_path), "x.md", limit=0)) == 1
    assert find_named(str(tmp_path), "y.md") == []
