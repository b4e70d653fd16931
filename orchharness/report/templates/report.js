"use strict";
(() => {
const page = document.documentElement;
const find = (selector, root) => (root || document).querySelector(selector);
const all = (selector, root) => [...(root || document).querySelectorAll(selector)];
const add = (parent, tag, attributes, text) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
const SVG = "http://www.w3.org/2000/svg";

/* What the reader unfolded, filtered and scrolled to outlives a reload. sessionStorage may be refused to a page from
   disk; the name of the window is not. */
const held = (() => {
  try {
    const told = JSON.parse(window.name);
    return told && told.orchharness === page.dataset.run ? told : {};
  } catch { return {}; }
})();
const keep = { orchharness: page.dataset.run };
const saved = [];
const place = (fold) => {
  if (fold.id) return fold.id;
  const home = fold.parentElement.closest("[id]");
  return home ? home.id + "/" + all("details:not([id])", home).indexOf(fold) : "";
};
const unfolded = new Map(all("details").map((fold) => [fold, fold.open]));
const save = () => {
  keep.folds = {};
  for (const [fold, open] of unfolded) if (fold.open !== open && place(fold)) keep.folds[place(fold)] = fold.open;
  for (const name of Object.keys(held.folds || {})) if (!(name in keep.folds)) {
    const fold = folded(name);
    if (fold && fold.open === held.folds[name]) keep.folds[name] = fold.open;
  }
  keep.y = window.scrollY;
  keep.focus = document.activeElement && document.activeElement.id;
  for (const write of saved) write();
  window.name = JSON.stringify(keep);
};
const folded = (name) => {
  const [id, number] = name.split("/").length > 1 && !document.getElementById(name)
    ? [name.slice(0, name.lastIndexOf("/")), Number(name.slice(name.lastIndexOf("/") + 1))] : [name];
  const home = document.getElementById(id);
  return home && number !== undefined ? all("details:not([id])", home)[number] : home;
};
window.addEventListener("pagehide", save);

/* ---- links into what is folded ---- */
const reveal = () => {
  let target = null;
  try {
    target = document.getElementById(location.hash.slice(1)) || document.getElementById(decodeURIComponent(location.hash.slice(1)));
  } catch { return; }
  if (!target) return;
  for (let fold = target; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
  target.scrollIntoView();
};
window.addEventListener("hashchange", reveal);
document.addEventListener("click", (event) => {
  const link = event.target.closest && event.target.closest("a");
  if (link && link.getAttribute("href") === location.hash) reveal();
});

/* ---- the timeline ---- */
const PAD = 10, CHAR = 6.7, LONGEST = 64;
const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
  7200, 10800, 21600, 43200, 86400];
const two = (value) => String(value).padStart(2, "0");
const clock = (seconds, step) => {
  if (!seconds) return "0";
  if (step < 1) return seconds.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : 1) + " s";
  const whole = Math.round(seconds);
  if (step < 60) return whole < 60 ? whole + " s" : Math.floor(whole / 60) + ":" + two(whole % 60) + " min";
  if (step < 3600) return whole < 3600 ? whole / 60 + " min" : Math.floor(whole / 3600) + ":" + two(Math.floor(whole % 3600 / 60)) + " h";
  return step < 86400 ? whole / 3600 + " h" : Math.round(whole / 86400) + " d";
};
const timeline = () => {
  const svg = find("svg.timeline");
  if (!svg) return;
  const box = svg.parentElement, controls = find("#timeline-controls");
  const width = Number(svg.getAttribute("width")), full = Number(svg.getAttribute("height")), span = Number(svg.dataset.span);
  const read = (node, ...names) => names.map((name) => Number(node.getAttribute(name)));
  const tracks = all("g.track", svg).map((node) => ({
    node, y: Number(node.dataset.y), h: Number(node.dataset.h), name: node.dataset.name, on: true, dy: 0,
    rules: all("line.rule", node), label: find("text.lane", node),
  }));
  const bars = all("a.bar", svg).map((node) => {
    const title = find("title", node), text = title.textContent;
    title.remove();
    node.setAttribute("aria-label", text.replaceAll("\n", ", "));
    const rects = all("rect", node).map((rect) => ({ rect, at: read(rect, "x", "width") }));
    const marks = all("path", node).map((mark) => ({ mark, at: mark.getAttribute("transform").slice(10, -1).split(" ").map(Number) }));
    const name = find("text", node);
    return { node, text, rects, marks, name, x: name && Number(name.getAttribute("x")) };
  });
  const links = all("[data-p]", svg).map((node) => ({
    node, ends: node.dataset.p.split(" ").map(Number), lanes: node.dataset.l.split(" ").map(Number),
    label: null,
  }));
  const arrows = links.filter((link) => link.node.classList.contains("arrow"));
  for (const node of all("g.arrow-name", svg)) arrows[Number(node.dataset.n)].label = {
    node, x: Number(find("text", node).getAttribute("x")), y: Number(find("text", node).getAttribute("y")), zoom: 1,
  };
  const axis = find("g.axis", svg);
  let zoom = 1, shown = full;
  const wide = () => PAD * 2 + (width - PAD * 2) * zoom;
  const at = (x) => PAD + (x - PAD) * zoom;

  const scaleBar = (bar) => {
    let first = 0, last = 0;
    for (const { rect, at: [x, w] } of bar.rects) {
      first = at(x);
      last = Math.max(first + Math.min(w, 3), at(x + w));
      rect.setAttribute("x", first.toFixed(1));
      rect.setAttribute("width", (last - first).toFixed(1));
    }
    for (const { mark, at: [x, y] } of bar.marks) mark.setAttribute("transform", `translate(${at(x).toFixed(1)} ${y})`);
    if (bar.name) bar.name.setAttribute("x", at(bar.x).toFixed(1));
    else if (bar.rects.length && !svg.classList.contains("thin")) {
      const words = bar.text.split(",")[0];
      const room = last - first > words.length * CHAR + 4;
      let spare = find("text.spare", bar.node);
      if (room && !spare) {
        spare = document.createElementNS(SVG, "text");
        spare.setAttribute("class", "spare");
        spare.textContent = words;
        bar.node.append(spare);
      }
      if (spare) {
        spare.setAttribute("x", first.toFixed(1));
        spare.setAttribute("y", Number(bar.rects.at(-1).rect.getAttribute("y")) - (bar.node.classList.contains("critic") ? 6 : 4));
        spare.classList.toggle("off", !room);
      }
    }
  };
  const scaleLink = ({ node, ends: [ax, ay, bx, by], lanes: [from, to], label }) => {
    const on = tracks[from].on && tracks[to].on;
    node.classList.toggle("off", !on);
    const x0 = at(ax), y0 = ay + tracks[from].dy, x1 = at(bx), y1 = by + tracks[to].dy;
    if (node.tagName === "path") {
      node.setAttribute("d", `M${x0.toFixed(1)} ${y0}V${y1}H${x1.toFixed(1)}`);
    } else {
      const bend = Math.max(24, Math.abs(x1 - x0) / 2), [curve, head] = all("path", node);
      curve.setAttribute("d", `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`);
      head.setAttribute("d", `M${x1} ${y1}l-7 -4v8z`);
    }
    if (label) {
      label.node.classList.toggle("off", !on);
      const moved = zoom === 1 && tracks.every((track) => track.on);
      const x = moved ? 0 : (x0 + x1) / 2 - label.x, y = moved ? 0 : (y0 + y1) / 2 + 4 - label.y;
      label.node.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    }
  };
  const ticks = () => {
    axis.replaceChildren();
    const step = STEPS.find((s) => span / s <= 12 * zoom) || 86400 * Math.ceil(span / 86400 / 12 / zoom);
    for (let t = 0; t <= span * 1.0001; t += step) {
      const x = at(PAD + t / span * (width - 2 * PAD));
      const rule = document.createElementNS(SVG, "line"), text = document.createElementNS(SVG, "text");
      for (const [name, value] of [["x1", x], ["x2", x], ["y1", axis.dataset.top], ["y2", shown - 4]]) rule.setAttribute(name, value);
      text.setAttribute("x", x);
      text.setAttribute("y", 14);
      text.setAttribute("text-anchor", x > wide() - 60 ? "end" : t ? "middle" : "start");
      text.textContent = clock(t, step);
      axis.append(rule, text);
    }
  };
  const draw = () => {
    let up = 0;
    for (const track of tracks) {
      track.node.classList.toggle("off", !track.on);
      track.dy = -up;
      track.node.setAttribute("transform", `translate(0 ${-up})`);
      for (const rule of track.rules) rule.setAttribute("x2", wide());
      if (!track.on) up += track.h;
    }
    shown = full - up;
    svg.setAttribute("width", wide());
    svg.setAttribute("height", shown);
    svg.setAttribute("viewBox", `0 0 ${wide()} ${shown}`);
    svg.style.minWidth = wide() + "px";
    bars.forEach(scaleBar);
    links.forEach(scaleLink);
    ticks();
    pin();
  };
  const pin = () => { for (const track of tracks) track.label.setAttribute("transform", `translate(${box.scrollLeft} 0)`); };
  box.addEventListener("scroll", pin, { passive: true });

  controls.hidden = false;
  const group = add(controls, "div", { role: "group", "aria-label": "Zoom", class: "zoom" });
  const out = add(group, "button", { type: "button", "aria-label": "Zoom out" }, "−");
  const level = add(group, "output", { class: "level", "aria-live": "polite" }, "1×");
  const into = add(group, "button", { type: "button", "aria-label": "Zoom in" }, "+");
  const fit = add(group, "button", { type: "button" }, "Fit");
  const to = (wanted, focus) => {
    const next = Math.min(LONGEST, Math.max(1, wanted));
    const middle = focus === undefined ? box.clientWidth / 2 : focus;
    const inset = svg.getBoundingClientRect().left - box.getBoundingClientRect().left + box.scrollLeft;
    const share = (box.scrollLeft + middle - inset - PAD) / zoom;
    zoom = next;
    level.textContent = (zoom < 10 ? Math.round(zoom * 10) / 10 : Math.round(zoom)) + "×";
    out.disabled = zoom === 1;
    into.disabled = zoom === LONGEST;
    draw();
    box.scrollLeft = share * zoom + PAD + inset - middle;
  };
  out.addEventListener("click", () => to(zoom / 2));
  into.addEventListener("click", () => to(zoom * 2));
  fit.addEventListener("click", () => to(1));
  box.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    to(zoom * (event.deltaY < 0 ? 1.25 : 0.8), event.clientX - box.getBoundingClientRect().left);
  }, { passive: false });
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const factor = { "+": 2, "=": 2, "-": 0.5, "0": 1 / zoom }[event.key];
    if (factor) { event.preventDefault(); to(zoom * factor); return; }
    const here = bars.findIndex((bar) => bar.node === document.activeElement);
    const move = { ArrowRight: 1, ArrowLeft: -1, Home: -here, End: bars.length - 1 - here }[event.key];
    if (here < 0 || move === undefined) return;
    event.preventDefault();
    let next = here + move;
    while (bars[next] && bars[next].node.parentElement.classList.contains("off")) next += Math.sign(move) || 1;
    if (bars[next]) { bars[next].node.focus(); bars[next].node.scrollIntoView({ block: "nearest", inline: "nearest" }); }
  });

  const parts = add(controls, "fieldset", { class: "checks" });
  add(parts, "legend", {}, "Show");
  for (const [name, off] of [["Waiting", "no-wait"], ["Critical path", "no-chain"], ["Cross-pollination", "no-cross"]]) {
    const wanted = { Waiting: "rect.wait", "Critical path": ".chain", "Cross-pollination": ".arrow" }[name];
    if (!find(wanted, svg)) continue;
    const label = add(parts, "label"), check = add(label, "input", { type: "checkbox", id: "show-" + off });
    label.append(" " + name);
    check.checked = !(held.off || []).includes(off);
    const set = () => svg.classList.toggle(off, !check.checked);
    check.addEventListener("change", set);
    set();
  }
  if (!find("input", parts)) parts.remove();
  saved.push(() => { keep.off = ["no-wait", "no-chain", "no-cross"].filter((name) => svg.classList.contains(name)); });
  if (tracks.length > 1) {
    const field = add(controls, "fieldset", { class: "checks tracks" });
    add(field, "legend", {}, "Tracks");
    const every = add(field, "button", { type: "button" }, "All");
    const none = add(field, "button", { type: "button" }, "None");
    const boxes = tracks.map((track, number) => {
      const label = add(field, "label"), check = add(label, "input", { type: "checkbox", id: "track-" + number });
      label.append(" " + track.name);
      check.checked = track.on = !(held.tracks || []).includes(track.name);
      check.addEventListener("change", () => { track.on = check.checked; draw(); });
      return check;
    });
    const set = (on) => () => { boxes.forEach((check, number) => { check.checked = tracks[number].on = on; }); draw(); };
    every.addEventListener("click", set(true));
    none.addEventListener("click", set(false));
  }
  saved.push(() => {
    keep.tracks = tracks.filter((track) => !track.on).map((track) => track.name);
    keep.zoom = zoom;
    keep.x = box.scrollLeft;
    keep.plot = box.scrollTop;
  });

  const tip = add(document.body, "div", { class: "tip", "aria-hidden": "true" });
  const known = new Map(bars.map((bar) => [bar.node, bar]));
  const hover = (event) => {
    const bar = known.get(event.target.closest && event.target.closest("a.bar"));
    tip.classList.toggle("on", Boolean(bar));
    if (!bar) return;
    tip.textContent = bar.text;
    const area = bar.node.getBoundingClientRect();
    const x = event.clientX || area.left, y = event.clientX ? event.clientY : area.bottom;
    tip.style.left = Math.max(4, Math.min(x + 14, window.innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = (y + 18 + tip.offsetHeight > window.innerHeight ? y - tip.offsetHeight - 10 : y + 18) + "px";
  };
  for (const kind of ["mousemove", "focusin"]) svg.addEventListener(kind, hover);
  for (const kind of ["mouseleave", "focusout"]) svg.addEventListener(kind, () => tip.classList.remove("on"));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.classList.remove("on"); });
  if (bars.length) bars[0].node.setAttribute("tabindex", "0");
  if ((held.zoom || 1) > 1 || tracks.some((track) => !track.on)) to(held.zoom || 1);
  out.disabled = zoom === 1;
  if (held.x !== undefined) { box.scrollLeft = held.x; box.scrollTop = held.plot; }
};

