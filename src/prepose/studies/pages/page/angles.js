// Orange: the person's right side, blue: the left, as in the images.
const sideColours = { right: "#d9822b", left: "#3572c6", "": "#4a5364" };

function drawAngle(plot) {
  const traces = plot.points.map(points => ({ x: points.mean, y: points.difference, name: points.side || "trunk", mode: "markers", type: "scattergl",
    marker: { size: 4, color: sideColours[points.side], opacity: .45 }, hovertemplate: "mean %{x:.1f}°, difference %{y:.1f}°<extra>" + points.side + "</extra>" }));
  const wide = { xref: "paper", x0: 0, x1: 1 };
  const shapes = plot.lines.flatMap(line => [
    ...(line.ends ? [{ ...wide, type: "rect", y0: line.ends[0], y1: line.ends[1], fillcolor: line.name === "bias" ? "#3550c81f" : "#5b64741f", line: { width: 0 }, layer: "below" }] : []),
    { ...wide, type: "line", y0: line.value, y1: line.value, line: { color: "#1c2230", width: 1.5, dash: line.name === "bias" ? "solid" : "dash" } },
  ]);
  const annotations = plot.lines.map(line => ({ xref: "paper", x: 1, xanchor: "left", xshift: 4, y: line.value, text: line.text, showarrow: false, font: { size: 11 } }));
  const axis = text => ({ title: { text, standoff: 6 }, gridcolor: grid, zeroline: true, zerolinecolor: "#b8c0cc", ticksuffix: "°", automargin: true });
  Plotly.react(`angle-${plot.key}`, traces, { font, shapes, annotations, margin: { l: 58, r: 50, t: 34, b: 48 }, hovermode: "closest", showlegend: false,
    title: { text: plot.title, font: { size: 15 }, x: 0.02 },
    xaxis: axis("mean of the two"), yaxis: axis("difference") }, quiet);
}

loadPlotly().then(() => { data.plots.forEach(drawAngle); ready(); });
