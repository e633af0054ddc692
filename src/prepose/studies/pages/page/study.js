const arms = Object.fromEntries(data.arms.map(arm => [arm.name, arm]));
const shown = { error: Object.keys(data.curves)[0], x: "images", scale: "linear", set: data.sets[0].name };
const axisTitles = { images: "images seen", flops: "training FLOPs", counted_flops: "training FLOPs, shared stages by their part", seconds: "seconds of training" };
const narrow = () => small.matches;

function base(more) {
  return { font, margin: { l: 62, r: 14, t: 16, b: 52 }, legend: legendOf(data.arms.length), hovermode: "closest", ...more };
}

// Few names stand below the plot; many in a list beside it that scrolls, or not at all where the screen is narrow.
function legendOf(count) {
  return count > 9 && !narrow() ? { font: { size: 11 } } : { orientation: "h", y: -0.22, font: { size: narrow() ? 11 : 13 } };
}

function axis(text, more) { return { title: { text, standoff: 8 }, gridcolor: grid, zeroline: false, automargin: true, ...more }; }

function drawCurves() {
  if (!document.getElementById("curve")) return;
  const traces = (data.curves[shown.error] || []).flatMap(curve => {
    const arm = arms[curve.arm], x = curve[shown.x];
    return [
      { x: [...x, ...[...x].reverse()], y: [...curve.high, ...[...curve.low].reverse()], mode: "lines", fill: "toself",
        fillcolor: arm.colour + "22", line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: curve.arm },
      { x, y: curve.mean, name: curve.arm, legendgroup: curve.arm, mode: "lines+markers", marker: { size: 5 },
        line: { color: arm.colour, width: 2.4, dash: arm.dash }, hovertemplate: "%{x:.3s}: %{y:.1f} mm<extra>" + curve.arm + "</extra>" },
    ];
  });
  const type = shown.scale;
  Plotly.react("curve", traces, base({
    xaxis: axis(axisTitles[shown.x], type === "log" ? { type, dtick: "D2", tickformat: "~s" } : { type, rangemode: "tozero" }),
    yaxis: axis("MPJPE, mm", { type, tickformat: type === "log" ? "d" : "" }),
    showlegend: !narrow(),
  }), quiet);
}

function withEnds(line) {
  return { y: line.mean, name: line.name, mode: "lines+markers", marker: { size: 8 },
    error_y: { type: "data", symmetric: false, array: line.high.map((v, k) => v - line.mean[k]), arrayminus: line.mean.map((v, k) => v - line.low[k]), thickness: 1.4, width: 5 } };
}

function drawLevels() {
  if (!document.getElementById("level")) return;
  const lines = data.levels.filter(line => line.set === shown.set), alone = lines.length === 1;
  const traces = lines.map((line, k) => ({ ...withEnds(line), x: line.levels, offsetgroup: String(k), marker: { size: 9, color: line.colour },
    line: { color: line.colour, width: alone ? 0 : 1.2, dash: line.dash }, hovertemplate: "%{x}: %{y:.1f}<extra>" + line.name + "</extra>" }));
  const order = [...new Set(lines.flatMap(line => line.levels))];
  // Points side by side would be drawn from 0 as bars are.
  const low = Math.min(...lines.flatMap(line => line.low)), high = Math.max(...lines.flatMap(line => line.high)), room = .08 * (high - low);
  // Side by side within a level, so that bars do not hide each other.
  Plotly.react("level", traces, base({ scattermode: "group", scattergap: .6, showlegend: !alone, legend: legendOf(lines.length),
    xaxis: axis("", { type: "category", categoryorder: "array", categoryarray: order }),
    yaxis: axis(lines.length ? lines[0].axis : "", lines.length ? { range: [low - room, high + room] } : {}) }), quiet);
}

function drawBudgets() {
  if (!document.getElementById("budget")) return;
  const lines = data.budgets.filter(line => line.set === shown.set);
  const traces = lines.map(line => ({ ...withEnds(line), x: line.flops, line: { color: line.colour, width: 2.4, dash: line.dash },
    hovertemplate: "%{x:.3s}FLOP: %{y:.1f}<extra>" + line.name + "</extra>" }));
  const crossings = data.crossings.filter(each => each.set === shown.set);
  const shapes = crossings.map(each => ({ type: "line", x0: each.flops, x1: each.flops, yref: "paper", y0: 0, y1: 1, line: { color: "#5b6474", width: 1.4, dash: "dot" } }));
  const annotations = crossings.map((each, i) => ({ x: Math.log10(each.flops), yref: "paper", y: 1, yanchor: "bottom", yshift: 14 * i, text: each.text, showarrow: false, font: { size: 11, color: "#5b6474" } }));
  Plotly.react("budget", traces, base({ shapes, annotations, margin: { l: 62, r: 14, t: 16 + 14 * crossings.length, b: 52 },
    xaxis: axis(narrow() ? "" : "training", { type: "log", tickvals: data.budget_ticks.map(tick => tick.flops), ticktext: data.budget_ticks.map(tick => tick.text) }), yaxis: axis(lines.length ? lines[0].axis : "", {}), legend: legendOf(lines.length) }), quiet);
}

