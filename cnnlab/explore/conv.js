// What a picture of a convolution says about itself, and what to light for each of its cells. view.js follows.

const key = (r, c) => `${r},${c}`;
const minus = (number) => String(number).replace("-", "−");
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const PARTS = ["input", "kernel", "output"];

// What the picture says about itself: its cells, and who reads whom.
class Picture {
  constructor(svg) {
    const { windowsY, windowsX, divisor, bias, size, defaultPin } = svg.dataset;
    this.windows = [JSON.parse(windowsY), JSON.parse(windowsX)];
    this.readers = this.windows.map(invert);
    this.divisor = Number(divisor);
    this.bias = Number(bias);
    this.size = size.split(",").map(Number);
    this.cells = {};
    for (const part of PARTS) this.cells[part] = cellsOf(svg, part);
    this.order = [...(this.cells.output?.values() ?? [])];
    this.start = defaultPin ? this.find("output", ...defaultPin.split(",")) : null;
  }
  find(part, r, c) {
    return this.cells[part]?.get(key(r, c));
  }
  inside({ r, c }) {
    return r >= 0 && c >= 0 && r < this.size[0] && c < this.size[1];
  }
  // The taps of one output: which weight meets which input position.
  taps({ r, c }) {
    const [rows, columns] = [this.windows[0][r], this.windows[1][c]];
    return rows.flatMap((y, i) => columns.map((x, j) => ({
      weight: this.find("kernel", i, j), pixel: this.find("input", y, x), at: { r: y, c: x },
    })));
  }
  // The places a weight touches: one for each output.
  touched({ r, c }) {
    return this.windows[0].flatMap((rows) => this.windows[1].map((columns) => ({ r: rows[r], c: columns[c] })));
  }
  // The outputs that read a pixel, each with the weight it uses.
  uses({ r, c }) {
    const [rows, columns] = [this.readers[0].get(r) ?? [], this.readers[1].get(c) ?? []];
    return rows.flatMap(([y, i]) => columns.map(([x, j]) => ({
      output: this.find("output", y, x), weight: this.find("kernel", i, j),
    })));
  }
}

function cellsOf(svg, part) {
  const cells = new Map();
  for (const element of svg.querySelectorAll(`[data-part="${part}"] [data-r]`)) {
    const { r, c, v } = element.dataset;
    const rect = element.firstElementChild;
    const box = ["x", "y", "width", "height"].map((name) => Number(rect.getAttribute(name)));
    cells.set(key(r, c), {
      element, part, r: Number(r), c: Number(c), value: Number(v), box,
      fill: rect.getAttribute("fill"), label: element.textContent, index: cells.size,
    });
  }
  return cells;
}

function invert(windows) {
  const readers = new Map();
  windows.forEach((window, output) => window.forEach((position, tap) => {
    if (!readers.has(position)) readers.set(position, []);
    readers.get(position).push([output, tap]);
  }));
  return readers;
}

// What to light and frame for the cell under the pointer, and how to say it.
function story(picture, cell) {
  return { output: ofOutput, kernel: ofKernel, input: ofInput }[cell.part](picture, cell);
}

function ofOutput(picture, cell) {
  const taps = picture.taps(cell);
  const lit = taps.filter((tap) => tap.pixel).map((tap) => [tap.pixel, tap.weight?.fill]);
  const terms = taps.map(({ weight, pixel, at }, n) => {
    const [w, x] = [weight?.value, pixel?.value];
    const sign = w < 0 ? "−" : n ? "+" : "";
    const text = w === undefined || x === undefined ? "…" : `${Math.abs(w)}·${x}`;
    return { sign, text, tap: weight?.fill, pad: !picture.inside(at), row: at.r };
  });
  const pads = taps.filter(({ at }) => !picture.inside(at)).length;
  const [rows, columns] = [picture.windows[0][cell.r], picture.windows[1][cell.c]];
  return {
    lit, frames: { input: lit.map(([pixel]) => pixel), output: [cell] }, terms, total: total(picture, cell),
    title: `output (${cell.r}, ${cell.c})${pads ? ` · ${pads} of ${taps.length} terms are padding` : ""}`,
    spoken: `Output row ${cell.r}, column ${cell.c} is ${finished(picture, cell)}; it reads input rows ` +
      `${rows[0]} to ${rows.at(-1)} and columns ${columns[0]} to ${columns.at(-1)}.`,
  };
}

function finished({ divisor }, { value }) {
  return minus(divisor === 1 ? value : (value / divisor).toFixed(2));
}

function total(picture, cell) {
  const bias = ` ${picture.bias < 0 ? "−" : "+"} bias\u00a0${Math.abs(picture.bias)} `; // kept on one line
  if (picture.divisor === 1) return { open: "", close: bias, result: `= ${finished(picture, cell)}` };
  const plain = minus(cell.value - picture.bias * picture.divisor);
  const close = `) / ${picture.divisor}${bias}= ${plain}/${picture.divisor}${bias}`;
  return { open: "(", close, result: `= ${finished(picture, cell)}` };
}

function ofKernel(picture, cell) {
  const places = picture.touched(cell);
  const lit = places.map(({ r, c }) => picture.find("input", r, c)).filter(Boolean).map((pixel) => [pixel, cell.fill]);
  const pads = places.filter((at) => !picture.inside(at)).length;
  const says = `touches ${plural(places.length, "input position")}, one for each output` +
    (pads ? `; ${pads.toLocaleString("en")} of them are padding` : "");
  const name = `weight (${cell.r}, ${cell.c}) = ${weightOf(picture, cell)}`;
  return { lit: [...lit, [cell, cell.fill]], frames: { kernel: [cell] }, title: name, says, spoken: `${name} ${says}.` };
}

function weightOf({ divisor }, { value }) {
  return minus(value) + (divisor === 1 ? "" : `/${divisor}`);
}

function ofInput(picture, cell) {
  const uses = picture.uses(cell);
  const lit = uses.flatMap(({ output, weight }) => [[output, weight?.fill], [weight, weight?.fill]]);
  const inside = picture.inside(cell);
  const name = `${inside ? "input" : "padding"} (${cell.r}, ${cell.c}) = ${cell.value}`;
  const says = uses.length ? `is used by ${plural(uses.length, "output")}, each time with another weight`
    : "is used by no output";
  return {
    lit: lit.filter(([target]) => target), frames: { input: [cell], output: uses.map((use) => use.output).filter(Boolean) },
    title: name, says: uses.length === 1 ? "is used by 1 output" : says, spoken: `${name} ${says}.`,
  };
}
