// The sections below the scenes: proof, refusals, provenance.

function missing(section, words) {
  byId(section).append(element("p", { class: "quiet" }, words));
}

function shown(value, unit) {
  if (!known(value)) return "not measured";
  if (unit === "yes") return value ? "yes" : "no";
  if (unit === "percent") return percent(value);
  if (unit === "points") return `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(2)} points`;
  if (unit === "db") return `${value.toFixed(1)} dB`;
  return String(Number(value.toFixed(3)));
}

function showProof(proof) {
  if (!proof) return missing("proof", "Nothing has been evaluated yet: `dvc repro evaluate` judges the redrawn scenes.");
  const section = byId("proof");
  const verdict = proof.pass ? `All ${proof.checks} figures are reached.` : `Not proven. Failed: ${proof.failed.join("; ")}.`;
  section.append(
    element("p", { class: "verdict" }, element("span", { class: proof.pass ? "pass" : "fail" }, proof.pass ? "✓ Passed. " : "✗ "), verdict),
    element("p", { class: "quiet" }, `Judged on ${plural(proof.n_scenes, "scene")} of ${plural(proof.n_videos, "video")} by ${proof.judge}. Intervals are 95 %, clustered by video (90 % for changes of the share).`));
  if (known(proof.guide_judge) && proof.guide_judge > 0.95) {
    section.append(element("p", { class: "note" }, `Guide and judge agree almost wholly here (correlation ${proof.guide_judge.toFixed(3)}). So the proof shows that an edit reaches the dose its guide aims at; how far another observer, or a real viewer, would follow is not shown.`));
  }
  const proofs = element("div", { class: "proofs" });
  section.append(proofs);
  for (const one of proof.proofs) {
    const article = element("article", {}, element("h3", {}, one.title), element("p", {}, one.meaning));
    proofs.append(article);
    if (one.proof === "dose") showDose(article, proof);
    if (one.proof === "placebo") showEquivalence(article, proof.tests, proof.bound);
    if (one.proof === "transfer") {
      showPanel(article, proof.panel);
      showCells(article, proof.cells);
    }
    if (one.proof === "robustness") showRobustness(article, proof.robustness);
    if (one.proof === "control") showControl(article, proof.increases);
    article.append(figures(one.figures));
  }
}

function showPanel(article, rows) {
  if (!rows.length) return;
  const columns = ["dose_reached", "people", "panel", "delta_e_per_log_odds", "colour_ssim_p10"];
  article.append(
    element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "What others see of each arm" }, table([["Arm"], ["Dose reached", "number"], ["Seen by people", "number"], ["By the panel", "number"], ["ΔE per log odds", "number"], ["SSIM, worst tenth", "number"], ["Broken", "number"]],
      rows.map((row) => [row.label, ...columns.map((name) => shown(row[name], "number")), shown(row.broken_fraction, "percent")]))),
    element("p", { class: "quiet" }, "Seen: change of an observer's log odds per unit of the judge's, mean over observers. Dose reached: the judge's over what was asked. What nature scores is what an edit can be expected to score."));
}

function showCells(article, rows) {
  if (rows.length < 2) return;
  const columns = ["delta_e", "judge_moved", "people_moved"];
  article.append(
    element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "Look and attention, apart" }, table([["Arm"], ["ΔE of the product", "number"], ["The judge's change", "number"], ["People's change", "number"]],
      rows.map((row) => [row.label, ...columns.map((name) => shown(row[name], "number"))]))),
    element("p", { class: "quiet" }, "Look or attention? Mean absolute changes of log odds, up and down alike; at alpha 2 or 0.5 a change of 0.69 was asked for, of the null edit none."));
}

function showRobustness(article, rows) {
  if (!rows.length) return;
  const left = (part) => withInterval({ ...part, unit: "percent" });
  article.append(
    element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": "What degradations leave of the effect" }, table([["What happened to the picture"], ["The judge still sees", "number"], ["People still see", "number"]],
      rows.map((row) => [row.label, left(row.judge), left(row.people)]))),
    element("p", { class: "quiet" }, "Of the change of log odds that an observer sees in the undegraded picture, the part that is left: 100 % loses nothing. Whole method, at the doses of all arms, each video's first three scenes."));
}

function withInterval({ value, interval, unit }) {
  const ends = interval ? interval.map((end) => shown(end, unit)).join(" to ").replace(/ (%|dB|points)(?= to )/, "") : null;
  return element("span", {}, shown(value, unit), ends ? element("small", {}, ends) : null);
}

