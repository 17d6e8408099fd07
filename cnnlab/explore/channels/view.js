// What a picture of several channels says about itself, and what to light for each of its cells. view.js follows.

const NO_TAP = "#fff0a8"; // where no weight gives a colour
const MAPS = ["input", "kernel", "product"];
// Maps are named by the row they are drawn in; there are never more than four.
const PARTS = ["output", ...MAPS.flatMap((map) => [0, 1, 2, 3].map((row) => `${map}-${row}`))];

// What the picture says about itself: its maps, and who reads whom.
class Picture {
  constructor(svg) {
    const { windowsY, windowsX, size, bias, shown, members, hidden, channel, outShape, defaultPin } = svg.dataset;
    this.windows = [windowsY, windowsX].map((text) => JSON.parse(text));
    [this.shown, this.members] = [shown, members].map((text) => JSON.parse(text));
    this.hidden = hidden ? JSON.parse(hidden) : null;
    [this.size, this.outs] = [size, outShape ?? "0,0"].map((text) => text.split(",").map(Number));
    [this.bias, this.channel] = [Number(bias), Number(channel)];
    this.read = [...this.shown.keys()].filter((row) => this.members.includes(this.shown[row]));
    this.cells = {};
    for (const part of PARTS) {
      const [map, place] = part.split("-");
      this.cells[part] = cellsOf(svg, part, { map, row: Number(place), channel: this.shown[place] });
    }
    this.order = [...this.cells.output.values()];
    this.start = defaultPin ? this.find("output", ...defaultPin.split(",")) : null;
  }
  find(part, r, c) {
    return this.cells[part]?.get(key(r, c));
  }
  inside({ r, c }) {
    return r >= 0 && c >= 0 && r < this.size[0] && c < this.size[1];
  }
  windowAt(cell) {
    return outputAt(this, cell);
  }
  // The taps of one output in one map: which weight meets which pixel.
  taps(row, { r, c }) {
    return this.windows[0][r].flatMap((y, i) => this.windows[1][c].map((x, j) => ({
      weight: this.find(`kernel-${row}`, i, j), pixel: this.find(`input-${row}`, y, x), at: { r: y, c: x },
    })));
  }
  // The outputs that read a position, each with the weight it uses.
  uses(row, { r, c }) {
    const reading = (axis, at) => this.windows[axis].flatMap((window, out) => (window.includes(at) ? [[out, window.indexOf(at)]] : []));
    return reading(0, r).flatMap(([y, i]) => reading(1, c).map(([x, j]) => ({
      r: y, c: x, weight: this.find(`kernel-${row}`, i, j),
    })));
  }
}

// What to light and frame for the cell under the pointer, and how to say it. Of large maps some cells are not drawn.
function story(picture, cell) {
  const told = { output: ofOutput, product: ofProduct, kernel: ofKernel, input: ofInput }[cell.map](picture, cell);
  told.lit = told.lit.filter(([target]) => target);
  for (const part of Object.keys(told.frames)) told.frames[part] = told.frames[part].filter(Boolean);
  return told;
}

const signOf = (value, first) => (value < 0 ? "−" : first ? "" : "+");

// The window in every map, its product in every map: one sum over channels.
function ofOutput(picture, cell) {
  const [lit, frames] = [[], { output: [cell] }];
  for (const row of picture.read) {
    const taps = picture.taps(row, cell);
    lit.push(...taps.map(({ pixel, weight }) => [pixel, weight?.fill]));
    frames[`input-${row}`] = taps.map(({ pixel }) => pixel);
    const product = picture.find(`product-${row}`, cell.r, cell.c);
    lit.push([product, NO_TAP]);
    frames[`product-${row}`] = [product];
  }
  const [terms, many] = [sumOf(picture, cell), picture.members.length];
  const [rows, columns] = [picture.windows[0][cell.r], picture.windows[1][cell.c]];
  return {
    lit, frames, terms, total: totalOf(picture, cell),
    title: `output ${picture.channel} (${cell.r}, ${cell.c}), the sum over ${many} channel${many === 1 ? "" : "s"}`,
    spoken: `Output ${picture.channel}, row ${cell.r}, column ${cell.c} is ${minus(cell.value)}, the sum over ${many} ` +
      `channel${many === 1 ? "" : "s"} of input rows ${rows[0]} to ${rows.at(-1)} and columns ${columns[0]} to ${columns.at(-1)}.`,
  };
}

