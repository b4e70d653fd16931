"""What a reader meets: nothing hostile runs, everything can be reached, and large runs stay quick."""

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error
from report_builder import T0, feat_005, wide
from report_hostile import HOSTILE, hostile_places, hostile_run, hostile_sections

from orchharness.report import Extras, build, write_report
from orchharness.report.material import ActText, Log, Material
from orchharness.report.render import render


def text_of(made, **more):
    return render(build(*made, now=T0 + 99999), **more)


def told(made):
    """A run with prompts and logs."""
    log = Log(name="Output", text="line\n" * 40, cut=12)
    plan = "\n".join(f"  {item}: {{run: x}}" for item in made[0].tasks)
    names = {entry.get("act") for entry in made[1]} - {None}
    acts = dict.fromkeys(names, ActText(prompt="Do it.", command="sh -c x", logs=(log,)))
    return render(build(*made, now=T0 + 99999, look=lambda _: Material(plan=plan, acts=acts)))


def until(page, condition):
    """Wait for it. Not with Playwright's own: that one evaluates text, which the page's policy forbids."""
    for _ in range(100):
        with suppress(Error):  # asked while the page is loaded again
            if page.evaluate(condition):
                return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


# ---- untrusted text ----


@pytest.mark.parametrize("policy_is_off", [False, True])
def test_nothing_hostile_runs_with_the_policy_or_without_it(visit, tmp_path, policy_is_off):
    run, target = hostile_run(), tmp_path / "report.html"
    extras = Extras(places=hostile_places(tmp_path), sections=hostile_sections)
    write_report(run.plan, run.records, target, now=T0 + 99999, warnings=[HOSTILE], more=extras)
    page = visit(target, bypass_csp=policy_is_off)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.evaluate(
        """document.querySelectorAll('body *').forEach(
            node => ['mouseover', 'mousemove', 'focusin', 'click'].forEach(
                kind => node.dispatchEvent(new MouseEvent(kind, {bubbles: true, cancelable: true}))))"""
    )

    assert page.evaluate("window.ran") is None
    assert page.evaluate("document.scripts.length") == 1
    assert (
        page.evaluate("document.querySelectorAll('img, iframe, object, embed, form, base, link').length") == 0
    )
    hrefs = page.evaluate("[...document.querySelectorAll('[href]')].map(a => a.getAttribute('href'))")
    assert [href for href in hrefs if not href.startswith("#")] == []
    said = page.evaluate("document.body.textContent")
    assert "{{ 7*7 }}" in said
    assert "\x1b" not in said
    assert said.count("<script>window.ran=1;alert(1)</script>") > 30


