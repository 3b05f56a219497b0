// Browsing: the list of videos, the scene with its overlays, the variants, the timeline.

const state = { video: 0, scene: 0, variant: "", observer: "heatmap", scenes: [], pictures: [] };
const style = (id, name, value) => byId(id).style.setProperty(name, value);
let redrawTimeline = () => {};

function startViewer(data) {
  colourHeatmaps(data.colours);
  fillFilters(data);
  fillVideos(data);
  fillVariants(data);
  redrawTimeline = chart(byId("timeline"), "Attention share of the product in each scene, by variant; the table below has the values", (width) => timeline(data, width));
  byId("timeline").append(legend(data.variants.map((variant) => [spoken(variant.name), variant.colour, variant.dashes])));
  byId("wipe").addEventListener("input", () => setWipe(byId("wipe").value));
  byId("opacity").addEventListener("input", showOverlays);
  byId("outlined").addEventListener("change", showOverlays);
  byId("previous").addEventListener("click", () => openScene(data, state.scene - 1));
  byId("next").addEventListener("click", () => openScene(data, state.scene + 1));
  byId("observer").addEventListener("change", (event) => { state.observer = event.target.value; showTimeline(data); });
  byId("strip").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step && openScene(data, state.scene + step)) byId("strip").children[state.scene].firstChild.focus();
  });
  followPointer();
  openLinked(data);
}

// Heatmaps come in grey: a filter gives them their colours, and shows nothing where no one looks.
function colourHeatmaps(colours) {
  ["feFuncR", "feFuncG", "feFuncB"].forEach((name, place) => byId("heat").querySelector(name).setAttribute("tableValues", colours[place].join(" ")));
}

function followPointer() {
  const stage = byId("stage");
  const follow = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    if (event.type === "pointerdown") stage.setPointerCapture(event.pointerId);
    const box = stage.getBoundingClientRect();
    setWipe(Math.round(Math.min(100, Math.max(0, (100 * (event.clientX - box.left)) / box.width))));
  };
  stage.addEventListener("pointerdown", follow);
  stage.addEventListener("pointermove", follow);
}

function setWipe(value) {
  byId("wipe").value = value;
  style("stage", "--wipe", `${value}%`);
  byId("tag-before").hidden = value < 25;
  byId("tag-after").hidden = value > 75;
}

function showOverlays() {
  style("stage", "--opacity", byId("opacity").value / 100);
  byId("outline").style.display = byId("outlined").checked ? "" : "none";
}

function fillFilters(data) {
  const parts = [...new Set(data.videos.map((video) => video.split).filter(Boolean))];
  const options = [["", "all videos"], ...parts.map((part) => [part, `${part} split`])];
  if (data.videos.some((video) => video.edited)) options.push(["edited", "redrawn videos"]);
  byId("part").append(...options.map(([value, label]) => element("option", { value }, label)));
  byId("find").addEventListener("input", () => filterVideos(data));
  byId("part").addEventListener("change", () => filterVideos(data));
}

function fillVideos(data) {
  byId("videos").append(...data.videos.map((video, place) => element("li", {},
    element("button", { type: "button", onclick: () => openVideo(data, place) },
      element("img", { src: webp(video.thumbnail), alt: "", loading: "lazy", decoding: "async" }),
      element("span", {}, element("span", {}, `${video.keyword || "–"}${video.keyword_doubtful ? " (in doubt: does it name a thing?)" : ""}`), element("span", { class: "id" }, video.id),
        element("span", { class: "id" }, `${plural(video.scenes, "scene")}${video.split ? `, ${video.split}` : ""}${video.edited ? ", redrawn" : ""}`))))));
  filterVideos(data);
}

function filterVideos(data) {
  const words = byId("find").value.trim().toLowerCase();
  const part = byId("part").value;
  let shown = 0;
  data.videos.forEach((video, place) => {
    const fits = `${video.id} ${video.keyword}`.toLowerCase().includes(words)
      && (!part || video.split === part || (part === "edited" && video.edited));
    byId("videos").children[place].hidden = !fits;
    shown += fits;
  });
  const rest = data.counts.videos - data.videos.length;
  byId("found").textContent = `${plural(shown, "video")}${rest ? `; ${plural(rest, "more video")} are not on this page (report.max_scenes)` : ""}`;
}

