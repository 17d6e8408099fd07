// What a picture of a convolution says about itself, and what to light for each of its cells. view.js follows.
// A transposed one has its windows turned round: they list the outputs that each input writes, and some are cropped.

const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
const PARTS = ["input", "kernel", "output"];

// What the picture says about itself: its cells, and who reads whom.
class Picture {
  constructor(svg) {
    const { windowsY, windowsX, divisor, bias, size, outShape, transposed, defaultPin } = svg.dataset;
    this.transposed = transposed === "true";
    this.windows = [JSON.parse(windowsY), JSON.parse(windowsX)];
    this.readers = this.windows.map(invert);
    this.heat = ["heat", "heat-out"].some((name) => svg.classList?.contains(name)); // counts stand in the cells then, and no values
    this.divisor = Number(divisor);
    this.bias = Number(bias);
    [this.size, this.outs] = [size, outShape ?? "0,0"].map((text) => text.split(",").map(Number));
    this.cells = {};
    for (const part of PARTS) this.cells[part] = cellsOf(svg, part);
    this.order = [...this.cells.output.values()].filter((cell) => !this.cropped(cell));
    this.start = defaultPin ? this.find("output", ...defaultPin.split(",")) : null;
    this.order.forEach((cell, index) => { cell.index = index; });
    for (const cell of this.cells.output.values()) if (this.cropped(cell)) cell.index = this.start.index;
  }
  find(part, r, c) {
    return this.cells[part]?.get(key(r, c));
  }
  inside({ r, c }) {
    return r >= 0 && c >= 0 && r < this.size[0] && c < this.size[1];
  }
  cropped({ r, c }) {
    return r < 0 || c < 0 || r >= this.outs[0] || c >= this.outs[1];
  }
  // Rows and columns come as (position, tap): which weight meets which cell of a part.
  meet(part, rows, columns) {
    return rows.flatMap(([y, i]) => columns.map(([x, j]) => ({
      weight: this.find("kernel", i, j), cell: this.find(part, y, x), at: { r: y, c: x },
    })));
  }
  ahead(part, { r, c }) {
    return this.meet(part, ...[this.windows[0][r], this.windows[1][c]].map((window) => window.map((at, tap) => [at, tap])));
  }
  back(part, { r, c }) {
    return this.meet(part, this.readers[0].get(r) ?? [], this.readers[1].get(c) ?? []);
  }
  // The taps of one output: which weight meets which input position.
  taps(output) {
    return this.transposed ? this.back("input", output) : this.ahead("input", output);
  }
  // The outputs that a pixel goes into, each with the weight it uses.
  uses(input) {
    return this.transposed ? this.ahead("output", input) : this.back("output", input);
  }
  // What a pointer that drags over the input takes hold of: the nearest window, or of a transposed one the pixel's stamp.
  windowAt(cell) {
    return this.transposed ? cell : outputAt(this, cell);
  }
  // What becomes of the outputs that read a pixel when it grows by so much: each with its new value.
  changes(input, by) {
    return this.uses(input).filter(({ cell, weight }) => cell && weight && !this.heat)
      .map(({ cell, weight }) => [cell, cell.value + by * weight.value]);
  }
  // A value as the picture writes it.
  written(value) {
    return minus(this.divisor === 1 ? value : (value / this.divisor).toFixed(1));
  }
  // The places a weight touches: one for each output, or of a transposed convolution one for each input.
  touched({ r, c }) {
    return this.windows[0].flatMap((rows) => this.windows[1].map((columns) => ({ r: rows[r], c: columns[c] })));
  }
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
  const lit = taps.filter((tap) => tap.cell).map((tap) => [tap.cell, tap.weight?.fill]);
  const terms = taps.map(({ weight, cell: pixel, at }, n) => {
    const [w, x] = [weight?.value, pixel?.value];
    const sign = w < 0 ? "−" : n ? "+" : "";
    const text = w === undefined || x === undefined ? "…" : `${Math.abs(w)}·${x}`;
    return { sign, text, tap: weight?.fill, pad: !picture.inside(at), row: at.r, from: [pixel, weight] };
  });
  const words = picture.transposed ? writing : reading;
  return {
    lit, frames: { input: lit.map(([pixel]) => pixel), output: [cell] }, terms,
    total: total(picture, cell, terms.length), ...words(picture, cell, taps),
  };
}