/* ---- finding items ---- */
const filter = () => {
  const rows = [["section[aria-labelledby=tasks] tbody tr[id]"], [".gate"], ["section[aria-labelledby=artifacts] tbody tr"],
    [".act", true]].flatMap(([selector, deep]) => all(selector).map((node) => ({ node, deep, text: null })));
  if (rows.length < 12) return;
  const label = add(find("#tools"), "label", { class: "find" });
  add(label, "span", { class: "hidden" }, "Show only what holds");
  const field = add(label, "input", { type: "search", id: "find", placeholder: "Filter", autocomplete: "off", spellcheck: "false" });
  const count = add(label, "output", { class: "muted", "aria-live": "polite" });
  const own = (row) => {
    const part = row.node.tagName === "DETAILS" ? find("summary", row.node) : row.node;
    return part.textContent.toLowerCase();
  };
  const apply = () => {
    const wanted = field.value.trim().toLowerCase();
    let found = 0;
    for (const row of rows) {
      row.text = row.text === null && wanted ? own(row) : row.text;
      const on = !wanted || row.text.includes(wanted);
      row.node.classList.toggle("off", !on);
      found += on;
    }
    for (const group of all("details.group")) {
      const there = [...group.children].some((child) => child.classList.contains("act") && !child.classList.contains("off"));
      group.classList.toggle("off", !there);
    }
    for (const row of all("tr.group")) row.classList.toggle("off", Boolean(wanted));
    count.textContent = wanted ? found + " found" : "";
  };
  let soon = 0;
  field.addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(apply, rows.length > 2000 ? 150 : 0); });
  field.value = held.find || "";
  if (field.value) apply();
  saved.push(() => { keep.find = field.value; });
};

