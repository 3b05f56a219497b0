// Making elements and words. Text always goes in as text, so that no keyword or id becomes markup.

function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const byId = (id) => document.getElementById(id);
const readData = (id) => JSON.parse(byId(id).textContent);
const known = (value) => value !== null && value !== undefined;
const percent = (share, digits = 1) => (known(share) ? `${(100 * share).toFixed(digits)} %` : "–");
const spoken = (name) => name.replaceAll("_", " ");
const plural = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const webp = (base64) => `data:image/webp;base64,${base64}`;
// Black is the text's colour, whatever it is.
const inkOf = (colour) => (colour === "#000000" ? "currentColor" : colour);
const DASHES = { "-": null, "--": "7 4", ":": "2 3", "-.": "8 3 2 3" };

function swatch(colour, dashes) {
  const line = { x1: 1, x2: 23, y1: 5, y2: 5, stroke: inkOf(colour), "stroke-width": 3, "stroke-dasharray": DASHES[dashes] };
  return drawn("svg", { width: 24, height: 10, viewBox: "0 0 24 10", "aria-hidden": "true" }, drawn("line", line));
}

function legend(entries) {
  return element("ul", { class: "legend" }, ...entries.map(([label, colour, dashes]) => element("li", {}, swatch(colour, dashes), label)));
}

// A table; each column is [title, class], each cell a text or a node.
function table(columns, rows, attributes = {}) {
  return element("table", attributes,
    element("thead", {}, element("tr", {}, ...columns.map(([title, kind]) => element("th", { scope: "col", class: kind }, title)))),
    element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((content, place) => element("td", { class: columns[place][1] }, content))))));
}

// Pairs of name and value become terms and descriptions; what is unknown is left out.
function describe(list, pairs) {
  const shown = pairs.filter(([, value]) => known(value) && value !== "");
  list.replaceChildren(...shown.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, String(value))]));
}
