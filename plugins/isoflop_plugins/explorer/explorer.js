// The explorer's face: plot with a brush, list with checkboxes, numbers that move.
// One file without a build step; nothing is loaded from anywhere. Names of runs are untrusted and
// only ever become text nodes.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 520, HEIGHT = 360, LEFT = 62, RIGHT = 12, TOP = 10, BOTTOM = 44;
const LONGEST_LIST = 400;
const LONGEST_WAIT_MS = 15000;
const AXES = {
  n_params: ["N", "Parameters N [1]"],
  n_tokens: ["D", "Training tokens D [token]"],
  flops: ["C", "Training compute C [FLOP]"],
  loss: ["loss", "Loss [nat/token]"],
};
// Shape and color say the same, so that neither is needed alone.
const SHAPES = {
  undertrained: "M-5-4H5L0 5.5Z",
  leaning: "M0-6L5 0L0 6L-5 0Z",
  "near-optimal": "M4.4 0A4.4 4.4 0 1 1-4.4 0A4.4 4.4 0 1 1 4.4 0Z",
  overtrained: "M-5 4H5L0-5.5Z",
  "not-assessable": "M-3.5-3.5H3.5V3.5H-3.5Z",
  run: "M4.4 0A4.4 4.4 0 1 1-4.4 0A4.4 4.4 0 1 1 4.4 0Z",
  out: "M-4-4L4 4M-4 4L4-4",
  unusable: "M-3.5 0H3.5M0-3.5V3.5",
};
const WORDS = {
  run: "in the fit", out: "taken out", unusable: "cannot be fitted",
};

function make(tag, { parent, text, ...attributes } = {}) {
  const node = document.createElement(tag);
  return fill(node, parent, text, attributes);
}

function draw(tag, { parent, text, ...attributes } = {}) {
  const node = document.createElementNS(SVG, tag);
  return fill(node, parent, text, attributes);
}