/* ---- a run that goes on ---- */
const live = () => {
  const every = Number(page.dataset.refresh || 0);
  if (!every) return;
  const old = Date.now() / 1000 - Number(page.dataset.written);
  if (old > 120) add(find("#live"), "strong", {}, " That was " + Math.round(old / 60) + " minutes ago: it may have been killed.");
  const pause = add(find("#tools"), "button", { type: "button", id: "pause", "aria-pressed": String(Boolean(held.pause)) }, "Pause updates");
  pause.addEventListener("click", () => pause.setAttribute("aria-pressed", String(pause.getAttribute("aria-pressed") !== "true")));
  saved.push(() => { keep.pause = pause.getAttribute("aria-pressed") === "true"; });
  setInterval(() => {
    if (pause.getAttribute("aria-pressed") === "true" || document.hidden || String(getSelection())) return;
    save();
    location.reload();
  }, every * 1000);
};

for (const [name, open] of Object.entries(held.folds || {})) {
  const fold = folded(name);
  if (fold && fold.tagName === "DETAILS") fold.open = open;
}
timeline();
filter();
live();
if (held.y !== undefined) {
  history.scrollRestoration = "manual";
  window.scrollTo(0, held.y);
  const had = held.focus && document.getElementById(held.focus);
  if (had) had.focus({ preventScroll: true });
} else if (location.hash) reveal();
page.dataset.ready = "";
})();
