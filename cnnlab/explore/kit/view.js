// Shows a picture, links its cells and plays through its outputs, all in the browser: Python is never asked.
// The lines before these give it Picture, story and PARTS, edit.js the Editor, and motion.js what moves.

const ICONS = {
  back: "M3 2h2v12H3zM14 2v12L6 8z", play: "M4 2l10 6-10 6z", pause: "M3 2h4v12H3zM9 2h4v12H9z",
  forward: "M11 2h2v12h-2zM2 2v12l8-6z", edit: "M2 14l1-4 8-8 3 3-8 8z",
};
const icon = (name) => `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`;
const button = (name, label) => `<button type="button" class="${name}" title="${label}" aria-label="${label}">${icon(name)}</button>`;
const KEYS = "Arrow keys move the output cell, Space plays, Escape lets go.";
const SPEEDS = [1, 2, 4, 8, 16];

const PAGE = `
  <div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"></div>
  <div class="transport">
    ${button("back", "Previous output")}${button("play", "Play (Space)")}${button("forward", "Next output")}
    <input type="range" min="0" step="1" aria-label="Output cell">
    <span class="count"></span>
    ${button("edit", "Paint on the input")}
    <select aria-label="Outputs per second">${SPEEDS.map((n) => `<option value="${n}"${n === 4 ? " selected" : ""}>${n} / s</option>`).join("")}</select>
  </div>
  <div class="sum"><h4></h4><div class="terms"></div></div>
  <div class="facts"></div>
  <details class="formulas"><summary>formulas</summary><dl></dl></details>
  <div class="code"><code></code><button type="button" class="copy">Copy</button></div>
  <div class="status" role="status" aria-live="polite"></div>`;