function fill(node, parent, text, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

// ---- scales -----------------------------------------------------------------------------------

function logScale(values, from, to) {
  const known = values.filter((v) => v > 0);
  let low = Math.log10(Math.min(...known)), high = Math.log10(Math.max(...known));
  if (!known.length) [low, high] = [0, 1];
  const room = Math.max((high - low) * 0.04, 0.01);
  low -= room;
  high += room;
  const at = (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from);
  return { at, ticks: ticks(low, high) };
}

function ticks(low, high) {
  const decades = [];
  for (let e = Math.ceil(low); e <= high; e++) decades.push(10 ** e);
  if (decades.length >= 3) {
    const step = Math.ceil(decades.length / 7);
    return decades.filter((_, i) => i % step === 0);
  }
  const out = [];
  const steps = high - low > 0.8 ? [1, 2, 5] : null;
  if (steps) {
    for (let e = Math.floor(low); e <= high; e++) {
      for (const m of steps) out.push(m * 10 ** e);
    }
    return out.filter((v) => Math.log10(v) >= low && Math.log10(v) <= high);
  }
  const [a, b] = [10 ** low, 10 ** high];
  const raw = (b - a) / 5, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  for (let v = Math.ceil(a / step) * step; v <= b; v += step) out.push(v);
  return out;
}

function tickText(value, unit) {
  if (unit !== "loss" && value >= 1e4) {
    const [mantissa, power] = value.toExponential(1).split("e");
    return `${Number(mantissa)}e${Number(power)}`;
  }
  return String(Number(value.toPrecision(3)));
}

// ---- the widget -------------------------------------------------------------------------------

function render({ model, el }) {
  const root = make("div", { parent: el, class: "isoflop-explorer" });
  root.toggleAttribute("data-schemeless", getComputedStyle(el).colorScheme === "normal");
  const view = build(root);
  // What this view wants, until the kernel knows it: a request goes out when the last is answered.
  let wanted = null, inFlight = 0, sentAt = 0, timer = 0;
  const undo = [];
  let filter = "";

  const excluded = () => new Set(wanted?.excluded ?? model.get("excluded"));
  const reasons = () => wanted?.reasons ?? model.get("reasons") ?? {};
  const chosenFamily = () => wanted?.family ?? model.get("family");
  const listed = () => {
    const words = filter.trim().toLowerCase();
    return model.get("points").filter((p) => !words || p.name.toLowerCase().includes(words));
  };

  function want(change) {
    wanted = {
      excluded: [...excluded()], reasons: reasons(), family: chosenFamily(), ...wanted, ...change,
    };
    paint();
    send();
  }

  function send() {
    const isLate = Date.now() - sentAt > LONGEST_WAIT_MS;
    if (!wanted || (inFlight && !isLate)) return;
    inFlight = model.get("asked") + 1;
    sentAt = Date.now();
    for (const [name, value] of Object.entries(wanted)) model.set(name, value);
    model.set("asked", inFlight);
    wanted = null;
    model.save_changes();
    busy();
  }

  function busy() {
    clearTimeout(timer);
    root.toggleAttribute("data-busy", inFlight > 0);
    view.busy.textContent = inFlight ? "refitting ..." : "";
    if (!inFlight) return;
    timer = setTimeout(() => {
      view.busy.textContent = "no answer from the kernel yet: is it running another cell?";
    }, 5000);
  }

  function answered() {
    if (!inFlight || model.get("answered") < inFlight) return;
    inFlight = 0;
    busy();
    send();
  }

  function setExcluded(next, { remember = true } = {}) {
    const before = [...excluded()];
    const out = [...next];
    if (out.length === before.length && out.every((id) => excluded().has(id))) return;
    if (remember) undo.push(before);
    const why = { ...reasons() };
    const said = view.why.value.trim();
    for (const id of out) if (said && !before.includes(id) && !why[id]) why[id] = said;
    for (const id of Object.keys(why)) if (!next.has(id)) delete why[id];
    want({ excluded: out, reasons: why });
  }

  function change(ids, action) {
    const out = excluded();
    const all = model.get("points").filter((p) => !p.unusable).map((p) => p.id);
    const chosen = new Set(ids);
    if (action === "only") {
      for (const id of all) chosen.has(id) ? out.delete(id) : out.add(id);
    } else {
      for (const id of chosen) action === "out" ? out.add(id) : out.delete(id);
    }
    setExcluded(out);
  }

  // ---- plot

  let plotted = [];

  function plot() {
    const [xName, yName] = axes();
    const points = model.get("points");
    view.x.value = xName;
    view.y.value = yName;
    const shown = points.filter((p) => p[xName] > 0 && p[yName] > 0);
    const x = logScale(shown.map((p) => p[xName]), LEFT, WIDTH - RIGHT);
    const y = logScale(shown.map((p) => p[yName]), HEIGHT - BOTTOM, TOP);
    view.frame.replaceChildren();
    drawAxes(view.frame, x, y, xName, yName);
    view.marks.replaceChildren();
    plotted = shown.map((p) => {
      const at = [x.at(p[xName]), y.at(p[yName])];
      const mark = draw("path", { parent: view.marks, transform: `translate(${at})` });
      draw("title", { parent: mark });
      return { point: p, at, mark };
    });
    view.scales = { x, y, xName, yName };
    const hidden = points.length - shown.length;
    view.hidden.textContent = hidden
      ? `${hidden} ${hidden === 1 ? "run has" : "runs have"} no ${AXES[xName][0]} or ` +
        `${AXES[yName][0]} and stand${hidden === 1 ? "s" : ""} in the list only.`
      : "";
    view.svg.setAttribute(
      "aria-label",
      `${shown.length} runs, ${AXES[yName][1]} against ${AXES[xName][1]}. The list below does ` +
        "the same without a mouse.",
    );
  }

  function axes() {
    const asked = model.get("axes") ?? [];
    return [AXES[asked[0]] ? asked[0] : "flops", AXES[asked[1]] ? asked[1] : "loss"];
  }

  function stateOf(point, out) {
    if (point.unusable) return "unusable";
    if (out.has(point.id)) return "out";
    return model.get("results")?.flags?.[point.id] ?? "run";
  }

  function paintMarks() {
    const out = excluded();
    const seen = new Set();
    for (const { point, mark } of plotted) {
      const state = stateOf(point, out);
      seen.add(state);
      mark.setAttribute("class", `mark is-${state}`);
      mark.setAttribute("d", SHAPES[state] ?? SHAPES.run);
      mark.firstChild.textContent = `${point.name}: ${WORDS[state] ?? state}. ${point.words}` +
        (point.unusable ? `. ${point.unusable}` : "");
    }
    view.legend.replaceChildren();
    for (const state of Object.keys(SHAPES).filter((s) => seen.has(s))) {
      const item = make("span", { parent: view.legend, class: "key" });
      const key = draw("svg", { parent: item, viewBox: "-7 -7 14 14", "aria-hidden": "true" });
      draw("path", { parent: key, class: `mark is-${state}`, d: SHAPES[state] });
      item.append(WORDS[state] ?? state);
    }
    const { frontier: now, frontier_before: before } = model.get("results") ?? {};
    const frontiers = [["before", seen.has("out") ? before : null], ["now", now]];
    view.lines.replaceChildren();
    for (const [name, columns] of frontiers) {
      if (!columns) continue;
      drawFrontier(columns, name);
      const item = make("span", { parent: view.legend, class: "key" });
      const key = draw("svg", { parent: item, viewBox: "-7 -7 14 14", "aria-hidden": "true" });
      draw("path", { parent: key, class: `frontier is-${name}`, d: "M-7 0H7" });
      item.append(name === "now" ? "frontier of this fit" : "frontier of all runs");
    }
  }

  function drawFrontier(columns, name) {
    const { x, y, xName, yName } = view.scales;
    const path = columns[xName]
      .map((value, i) => [value, columns[yName][i]])
      .filter(([a, b]) => a > 0 && b > 0)
      .map(([a, b]) => `${x.at(a).toFixed(1)} ${y.at(b).toFixed(1)}`);
    if (path.length < 2) return;
    draw("path", { parent: view.lines, class: `frontier is-${name}`, d: `M${path.join("L")}` });
  }

  // ---- list

  let rows = new Map();

  function list() {
    const found = listed();
    rows = new Map();
    view.rows.replaceChildren();
    for (const point of found.slice(0, LONGEST_LIST)) rows.set(point.id, listRow(point));
    view.found.textContent = found.length > LONGEST_LIST
      ? `${found.length} runs; the first ${LONGEST_LIST} are listed, search narrows them`
      : `${found.length} ${found.length === 1 ? "run" : "runs"}`;
    view.allOut.disabled = view.allIn.disabled = view.only.disabled = !found.length;
    paintRows();
  }

  function listRow(point) {
    const item = make("li", { parent: view.rows });
    const label = make("label", { parent: item });
    const spoken = `${point.name}, ${point.words}`;
    const box = make("input", { parent: label, type: "checkbox", "aria-label": spoken });
    box.disabled = Boolean(point.unusable);
    box.addEventListener("change", () => change([point.id], box.checked ? "in" : "out"));
    make("span", { parent: label, class: "name", text: point.name, dir: "auto" });
    make("span", { parent: label, class: "words", text: point.words });
    const flag = make("span", { parent: item, class: "flag" });
    const why = make("input", {
      parent: item, type: "text", class: "why", maxlength: "500", placeholder: "why left out",
      "aria-label": `Why ${point.name} is left out`,
    });
    why.addEventListener("change", () => {
      want({ reasons: { ...reasons(), [point.id]: why.value.trim() } });
    });
    return { point, item, box, flag, why };
  }

  function paintRows() {
    const out = excluded(), why = reasons();
    for (const row of rows.values()) {
      const state = stateOf(row.point, out);
      const isOut = state === "out";
      row.item.className = `is-${state}`;
      row.box.checked = !isOut && !row.point.unusable;
      const verdict = model.get("results")?.flags?.[row.point.id] ?? "";
      row.flag.textContent = row.point.unusable || verdict;
      row.flag.className = `flag is-${row.point.unusable ? "unusable" : verdict || "run"}`;
      row.why.hidden = !isOut;
      if (row.why !== root.getRootNode().activeElement) row.why.value = why[row.point.id] ?? "";
    }
  }

  // ---- answer

  function answer() {
    const results = model.get("results") ?? {};
    const message = model.get("message");
    view.message.textContent = message;
    view.message.hidden = !message;
    view.headline.textContent = results.headline || "No fit of these runs.";
    view.status.textContent = results.status ?? "";
    view.status.className = `status is-${(results.status ?? "").replaceAll(" ", "-")}`;
    view.warnings.replaceChildren();
    for (const text of results.warnings ?? []) make("li", { parent: view.warnings, text });
    view.numbers.replaceChildren();
    for (const number of results.numbers ?? []) numberRow(view.numbers, number);
    view.table.hidden = !(results.numbers ?? []).length;
    flags(results);
    view.source.textContent = results.law
      ? `${results.law}: ${results.equation}. Intervals: ${Math.round(results.level * 100)} %, ` +
        `${results.n_boot} resamples. All runs: ${results.before}`
      : "";
  }

  function flags(results) {
    const now = results.n_undertrained, before = results.n_undertrained_before;
    view.flagged.textContent = now == null
      ? ""
      : `${now} undertrained under this fit` + (before == null ? "" : `, ${before} under all runs`) +
        (results.moved?.count ? `; ${results.moved.count} verdicts moved:` : ".");
    view.moved.replaceChildren();
    for (const { name, before: was, now: is } of results.moved?.first ?? []) {
      const item = make("li", { parent: view.moved });
      make("span", { parent: item, class: "name", text: name, dir: "auto" });
      item.append(`: ${was} \u2192 ${is}`);
    }
    const left = (results.moved?.count ?? 0) - (results.moved?.first?.length ?? 0);
    if (left > 0) make("li", { parent: view.moved, text: `and ${left} more` });
  }

  function outWords() {
    const here = new Set(model.get("points").map((p) => p.id));
    const n = [...excluded()].filter((id) => here.has(id)).length;
    view.out.textContent = n ? `${n} of ${here.size} taken out` : `all ${here.size} runs in`;
    view.reset.disabled = !n;
    view.undo.disabled = !undo.length;
  }

  function familyChoice() {
    const families = model.get("families");
    view.family.replaceChildren();
    for (const { name, n_runs: n, n_usable: usable } of families) {
      const text = `${name || "(no family)"}: ${n} runs` + (usable < n ? `, ${usable} usable` : "");
      make("option", { parent: view.family, value: name, text });
    }
    view.family.value = chosenFamily();
    view.familyLabel.hidden = families.length < 2;
  }

  function paint() {
    paintMarks();
    paintRows();
    outWords();
  }

  function paintAll() {
    familyChoice();
    plot();
    list();
    answer();
    paint();
  }

  // ---- hands

  let start = null;

  function place(event) {
    const box = view.svg.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * WIDTH,
      ((event.clientY - box.top) / box.height) * HEIGHT,
    ];
  }

  function nearest([x, y]) {
    let best = null, least = 12;
    for (const entry of plotted) {
      const distance = Math.hypot(entry.at[0] - x, entry.at[1] - y);
      if (distance < least && !entry.point.unusable) [best, least] = [entry, distance];
    }
    return best;
  }

  function corners([x0, y0], [x1, y1]) {
    return [Math.min(x0, x1), Math.min(y0, y1), Math.max(x0, x1), Math.max(y0, y1)];
  }

  function dragged(event) {
    if (!start) return;
    const [x0, y0, x1, y1] = corners(start, place(event));
    fill(view.brush, null, undefined, { x: x0, y: y0, width: x1 - x0, height: y1 - y0 });
    view.brush.removeAttribute("hidden");
  }

  function dropped(event) {
    if (!start) return;
    const [x0, y0, x1, y1] = corners(start, place(event));
    const from = start;
    cancel();
    if (x1 - x0 < 4 && y1 - y0 < 4) {
      const entry = nearest(from);
      if (entry) change([entry.point.id], excluded().has(entry.point.id) ? "in" : "out");
      return;
    }
    const inside = plotted.filter(
      ({ at: [x, y], point }) => x >= x0 && x <= x1 && y >= y0 && y <= y1 && !point.unusable,
    );
    if (inside.length) change(inside.map((entry) => entry.point.id), view.action.value);
  }

  function cancel() {
    start = null;
    view.brush.setAttribute("hidden", "");
  }

  view.svg.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    start = place(event);
    view.svg.setPointerCapture(event.pointerId);
  });
  view.svg.addEventListener("pointermove", dragged);
  view.svg.addEventListener("pointerup", dropped);
  view.svg.addEventListener("pointercancel", cancel);
  root.addEventListener("keydown", (event) => {
    // A notebook takes single letters as commands; what is typed here is meant for here.
    if (event.target.matches("input, select")) event.stopPropagation();
    if (event.key === "Escape") cancel();
  });
  for (const select of [view.x, view.y]) {
    select.addEventListener("change", () => {
      model.set("axes", [view.x.value, view.y.value]);
      model.save_changes();
    });
  }
  view.family.addEventListener("change", () => want({ family: view.family.value }));
  view.search.addEventListener("input", () => {
    filter = view.search.value;
    list();
  });
  const usableListed = () => listed().filter((p) => !p.unusable).map((p) => p.id);
  view.allOut.addEventListener("click", () => change(usableListed(), "out"));
  view.allIn.addEventListener("click", () => change(usableListed(), "in"));
  view.only.addEventListener("click", () => change(usableListed(), "only"));
  view.reset.addEventListener("click", () => {
    change(model.get("points").map((p) => p.id), "in");
  });
  view.undo.addEventListener("click", () => {
    if (undo.length) setExcluded(new Set(undo.pop()), { remember: false });
    outWords();
  });

  // ---- the kernel's side

  const listeners = {
    "change:points": paintAll,
    "change:families": familyChoice,
    "change:family": () => { view.family.value = chosenFamily(); },
    "change:axes": () => { plot(); paint(); },
    "change:excluded": paint,
    "change:reasons": paint,
    "change:results": () => { answer(); paint(); },
    "change:message": answer,
    "change:answered": answered,
  };
  for (const [name, listener] of Object.entries(listeners)) model.on(name, listener);
  paintAll();
  return () => {
    clearTimeout(timer);
    for (const [name, listener] of Object.entries(listeners)) model.off(name, listener);
  };
}