function sumOf(picture, cell) {
  const parts = picture.read.map((row) => ({ value: picture.find(`product-${row}`, cell.r, cell.c).value, row }));
  // What the maps left out add goes in their place.
  if (picture.hidden) parts.splice(-1, 0, { value: picture.hidden[cell.index], row: -1, rest: true });
  return parts.map(({ value, row, rest }, n) => ({
    sign: signOf(value, !n), text: `${rest ? "others " : ""}${Math.abs(value)}`, tap: NO_TAP, pad: rest, row,
    from: [picture.find(`product-${row}`, cell.r, cell.c)],
  }));
}

function totalOf(picture, cell) {
  const bias = ` ${picture.bias < 0 ? "−" : "+"} bias\u00a0${Math.abs(picture.bias)} `;
  return { open: "", close: bias, result: `= ${minus(cell.value)}` };
}

// One channel's part, term by term.
function ofProduct(picture, cell) {
  const taps = picture.taps(cell.row, cell);
  const terms = taps.map(({ weight, pixel, at }, n) => ({
    sign: signOf(weight?.value, !n), text: weight && pixel ? `${Math.abs(weight.value)}·${pixel.value}` : "…",
    tap: weight?.fill, pad: !picture.inside(at), row: at.r, from: [pixel, weight],
  }));
  const output = picture.find("output", cell.r, cell.c);
  const name = `product ${cell.channel} (${cell.r}, ${cell.c})`;
  return {
    lit: [...taps.map(({ pixel, weight }) => [pixel, weight?.fill]), [output, NO_TAP]], terms,
    frames: { [`input-${cell.row}`]: taps.map(({ pixel }) => pixel), [cell.part]: [cell], output: [output] },
    total: { open: "", close: "", result: `= ${minus(cell.value)}` }, title: `${name}, what input ${cell.channel} adds`,
    spoken: `${name} is ${minus(cell.value)}, what input ${cell.channel} adds to output ${picture.channel}.`,
  };
}

function ofKernel(picture, cell) {
  const [rows, columns] = picture.windows;
  const places = rows.flatMap((window) => columns.map((other) => ({ r: window[cell.r], c: other[cell.c] })));
  const lit = places.map(({ r, c }) => [picture.find(`input-${cell.row}`, r, c), cell.fill]);
  const name = `weight of input ${cell.channel} (${cell.r}, ${cell.c}) = ${minus(cell.value)}`;
  const says = `meets ${places.length} place${places.length === 1 ? "" : "s"} of input ${cell.channel}, one for each output, and no other input`;
  return { lit: [...lit, [cell, cell.fill]], frames: { [cell.part]: [cell] }, title: name, says, spoken: `${name} ${says}.` };
}

function ofInput(picture, cell) {
  const name = `${picture.inside(cell) ? "input" : "padding of input"} ${cell.channel} (${cell.r}, ${cell.c}) = ${cell.value}`;
  const uses = picture.members.includes(cell.channel) ? picture.uses(cell.row, cell) : [];
  const outputs = uses.map(({ r, c }) => picture.find("output", r, c));
  const lit = uses.flatMap(({ r, c, weight }, n) => [
    [outputs[n], weight?.fill], [picture.find(`product-${cell.row}`, r, c), weight?.fill],
  ]);
  const says = uses.length ? `is used by ${uses.length} cell${uses.length === 1 ? "" : "s"} of output ${picture.channel}`
    : `is not read by output ${picture.channel}: it belongs to another group`;
  return { lit, frames: { [cell.part]: [cell], output: outputs }, title: name, says, spoken: `${name} ${says}.` };
}
