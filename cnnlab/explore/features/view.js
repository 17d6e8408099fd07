// Shows a feature map and tells what is under the pointer. A click on a channel or an image asks Python for it: that is
// a setting, and the sliders follow.

const KEYS = "Arrow keys walk over the large map, Tab goes on to the strongest images, Escape lets go.";
const AT_REST = "Point at the large map, at a channel, a weight, an image or a bar. Click a channel or an image to choose it.";
const PAGE = `<div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"></div>
  <div class="tells line"></div>
  <div class="code block"><code></code><button type="button" class="copy">Copy</button></div>
  <div class="status" role="status" aria-live="polite"></div>`;
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
const three = (value) => {
  const size = Math.abs(value);
  const text = size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
};

// The unit of the map at a point of the picture, or null beside the map.
function unitAt({ x, y, cell, height, width }, across, down) {
  const [row, column] = [Math.floor((down - y) / cell), Math.floor((across - x) / cell)];
  return row >= 0 && column >= 0 && row < height && column < width ? [row, column] : null;
}

// A unit's neighbour in the map; with none in hand, the middle.
function walked(unit, [down, right], { height, width }) {
  const within = (value, count) => Math.min(count - 1, Math.max(0, value));
  const [row, column] = unit ?? [Math.floor(height / 2) - down, Math.floor(width / 2) - right];
  return [within(row + down, height), within(column + right, width)];
}

class Page {
  constructor(el, choose) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    for (const name of ["stage", "tells", "status", "code"]) this[name] = el.querySelector(`.${name}`);
    this.choose = choose;
    copies(this.code.querySelector("button"), this.code.firstElementChild);
    this.stage.addEventListener("pointermove", (event) => this.point(this.under(event)));
    this.stage.addEventListener("pointerleave", () => this.point(null));
    this.stage.addEventListener("click", (event) => this.click(event));
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.stage.addEventListener("focusin", (event) => this.point(this.under(event)));
  }

  // A new state from the kernel: the unit in hand stays where it can.
  show(state) {
    this.state = state;
    const focused = this.stage.contains(document.activeElement) && document.activeElement !== this.stage;
    this.stage.innerHTML = themed(state.svg);
    this.drawn = this.stage.firstElementChild;
    this.stage.setAttribute("aria-label", `${this.drawn.getAttribute("aria-label")}. ${KEYS}`);
    this.drawn.querySelector("title").remove(); // the browser would show it over everything
    this.place = JSON.parse(this.drawn.dataset.place ?? "null");
    this.frame = null;
    this.pointed = null;
    if (!this.place || (this.unit && (this.unit[0] >= this.place.height || this.unit[1] >= this.place.width))) this.unit = null;
    this.code.firstElementChild.textContent = state.code;
    this.status.textContent = state.title;
    if (focused) this.stage.focus({ preventScroll: true });
    this.paint();
  }

  // What is there: {unit: [row, column]} of the large map, or {says, element}.
  under(event) {
    const element = event.target.closest("[data-say]");
    if (element) return { says: element.dataset.say, element };
    if (!this.place || event.clientX === undefined) return null;
    const box = this.drawn.getBoundingClientRect();
    const scale = this.drawn.viewBox.baseVal.width / box.width;
    const unit = unitAt(this.place, (event.clientX - box.left) * scale, (event.clientY - box.top) * scale);
    return unit && { unit };
  }

  point(target) {
    if (JSON.stringify([target?.unit, target?.says]) === JSON.stringify([this.pointed?.unit, this.pointed?.says])) return;
    this.pointed = target;
    this.paint();
    if (target) this.status.textContent = this.words(target);
  }

  click(event) {
    const target = this.under(event);
    if (target?.element?.dataset.go) return this.choose(JSON.parse(target.element.dataset.go));
    if (target?.unit) this.hold(target.unit);
  }

  hold(unit) {
    this.unit = String(unit) === String(this.unit) ? null : unit;
    this.paint();
    this.status.textContent = this.unit ? this.words({ unit: this.unit }) : "Nothing is held.";
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const go = event.target.dataset?.go;
    const acts = { Escape: () => { this.unit = null; this.pointed = null; this.paint(); } };
    if (go) for (const key of ["Enter", " "]) acts[key] = () => this.choose(JSON.parse(go));
    if (this.place) for (const key of Object.keys(MOVES)) acts[key] = () => this.walk(MOVES[key]);
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would go to the next cell
    acts[event.key]();
  }

  walk(move) {
    const unit = walked(this.unit, move, this.place);
    this.pointed = null;
    if (String(unit) !== String(this.unit)) this.hold(unit);
  }

  words(target) {
    if (!target) return this.state.error ? `${this.state.error}.` : AT_REST;
    if (target.says) return target.says;
    const [row, column] = target.unit;
    return `${this.state.says}, row ${row}, column ${column}: activation ${three(this.state.values[row][column])}`;
  }

  paint() {
    const target = this.pointed ?? (this.unit && { unit: this.unit });
    this.tells.textContent = this.words(target);
    this.tells.classList.toggle("rest", !target);
    this.outline(target?.unit);
  }

  outline(unit) {
    this.frame?.remove();
    this.frame = null;
    if (!unit) return;
    const { x, y, cell } = this.place;
    this.frame = this.drawn.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "rect"));
    this.frame.setAttribute("class", "unit");
    const box = { x: x + unit[1] * cell, y: y + unit[0] * cell, width: cell, height: cell };
    for (const [name, value] of Object.entries(box)) this.frame.setAttribute(name, value);
  }
}

export default {
  render({ model, el }) {
    let count = 0; // the same choice twice is two messages
    const choose = (wanted) => { model.set("chosen", { ...wanted, count: ++count }); model.save_changes(); };
    const page = new Page(el, choose);
    return follow(model, el, (picture) => page.show(picture));
  },
};