function fillVariants(data) {
  byId("variants").append(...data.variants.map((variant) => element("label", { title: variant.meaning },
    element("input", { type: "radio", name: "variant", value: variant.name, onchange: () => openVariant(data, variant.name) }),
    swatch(variant.colour, variant.dashes), spoken(variant.name), element("span", { class: "share" }))));
  byId("variants").hidden = !data.variants.length;
}

// Scroll a list, and never the page, so that its item shows.
function reveal(list, item) {
  const inner = item.getBoundingClientRect(), outer = list.getBoundingClientRect();
  list.scrollLeft += Math.min(0, inner.left - outer.left) + Math.max(0, inner.right - outer.right);
  list.scrollTop += Math.min(0, inner.top - outer.top) + Math.max(0, inner.bottom - outer.bottom);
}

function openVideo(data, place) {
  const block = readData(`video-${place}`);
  Object.assign(state, { video: place, scenes: block.scenes, pictures: block.pictures });
  [...byId("videos").children].forEach((item, at) => item.firstChild.setAttribute("aria-current", at === place));
  reveal(byId("videos"), byId("videos").children[place]);
  const video = data.videos[place];
  byId("video-title").textContent = video.keyword || "–";
  byId("video-facts").textContent = `Video ${video.id}, ${plural(video.scenes, "scene")}${video.split ? `, ${video.split} split` : ""}`;
  byId("strip").replaceChildren(...state.scenes.map((scene, at) => element("li", {},
    element("button", { type: "button", "aria-label": `Scene ${scene.number}`, onclick: () => openScene(data, at) },
      element("img", { src: webp(state.pictures[scene.image]), alt: "", loading: "lazy", decoding: "async" }), String(scene.number)))));
  const judged = state.scenes.some((scene) => Object.values(scene.variants).some((found) => found.judged));
  const observers = [["heatmap", "in the heatmaps"], ...(judged ? [["judge", "in the redrawn scenes, by the judge"]] : [])];
  byId("observer").replaceChildren(...observers.map(([value, label]) => element("option", { value }, label)));
  if (!judged) state.observer = "heatmap";
  byId("observer").value = state.observer;
  openScene(data, 0);
  showPlayer(data, block.played);
}

function openScene(data, place) {
  if (place < 0 || place >= state.scenes.length) return false;
  state.scene = place;
  const scene = state.scenes[place];
  [...byId("strip").children].forEach((item, at) => item.firstChild.setAttribute("aria-current", at === place));
  reveal(byId("strip"), byId("strip").children[place]);
  byId("previous").disabled = place === 0;
  byId("next").disabled = place === state.scenes.length - 1;
  style("stage", "--shape", scene.width / scene.height);
  byId("outline").setAttribute("viewBox", `0 0 ${scene.box[0]} ${scene.box[1]}`);
  byId("outline").setAttribute("preserveAspectRatio", "none");
  for (const path of byId("outline").children) path.setAttribute("d", scene.outline);
  [...byId("variants").querySelectorAll("label")].forEach((label, at) => {
    const found = scene.variants[data.variants[at].name];
    label.lastChild.textContent = found.modified || data.variants[at].name === "baseline" ? percent(found.planned_share) : "unchanged";
    label.lastChild.classList.toggle("same", !found.modified);
  });
  describe(byId("scene-facts"), [
    ["Time", known(scene.start) ? `${scene.start.toFixed(2)} to ${scene.end.toFixed(2)} s` : null],
    ["Heatmap", scene.source], ["Size", `${scene.width} × ${scene.height} px`],
    ["Product covers", percent(scene.coverage)], ["Attention share", percent(scene.share)],
    ["Alignment score", known(scene.alignment) ? scene.alignment.toFixed(4) : null],
  ]);
  openVariant(data, state.variant);
  return true;
}

