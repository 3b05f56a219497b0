// Two arms of a video side by side, in step, with the share of attention running along.

// Seconds by which the second may be off before it runs faster or slower, and before it is set.
const LOOSE_S = 0.02, APART_S = 0.15;
// A time on a frame's edge is that frame's, however it is rounded.
const EDGE_S = 0.001;
const player = { sides: [], video: null, time: 0, length: 0, playing: false, watch: 0, plot: null, redraw: () => {} };

function startPlayer(data) {
  const { rendered, videos } = data;
  byId("player").hidden = !rendered.videos;
  byId("not-rendered").hidden = Boolean(rendered.videos);
  if (!rendered.videos) {
    byId("not-rendered").textContent = rendered.tried
      ? "No video was made, as the scenes were not cut from videos here: put yours below data/videos, set scene_cuts.source: videos and scene_cuts.input: data/videos, then `dvc repro`."
      : "No video has been made yet: `dvc repro render` puts the edits back into the videos.";
    return;
  }
  const choices = [...videos.entries()].filter(([, video]) => video.rendered);
  byId("played").append(element("option", { value: "", disabled: true, hidden: true }, "choose one"),
    ...choices.map(([place, video]) => element("option", { value: place }, `${video.id}, ${video.keyword || "–"}`)));
  byId("played").addEventListener("change", (event) => openVideo(data, Number(event.target.value)));
  player.sides = [["left", "baseline"], ["right", "full_boost"]].map(([name, wanted]) => startSide(name, wanted));
  player.redraw = chart(byId("shares"), "The judge's share of each scene's image, over the time of the video, in the two arms shown; the table of the timeline has the values, measured by the judge", plotShares);
  byId("play").addEventListener("click", () => (player.playing ? pause() : play()));
  byId("seek").addEventListener("input", () => seek(Number(byId("seek").value)));
  byId("speed").addEventListener("change", () => running().forEach(({ video }) => { video.playbackRate = speed(); }));
}

function startSide(name, wanted) {
  const side = { name, wanted, arm: null, lost: true, set: false, video: byId(name), choice: byId(`arm-${name}`), words: byId(`lost-${name}`) };
  side.choice.addEventListener("change", () => { side.wanted = side.choice.value; load(side); showArms(); });
  side.video.addEventListener("click", () => byId("play").click());
  side.video.addEventListener("loadedmetadata", () => {
    side.video.currentTime = player.time;
    side.set = true;
    if (side === timed()[0]) setLength(side.video.duration);
    if (player.playing) play();
  });
  side.video.addEventListener("error", () => { if (side.video.hasAttribute("src")) lose(side); });
  side.video.addEventListener("ended", () => { if (side === timed()[0]) pause(); });
  return side;
}

// The sides that have a video; of those that have been set to the time the first leads.
const running = () => player.sides.filter((side) => !side.lost);
const timed = () => running().filter((side) => side.set);
const speed = () => Number(byId("speed").value);

function showPlayer(data, video) {
  if (!player.sides.length) return;
  pause();
  player.video = video;
  player.time = 0;
  byId("played").value = video ? state.video : "";
  byId("theatre").hidden = byId("arm-figures").hidden = !video;
  byId("not-this").hidden = Boolean(video) && data.rendered.videos === data.videos.filter((one) => one.rendered).length;
  byId("not-this").textContent = video ? "More videos were rendered than are on this page (report.max_scenes): they lie below outputs/videos."
    : `Video ${data.videos[state.video].id} was not rendered (render.videos). Choose one that was.`;
  if (!video) return player.sides.forEach(unload);
  const shape = state.scenes[0];
  style("theatre", "--shape", shape.width / shape.height);
  const names = video.arms.map((arm) => arm.name);
  for (const [at, side] of player.sides.entries()) {
    side.choice.replaceChildren(...names.map((name) => element("option", { value: name }, spoken(name))));
    side.choice.value = names.includes(side.wanted) ? side.wanted : names[at ? names.length - 1 : 0];
    load(side);
  }
  showArms();
  setLength(video.cuts.length ? video.cuts[video.cuts.length - 1][2] : 1);
  byId("arm-figures").replaceChildren(armFigures(data.rendered.figures, video.arms));
}

function load(side) {
  side.arm = player.video.arms.find((arm) => arm.name === side.choice.value);
  side.lost = side.set = false;
  side.words.textContent = "";
  side.video.setAttribute("aria-label", `${side.name}: ${spoken(side.arm.name)}`);
  side.video.src = side.arm.link;
  allow();
}

function unload(side) {
  side.lost = true;
  side.video.removeAttribute("src");
  side.video.load();
}

function lose(side) {
  side.lost = true;
  side.words.textContent = `No video: ${side.arm.file} did not come along with this page, or this browser cannot play it.`;
  allow();
}