function figures(rows) {
  const mark = (figure) => (figure.pass === null ? "" : element("span", { class: figure.pass ? "pass" : "fail" }, figure.pass ? "✓ pass" : "✗ FAIL"));
  const nothing = (figure) => (known(figure.nothing) ? `; unedited: ${shown(figure.nothing, figure.unit)}` : "");
  const must = (figure) => {
    if (!figure.must) return "";
    if (figure.unit === "percent") return figure.must.replace(/[\d.]+/g, (bound) => `${Number((100 * bound).toFixed(2))} %`);
    return figure.unit === "db" ? `${figure.must} dB` : figure.must;
  };
  return table([["Figure"], ["Value", "number"], ["Must be", "must"], ["Result"]], rows.map((figure) => [
    element("span", {}, figure.label, element("small", {}, `${figure.meaning}${nothing(figure)}`)),
    withInterval(figure),
    must(figure), mark(figure),
  ]), { class: "figures" });
}

function showDose(article, { curve: rows, arms: all }) {
  if (!rows.length) return;
  const arms = all.filter(([arm]) => rows.some((row) => row.arm === arm));
  chart(article, "Mean share that the judge sees, over the dose, beside the share that was asked for", (width) => drawDoseCurve(width, rows, arms));
  article.append(legend([["dose asked for (wide)", "#999999", "-"], ...arms.map(([, ...entry]) => entry)]),
    element("p", { class: "quiet" }, "Mean share of attention on the product as the judge sees it. On the grey line, what was asked for is what was achieved."));
}

function showEquivalence(article, tests, bound) {
  const rows = Object.values(tests).map((test) => ({
    label: `${test.label}: ${test.pass ? "equivalent" : "not shown to be equivalent"}`,
    colour: test.colour, values: test.changes, mean: test.mean, interval: test.interval,
  }));
  if (!rows.length) return;
  chart(article, "Change of the judge's share in each video, with mean, interval and bounds", (width) => drawDots(width, rows, [-bound, bound], "change of the product's share"));
  article.append(element("p", { class: "quiet" }, "A small dot is a video; below it the mean and its 90 % interval, which must lie inside the green."));
}

function showControl(article, increases) {
  const rows = Object.entries(increases).map(([label, increase]) => ({ label, ...increase }));
  chart(article, "Increase of the loss with a wrong heatmap, scene by scene", (width) => drawDots(width, rows, null, "increase of the loss inside the mask"));
  article.append(element("p", { class: "quiet" }, "A small dot is a scene; below it the figure over all scenes and its 95 % interval."));
}

function showRefused(refused) {
  if (!refused) return missing("refused", "The scenes have not been validated yet.");
  if (!refused.total) return missing("refused", "None: every scene holds the contract.");
  byId("refused").append(element("p", {}, `${plural(refused.total, "refusal")}. Nothing was dropped silently: ${refused.table} has every one, with the remedy.`));
  for (const reason of refused.reasons) {
    const rest = reason.count - reason.shown.length;
    byId("refused").append(element("details", {},
      element("summary", {}, element("strong", {}, `${reason.count} × ${spoken(reason.reason)}`), ` – ${reason.remedy}`),
      element("div", { class: "scroll", role: "region", tabindex: 0, "aria-label": `Refused: ${spoken(reason.reason)}` }, table([["Video"], ["Scene"], ["File"], ["Found"]],
        reason.shown.map((row) => [row.video, known(row.scene) ? String(row.scene) : "all", row.file, row.found]))),
      rest ? element("p", { class: "quiet" }, `and ${rest} more in the table`) : null));
  }
}

function showProvenance(provenance) {
  const list = (title, pairs) => {
    const terms = element("dl");
    describe(terms, pairs);
    return element("div", {}, element("h3", {}, title), terms);
  };
  byId("provenance").append(
    element("div", { class: "columns" },
      list("This page", [["Made", provenance.made.replace("T", " ").replace("+00:00", " UTC")], ["Commit", provenance.commit || "outside git"]]),
      list("Model", Object.entries(provenance.model)),
      list("Data, by content", Object.entries(provenance.data)),
      list("Software", Object.entries(provenance.software))),
    element("details", {}, element("summary", {}, "All parameters (params.yaml)"), element("pre", { tabindex: 0 }, provenance.params)));
}