function drawMatrices() {
  const place = document.getElementById("matrices");
  if (!place) return;
  const known = data.matrices.flatMap(matrix => matrix.values.flat()).filter(value => value !== null);
  // All places first: the grid gives each its width only when it knows how many there are.
  const boxes = data.matrices.map(matrix => {
    const box = place.appendChild(document.createElement("div"));
    box.className = "plot";
    box.style.height = `${130 + 62 * matrix.rows.length}px`;
    return box;
  });
  data.matrices.forEach((matrix, number) => {
    const box = boxes[number];
    const frames = matrix.home.flatMap((row, y) => row.map((home, x) => home && { type: "rect", x0: x - .47, x1: x + .47, y0: y - .46, y1: y + .46, line: { color: "#1c2230", width: 2 } })).filter(Boolean);
    const trace = { type: "heatmap", z: matrix.values, x: matrix.columns, y: matrix.rows, text: matrix.texts, texttemplate: "%{text}", textfont: { size: narrow() ? 9 : 12 },
      zmin: Math.min(...known), zmax: Math.max(...known), colorscale: [[0, "#e8f1fb"], [0.5, "#9cc3e6"], [1, "#2f6fb3"]], showscale: false, xgap: 3, ygap: 3,
      hovertemplate: "3D labels: %{y}<br>test: %{x}<br>%{z:.1f}<extra></extra>" };
    Plotly.react(box, [trace], { font, margin: { l: 90, r: 8, t: 44, b: 40 }, shapes: frames, title: { text: [matrix.title, matrix.axis].filter(Boolean).join(": "), font: { size: 14 }, x: 0.02 },
      xaxis: { side: "bottom", fixedrange: true }, yaxis: { autorange: "reversed", automargin: true, fixedrange: true } }, quiet);
  });
}

function banded(line, x, y, low, high, text) {
  const band = low.length ? [{ x: [...x, ...[...x].reverse()], y: [...high, ...[...low].reverse()], mode: "lines", fill: "toself", fillcolor: line.colour + "22", line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: line.name }] : [];
  return [...band, { x, y, name: line.name, legendgroup: line.name, mode: "lines", line: { color: line.colour, width: 2.4, dash: line.dash }, hovertemplate: text + "<extra>" + line.name + "</extra>" }];
}

function drawAcross() {
  if (!document.getElementById("profile")) return;
  const { profiles, efficiency, labels, labels_axis, thresholds } = data.across;
  Plotly.react("profile", profiles.flatMap(line => banded(line, thresholds, line.profile, line.profile_low, line.profile_high, "at most %{x:.2f}: %{y:.0%}")),
    base({ xaxis: axis("relative error, at most", {}), yaxis: axis("share of trainings and tasks", { range: [0, 1.03], tickformat: ".0%" }), legend: legendOf(profiles.length) }), quiet);
  drawEfficiency("efficiency", efficiency, "%{x:.3s}FLOP: %{y:.2f}", narrow() ? "" : "training", data.budget_ticks.map(tick => tick.flops), data.budget_ticks.map(tick => tick.text));
  const amounts = [...new Set(labels.flatMap(line => line.x))].sort((a, b) => a - b);
  drawEfficiency("label-efficiency", labels, "%{x:,}: %{y:.2f}", labels_axis, amounts, amounts.map(amount => amount.toLocaleString("en")));
}

function drawEfficiency(place, lines, text, title, tickvals, ticktext) {
  if (!document.getElementById(place)) return;
  Plotly.react(place, lines.flatMap(line => banded(line, line.x, line.mean, line.low, line.high, text)).map(trace => trace.fill ? trace : { ...trace, mode: "lines+markers", marker: { size: 7 } }),
    base({ xaxis: axis(title, { type: "log", tickvals, ticktext }), yaxis: axis("relative error (IQM)", {}), legend: legendOf(lines.length) }), quiet);
}

const partColours = { rest: "#5b4a8a", orientation: "#b3a4d9", scale: "#d5d9e2" };
const partTitles = { rest: "rest (PA-MPJPE)", orientation: "orientation", scale: "scale" };
const markers = ["diamond", "circle", "square", "triangle-up", "cross", "x"];

