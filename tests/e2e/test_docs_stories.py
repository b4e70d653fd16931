"""Every example of the documentation is run, or says why not and by whom."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from doc_stories import DOCS, PAGES, ROOT, RUNNABLE, Block, Story, blocks_of

OWN_TESTS = {
    ROOT / "README.md": "tests/e2e/test_readme.py"
}  # its first lines are commands: there is no room for marks


def where(page: Path) -> str:
    return str(page.relative_to(ROOT))


def unmarked(path: Path) -> list[Block]:
    return [block for block in blocks_of(path) if not block.mark]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("page", [page for page in PAGES if unmarked(page)], ids=where)
def test_what_a_page_shows_is_what_happens(page: Path, tmp_path: Path):
    folder = tmp_path / "demo"
    folder.mkdir()
    story = Story(folder, tmp_path / "state")
    fault = ""
    for block in unmarked(page):
        try:
            story.tell(block)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            fault = f"{where(page)}:{block.line}: {error}"
            break
    if fault:
        pytest.fail(fault, pytrace=False)

    assert story.untold() == set(), "saved and never used"


def test_every_mark_names_a_test_that_is_there_or_a_reason():
    for page in PAGES:
        for block in blocks_of(page):
            place = f"{where(page)}:{block.line}"
            if block.mark == "not run:":
                assert len(block.about.split()) >= 3, f"{place}: say why it is not run"
            elif block.mark:
                file, _, test = block.about.partition("::")
                text = (ROOT / file).read_text()
                assert re.search(rf"^def {test}\(", text, re.MULTILINE), f"{place}: no test {block.about}"
                assert page.name in text, f"{place}: {file} does not read {page.name}"


def test_pages_with_tests_of_their_own_show_nothing_that_those_do_not_know():
    for page, test in OWN_TESTS.items():
        text = (ROOT / test).read_text()
        shown = {block.language for block in blocks_of(page)}

        assert page.name in text
        assert shown <= {"sh", "console", "yaml", "python"}


def test_every_page_is_in_the_list_of_pages():
    index = (ROOT / "docs/README.md").read_text()
    missing = [page.name for page in DOCS if page.name != "README.md" and f"({page.name})" not in index]

    assert missing == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```console\n$ echo one\ntwo\n```\n", "not printed: ['two']"),
        ("```sh\nfalse\n```\n", "ended with 1"),
        ("```yaml\norchharness: 1\ntasks: {a: {run: 'false'}}\n```\n", "ended with 1"),
        ("```yaml\ntasks: {a: {run: 'true'}}\n```\n", "give it a mark"),
        ("```json\n{}\n```\n", "nothing runs json"),
        ("```python\nraise SystemExit(3)\n```\n", "ended with 3"),
    ],
)
def test_an_example_that_is_not_true_is_found(tmp_path: Path, text: str, fault: str):
    page = tmp_path / "page.md"
    page.write_text(text)
    (block,) = blocks_of(page)

    with pytest.raises(AssertionError) as caught:
        Story(tmp_path, tmp_path / "state").tell(block)

    assert fault in str(caught.value)


def test_a_plan_that_is_saved_and_never_run_is_found(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "Save this as `a.plan.yaml`:\n\n```yaml\norchharness: 1\n```\n\n```console\n$ true\n```\n"
    )
    story = Story(tmp_path, tmp_path / "state")
    for block in blocks_of(page):
        story.tell(block)

    assert story.untold() == {"a.plan.yaml"}


def test_a_block_that_only_the_site_knows_hides_none(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("```{shot} report\nA picture.\n```\n\n```sh\ntrue\n```\n")

    assert [block.text for block in blocks_of(page)] == ["true\n"]


def test_blocks_in_lists_are_blocks(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("1. Do this:\n\n   ```sh\n   true\n   ```\n")

    assert [block.text for block in blocks_of(page)] == ["true\n"]


def test_marks_are_read(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text(
        "<!-- not run: it needs\na model -->\n```sh\nx\n```\n\n<!-- run by a.py::b -->\n\n```yaml\nx\n```\n"
    )

    assert [(b.mark, b.about) for b in blocks_of(page)] == [
        ("not run:", "it needs a model"),
        ("run by", "a.py::b"),
    ]
    assert {b.language for b in blocks_of(page)} <= RUNNABLE