// ---- parts ------------------------------------------------------------------------------------

function drawAxes(frame, x, y, xName, yName) {
  const bottom = HEIGHT - BOTTOM, right = WIDTH - RIGHT;
  for (const value of x.ticks) {
    const at = x.at(value).toFixed(1);
    draw("path", { parent: frame, class: "grid", d: `M${at} ${TOP}V${bottom + 4}` });
    draw("text", { parent: frame, x: at, y: bottom + 17, class: "tick is-x", text: tickText(value, xName) });
  }
  for (const value of y.ticks) {
    const at = y.at(value).toFixed(1);
    draw("path", { parent: frame, class: "grid", d: `M${LEFT - 4} ${at}H${right}` });
    draw("text", { parent: frame, x: LEFT - 8, y: at, class: "tick is-y", text: tickText(value, yName) });
  }
  draw("path", { parent: frame, class: "axis", d: `M${LEFT} ${TOP}V${bottom}H${right}` });
  const middle = (LEFT + right) / 2, half = (TOP + bottom) / 2;
  draw("text", { parent: frame, x: middle, y: HEIGHT - 6, class: "title", text: AXES[xName][1] });
  draw("text", {
    parent: frame, x: 0, y: 0, class: "title", transform: `translate(14 ${half}) rotate(-90)`,
    text: AXES[yName][1],
  });
}