function reading(picture, cell, taps) {
  const pads = taps.filter(({ at }) => !picture.inside(at)).length;
  const [rows, columns] = [picture.windows[0][cell.r], picture.windows[1][cell.c]];
  return {
    title: `output (${cell.r}, ${cell.c})${pads ? ` · ${pads} of ${taps.length} terms are padding` : ""}`,
    spoken: `Output row ${cell.r}, column ${cell.c} is ${finished(picture, cell)}; it reads input rows ` +
      `${rows[0]} to ${rows.at(-1)} and columns ${columns[0]} to ${columns.at(-1)}.`,
  };
}

function writing(picture, cell, taps) {
  const out = picture.cropped(cell);
  const count = taps.length ? `${plural(taps.length, "input")} ${taps.length === 1 ? "writes" : "write"} it` : "only the bias reaches it";
  const said = `${count}${out ? ", but it is no part of the output" : ""}`;
  return {
    title: `${out ? "cropped" : "output"} (${minus(cell.r)}, ${minus(cell.c)}) · ${said}`,
    spoken: `${out ? "Cropped" : "Output"} row ${cell.r}, column ${cell.c} is ${finished(picture, cell)}; ${said}.`,
  };
}

function finished({ divisor }, { value }) {
  return minus(divisor === 1 ? value : (value / divisor).toFixed(2));
}

function total(picture, cell, terms) {
  const result = `= ${finished(picture, cell)}`;
  if (!terms) return { open: "", close: `bias\u00a0${minus(picture.bias)} `, result };
  const bias = ` ${picture.bias < 0 ? "−" : "+"} bias\u00a0${Math.abs(picture.bias)} `; // kept on one line
  if (picture.divisor === 1) return { open: "", close: bias, result };
  const plain = minus(cell.value - picture.bias * picture.divisor);
  return { open: "(", close: `) / ${picture.divisor}${bias}= ${plain}/${picture.divisor}${bias}`, result };
}

function ofKernel(picture, cell) {
  const part = picture.transposed ? "output" : "input", places = picture.touched(cell);
  const lit = places.map(({ r, c }) => picture.find(part, r, c)).filter(Boolean).map((place) => [place, cell.fill]);
  const lost = places.filter((at) => (picture.transposed ? picture.cropped(at) : !picture.inside(at))).length;
  const says = picture.transposed ? `writes ${plural(places.length, "output position")}, one for each input` +
    (lost ? `; ${lost.toLocaleString("en")} of them are cropped` : "")
    : `touches ${plural(places.length, "input position")}, one for each output` +
    (lost ? `; ${lost.toLocaleString("en")} of them are padding` : "");
  const name = `weight (${cell.r}, ${cell.c}) = ${weightOf(picture, cell)}`;
  return { lit: [...lit, [cell, cell.fill]], frames: { kernel: [cell] }, title: name, says, spoken: `${name} ${says}.` };
}

function weightOf({ divisor }, { value }) {
  return minus(value) + (divisor === 1 ? "" : `/${divisor}`);
}

function ofInput(picture, cell) {
  const uses = picture.uses(cell);
  const lit = uses.flatMap(({ cell: output, weight }) => [[output, weight?.fill], [weight, weight?.fill]]);
  const name = `${picture.inside(cell) ? "input" : "padding"} (${cell.r}, ${cell.c}) = ${cell.value}`;
  const says = (picture.transposed ? stamped : used)(picture, cell, uses);
  return {
    lit: lit.filter(([target]) => target), frames: { input: [cell], output: uses.map((use) => use.cell).filter(Boolean) },
    title: name, says, spoken: `${name} ${says}.`,
  };
}

function used(picture, cell, { length }) {
  if (length < 2) return length ? "is used by 1 output" : "is used by no output";
  return `is used by ${plural(length, "output")}, each time with another weight`;
}

function stamped(picture, cell, uses) {
  const lost = uses.filter(({ at }) => picture.cropped(at)).length;
  const each = uses.length > 1 ? `each weight times ${cell.value}` : `the weight times ${cell.value}`;
  return `writes a stamp of ${plural(uses.length, "output")}: ${each}` +
    (lost ? `; ${lost} of them ${lost === 1 ? "is" : "are"} cropped` : "");
}