class Page {
  constructor(el, send) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    for (const name of ["stage", "transport", "sum", "code", "facts", "status", "count", "play", "back", "forward", "copy", "terms", "formulas"]) {
      this[name] = el.querySelector(`.${name}`);
    }
    this.scrub = el.querySelector(".transport input");
    this.speed = el.querySelector("select");
    this.editor = new Editor(this, send);
    this.lift = new Lift(el);
    this.listen();
  }

  listen() {
    this.stage.addEventListener("pointerover", (event) => (this.dragging ? this.drag(this.under(event)) : this.hover(this.under(event))));
    this.stage.addEventListener("pointerleave", () => this.hover(null));
    this.stage.addEventListener("pointerdown", (event) => this.grasp(event));
    for (const over of ["pointerup", "pointercancel", "pointerleave"]) this.stage.addEventListener(over, () => this.release());
    this.stage.addEventListener("click", (event) => this.click(this.under(event)));
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.back.addEventListener("click", () => this.step(-1));
    this.forward.addEventListener("click", () => this.step(1));
    this.play.addEventListener("click", () => this.toggle());
    this.scrub.addEventListener("input", () => this.hold(this.picture.order[this.scrub.value]));
    this.speed.addEventListener("change", () => this.timer && this.run());
    copies(this.copy, this.code.firstElementChild);
  }

  // A new state from the kernel: the pin stays where it can.
  show({ svg, facts, code, error, title, asked = false, formulas = [], editable = false }) {
    const pin = this.pin, before = this.picture && traceOf(this.picture, this.frames);
    this.release();
    this.lift.land();
    this.building = false;
    this.stage.innerHTML = themed(svg);
    const drawn = this.stage.firstElementChild;
    this.stage.setAttribute("aria-label", `${drawn.getAttribute("aria-label")}. ${KEYS}`);
    drawn.querySelector("title").remove(); // the browser would show it over every cell
    this.picture = new Picture(drawn);
    this.frames = {};
    this.hovered = null;
    cancelAnimationFrame(this.settled);
    this.settled = 0;
    this.terms.style.minHeight = "";
    this.error = error || asked;
    this.editor.allow(editable && !this.error);
    this.formulas.lastElementChild.innerHTML = formulas.map(([name, text]) => `<dt>${name}</dt><dd>${text}</dd>`).join("");
    this.facts.innerHTML = facts.map(([name, text]) => `<div><small>${name}</small>${emphasised(text)}</div>`).join("");
    this.code.firstElementChild.textContent = code;
    for (const part of [this.transport, this.sum, this.facts, this.code]) part.hidden = Boolean(this.error);
    this.formulas.hidden = !formulas.length || Boolean(this.error);
    this.status.textContent = error ? `No output: ${error}` : title;
    this.scrub.max = this.picture.order.length - 1;
    if (this.error) return this.stop();
    this.pin = (pin && this.picture.find(pin.part, pin.r, pin.c)) || this.picture.start;
    this.paint();
    morph(before, drawn, this.picture, this.frames);
  }

  under(event) {
    const element = event.target.closest("[data-r]");
    const part = element?.closest("[data-part]").dataset.part;
    return element ? this.picture.find(part, element.dataset.r, element.dataset.c) : null;
  }

  hover(cell) {
    if (this.error || cell === this.hovered || this.editor.busy) return;
    this.hovered = cell;
    this.paint();
  }

  click(cell) {
    if (this.error || !cell || this.editor.paints(cell) || this.dragged) return;
    this.stop();
    this.hovered = null; // the click has the last word until the pointer moves on
    const held = cell === this.pin ? this.picture.start : cell;
    this.hold(held, held !== this.picture.start);
  }

  // `lifts`: the products of the sum are seen on their way.
  hold(cell, lifts = false) {
    this.pin = cell;
    this.paint();
    this.reveal();
    if (lifts && !this.error) this.lift.start(story(this.picture, cell).terms, this.terms.querySelectorAll(".term"));
    else this.lift.land();
    if (!this.timer) this.status.textContent = story(this.picture, cell).spoken;
  }

  // ---- the window under the hand ----

  grasp(event) {
    const cell = this.under(event);
    this.dragged = false;
    if (this.error || !cell?.part.startsWith("input") || this.editor.paints(cell) || this.editor.busy) return;
    event.target.releasePointerCapture?.(event.pointerId); // so that a finger, too, reaches other cells
    this.dragging = cell;
  }

  // The window follows once the pointer leaves the cell it came down on; until then it may be a click.
  drag(cell) {
    if (!cell?.part.startsWith("input") || (cell === this.dragging && !this.dragged)) return;
    if (!this.dragged) this.stop();
    this.dragged = true;
    this.stage.classList.add("dragging");
    this.hovered = null;
    const held = this.picture.windowAt(cell);
    if (held !== this.pin) this.hold(held);
  }

  release() {
    this.dragging = null;
    this.stage.classList.remove("dragging");
  }

  // A stroke changes the outputs that depend on its pixel while the pointer is still down. Shades are those of Python's
  // next picture.
  painted(cell, value) {
    const changes = this.picture.changes(cell, value - cell.value);
    cell.element.dataset.v = value; // the next stroke over it counts from there
    for (const [output, now] of changes) output.write(now, this.picture.written(now));
    const count = changes.length === 1 ? "1 output" : `${changes.length} outputs`;
    const first = changes[0] ? `: output (${changes[0][0].r}, ${changes[0][0].c}) is now ${this.picture.written(changes[0][1])}` : "";
    this.sum.firstElementChild.textContent = `input (${cell.r}, ${cell.c}) = ${value}`;
    this.terms.innerHTML = `<span class="says">changes ${count}${first}</span>`;
    this.status.textContent = `Input row ${cell.r}, column ${cell.c} is ${value}.`;
  }

  // ---- keys and time ----

  press(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    const keys = { " ": () => this.toggle(), Escape: () => this.hold(this.picture.start) };
    if (!this.error && this.editor.begins(event.key)) return event.stopPropagation();
    const act = moves[event.key] ? () => this.move(...moves[event.key]) : keys[event.key];
    if (!act || this.error || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would go to the next cell
    act();
  }

  move(down, right) {
    this.hovered = null;
    const cells = this.picture.cells[this.pin.part];
    const side = (name) => [...new Set([...cells.values()].map((cell) => cell[name]))].sort((a, b) => a - b);
    this.hold(this.picture.find(this.pin.part, neighbour(side("r"), this.pin.r, down), neighbour(side("c"), this.pin.c, right)));
  }

  step(by) {
    const { order, start } = this.picture;
    const now = this.pin.part === "output" ? this.pin : start;
    const next = order[round(now.index, by, order.length)];
    if (this.building && next.index < now.index) this.building = false;
    this.hold(next, !this.timer || 1000 / this.speed.value >= SLOWEST_LIFTED);
  }

  toggle() {
    this.hovered = null;
    if (this.timer) this.stop();
    else this.run();
  }

  // The first play of a picture starts with an empty output, which is built up cell by cell.
  run() {
    clearInterval(this.timer);
    if (!this.picture.played && !calm.matches) {
      this.picture.played = this.building = true;
      this.hold(this.picture.order[0], true);
    }
    this.timer = setInterval(() => this.step(1), 1000 / this.speed.value);
    this.stage.style.setProperty("--pace", `${pace(1000 / this.speed.value)}ms`);
    this.face("pause", "Pause (Space)");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.stage.style.removeProperty("--pace");
    this.building = false;
    this.reveal();
    this.face("play", "Play (Space)");
  }

  // While the output is built up, its cells after the one in hand are still to come.
  reveal() {
    if (!this.building && !this.veiled) return;
    this.veiled = this.building;
    for (const cell of this.picture.order) cell.veil(this.building && cell.index > this.pin.index);
  }

  face(name, label) {
    this.play.innerHTML = icon(name);
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
  }

  // ---- painting ----

  paint() {
    const cell = this.hovered ?? this.pin;
    const told = story(this.picture, cell);
    for (const old of this.lit ?? []) old.dim();
    this.lit = told.lit.map(([target]) => target);
    for (const [target, tap] of told.lit) target.light(tap ?? "#f5a25d");
    for (const part of PARTS) {
      this.stage.classList.toggle(`from-${part}`, part === cell.part);
      this.frame(part, told.frames[part]);
    }
    this.tell(cell, told);
  }

  frame(part, cells) {
    const svg = this.stage.firstElementChild;
    if (!this.frames[part]) {
      this.frames[part] = svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
      this.frames[part].setAttribute("class", `frame ${part}`);
    }
    const rect = this.frames[part];
    rect.style.display = cells?.length ? "" : "none";
    if (!cells?.length) return;
    const look = { ...bounds(cells.map(({ box }) => box)), rx: 2 };
    for (const [name, value] of Object.entries(look)) rect.setAttribute(name, value);
  }

  tell(cell, { title, terms, total: sum, says }) {
    this.sum.firstElementChild.textContent = title;
    this.terms.innerHTML = terms ? written(terms, sum) : `<span class="says">${says}</span>${this.editor.entry(cell)}`;
    if (terms && !this.settled) this.settle();
    // Of a large output not all is drawn, but all is counted.
    const { order, start } = this.picture;
    const now = this.pin.part === "output" ? order[this.pin.index] : start;
    const [rows, columns] = this.stage.firstElementChild.dataset.outShape.split(",").map(Number);
    this.scrub.value = now.index;
    this.count.textContent = countOf(now.r * columns + now.c + 1, rows * columns);
    this.count.style.minWidth = `${countOf(rows * columns, rows * columns).length}ch`; // or the slider would change its length
  }

  // What follows must not jump when a short sentence takes the place of a long sum. Measured once all is laid out:
  // asking earlier would have the browser lay everything out twice.
  settle() {
    this.settled = requestAnimationFrame(() => { this.terms.style.minHeight = `${this.terms.offsetHeight}px`; });
  }
}