function numberRow(body, number) {
  const row = make("tr", { parent: body });
  const name = make("th", { parent: row, scope: "row", text: number.name });
  make("span", { parent: name, class: "second", text: number.meaning });
  const values = make("td", { parent: row });
  make("span", {
    parent: values, class: "now", text: number.now?.text ?? "-", "data-name": number.name,
  });
  make("span", { parent: values, class: "second before", text: number.before?.text ?? "-" });
  strip(make("td", { parent: row, class: "strip" }), number);
  const moved = make("td", { parent: row, text: number.change });
  if (number.is_outside) {
    moved.className = "is-outside";
    make("span", { parent: moved, class: "second", text: "outside" });
    moved.title = "outside the interval of the fit of all runs";
  }
}

// Both intervals on one line, so that a move is seen before it is read.
function strip(cell, { now, before }) {
  const values = [now, before].flatMap((e) => [e?.low, e?.high, e?.value]).filter((v) => v != null);
  if (!values.length) return;
  const low = Math.min(...values), high = Math.max(...values);
  const at = (v) => 5 + ((v - low) / (high - low || 1)) * 100;
  const svg = draw("svg", { parent: cell, viewBox: "0 0 110 36", "aria-hidden": "true" });
  const bar = (e, y, name) => {
    if (!e || e.value == null) return;
    const from = e.low == null ? 0 : at(e.low), to = e.high == null ? 110 : at(e.high);
    draw("path", { parent: svg, class: `bar is-${name}`, d: `M${from} ${y}H${to}` });
    draw("circle", { parent: svg, class: `dot is-${name}`, cx: at(e.value), cy: y, r: 3 });
  };
  bar(before, 27, "before");
  bar(now, 9, "now");
}