function allow() {
  for (const id of ["play", "seek", "speed"]) byId(id).disabled = !running().length;
  if (!running().length) pause();
}

function setLength(seconds) {
  player.length = seconds;
  byId("seek").max = seconds;
  // An arrow key is a frame.
  byId("seek").step = seconds / player.video.arms[0].frames;
  player.redraw();
  showTime(player.time);
}

function play() {
  if (running()[0].video.ended) seek(0);
  player.playing = true;
  byId("play").textContent = "Pause";
  // What cannot play says so by its error; what another choice interrupts is played anew.
  for (const { video } of running()) video.play().catch(() => {});
  running().forEach(({ video }) => { video.playbackRate = speed(); });
  cancelAnimationFrame(player.watch);
  player.watch = requestAnimationFrame(follow);
}

function pause() {
  const [first, ...others] = timed();
  player.playing = false;
  byId("play").textContent = "Play";
  running().forEach(({ video }) => video.pause());
  if (!first) return;
  others.forEach(({ video }) => { video.currentTime = first.video.currentTime; });
  showTime(first.video.currentTime);
}

function seek(edge) {
  const time = edge + EDGE_S;
  running().forEach(({ video }) => { video.currentTime = time; });
  showTime(time);
}

// The others keep to the first: a little faster or slower, and set where that would not do.
function follow() {
  if (!player.playing) return;
  player.watch = requestAnimationFrame(follow);
  const [first, ...others] = timed();
  if (!first) return;
  for (const { video } of others.filter((side) => !side.video.seeking && !side.video.ended)) {
    const ahead = video.currentTime - first.video.currentTime;
    if (Math.abs(ahead) > APART_S) video.currentTime = first.video.currentTime;
    const rate = speed() * (Math.abs(ahead) > LOOSE_S ? 1 - 0.1 * Math.sign(ahead) : 1);
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }
  showTime(first.video.currentTime);
}

function showTime(time) {
  player.time = time;
  if (!player.video) return;
  const words = `${time.toFixed(2)} of ${player.length.toFixed(2)} s`;
  byId("seek").value = time;
  byId("seek").setAttribute("aria-valuetext", words);
  byId("clock").textContent = words;
  const later = player.video.cuts.findIndex(([, , end]) => time < end);
  const place = later < 0 ? player.video.cuts.length - 1 : later;
  if (place >= 0) byId("clock").textContent += `, scene ${player.video.cuts[place][0]}`;
  arms().forEach((arm, at) => { byId("now").children[at].lastChild.textContent = percent(arm.shares[place]); });
  if (!player.plot) return;
  const x = player.plot.place(Math.min(time, player.length));
  for (const end of ["x1", "x2"]) player.plot.playhead.setAttribute(end, x);
}

// The arms shown, each once.
const arms = () => [...new Set(player.sides.map((side) => side.arm).filter(Boolean))];

function showArms() {
  byId("now").replaceChildren(...arms().map((arm) => element("li", {}, swatch(arm.colour, arm.dashes), spoken(arm.name), element("span"))));
  byId("shares-note").textContent = arms().some((arm) => arm.shares.some(known))
    ? "The product's share of attention as the judge sees it in each scene's image, drawn for as long as the scene lasts: it was not measured frame by frame. A scene that an arm does not modify has the original's share."
    : "Nothing was judged of this video: `dvc repro evaluate` judges the redrawn scenes.";
  player.redraw();
  showTime(player.time);
}

function plotShares(width) {
  if (!player.video) return drawn("svg");
  player.plot = drawShares(width, { cuts: player.video.cuts, arms: arms(), length: player.length, choose: (time) => running().length && seek(time) });
  showTime(player.time);
  return player.plot.svg;
}

// What each arm's file differs by from its source, beside what it should.
function armFigures(words, all) {
  const cell = (found, figure) => element("span", { class: known(found.pass) && !found.pass ? "fail" : null }, known(found.value) ? `${found.pass === false ? "✗ " : ""}${shown(found.value, figure.unit)}` : "–",
    found.beside && known(found.beside[1]) ? element("small", {}, `${found.beside[0]} ${shown(found.beside[1], figure.unit)}`) : null);
  const head = (figure) => element("span", {}, figure.label, figure.must ? element("small", {}, `must be ${figure.must}`) : null);
  const meanings = element("dl");
  describe(meanings, words.map((figure) => [figure.label, figure.meaning]));
  return element("div", {}, element("h3", {}, "How the arms of this video differ from its source"),
    element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Figures of each arm" },
      table([["Arm"], ["Scenes modified", "number"], ...words.map((figure) => [head(figure), "number"])],
        all.map((arm) => [spoken(arm.name), String(arm.modified_scenes), ...words.map((figure, at) => cell(arm.figures[at], figure))]))),
    meanings);
}