function drawParts() {
  const place = document.getElementById("part");
  if (!place) return;
  const rows = data.parts[shown.set], names = rows.map(row => row.arm);
  place.hidden = !rows.length;
  if (!rows.length) return;
  place.style.height = `${150 + 34 * rows.length}px`;
  const bars = ["rest", "orientation", "scale"].map(part => ({ type: "bar", orientation: "h", y: names, x: rows.map(row => row.parts[part]), name: partTitles[part],
    marker: { color: partColours[part] }, hovertemplate: "%{y}: %{x:.1f} mm<extra>" + partTitles[part] + "</extra>" }));
  const variants = [...new Set(rows.flatMap(row => Object.keys(row.variants)))];
  const points = variants.filter(name => !rows[0].baselines.includes(name)).map((name, i) => ({ type: "scatter", mode: "markers", y: names,
    x: rows.map(row => row.variants[name] ?? null), name, marker: { symbol: markers[i % markers.length], size: 11, color: "#fff", line: { color: "#1c2230", width: 1.8 } }, hovertemplate: "%{y}: %{x:.1f} mm<extra>" + name + "</extra>" }));
  const lines = rows[0].baselines.map((name, i) => ({ name, value: rows[0].variants[name], dash: ["dash", "dot"][i % 2] }));
  const shapes = lines.map(line => ({ type: "line", x0: line.value, x1: line.value, yref: "paper", y0: 0, y1: 1, line: { color: "#5b6474", width: 1.4, dash: line.dash } }));
  const annotations = lines.map((line, i) => ({ x: line.value, yref: "paper", y: 1, yanchor: "bottom", yshift: 15 * i, text: line.name, showarrow: false, font: { size: 11, color: "#5b6474" } }));
  Plotly.react(place, [...bars, ...points], base({ barmode: "stack", bargap: .35, shapes, annotations, margin: { l: 110, r: 14, t: 18 + 15 * lines.length, b: 52 },
    xaxis: axis("mm", { rangemode: "tozero" }), yaxis: { automargin: true, autorange: "reversed" }, legend: { orientation: "h", y: -52 / (80 + 34 * rows.length), yanchor: "top", font: { size: narrow() ? 11 : 13 } } }), quiet);
}

function drawCalibration() {
  if (!document.getElementById("calibration")) return;
  const rows = data.confidence[shown.set];
  const traces = rows.flatMap(row => {
    const arm = arms[row.arm], line = { color: arm.colour, width: 2.2, dash: arm.dash }, common = { name: row.arm, legendgroup: row.arm, mode: "lines+markers", marker: { size: 5 }, line };
    return [
      { ...common, x: row.confidence, y: row.share, hovertemplate: "confidence %{x:.2f}: %{y:.0%} well placed<extra>" + row.arm + "</extra>" },
      { ...common, x: row.confidence, y: row.error, xaxis: "x2", yaxis: "y2", showlegend: false, hovertemplate: "confidence %{x:.2f}: %{y:.1f} px<extra>" + row.arm + "</extra>" },
    ];
  });
  traces.push({ x: [0, 1], y: [0, 1], mode: "lines", line: { color: "#9aa3b2", dash: "dot", width: 1.4 }, hoverinfo: "skip", showlegend: false });
  const left = narrow() ? [0, 0.42] : [0, 0.46], right = narrow() ? [0.6, 1] : [0.56, 1];
  Plotly.react("calibration", traces, base({
    xaxis: axis("confidence", { range: [0, 1.02], domain: left }), yaxis: axis("share well placed", { range: [0, 1.03], tickformat: ".0%" }),
    xaxis2: axis("confidence", { range: [0, 1.02], domain: right, anchor: "y2" }), yaxis2: axis("error, px", { rangemode: "tozero", anchor: "x2" }),
    showlegend: !narrow() }), quiet);
}

function drawSet() {
  drawLevels();
  drawBudgets();
  drawParts();
  drawCalibration();
}

function showSet(name) {
  shown.set = name;
  document.querySelectorAll("[data-of-set]").forEach(part => { part.hidden = part.dataset.ofSet !== name; });
  drawSet();
}

loadPlotly().then(() => {
  drawCurves();
  drawAcross();
  drawMatrices();
  showSet(shown.set);
  choice("[data-set]", "set", showSet);
  for (const key of ["error", "x", "scale"]) choice(`button[data-${key}]`, key, value => { shown[key] = value; drawCurves(); });
  // A telephone that is turned gets the other arrangement of legends.
  small.addEventListener("change", () => { drawCurves(); drawAcross(); drawSet(); });
  showGallery();
  ready();
});