function choices(parent, label, options) {
  const holder = make("label", { parent, text: `${label} ` });
  const select = make("select", { parent: holder, "aria-label": label });
  for (const [value, text] of options) make("option", { parent: select, value, text });
  return [select, holder];
}

function button(parent, text, title) {
  return make("button", { parent, type: "button", text, title });
}

function build(root) {
  const tools = make("div", { parent: root, class: "tools" });
  const [family, familyLabel] = choices(tools, "Family", []);
  const axisNames = Object.entries(AXES).map(([name, [short]]) => [name, short]);
  const [x] = choices(tools, "x", axisNames);
  const [y] = choices(tools, "y", axisNames);
  const [action] = choices(tools, "Drag to", [["out", "take out"], ["in", "put back"], ["only", "keep only these"]]);
  const undo = button(tools, "Undo", "Undo the last change");
  const reset = button(tools, "Put all back", "Fit all runs of this family again");
  const whyLabel = make("label", { parent: tools, text: "Why left out " });
  const why = make("input", {
    parent: whyLabel, type: "text", maxlength: "500", placeholder: "optional: kept with the runs taken out next",
  });

  const columns = make("div", { parent: root, class: "columns" });
  const left = make("div", { parent: columns, class: "plot" });
  const svg = draw("svg", { parent: left, viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img" });
  const frame = draw("g", { parent: svg });
  // A picture inside the picture cuts what leaves it, and needs no id that two views would share.
  const [width, height] = [WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP];
  const lines = draw("svg", {
    parent: svg, x: LEFT, y: TOP, width, height, viewBox: `${LEFT} ${TOP} ${width} ${height}`,
  });
  const marks = draw("g", { parent: svg });
  const brush = draw("rect", { parent: svg, class: "brush", hidden: "" });
  const legend = make("p", { parent: left, class: "legend" });
  const hidden = make("p", { parent: left, class: "note" });

  const right = make("div", { parent: columns, class: "answer" });
  const said = make("div", { parent: right, "aria-live": "polite" });
  const top = make("p", { parent: said, class: "top" });
  const status = make("strong", { parent: top, class: "status" });
  const out = make("span", { parent: top, class: "out" });
  const busy = make("span", { parent: top, class: "busy" });
  const headline = make("p", { parent: said, class: "headline" });
  const message = make("p", { parent: said, class: "message", role: "alert" });
  const warnings = make("ul", { parent: right, class: "warnings" });
  const scroller = make("div", { parent: right, class: "scroller" });
  const table = make("table", { parent: scroller });
  const head = make("tr", { parent: make("thead", { parent: table }) });
  make("th", { parent: head, scope: "col" });
  const compared = make("th", { parent: head, scope: "col", text: "this fit" });
  make("span", { parent: compared, class: "second", text: "all runs" });
  make("th", { parent: head, scope: "col" });
  make("th", { parent: head, scope: "col", text: "change" });
  const numbers = make("tbody", { parent: table });
  const flagged = make("p", { parent: right, class: "flagged" });
  const moved = make("ul", { parent: right, class: "moved" });

  const listBox = make("details", { parent: root, class: "list" });
  listBox.open = true;
  make("summary", { parent: listBox, text: "Runs" });
  const searching = make("div", { parent: listBox, class: "tools" });
  const searchLabel = make("label", { parent: searching, text: "Search " });
  const search = make("input", { parent: searchLabel, type: "search", placeholder: "part of a name" });
  const found = make("span", { parent: searching, class: "note", "aria-live": "polite" });
  const allOut = button(searching, "Take these out", "Take out every run that the search finds");
  const allIn = button(searching, "Put these back", "Put back every run that the search finds");
  const only = button(searching, "Keep only these", "Take out every run that the search does not find");
  const rows = make("ul", { parent: listBox, class: "rows" });
  const source = make("p", { parent: root, class: "note source" });
  return {
    family, familyLabel, x, y, action, undo, reset, why, svg, frame, lines, marks, brush, legend,
    hidden, status, out, busy, headline, message, warnings, table, numbers, flagged, moved, search,
    found, allOut, allIn, only, rows, source,
  };
}

export default { render };
