// The cells of drawn grids. How a cell looks is read off the drawing when somebody asks: of most nobody does.

const key = (r, c) => `${r},${c}`;
const minus = (number) => String(number).replace("-", "−");

class Cell {
  constructor(element, part, index, place, more) {
    Object.assign(this, { element, part, index, place, r: Number(element.dataset.r), c: Number(element.dataset.c) }, more);
  }
  get value() { return Number(this.element.dataset.v); }
  get fill() { return this.element.getAttribute("fill"); }
  get box() { return ["x", "y", "width", "height"].map((name) => Number(this.element.getAttribute(name))); }
  // Squares are drawn in one group and what is written on them in the next, in the same order.
  get label() {
    const labels = this.element.parentNode.nextElementSibling;
    return labels?.matches(".labels") ? labels.children[this.place] : null;
  }
  light(tap) {
    this.element.classList.add("lit");
    this.element.style.setProperty("--tap", tap);
    this.label?.classList.add("on-lit");
  }
  dim() {
    this.element.classList.remove("lit");
    this.label?.classList.remove("on-lit");
  }
  // Another value, until Python draws anew.
  write(value, text) {
    this.element.dataset.v = value;
    this.element.classList.add("changed");
    if (this.label) this.label.textContent = text;
  }
  veil(on) {
    this.element.classList.toggle("to-come", on);
    this.label?.classList.toggle("to-come", on);
  }
}

// The cells of one part by their place; each also gets what is in `more`.
function cellsOf(svg, part, more = {}) {
  const cells = new Map();
  let group, place;
  for (const element of svg.querySelectorAll(`[data-part="${part}"] [data-r]`)) {
    place = element.parentNode === group ? place + 1 : 0;
    group = element.parentNode;
    const cell = new Cell(element, part, cells.size, place, more);
    cells.set(key(cell.r, cell.c), cell);
  }
  return cells;
}

// The output, of those that are drawn, whose window has its middle nearest to a place of the input.
function outputAt(picture, { r, c }) {
  const along = (name, axis, at) => {
    const off = (index) => Math.abs((picture.windows[axis][index][0] + picture.windows[axis][index].at(-1)) / 2 - at);
    return [...new Set(picture.order.map((cell) => cell[name]))].reduce((best, index) => (off(index) < off(best) ? index : best));
  };
  return picture.find("output", along("r", 0, r), along("c", 1, c));
}
