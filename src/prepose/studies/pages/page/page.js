"use strict";
const data = JSON.parse(document.getElementById("data").textContent);

// plotly.js travels gzipped in base64: a third of its size, and the page still needs no network.
async function loadPlotly() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent.trim()), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.appendChild(script);
}

const small = window.matchMedia("(max-width: 720px)");
const quiet = { displaylogo: false, responsive: true, displayModeBar: false };
const font = { family: "system-ui, sans-serif", size: 13, color: "#1c2230" };
const grid = "#eceff4";

// The buttons of one group are a choice of one; `chosen` is called with the button's value.
function choice(selector, key, chosen) {
  const buttons = [...document.querySelectorAll(selector)];
  buttons.forEach(button => button.addEventListener("click", () => {
    buttons.forEach(other => {
      const on = other.dataset[key] === button.dataset[key];
      other.classList.toggle("on", on);
      other.setAttribute("aria-pressed", on);
    });
    chosen(button.dataset[key]);
  }));
}

function showGallery() {
  // A page's images lie in its data, so that the page can be rendered again from itself.
  document.querySelectorAll("img[data-of]").forEach(img => { img.setAttribute("src", "data:image/jpeg;base64," + data.cases[img.dataset.of].panels[+img.dataset.panel].jpeg); });
  document.querySelectorAll("button.strip").forEach(row => row.addEventListener("click", () => showCase(row.dataset.case)));
  const first = document.querySelector("button.strip");
  if (first) showCase(first.dataset.case);
}

function ready() { document.documentElement.dataset.ready = "true"; }

function limb(pose, colours, name, wide, group) {
  // Camera frame (x right, y down, z forward) to the plot's (x right, y away, z up).
  return data.bones.map((bone, i) => {
    const ends = bone.map(j => pose[j]);
    if (ends.some(p => p === null)) return null;
    return { type: "scatter3d", mode: "lines", x: ends.map(p => p[0]), y: ends.map(p => p[2]), z: ends.map(p => -p[1]),
      line: { color: colours(i), width: wide }, name, legendgroup: group, showlegend: i === 0, hoverinfo: "name" };
  }).filter(Boolean);
}

function showCase(key) {
  const item = data.cases[key];
  document.querySelectorAll("button.strip").forEach(row => row.classList.toggle("on", row.dataset.case === key));
  document.getElementById("viewer-title").textContent = item.title;
  const truth = limb(item.truth, i => data.bone_colours[i], "ground truth", 9, "ground truth");
  const arms = item.arms.flatMap(arm => limb(arm.pose, () => arm.colour, `${arm.name} (${arm.mm.toFixed(0)} mm)`, 5, arm.name));
  const known = [item.truth, ...item.arms.map(arm => arm.pose)].flat().filter(Boolean).flat();
  const reach = 1.05 * Math.max(...known.map(Math.abs));
  const axis = title => ({ title: { text: title }, range: [-reach, reach], showbackground: true, backgroundcolor: "#f5f7fa", gridcolor: "#dfe3ea", zeroline: false, tickfont: { size: 10 } });
  const scene = { aspectmode: "cube", xaxis: axis("right"), yaxis: axis("away"), zaxis: axis("up"),
    camera: { eye: { x: 0.55, y: -1.45, z: 0.35 } }, dragmode: "turntable" };
  Plotly.react("pose", [...truth, ...arms], { font, scene, margin: { l: 0, r: 0, t: 0, b: 0 }, legend: { orientation: "h", y: -0.02 } }, quiet);
}
