// The loss curve of a run, as an SVG that takes its colours from the page.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 640, HEIGHT = 260, LEFT = 46, RIGHT = 12, TOP = 12, BOTTOM = 34;

/** About five round numbers that cover a range. */
export function ticks(least, most) {
  const rough = (most - least) / 4 || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough * 0.99);
  const result = [];
  for (let i = Math.ceil(least / step - 1e-9); i * step <= most + step * 1e-9; ++i) result.push(Number((i * step).toPrecision(12)));
  return result;
}

function add(parent, name, attributes, text) {
  const element = parent.appendChild(document.createElementNS(SVG, name));
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** @param metrics [[step, training loss or null, validation loss or null]] @return an <svg>, or null without two losses */
export function drawCurve(metrics) {
  const losses = metrics.flatMap(([, train, validation]) => [train, validation]).filter((loss) => loss !== null);
  if (losses.length < 2) return null;
  const lastStep = Math.max(1, metrics.at(-1)[0]);
  const least = Math.min(...losses), most = Math.max(...losses), span = most - least || 1;
  const x = (step) => LEFT + (WIDTH - LEFT - RIGHT) * step / lastStep;
  const y = (loss) => TOP + (HEIGHT - TOP - BOTTOM) * (most - loss) / span;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  for (const loss of ticks(least, most)) {
    add(svg, "line", {x1: LEFT, x2: WIDTH - RIGHT, y1: y(loss), y2: y(loss), class: "grid"});
    add(svg, "text", {x: LEFT - 6, y: y(loss) + 4, "text-anchor": "end"}, String(loss));
  }
  for (const step of ticks(0, lastStep)) {
    add(svg, "text", {x: x(step), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, String(step));
  }
  [["train", 1], ["validation", 2]].forEach(([name, column]) => {
    const points = metrics.filter((row) => row[column] !== null).map((row) => `${x(row[0]).toFixed(1)},${y(row[column]).toFixed(1)}`);
    if (points.length > 0) add(svg, "polyline", {points: points.join(" "), class: `curve ${name}`});
  });
  const last = metrics.findLast((row) => row[2] !== null);
  svg.setAttribute("aria-label", `The loss over ${lastStep} steps` +
      (last ? `; on text it was not trained on it ends at ${last[2].toFixed(3)}` : ""));
  return svg;
}
