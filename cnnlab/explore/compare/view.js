// Shows two stacks side by side and tells of the pixel, layer or bar in hand: Python is never asked.
// A target is {pixel: [row, column]}, an offset from the unit, or {layer: [side, number]}, or {measure: number}.

const CODE = `<figure><figcaption></figcaption><div class="code"><code></code>
  <button type="button" class="copy">Copy</button></div></figure>`;
const KEYS = "Arrow keys move the pixel, Tab goes on to layers and bars, Escape lets go.";
const PAGE = `<div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"></div>
  <div class="tells"><h4></h4><div></div></div><div class="codes">${CODE}${CODE}</div>
  <div class="status" role="status" aria-live="polite"></div>`;
const SIDES = ["left", "right"];
const AT_REST = "Point at a pixel of either field, at a layer or at a bar; click to keep it. Arrow keys move the pixel.";
const MOST_SUMS = 4;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const minus = (number) => String(number).replace("-", "−");
const grouped = (number) => number.toLocaleString("en");
const ways = (count) => `${grouped(count)} way${count === 1 ? "" : "s"}`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

// One field in the picture: where its pixels lie, and by how many ways each reaches the unit.
class Field {
  constructor(group) {
    const { side, extent, cell, x, y, kernels, size } = group.dataset;
    [this.side, this.extent, this.cell, this.x, this.y, this.size] = [side, extent, cell, x, y, size].map(Number);
    this.half = (this.extent - 1) / 2;
    this.kernels = kernels.split(",").map(Number);
    this.cells = [...group.querySelectorAll("rect")];
    this.total = this.kernels.reduce((product, kernel) => product * kernel * kernel, 1);
  }
  offset(cell) {
    const index = this.cells.indexOf(cell);
    return [Math.floor(index / this.extent) - this.half, (index % this.extent) - this.half];
  }
  ways([row, column]) {
    return Number(this.cells[(row + this.half) * this.extent + column + this.half].dataset.ways);
  }
  box(first, last = first) {
    const [y, x] = first.map((offset, axis) => (axis ? this.x : this.y) + (offset + this.half) * this.cell);
    return { x, y, width: (last[1] - first[1] + 1) * this.cell, height: (last[0] - first[0] + 1) * this.cell };
  }
  by(pixel) {
    return `by ${ways(this.ways(pixel))} of ${grouped(this.total)}`;
  }
  // Which taps lead from the pixel to the unit: one of each layer, their offsets adding up along both axes.
  taps([row, column]) {
    if (!this.ways([row, column])) return "not in its field";
    const wide = this.kernels.filter((kernel) => kernel > 1);
    if (wide.length < 2) return `one tap, (${minus(row)}, ${minus(column)})`;
    const [down, right] = [row, column].map((offset) => sums(wide, offset));
    const listed = ({ shown, count }, offset) => [minus(offset), ...shown].join(" = ") + (count > shown.length ? " = …" : "");
    return `rows: ${listed(down, row)}, ${ways(down.count)}; columns: ${listed(right, column)}, ${ways(right.count)}; `
      + `${grouped(down.count)} × ${grouped(right.count)} = ${grouped(down.count * right.count)}`;
  }
}

// The ways to add up taps of all kernels to an offset: their count, and the first few written out.
function sums(kernels, offset) {
  let count = 0;
  const shown = [];
  const halves = kernels.map((kernel) => (kernel - 1) / 2);
  const counts = new Map([[0, 1]]); // partial sums of the layers that are left
  const left = [counts];
  for (const half of [...halves].reverse()) {
    const next = new Map();
    for (const [sum, number] of left.at(-1)) {
      for (let tap = -half; tap <= half; tap++) next.set(sum + tap, (next.get(sum + tap) ?? 0) + number);
    }
    left.push(next);
  }
  count = left.at(-1).get(offset) ?? 0;
  const walk = (index, rest, taken) => {
    if (shown.length === MOST_SUMS) return;
    if (index === halves.length) return void shown.push(written(taken));
    for (let tap = -halves[index]; tap <= halves[index]; tap++) {
      if (left[halves.length - index - 1].has(rest - tap)) walk(index + 1, rest - tap, [...taken, tap]);
    }
  };
  walk(0, offset, []);
  return { count, shown };
}