// The value so many places further in a sorted list; at an end, that end.
function neighbour(all, now, by) {
  return all[Math.min(all.length - 1, Math.max(0, all.indexOf(now) + by))];
}

// The index one place further or back; after the last comes the first.
function round(index, by, count) {
  return (index + by + count) % count;
}

// The smallest box around boxes [x, y, width, height].
function bounds(boxes) {
  const x = Math.min(...boxes.map((box) => box[0])), y = Math.min(...boxes.map((box) => box[1]));
  const right = Math.max(...boxes.map((box) => box[0] + box[2])), bottom = Math.max(...boxes.map((box) => box[1] + box[3]));
  return { x, y, width: right - x, height: bottom - y };
}

function countOf(number, all) {
  return `output ${number.toLocaleString("en")} of ${all.toLocaleString("en")}`;
}

// The result of a line of arithmetic in bold.
function emphasised(text) {
  return text.replace(/= (\d[\d,]*\d|\d)/, "= <b>$1</b>");
}

function written(terms, { open, close, result }) {
  // Every term is as wide as the widest, so that the lines break alike for every window. A kernel row stays together.
  const width = Math.max(...terms.map(({ text }) => text.length)) + 1;
  const rows = new Map();
  for (const { sign, text, tap, pad, row } of terms) {
    const term = `<span class="signed"><span class="sign">${sign}</span><span class="term${pad ? " pad" : ""}"
      style="--tap:${tap ?? "#f5a25d"};min-width:${width}ch">${text}</span></span>`;
    rows.set(row, (rows.get(row) ?? "") + term);
  }
  const lines = [...rows.values()].map((row) => `<span class="row">${row}</span>`).join("");
  return `${open && `<span>${open}</span>`}${lines}<span>${close}</span><span class="total">${result}</span>`;
}

export default {
  render({ model, el }) {
    const page = new Page(el, (message) => model.send(message));
    const unfollow = follow(model, el, (picture) => page.show(picture));
    return () => { page.stop(); unfollow(); };
  },
};