function openVariant(data, name) {
  state.variant = name;
  for (const radio of byId("variants").querySelectorAll("input")) {
    radio.checked = radio.value === name;
    if (radio.checked) reveal(byId("variants"), radio.parentNode);
  }
  const scene = state.scenes[state.scene];
  const found = scene.variants[name] || { heatmap: scene.heatmap, modified: false };
  const after = known(found.image) ? found.image : scene.image;
  const title = `Scene ${scene.number}, ${data.videos[state.video].keyword}`;
  show("before", scene.image, scene.heatmap, `${title}, the original`);
  show("after", after, found.heatmap, after === scene.image ? "" : `${title}, redrawn for ${spoken(name)}`);
  const right = `right ${name ? spoken(name) : "the same"}`;
  const same = after === scene.image && found.heatmap !== scene.heatmap ? " The picture is the same on both sides; the heatmap differs." : "";
  byId("caption").textContent = `Scene ${scene.number}: left the original, ${right}. Drag to compare.${same}`;
  byId("story").textContent = story(scene, name, found);
  showTimeline(data);
  remember(data);
}

function show(layer, picture, heatmap, alternative) {
  const [image, heat] = byId(layer).children;
  image.src = webp(state.pictures[picture]);
  image.alt = alternative;
  heat.src = webp(state.pictures[heatmap]);
}

// What happened to this scene, in a sentence or two.
function story(scene, name, found) {
  if (!name) return "There are no variants yet: `dvc repro variant` makes them.";
  if (!found.modified) return name === "baseline" ? "The baseline is the scene as it is." : `${spoken(name)} leaves this scene as it is.`;
  const words = [];
  if (found.region === "background") words.push(`Attention moves within the background; the product keeps its share (${percent(scene.share)} in the heatmap before, ${percent(found.planned_share)} after).`);
  else {
    words.push(`The odds of attention on the product times ${Number(found.alpha.toFixed(2))}: from ${percent(scene.share)} to ${percent(found.requested_share)} asked, ${percent(found.planned_share)} in the heatmap.`);
    if (!found.feasible) words.push("So much cannot be had in this heatmap: its values end at 1.");
  }
  if (!known(found.image)) words.push("This scene was not redrawn; only its heatmap differs.");
  else if (found.judged && known(found.judged.share)) {
    const asked = known(found.judged.judge_dose) && found.region !== "background" ? `, ${percent(found.judged.judge_dose)} asked` : "";
    words.push(`Redrawn, the judge (another observer than the heatmap) sees ${percent(found.judged.share)} (${percent(found.judged.original_share)} before${asked}).`);
  } else words.push("Redrawn; not judged.");
  if (found.reached === false) words.push("The dose was not reached: more would have broken the picture.");
  return words.join(" ");
}

function series(data) {
  const value = (found) => {
    if (!found) return null;
    if (state.observer === "heatmap") return found.planned_share;
    return found.judged ? found.judged.share : null;
  };
  const all = data.variants.map((variant) => ({ ...variant, values: state.scenes.map((scene) => value(scene.variants[variant.name])) }));
  return all.length ? all : [{ name: "heatmap", colour: "#000000", dashes: "-", values: state.scenes.map((scene) => scene.share) }];
}

function timeline(data, width) {
  if (!state.scenes.length) return drawn("svg");
  const choose = (place) => openScene(data, place);
  return drawTimeline(width, { scenes: state.scenes, series: series(data), chosen: state.variant, current: state.scene, choose });
}

function showTimeline(data) {
  redrawTimeline();
  const all = series(data);
  byId("timeline-table").replaceChildren(table([["Scene"], ...all.map((one) => [spoken(one.name), "number"])],
    state.scenes.map((scene, place) => [String(scene.number), ...all.map((one) => percent(one.values[place]))])));
}

// The address names what is shown, so that a link to it can be sent along with the file.
function remember(data) {
  const parts = new URLSearchParams({ video: data.videos[state.video].id, scene: state.scenes[state.scene].number, variant: state.variant });
  try { history.replaceState(null, "", `#${parts}`); } catch { /* a sandboxed frame has no address */ }
}

function openLinked(data) {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const names = data.variants.map((variant) => variant.name);
  state.variant = [wanted.get("variant"), "full_boost", names[0]].find((name) => names.includes(name)) || "";
  const linked = data.videos.findIndex((video) => video.id === wanted.get("video"));
  const [playable, redrawn] = ["rendered", "edited"].map((kind) => data.videos.findIndex((video) => video[kind]));
  setWipe(50);
  showOverlays();
  openVideo(data, [linked, playable, redrawn, 0].find((place) => place >= 0));
  const scene = state.scenes.findIndex((one) => String(one.number) === wanted.get("scene"));
  if (linked >= 0 && scene > 0) openScene(data, scene);
}
