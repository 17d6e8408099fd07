// What a picture of a pooling layer says about itself, and what to light for each of its cells. view.js follows.

const PARTS = ["input", "output"];
const WON = "#f5a25d", SEEN = "#fff0a8"; // as in the still picture
const WORDS = { max: "largest", min: "smallest", avg: "mean" };

// What the picture says about itself: its cells, who reads whom, and who won.
class Picture {
  constructor(svg) {
    const { windowsY, windowsX, countsY, countsX, size, padding, mode, defaultPin, winners, before, gradients, outShape } = svg.dataset;
    const parsed = (text) => text && JSON.parse(text);
    [this.windows, this.counts] = [[windowsY, windowsX].map(parsed), [countsY, countsX].map(parsed)];
    [this.size, this.padding, this.outs] = [size, padding, outShape ?? "0,0"].map((text) => text.split(",").map(Number));
    [this.winners, this.before, this.gradients] = [winners, before, gradients].map(parsed);
    this.mode = mode;
    this.cells = {};
    for (const part of PARTS) this.cells[part] = cellsOf(svg, part);
    this.order = [...this.cells.output.values()];
    this.start = defaultPin ? this.find("output", ...defaultPin.split(",")) : null;
  }
  find(part, r, c) {
    return this.cells[part]?.get(key(r, c));
  }
  inside({ r, c }) {
    return r >= 0 && c >= 0 && r < this.size[0] && c < this.size[1];
  }
  padded({ r, c }) {
    const within = [r, c].every((at, axis) => at >= -this.padding[axis] && at < this.size[axis] + this.padding[axis]);
    return within && !this.inside({ r, c });
  }
  // The positions one output reads.
  taps({ r, c }) {
    return this.windows[0][r].flatMap((y) => this.windows[1][c].map((x) => ({ pixel: this.find("input", y, x), at: { r: y, c: x } })));
  }
  windowAt(cell) {
    return outputAt(this, cell);
  }
  winner({ r, c }) {
    return this.winners?.[key(r, c)];
  }
  won(output, { r, c }) {
    const winner = this.winner(output);
    return winner?.[0] === r && winner?.[1] === c;
  }
  // The outputs that read a position.
  uses({ r, c }) {
    const reading = (axis, at) => this.windows[axis].flatMap((window, index) => (window.includes(at) ? [index] : []));
    return reading(0, r).flatMap((y) => reading(1, c).map((x) => ({ r: y, c: x, cell: this.find("output", y, x) })));
  }
}

function shown(value) {
  return minus(Number(value.toFixed(2)));
}

// What to light and frame for the cell under the pointer, and how to say it.
function story(picture, cell) {
  return cell.part === "output" ? ofOutput(picture, cell) : ofInput(picture, cell);
}

function ofOutput(picture, cell) {
  const taps = picture.taps(cell).filter(({ at }) => picture.inside(at) || picture.padded(at));
  const lit = picture.taps(cell).filter(({ pixel }) => pixel)
    .map(({ pixel, at }) => [pixel, picture.won(cell, at) ? WON : SEEN]);
  const [before, winner] = [picture.before?.[key(cell.r, cell.c)], picture.winner(cell)];
  const changed = before !== undefined && before !== cell.value;
  const from = winner ? `taken from input (${winner[0]}, ${winner[1]})` : "shared by the whole window";
  const moved = before === undefined ? "" : changed ? `, changed by the shift: it was ${shown(before)}` : ", unchanged by the shift";
  return {
    lit, frames: { input: lit.map(([pixel]) => pixel), output: [cell] }, terms: termsOf(picture, cell, taps),
    total: totalOf(picture, cell), title: `output (${cell.r}, ${cell.c}), ${from}${moved}`,
    spoken: `Output row ${cell.r}, column ${cell.c} is ${shown(cell.value)}, ${from}${moved}.${backward(picture, cell)}`,
  };
}

function termsOf(picture, cell, taps) {
  const stands = { max: "−∞", min: "∞", avg: "0" }[picture.mode];
  return taps.map(({ pixel, at }, n) => ({
    sign: picture.mode === "avg" && n ? "+" : "", text: picture.padded(at) ? stands : pixel ? String(pixel.value) : "…",
    tap: picture.won(cell, at) ? WON : SEEN, pad: picture.padded(at), row: at.r, from: [pixel],
  }));
}

function totalOf(picture, cell) {
  if (picture.mode !== "avg") return { open: `${WORDS[picture.mode]} of`, close: "", result: `= ${shown(cell.value)}` };
  const count = picture.counts[0][cell.r] * picture.counts[1][cell.c];
  return { open: "(", close: `) / ${count}`, result: `= ${shown(cell.value)}` };
}

function backward(picture, cell) {
  if (!picture.gradients) return "";
  if (picture.winners) return " Its gradient of 1 goes to that pixel alone.";
  return ` Its gradient of 1 is shared: 1/${picture.counts[0][cell.r] * picture.counts[1][cell.c]} for each position.`;
}

function ofInput(picture, cell) {
  const uses = picture.uses(cell);
  const lit = uses.filter((use) => use.cell).map((use) => [use.cell, picture.won(use, cell) ? WON : SEEN]);
  const [name, says] = [nameOf(picture, cell), saysOf(picture, cell, uses)];
  return {
    lit, frames: { input: [cell], output: lit.map(([output]) => output) },
    title: name, says, spoken: `${name} ${says}.`,
  };
}

function nameOf(picture, cell) {
  if (picture.inside(cell)) return `input (${cell.r}, ${cell.c}) = ${minus(cell.value)}`;
  return `${picture.padded(cell) ? "padding" : "beyond the edge,"} (${cell.r}, ${cell.c})`;
}

function saysOf(picture, cell, uses) {
  if (!uses.length) return "is read by no output";
  const read = `is read by ${uses.length} output${uses.length === 1 ? "" : "s"}`;
  if (!picture.inside(cell)) {
    if (!picture.padded(cell)) return `${read} and left out there`;
    return `${read}; it ${picture.winners ? "never wins" : "counts as zero in the mean"}`;
  }
  const wins = uses.filter((use) => picture.won(use, cell)).length;
  return read + (picture.winners ? ` and wins ${wins}` : "") + reached(picture, cell, uses);
}

function reached(picture, cell, uses) {
  if (!picture.gradients) return "";
  const sum = picture.gradients[key(cell.r, cell.c)];
  const shares = uses.map(({ r, c }) => `1/${picture.counts[0][r] * picture.counts[1][c]}`).join(" + ");
  return picture.winners ? `; its gradient is ${sum}` : `; its gradient is ${uses.length > 1 ? `${shares} = ` : ""}${sum}`;
}
