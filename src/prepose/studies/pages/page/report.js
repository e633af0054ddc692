let axis = "images";

function drawCurves() {
  const traces = [];
  data.curves.forEach((set, column) => {
    const where = { xaxis: column ? `x${column + 1}` : "x", yaxis: column ? `y${column + 1}` : "y" };
    set.arms.forEach(arm => {
      const x = arm[axis];
      traces.push({ ...where, x: [...x, ...[...x].reverse()], y: [...arm.high, ...[...arm.low].reverse()], mode: "lines", fill: "toself",
        fillcolor: arm.colour + "26", line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: arm.name });
      traces.push({ ...where, x, y: arm.mean, name: arm.name, legendgroup: arm.name, showlegend: column === 0,
        mode: "lines+markers", marker: { size: 5 }, line: { color: arm.colour, width: 2.5 },
        hovertemplate: "%{y:.0f} mm<extra>" + arm.name + "</extra>" });
    });
  });
  // One below the other where three beside each other would have titles that overlap.
  const stacked = small.matches, count = data.curves.length;
  document.getElementById("curve").style.height = stacked ? `${260 * count}px` : "";
  const layout = { font, margin: { l: 60, r: 10, t: 40, b: 50 }, legend: { orientation: "h", y: stacked ? -0.14 : -0.2 }, annotations: [],
    grid: { rows: stacked ? count : 1, columns: stacked ? 1 : count, pattern: "independent", ygap: 0.35 }, hovermode: "x unified" };
  data.curves.forEach((set, column) => {
    const n = column ? column + 1 : "";
    layout["xaxis" + n] = { title: { text: axis === "images" ? "images seen" : "training FLOPs" }, gridcolor: "#eceff4", rangemode: "tozero" };
    layout["yaxis" + n] = { title: { text: column && !stacked ? "" : "MPJPE, mm" }, gridcolor: "#eceff4" };
    layout.annotations.push({ text: set.title, xref: `x${n} domain`, yref: `y${n} domain`, x: 0.5, y: 1, yanchor: "bottom", showarrow: false, font: { size: stacked ? 11 : 13 } });
  });
  Plotly.react("curve", traces, layout, quiet);
}


loadPlotly().then(() => {
  drawCurves();
  choice("[data-x]", "x", value => { axis = value; drawCurves(); });
  small.addEventListener("change", drawCurves);
  showGallery();
  ready();
});