function written(taps) {
  return taps.map((tap, index) => (index ? ` ${tap < 0 ? "−" : "+"} ${Math.abs(tap)}` : minus(tap))).join("");
}

// By how many ways a pixel reaches both units.
function told([left, right], pixel) {
  const [toLeft, toRight] = [left.ways(pixel), right.ways(pixel)];
  if (!toLeft && !toRight) return "reaches neither unit";
  if (!toLeft) return `does not reach the left unit and reaches the right unit ${right.by(pixel)}`;
  return `reaches the left unit ${left.by(pixel)} and ${toRight ? `the right unit ${right.by(pixel)}` : "does not reach the right unit"}`;
}

// A pixel's neighbour, within a field that reaches `half` pixels each way. The first key finds the middle.
function neighbour(pixel, [down, right], half) {
  const within = (offset) => Math.min(half, Math.max(-half, offset));
  const [row, column] = pixel ?? [-down, -right];
  return [within(row + down), within(column + right)];
}

// The first and the last offset of a field of that side.
function corners(size) {
  const half = (size - 1) / 2;
  return [[-half, -half], [half, half]];
}

class Page {
  constructor(el) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    for (const name of ["stage", "tells", "status"]) this[name] = el.querySelector(`.${name}`);
    this.figures = [...el.querySelectorAll("figure")];
    for (const figure of this.figures) copies(figure.querySelector("button"), figure.querySelector("code"));
    this.stage.addEventListener("pointerover", (event) => this.hover(this.under(event)));
    this.stage.addEventListener("pointerleave", () => this.hover(null));
    this.stage.addEventListener("click", (event) => this.hold(this.under(event)));
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.stage.addEventListener("focusin", (event) => this.hover(this.under(event)));
    this.stage.addEventListener("focusout", () => this.hover(null));
  }

  // A new state from the kernel: what is held stays where it can.
  show(state) {
    this.state = state;
    this.stage.innerHTML = themed(state.svg);
    const drawn = this.stage.firstElementChild;
    this.stage.setAttribute("aria-label", `${drawn.getAttribute("aria-label")}. ${KEYS}`);
    drawn.querySelector("title").remove(); // the browser would show it over everything
    this.fields = [...drawn.querySelectorAll("[data-extent]")].map((group) => new Field(group));
    for (const hit of drawn.querySelectorAll(".hit")) this.reachable(hit);
    this.figures.forEach((figure, index) => {
      figure.querySelector("figcaption").textContent = state.names[index];
      figure.querySelector("code").textContent = state.codes[index];
    });
    this.hovered = null;
    if (!this.exists(this.pin)) this.pin = null;
    this.tells.style.minHeight = "";
    this.paint();
    this.status.textContent = state.title;
  }

  reachable(hit) {
    hit.setAttribute("tabindex", "0");
    hit.setAttribute("role", "button");
    hit.setAttribute("aria-label", this.tell(targetOf(hit))[0]);
  }

  exists(target) {
    if (target?.pixel) return target.pixel.every((offset) => Math.abs(offset) <= this.fields[0].half);
    if (target?.layer) return target.layer[1] < this.state.layers[target.layer[0]].length;
    return Boolean(target);
  }

  under(event) {
    const hit = event.target.closest(".hit");
    if (hit) return targetOf(hit);
    const group = event.target.closest("[data-extent]");
    const field = group && this.fields[group.dataset.side];
    return field?.cells.includes(event.target) ? { pixel: field.offset(event.target) } : null;
  }

  hover(target) {
    if (same(target, this.hovered)) return;
    this.hovered = target;
    this.paint();
    if (target) this.status.textContent = this.tell(target)[0];
  }

  hold(target) {
    this.hovered = null;
    this.pin = same(target, this.pin) ? null : target;
    this.paint();
    this.status.textContent = this.pin ? `${this.tell(this.pin)[0]}.` : "Nothing is held.";
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const focused = event.target.closest(".hit");
    const acts = { Escape: () => this.hold(null) };
    for (const key of focused ? ["Enter", " "] : []) acts[key] = () => this.hold(targetOf(focused));
    for (const key of Object.keys(MOVES)) acts[key] = () => this.move(MOVES[key]);
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would go to the next cell
    acts[event.key]();
  }

  move([down, right]) {
    const pixel = neighbour(this.pin?.pixel, [down, right], this.fields[0].half);
    if (!same({ pixel }, this.pin)) this.hold({ pixel });
  }

  // ---- words ----

  // A sentence, and a line for each side.
  tell(target) {
    if (target?.pixel) return this.ofPixel(target.pixel);
    if (target?.layer) return [this.state.layers[target.layer[0]][target.layer[1]].words];
    if (!target) return [AT_REST];
    const [name, ...workings] = this.state.workings[target.measure];
    return [`${name}: ${workings.join(" against ")}`, workings, name];
  }

  ofPixel(pixel) {
    const seen = this.fields.some((field) => field.ways(pixel));
    const sentence = `pixel (${pixel.map(minus).join(", ")}) ${told(this.fields, pixel)}`;
    return seen ? [sentence, this.fields.map((field) => field.taps(pixel))] : [sentence];
  }

  // ---- painting ----

  paint() {
    const target = this.hovered ?? this.pin;
    for (const old of this.stage.querySelectorAll(".mark")) old.remove();
    if (target?.pixel) for (const field of this.fields) this.mark(field.box(target.pixel), "pixel", !field.ways(target.pixel));
    if (target?.layer) this.markLayer(...target.layer);
    for (const hit of this.stage.querySelectorAll(".hit")) hit.classList.toggle("chosen", same(targetOf(hit), target ?? 0));
    this.write(target);
  }

  mark(box, kind, dashed = false) {
    const rect = this.stage.firstElementChild.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
    rect.setAttribute("class", `mark ${kind}${dashed ? " dashed" : ""}`);
    for (const [name, value] of Object.entries(box)) rect.setAttribute(name, value);
  }

  // The field with this layer and without it, and its part of every bar.
  markLayer(side, number) {
    const { before, after, shares } = this.state.layers[side][number];
    const square = (size) => this.fields[side].box(...corners(size));
    this.mark(square(after), `with ${SIDES[side]}`);
    if (before < after) this.mark(square(before), `with ${SIDES[side]}`, true);
    for (const bar of this.stage.querySelectorAll(`.bar[data-side="${side}"]`)) {
      const [x, y, width, height] = ["x", "y", "width", "height"].map((name) => Number(bar.getAttribute(name)));
      const [from, to] = shares[bar.dataset.bar];
      this.mark({ x: x + from * width, y, width: (to - from) * width, height }, "share");
    }
  }

  write(target) {
    const [sentence, lines, name] = this.tell(target);
    const [head, body] = this.tells.children;
    head.textContent = name ?? `${sentence}${target ? "." : ""}`;
    head.className = target ? "" : "rest";
    body.replaceChildren(...(lines ?? []).flatMap((line, index) => this.line(line, index)));
    // What follows must not jump when a short sentence takes the place of a long one.
    this.tells.style.minHeight = `${Math.max(parseFloat(this.tells.style.minHeight) || 0, this.tells.offsetHeight)}px`;
  }

  line(words, index) {
    const name = Object.assign(document.createElement("b"), { className: SIDES[index], textContent: this.state.names[index] });
    return [name, Object.assign(document.createElement("span"), { textContent: words })];
  }
}

function targetOf({ dataset }) {
  return dataset.measure ? { measure: Number(dataset.measure) } : { layer: [Number(dataset.side), Number(dataset.layer)] };
}

export default {
  render({ model, el }) {
    const page = new Page(el);
    return follow(model, el, (picture) => page.show(picture));
  },
};
