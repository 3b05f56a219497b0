const data = readData("data");
const redrawn = data.videos.filter((video) => video.edited).length;
byId("lede").textContent = [plural(data.counts.scenes, "scene"), `${plural(data.counts.videos, "video")}`, plural(data.variants.length, "variant"), redrawn ? `${plural(redrawn, "video")} redrawn` : "nothing redrawn yet"].join(" · ");
if (redrawn && redrawn < data.counts.videos) byId("redrawn").textContent = `${plural(redrawn, "video")} of ${data.counts.videos} were redrawn (edit.videos); of the others, the heatmaps alone differ.`;
byId("demo").hidden = !data.demo;
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.style.colorScheme ? root.style.colorScheme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.style.colorScheme = dark ? "light" : "dark";
  byId("theme").textContent = dark ? "Dark" : "Light";
});
if (matchMedia("(prefers-color-scheme: dark)").matches) byId("theme").textContent = "Light";
startPlayer(data);
startViewer(data);
showProof(data.proof);
showRefused(data.refused);
showProvenance(data.provenance);
