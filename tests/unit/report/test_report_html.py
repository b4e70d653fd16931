"""The file: self-contained, inert whatever the data holds, small and quick even for large plans."""

import base64
import hashlib
import re
import stat
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from report_builder import T0, feat_005, wide
from report_hostile import HOSTILE, hostile_run

from orchharness.core.section import Section, Table, Text, Verbatim
from orchharness.report import Extras, build, write_report
from orchharness.report.render import render
from orchharness.report.sections import section_views

FOLDER = Path(sys.modules["orchharness.report.render"].__file__).with_name("templates")
SCRIPT = (FOLDER / "report.js").read_text(encoding="utf-8")
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """What a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif not self.open or self.open[-1] != "style":
            self.text += data


def page(plan, records, now=99999.0):
    return Page(render(build(plan, records, now=T0 + now)))


def test_hostile_text_stays_text_in_every_field():
    run = hostile_run()
    hostile = page(run.plan, run.records)
    harmless = {
        tag for name in ({}, {"fail": True}, {"until": 3000}) for tag, _ in page(*feat_005(**name)).tags
    }

    assert {tag for tag, _ in hostile.tags} <= harmless
    assert [tag for tag, _ in hostile.tags].count("script") == 1
    assert hostile.scripts == [SCRIPT]
    assert not {tag for tag, _ in hostile.tags} & {
        "img",
        "iframe",
        "object",
        "embed",
        "form",
        "link",
        "base",
    }
    names = {name for _, attrs in hostile.tags for name in attrs}
    assert not [name for name in names if name.startswith("on")]
    assert "<script>window.ran=1;alert(1)</script>" in hostile.text
    assert "{{ 7*7 }}" in hostile.text
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", hostile.text)


def test_hostile_text_gets_into_no_address_and_no_style():
    run = hostile_run()
    for tag, attrs in page(run.plan, run.records).tags:
        assert (attrs.get("href") or "#").startswith("#"), tag
        assert "style" not in attrs
        assert re.fullmatch(r"[\w\s-]*", attrs.get("class") or "")
        assert re.fullmatch(r"[\w%.-]*", attrs.get("id") or "")


@pytest.mark.parametrize("made", [{}, {"fail": True}, {"until": 3000}, {"until": -1}])
def test_the_markup_is_balanced(made):
    found = page(*feat_005(**made))

    assert found.wrong == []
    assert found.open == []


def test_the_file_asks_for_nothing_from_outside():
    text = render(build(*feat_005(), now=T0 + 99999))

    text = text.replace("http://www.w3.org/2000/svg", "")  # the name of a language, nothing to be fetched

    assert "http://" not in text
    assert "https://" not in text
    assert "url(" not in re.sub(r"url\(#[\w-]+\)", "", text)
    assert "@import" not in text
    assert "fetch(" not in text


def test_the_content_policy_names_the_script_and_the_style_by_their_hashes_and_allows_nothing_else():
    text = render(build(*feat_005(), now=T0 + 99999))
    policy = next(
        a["content"] for t, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy"
    )

    def hashed(tag):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"

    assert policy == (
        f"default-src 'none'; script-src {hashed('script')}; style-src {hashed('style')}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def test_nothing_in_the_page_needs_what_the_policy_forbids():
    for tag, attrs in page(*feat_005(fail=True)).tags:
        assert "style" not in attrs, tag
        assert not [name for name in attrs if name.startswith("on")], tag
    assert "innerHTML" not in SCRIPT
    assert "eval(" not in SCRIPT


def test_only_the_page_of_a_run_that_goes_on_shows_itself_anew():
    goes_on = build(*feat_005(until=3000), now=T0 + 3100)

    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in render(goes_on, refresh=5)
    assert "refresh" not in render(goes_on).partition("<style>")[0]


def test_a_report_of_a_run_that_is_over_never_shows_itself_anew(tmp_path):
    target = tmp_path / "report.html"
    write_report(*feat_005(), target, now=T0 + 99999, more=Extras(refresh=5))

    assert "data-refresh" not in target.read_text(encoding="utf-8").partition("<style>")[0]


def test_a_section_of_a_plugin_is_shown_as_text(tmp_path):
    parts = (Text(HOSTILE), Verbatim(HOSTILE, HOSTILE), Table((HOSTILE,), ((HOSTILE,), (3,))), HOSTILE)
    view = build(*feat_005(), now=T0 + 99999)
    made = Page(render(replace(view, sections=section_views([("p", Section(HOSTILE, parts))]))))

    assert made.wrong == []
    assert [tag for tag, _ in made.tags].count("script") == 1
    assert not [a for t, a in made.tags if t == "img"]
    assert made.text.count("<script>window.ran=1;alert(1)</script>") >= 5


def test_ids_are_unique_and_every_link_has_a_target():
    tags = page(*feat_005(fail=True)).tags
    ids = [a["id"] for _, a in tags if "id" in a]

    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for t, a in tags if t == "a"} <= set(ids)
    assert {ref for _, a in tags if "aria-labelledby" in a for ref in a["aria-labelledby"].split()} <= set(
        ids
    )


def test_headings_and_tables_can_be_read_aloud():
    found = page(*feat_005(fail=True))
    levels = [int(tag[1]) for tag, _ in found.tags if re.fullmatch("h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all("scope" in a for t, a in found.tags if t == "th")
    assert all("aria-label" in a or "aria-hidden" in a for t, a in found.tags if t == "svg")


def test_a_verdict_is_never_colour_alone():
    text = render(build(*feat_005(fail=True), now=T0 + 99999))

    assert re.search(
        r'<span class="state s-failed"><span class="icon" aria-hidden="true">✕</span>failed</span>', text
    )


def test_a_selection_of_what_must_be_seen(tmp_path):
    text = page(*feat_005(fail=True)).text

    for seen in (
        "Skill compliance",
        "G-029",
        "0.708",
        "0.883 < 0.90, and no iteration is left",
        "CP-2",
        "EN-027.definitions",
        "SKILL.md",
        "Use Task tool with run_in_background: true",
        "plans/feat-005.plan.yaml",
        "orchharness 0.1.0",
        "ts-parser",
    ):
        assert seen in text


def test_long_text_is_folded():
    plan, records = feat_005()
    text = render(build(plan, records, now=T0 + 99999))

    assert '<details class="long"><summary>Traceback (most recent call last):' in text


def test_the_report_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("old")
    write_report(*feat_005(), target, now=T0 + 99999, warnings=["a torn tail"])

    assert "a torn tail" in target.read_text(encoding="utf-8")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_report(tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    target.write_text("old")
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )

    with pytest.raises(OSError, match="No space"):
        write_report(*feat_005(), target, now=T0 + 99999)
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]
    assert target.read_text() == "old"


def test_compiled_templates_are_kept_in_a_private_folder(own_cache, newly_loaded):
    render(build(*feat_005(), now=T0 + 99999))
    folder = own_cache / "orchharness"

    assert list(folder.glob("*.cache"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_cache_others_can_write_is_not_used(tmp_path, monkeypatch, newly_loaded):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "orchharness").mkdir()
    (tmp_path / "orchharness").chmod(0o777)
    render(build(*feat_005(), now=T0 + 99999))

    assert list((tmp_path / "orchharness").iterdir()) == []


@pytest.mark.parametrize("cache", ["/proc/nowhere", "relative"])
def test_a_cache_that_cannot_be_made_is_done_without(cache, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert render(build(*feat_005(), now=T0 + 99999)).startswith("<!doctype html>")


def test_a_broken_cache_is_done_without(own_cache, newly_loaded):
    text = render(build(*feat_005(), now=T0 + 99999))
    for file in (own_cache / "orchharness").iterdir():
        file.write_bytes(file.read_bytes()[:40])
    newly_loaded()

    assert render(build(*feat_005(), now=T0 + 99999)) == text


def test_two_thousand_tasks_stay_small_and_quick():
    plan, records = wide(2000)
    start = time.perf_counter()
    text = render(build(plan, records, now=T0 + 99999))
    seconds = time.perf_counter() - start

    assert len(text.encode()) < 5_000_000
    assert seconds < 10  # 1 s on an idle machine; the limit only catches a blunder
    assert text.count('id="gate-') == text.count('id="task-') == 2000
