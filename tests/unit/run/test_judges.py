"""Which files judge, and what they must still be."""

from __future__ import annotations

from pathlib import Path

from orchharness.core.plan import Command
from orchharness.run.judges import module_files, with_imports, words_of
from orchharness.workspace.staging import stage_artifacts
from orchharness.workspace.store import Store


def command(*argv: str, shell: bool = False) -> Command:
    return Command(argv=argv, shell=shell)


def test_a_shells_text_is_looked_into() -> None:
    assert words_of(command("a b 'c d' # e", shell=True)) == ["a", "b", "c d"]
    assert words_of(command("bash", "-c", "python x.py")) == ["bash", "-c", "python x.py", "python", "x.py"]
    assert words_of(command("awk", "-c", "x y")) == ["awk", "-c", "x y"]


def test_a_shells_text_that_does_not_parse_is_split_at_blanks() -> None:
    assert words_of(command("echo 'open x.py", shell=True)) == ["echo", "'open", "x.py"]


def test_a_module_is_the_first_file_that_it_can_be(tmp_path: Path) -> None:
    for name in ("one/tool/__main__.py", "two/tool.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    found = module_files(["python", "-m", "tool", "x"], [tmp_path / "one", tmp_path / "two"])

    assert found == [tmp_path / "one/tool/__main__.py"]
    assert module_files(["python", "-m"], [tmp_path]) == []


def test_imports_are_followed_beside_the_script_only(tmp_path: Path) -> None:
    files = {
        "judge.py": "import json, a\nfrom b.c import d\nfrom . import e\n",
        "a.py": "import f\nimport judge\n",
        "b/__init__.py": "",
        "b/c.py": "",
        "b/deep/x.py": "",
        "e.py": "",
        "f.py": "def broken(:\n",
        "unused.py": "",
        "judge.txt": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    found = with_imports([tmp_path / "judge.py", tmp_path / "judge.txt"])

    assert {str(p.relative_to(tmp_path)) for p in found} == files.keys() - {"unused.py"}
    assert found[0] == tmp_path / "judge.py"


def test_an_artifact_that_is_in_two_outputs_of_a_task_is_one_copy_at_its_path(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    digest, other = (store.put_bytes(text).sha256 for text in (b"skill", b"more"))
    artifacts = {
        "T.one": [{"path": "SKILL.md", "sha256": digest}],
        "T.all": [{"path": "SKILL.md", "sha256": digest}, {"path": "docs/x.md", "sha256": other}],
        "U.one": [{"path": "SKILL.md", "sha256": other}],
    }

    copies = stage_artifacts(store, tmp_path / "gate", artifacts)

    home = f"{tmp_path}/gate/artifacts"
    assert copies == {
        "T.one": [f"{home}/T/SKILL.md"],
        "T.all": [f"{home}/T/SKILL.md", f"{home}/T/docs/x.md"],
        "U.one": [f"{home}/U/SKILL.md"],
    }