def test_the_policy_of_the_page_stops_a_script_that_got_in(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(text_of(feat_005()).replace("</main>", "</main><script>window.ran = 1</script>"))
    context = browser.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    ran = page.evaluate("window.ran")
    context.close()

    assert ran is None
    assert "Content Security Policy" in " ".join(said)


# ---- everybody can read it ----


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("made", ["failed", "told", "live", "hostile"])
def test_axe_has_nothing_serious_to_say(visit, scheme, made):
    hostile = hostile_run()
    texts = {
        "failed": lambda: text_of(feat_005(fail=True)),
        "told": lambda: told(feat_005()),
        "live": lambda: text_of(feat_005(until=3000), refresh=600),
        "hostile": lambda: text_of((hostile.plan, hostile.records)),
    }
    page = visit(texts[made](), color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    found = Axe().run(page).response["violations"]
    serious = [v for v in found if v["impact"] in {"serious", "critical"}]

    assert [(v["id"], [n["html"][:200] for n in v["nodes"]][:3]) for v in serious] == []


def test_without_scripts_everything_can_be_read(visit):
    page = visit(told(feat_005(fail=True)), java_script_enabled=False)
    page.locator("#act-EN-029\\.i3\\.a1 > summary").click()
    page.locator("#act-EN-029\\.i3\\.a1").get_by_text("Prompt").click()

    assert page.locator("#act-EN-029\\.i3\\.a1").get_by_text("Do it.").is_visible()
    assert page.locator("svg.timeline a.bar").count() == 21
    assert page.locator("#timeline-controls").is_hidden()
    assert page.get_by_text("0.883 < 0.90, and no iteration is left").first.is_visible()


def test_the_first_screen_holds_verdict_reason_times_money_and_gates(visit):
    page = visit(text_of(feat_005(fail=True)))

    for seen in (
        page.locator(".verdict .word"),
        page.locator(".causes .reason").first,
        page.locator(".paces th", has_text="One after another"),
        page.locator(".paces th", has_text="Bound"),
        page.locator(".facts", has_text="$1.19"),
        page.locator(".chips li", has_text="G-FINAL"),
    ):
        box = seen.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_the_window(visit, width):
    page = visit(told(feat_005(fail=True)), viewport={"width": width, "height": 800})
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")

    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_can_be_printed(visit):
    page = visit(text_of(feat_005(fail=True)))
    page.emulate_media(media="print")

    assert page.locator("nav").is_hidden()
    assert page.locator("#timeline-controls").is_hidden()
    assert page.locator("#gate-G-029 table").first.is_visible()
    assert page.pdf().startswith(b"%PDF")


# ---- the timeline ----


def bar(page, name):
    return page.locator(f"svg.timeline a.bar[href='#act-{name}']")


def test_zooming_keeps_what_was_in_the_middle(visit):
    page = visit(text_of(feat_005()))
    before = bar(page, "EN-029.i1.a1").locator("rect").last.bounding_box()
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Zoom in").click()
    after = bar(page, "EN-029.i1.a1").locator("rect").last.bounding_box()

    assert page.locator(".zoom output").inner_text() == "4\u00d7"
    assert after["width"] == pytest.approx(4 * before["width"], rel=0.02)
    middle = page.locator(".plot").first.bounding_box()
    centre = middle["x"] + middle["width"] / 2
    assert after["x"] - centre == pytest.approx(4 * (before["x"] - centre), abs=12)


def test_a_track_that_is_not_wanted_leaves_with_its_arrows(visit):
    page = visit(text_of(feat_005()))
    height = page.locator("svg.timeline").bounding_box()["height"]
    page.get_by_label("track_b").uncheck()

    assert bar(page, "TASK-422.i1.a1").is_hidden()
    assert bar(page, "EN-027.i1.a1").is_visible()
    assert page.locator("svg.timeline").bounding_box()["height"] < height
    assert page.locator("svg.timeline g.arrow:not(.off)").count() == 1
    page.get_by_role("button", name="All").click()
    assert bar(page, "TASK-422.i1.a1").is_visible()


def test_the_pointer_over_an_act_shows_its_facts(visit):
    page = visit(text_of(feat_005()))
    bar(page, "TASK-423.i1.a2").scroll_into_view_if_needed()
    bar(page, "TASK-423.i1.a2").locator("rect").last.hover()

    assert page.locator(".tip.on").inner_text().splitlines()[0] == "TASK-423, iteration 1, attempt 2"
    assert "waited 1 min" in page.locator(".tip.on").inner_text()


def test_waiting_and_the_critical_path_can_be_switched_off(visit):
    page = visit(text_of(feat_005()))
    page.get_by_label("Critical path").uncheck()
    page.get_by_label("Waiting").uncheck()

    assert page.locator("svg.timeline .chain").first.is_hidden()
    assert page.locator("svg.timeline rect.wait").first.is_hidden()


def test_the_keyboard_alone_walks_the_acts_and_opens_one(visit):
    page = visit(told(feat_005()))
    bar(page, "TASK-419.i1.a1").focus()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    name = page.evaluate("document.activeElement.getAttribute('href')")
    page.keyboard.press("Enter")

    assert name == "#act-G-PHASE0.checks.i1.a1"
    assert page.evaluate("location.hash") == name
    assert page.locator("#act-G-PHASE0\\.checks\\.i1\\.a1").get_attribute("open") is not None


def test_a_link_opens_what_its_target_is_folded_in(visit):
    page = visit(text_of(wide(300)))
    page.evaluate("location.hash = '#task-T00123'")
    until(page, "document.getElementById('task-T00123').getBoundingClientRect().top < innerHeight")

    assert page.locator("#task-T00123").is_visible()


def test_the_filter_leaves_what_holds_the_words(visit):
    page = visit(text_of(feat_005()))
    page.fill("#find", "task-42")
    until(page, "document.querySelector('#task-EN-027').classList.contains('off')")

    assert page.locator("#task-TASK-423").is_visible()
    assert page.locator("#gate-G-027").is_hidden()
    page.fill("#find", "")
    until(page, "!document.querySelector('#gate-G-027').classList.contains('off')")


# ---- a run that goes on ----


def test_what_the_reader_did_outlives_that_the_page_shows_itself_anew(visit, tmp_path):
    target = tmp_path / "report.html"
    made = feat_005(until=3000)
    target.write_text(text_of(made, refresh=1), encoding="utf-8")
    page = visit(target)
    page.locator("#gate-G-028 > summary").click()
    page.locator("#gate-G-027 > summary").click()
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_label("track_b").uncheck()
    page.fill("#find", "en-0")
    page.evaluate("window.scrollTo(0, 400)")
    view = build(*feat_005(until=3400), now=T0 + 3500)
    target.write_text(render(replace(view, title="Second"), refresh=1), encoding="utf-8")
    until(page, "document.title.startsWith('Second') && 'ready' in document.documentElement.dataset")

    assert page.locator("#gate-G-028").get_attribute("open") is not None
    assert page.locator("#gate-G-027").get_attribute("open") is None
    assert page.locator(".zoom output").inner_text() == "2\u00d7"
    assert not page.get_by_label("track_b").is_checked()
    assert page.input_value("#find") == "en-0"
    assert page.evaluate("Math.abs(scrollY - 400) < 3")


def test_a_page_that_nobody_writes_any_more_says_how_old_it_is(visit):
    page = visit(text_of(feat_005(until=3000), refresh=600))

    assert "it may have been killed" in page.locator("#live").inner_text()


def test_updates_can_be_paused(visit, tmp_path):
    target = tmp_path / "report.html"
    target.write_text(text_of(feat_005(until=3000), refresh=1), encoding="utf-8")
    page = visit(target)
    page.get_by_role("button", name="Pause updates").click()
    page.evaluate("window.same = true")
    page.evaluate("new Promise(done => setTimeout(done, 1500))")

    assert page.evaluate("window.same") is True


def test_without_scripts_the_page_of_a_run_that_goes_on_is_loaded_again(visit, tmp_path):
    target = tmp_path / "report.html"
    target.write_text(text_of(feat_005(until=3000), refresh=1), encoding="utf-8")
    page = visit(target, java_script_enabled=False)
    view = replace(build(*feat_005(), now=T0 + 99999), title="Second")
    target.write_text(render(view), encoding="utf-8")
    page.get_by_role("heading", name="Second", level=1).wait_for(timeout=10_000)


# ---- size ----


def test_two_thousand_tasks_load_within_two_seconds(visit):
    path_text = text_of(wide(2000))
    times = []
    for _ in range(3):
        page = visit(path_text)
        (entry,) = json.loads(page.evaluate("JSON.stringify(performance.getEntriesByType('navigation'))"))
        times.append(entry["loadEventEnd"])
        page.context.close()
        if min(times) < 2000:
            break

    assert min(times) < 2000
    assert len(path_text.encode()) < 10_000_000
