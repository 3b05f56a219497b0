// The plots, drawn at the width that there is, so that their words stay readable on a phone.

const MARGIN = { top: 10, right: 12, bottom: 44, left: 52 };

function chart(parent, label, draw) {
  const box = element("div", { class: "chart" });
  parent.append(box);
  const redraw = () => {
    const width = Math.max(280, box.clientWidth);
    box.replaceChildren(draw(width));
    filled(box.firstChild, { role: "img", "aria-label": label }, []);
  };
  new ResizeObserver(redraw).observe(box);
  redraw();
  return redraw;
}

// Scales, grid and axes; `x` and `y` are {low, high, ticks, text, title, log}.
function frame(width, height, x, y) {
  const inside = { left: MARGIN.left, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const scale = ({ low, high, log }, from, to) => {
    const map = log ? Math.log : (value) => value;
    return (value) => from + ((map(value) - map(low)) / (map(high) - map(low) || 1)) * (to - from);
  };
  const place = { x: scale(x, inside.left, inside.right), y: scale(y, inside.bottom, inside.top) };
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${height}`, width, height });
  for (const tick of y.ticks) {
    svg.append(drawn("line", { class: "grid", x1: inside.left, x2: inside.right, y1: place.y(tick), y2: place.y(tick) }));
    if (y.text) svg.append(drawn("text", { class: "soft", x: inside.left - 8, y: place.y(tick) + 4, "text-anchor": "end" }, y.text(tick)));
  }
  for (const tick of x.ticks) {
    svg.append(drawn("line", { class: "axis", x1: place.x(tick), x2: place.x(tick), y1: inside.bottom, y2: inside.bottom + 5 }));
    svg.append(drawn("text", { class: "soft", x: place.x(tick), y: inside.bottom + 19, "text-anchor": "middle" }, x.text(tick)));
  }
  svg.append(drawn("line", { class: "axis", x1: inside.left, x2: inside.right, y1: inside.bottom, y2: inside.bottom }));
  svg.append(drawn("text", { class: "soft", x: (inside.left + inside.right) / 2, y: height - 6, "text-anchor": "middle" }, x.title));
  return { svg, place, inside };
}

// About `count` round numbers from `low` to `high`.
function ticks(low, high, count) {
  const rough = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
  const first = Math.ceil(low / step - 1e-9);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, place) => (first + place) * step);
}

function polyline(points, attributes) {
  const parts = [];
  for (const [place, point] of points.entries()) {
    if (point) parts.push(`${place && points[place - 1] ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`);
  }
  return drawn("path", { d: parts.join(""), fill: "none", "stroke-linejoin": "round", ...attributes });
}

// The share of every variant over the video's scenes; a click chooses a scene.
function drawTimeline(width, { scenes, series, chosen, current, choose }) {
  const timed = scenes.every((scene) => known(scene.start) && known(scene.end));
  const spans = scenes.map((scene, place) => (timed ? [scene.start, scene.end] : [place + 0.5, place + 1.5]));
  const highest = Math.max(0.05, ...series.flatMap((one) => one.values.filter(known)));
  const low = spans[0][0], high = spans[spans.length - 1][1];
  const room = Math.max(2, Math.floor(width / 110));
  const x = {
    low, high, title: timed ? "time in the video, s" : "scene, in order",
    ticks: ticks(low, high, room).filter((tick) => timed || Number.isInteger(tick)), text: (tick) => `${Number(tick.toFixed(2))}`,
  };
  const y = { low: 0, high: Math.min(1, highest * 1.08), ticks: ticks(0, Math.min(1, highest * 1.08), 5), text: (tick) => percent(tick, 0) };
  const { svg, place, inside } = frame(width, width < 500 ? 260 : 300, x, y);
  const band = (span, attributes, ...inner) => drawn("rect", {
    x: place.x(span[0]), width: place.x(span[1]) - place.x(span[0]), y: inside.top, height: inside.bottom - inside.top, ...attributes,
  }, ...inner);
  svg.append(band(spans[current], { class: "here" }));
  for (const [start] of spans.slice(1)) {
    svg.append(drawn("line", { class: "grid", x1: place.x(start), x2: place.x(start), y1: inside.top, y2: inside.bottom }));
  }
  // Lines that lie on one another stay visible: the chosen one thick below, dots over dashes over the rest.
  const rank = (one) => (one.name === chosen ? 0 : { "-": 1, "--": 2, "-.": 2, ":": 3 }[one.dashes]);
  const order = [...series].sort((one, other) => rank(one) - rank(other));
  for (const one of order) {
    const thick = one.name === chosen;
    const line = { stroke: inkOf(one.colour), "stroke-width": thick ? 6 : 1.8, "stroke-dasharray": thick ? null : DASHES[one.dashes], opacity: thick ? 0.8 : 1 };
    // A step per scene: the share belongs to the whole scene, and does not glide into the next.
    svg.append(polyline(one.values.flatMap((value, at) => (known(value)
      ? [[place.x(spans[at][0]), place.y(value)], [place.x(spans[at][1]), place.y(value)]] : [null])), line));
  }
  scenes.forEach((scene, at) => {
    const title = `scene ${scene.number}: ` + series.map((one) => `${spoken(one.name)} ${percent(one.values[at])}`).join(", ");
    svg.append(band(spans[at], { class: "hit", onclick: () => choose(at) }, drawn("title", {}, title)));
  });
  return svg;
}

// The judge's share of each scene's image in the arms that play; a click goes to a scene's begin.
// Returns the plot with its playhead, and where a time lies.
function drawShares(width, { cuts, arms, length, choose }) {
  const low = Math.min(0, ...cuts.map(([, start]) => start));
  const highest = Math.min(1, 1.12 * Math.max(0.05, ...arms.flatMap((arm) => arm.shares.filter(known))));
  const { svg, place, inside } = frame(width, width < 500 ? 230 : 300,
    { low, high: length, ticks: ticks(low, length, Math.max(2, Math.floor(width / 110))), text: (tick) => `${Number(tick.toFixed(2))}`, title: "time in the video, s" },
    { low: 0, high: highest, ticks: ticks(0, highest, 5), text: (tick) => percent(tick, 0) });
  const upright = (x, attributes) => drawn("line", { x1: x, x2: x, y1: inside.top, y2: inside.bottom, ...attributes });
  for (const time of new Set(cuts.slice(1).map(([, start]) => start))) svg.append(upright(place.x(time), { class: "cut" }));
  arms.forEach((arm, at) => {
    const points = cuts.flatMap(([, start, end], scene) => {
      const step = known(arm.shares[scene]) ? [start, end].map((time) => [place.x(time), place.y(arm.shares[scene])]) : [null];
      return scene && cuts[scene - 1][2] !== start ? [null, ...step] : step;
    });
    const stroke = inkOf(arm.colour);
    // Below the first lies a wide band, so that it is seen where the other has the same share.
    if (!at) svg.append(polyline(points, { stroke, "stroke-width": 8, opacity: 0.3 }));
    svg.append(polyline(points, { class: "share", stroke, "stroke-width": 2.2, "stroke-dasharray": DASHES[arm.dashes] }));
  });
  const playhead = upright(0, { class: "playhead" });
  svg.append(playhead);
  for (const [scene, [number, start, end]] of cuts.entries()) {
    const title = `scene ${number}: ` + arms.map((arm) => `${spoken(arm.name)} ${percent(arm.shares[scene])}`).join(", ");
    svg.append(drawn("rect", {
      class: "hit", x: place.x(start), width: place.x(end) - place.x(start), y: inside.top, height: inside.bottom - inside.top, onclick: () => choose(start),
    }, drawn("title", {}, title)));
  }
  return { svg, playhead, place: place.x };
}

function drawDoseCurve(width, rows, arms) {
  const alphas = [...new Set(rows.map((row) => row.alpha))].sort((one, other) => one - other);
  const highest = Math.max(...rows.flatMap((row) => [row.dose, row.share, row.high].filter(known)));
  const { svg, place } = frame(width, 320,
    { low: alphas[0], high: alphas[alphas.length - 1], log: true, ticks: alphas, text: String, title: "dose: alpha, the factor on the odds of attention" },
    { low: 0, high: highest * 1.05, ticks: ticks(0, highest, 5), text: (tick) => percent(tick, 0) });
  const point = (row, key) => (known(row[key]) ? [place.x(row.alpha), place.y(row[key])] : null);
  const full = rows.filter((row) => row.arm === "full");
  for (const [arm, , colour, dashes] of arms) {
    if (!dashes) continue;
    const of = rows.filter((row) => row.arm === arm);
    const rim = [...of.map((row) => point(row, "low")), ...of.map((row) => point(row, "high")).reverse()].filter(Boolean);
    svg.append(drawn("path", { d: rim.length ? `M${rim.join("L")}Z` : "", fill: colour, opacity: 0.16 }));
  }
  svg.append(polyline(full.map((row) => point(row, "dose")), { stroke: "#999", "stroke-width": 9, opacity: 0.6, "stroke-linecap": "round" }));
  for (const [arm, , colour, dashes] of arms) {
    const of = rows.filter((row) => row.arm === arm);
    // A part of the method alone is measured at a few doses: a line between them would be made up.
    if (dashes) svg.append(polyline(of.map((row) => point(row, "share")), { stroke: colour, "stroke-width": 2.2, "stroke-dasharray": DASHES[dashes] }));
    else for (const row of of) {
      const ends = [point(row, "low"), point(row, "high")];
      if (ends.every(Boolean)) svg.append(polyline(ends, { stroke: colour, "stroke-width": 2.2, opacity: 0.5 }));
    }
    of.map((row) => point(row, "share")).filter(Boolean).forEach(([cx, cy]) => svg.append(drawn("circle", { cx, cy, r: 3.5, fill: colour })));
  }
  return svg;
}

// Rows of dots with a mean and an interval below; `within` is shaded.
function drawDots(width, rows, within, title) {
  const values = [...rows.flatMap((row) => row.values), ...(within || []), 0];
  const widest = [Math.min(...values), Math.max(...values)];
  const pad = (widest[1] - widest[0]) * 0.05 || 0.01;
  const high = widest[1] + pad, low = widest[0] - pad;
  const { svg, place, inside } = frame(width, 66 * rows.length + 62,
    { low, high, ticks: ticks(low, high, width < 500 ? 4 : 7), text: (tick) => `${(100 * tick).toFixed(1).replace(/\.0$/, "")} %`, title },
    { low: 0, high: rows.length, ticks: [] });
  if (within) {
    svg.append(drawn("rect", {
      x: place.x(within[0]), width: place.x(within[1]) - place.x(within[0]), y: inside.top, height: inside.bottom - inside.top, fill: "#009e73", opacity: 0.13,
    }));
  }
  svg.append(drawn("line", { class: "axis", x1: place.x(0), x2: place.x(0), y1: inside.top, y2: inside.bottom }));
  rows.forEach((row, at) => {
    const middle = place.y(rows.length - at - 0.5);
    svg.append(drawn("text", { x: inside.left - 40, y: middle - 20 }, row.label));
    // Spread by a fixed pattern, so that dots on one another can be told.
    row.values.forEach((value, number) => svg.append(drawn("circle", {
      cx: place.x(value), cy: middle - 4 + ((number * 7) % 5) * 2.5, r: 3, fill: inkOf(row.colour), opacity: 0.5,
    })));
    const base = middle + 18;
    if (row.interval) svg.append(drawn("line", { x1: place.x(row.interval[0]), x2: place.x(row.interval[1]), y1: base, y2: base, stroke: inkOf(row.colour), "stroke-width": 5 }));
    if (known(row.mean)) svg.append(drawn("circle", { cx: place.x(row.mean), cy: base, r: 5, fill: inkOf(row.colour) }));
  });
  return svg;
}
