// Shows a stack of layers, moves the chosen unit and marks what it sees: Python is never asked.

const PAGE = `
  <div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"
    aria-label="Receptive field. Arrow keys move the unit, Page Up and Page Down change the layer, Escape goes back to the middle."></div>
  <div class="sight-line"><span></span>
    <small>Point at a unit in any map, click to keep it. Arrow keys move it; Page Up and Page Down change the layer.</small></div>
  <div class="below">
    <table class="fields"><thead><tr><th>layer</th><th>map</th><th>field</th><th>jump</th><th>centre</th></tr></thead><tbody></tbody></table>
    <div class="code"><code></code><button type="button" class="copy">Copy</button></div>
  </div>
  <div class="status" role="status" aria-live="polite"></div>`;
const LEAST = 3, RIM = 6, DASHES = "5 3"; // px of a unit on a fine map, px around a map, where a field goes on
// The light colours of cnnlab/draw/svg.py; its style sheet knows their dark twins.
const INKS = { ink: "#1f2329", kernel: "#b04a00", output: "#00704e" };
const minus = (number) => String(number).replace("-", "−");
const same = (a, b) => a && b && a.every((each, i) => each === b[i]);

// What the picture says about itself: its maps, and what unit 0 of each sees of those before it.
class Picture {
  constructor(svg) {
    this.sizes = JSON.parse(svg.dataset.sizes);
    this.names = JSON.parse(svg.dataset.names);
    this.reach = JSON.parse(svg.dataset.reach);
    this.start = svg.dataset.unit.split(",").map(Number);
    this.maps = [...svg.querySelectorAll("[data-map]")].map((element) => new Drawn(element));
    this.labels = [...svg.querySelectorAll("[data-name]")];
    this.told = svg.querySelector(".told");
    this.heat = svg.querySelector(".effective");
    this.heated = this.heat?.dataset.unit.split(",").map(Number);
  }
  spans([layer, row, column], map) {
    const [first, last, step] = this.reach[layer][map];
    return [row, column].map((index) => [first + index * step, last + index * step]);
  }
  middle(layer) {
    const half = Math.floor((this.sizes[layer] - 1) / 2);
    return [layer, half, half];
  }
  holds([layer, row, column]) {
    return layer > 0 && layer < this.sizes.length && row < this.sizes[layer] && column < this.sizes[layer];
  }
  sentence(unit) {
    const size = this.sizes[0];
    const [layer, row, column] = unit;
    if (!layer) return `There is no layer: a pixel of the ${size} × ${size} input sees itself.`;
    const spans = this.spans(unit, 0);
    const side = spans[0][1] - spans[0][0] + 1;
    const [rows, columns] = spans.map(([first, last]) => `${minus(first)} to ${minus(last)}`);
    const wide = side > size ? `, larger than the ${size} × ${size} input` : "";
    const padded = spans.some(([first, last]) => first < 0 || last >= size) ? ", padding included" : "";
    return `Unit (${row}, ${column}) of layer ${layer}, ${this.names[layer]}, sees ${side} × ${side} px: `
      + `rows ${rows}, columns ${columns}${wide}${padded}.`;
  }
  short(unit) {
    const [first, last] = this.spans(unit, 0)[0];
    const side = last - first + 1;
    return `${side} × ${side} field${side > this.sizes[0] ? ", beyond the input" : ""}`;
  }
  // Where a key leads from a unit; undefined where it leads nowhere.
  next([layer, row, column], pressed) {
    const last = this.sizes[layer] - 1;
    const to = (r, c) => [layer, Math.min(last, Math.max(0, r)), Math.min(last, Math.max(0, c))];
    return {
      ArrowLeft: () => to(row, column - 1), ArrowRight: () => to(row, column + 1),
      ArrowUp: () => to(row - 1, column), ArrowDown: () => to(row + 1, column),
      PageUp: () => this.middle(Math.max(1, layer - 1)),
      PageDown: () => this.middle(Math.min(this.sizes.length - 1, layer + 1)),
      Escape: () => this.start,
    }[pressed]?.();
  }
}

// Where a field is drawn in a map whose units are `cell` wide and begin at `edge`; a small field gets a width to see.
function sightOf([[top, bottom], [left]], { edge, cell }) {
  const length = (bottom - top + 1) * cell;
  const grow = Math.max(0, (LEAST - length) / 2);
  const [x, y] = [left, top].map((first) => edge + first * cell - grow);
  return { x, y, width: length + 2 * grow };
}

// The part of a field that is shown in a map of that side, and whether that is not all of it.
function seen({ x, y, width }, side) {
  const [near, far] = [[x, y].map((at) => Math.max(at, -RIM)), [x, y].map((at) => Math.min(at + width, side + RIM))];
  return {
    box: { x: near[0], y: near[1], width: Math.max(0, far[0] - near[0]), height: Math.max(0, far[1] - near[1]) },
    cut: near[0] > x || near[1] > y || far[0] < x + width || far[1] < y + width,
  };
}

// The outline of all that is not in the field.
function shadePath({ x, y, width }, side) {
  const [left, top, right, bottom] = [Math.max(x, 0), Math.max(y, 0), Math.min(x + width, side), Math.min(y + width, side)];
  const hole = left < right && top < bottom ? `M${left} ${top}H${right}V${bottom}H${left}z` : "";
  return `M0 0h${side}v${side}h${-side}z${hole}`;
}

// The rows and columns of the field that no tap falls on; each gap is (first, last), from the field's own edge.
function gapsPath(gaps, { x, y, width }, cell) {
  return gaps.map(([from, to]) => {
    const [at, wide] = [from * cell, (to - from + 1) * cell];
    return `M${x + at} ${y}h${wide}v${width}h${-wide}zM${x} ${y + at}v${wide}h${width}v${-wide}z`;
  }).join("");
}

// One map in the picture, and where its units lie.
class Drawn {
  constructor(element) {
    const { map, edge, cell, count } = element.dataset;
    [this.number, this.edge, this.cell, this.count] = [map, edge, cell, count].map(Number);
    this.element = element;
    this.marks = element.querySelector(".marks");
    this.sight = element.querySelector(".sight");
    this.shade = element.querySelector(".shade");
    this.gaps = element.querySelector(".gaps");
  }
  // The unit under the pointer, at the map's rim the nearest.
  under({ clientX, clientY }) {
    const onScreen = this.element.getScreenCTM();
    const point = new DOMPoint(clientX, clientY).matrixTransform(onScreen.inverse());
    const index = (at) => Math.min(this.count - 1, Math.max(0, Math.floor((at - this.edge) / this.cell)));
    return [this.number, index(point.y), index(point.x)];
  }
  show(spans, gaps, own) {
    this.marks.setAttribute("display", spans ? "inline" : "none");
    if (!spans) return;
    const sight = sightOf(spans, this);
    const ink = themed(own ? INKS.output : INKS.kernel);
    const side = this.element.viewBox.baseVal.width + 2 * this.element.viewBox.baseVal.x;
    const { box, cut } = seen(sight, side);
    const look = {
      ...box, stroke: ink, "stroke-dasharray": cut ? DASHES : "none", fill: this.shade ? "none" : ink,
      "fill-opacity": own ? 0.9 : 0.2,
    };
    for (const [name, value] of Object.entries(look)) this.sight.setAttribute(name, value);
    if (this.shade) this.veil(sight, gaps);
  }
  // On the input all else is shaded, and in the field the rows and columns that no tap falls on.
  veil(sight, gaps) {
    this.shade.setAttribute("d", shadePath(sight, this.cell * this.count));
    this.gaps.setAttribute("d", gapsPath(gaps, sight, this.cell));
  }
}

class Page {
  constructor(el) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    for (const name of ["stage", "sight-line", "fields", "code", "copy", "status"]) this[name] = el.querySelector(`.${name}`);
    this.line = this["sight-line"].firstElementChild;
    this.table = el.querySelector("tbody");
    this.listen();
  }

  listen() {
    this.stage.addEventListener("pointermove", (event) => this.hover(this.under(event)));
    this.stage.addEventListener("pointerleave", () => this.hover(null));
    this.stage.addEventListener("click", (event) => this.hold(this.under(event)));
    this.stage.addEventListener("keydown", (event) => this.press(event));
    this.table.addEventListener("click", (event) => {
      const row = event.target.closest("tr");
      if (row?.dataset.layer) this.hold(this.picture.middle(Number(row.dataset.layer)));
    });
    copies(this.copy, this.code.firstElementChild);
  }

  // A new state from the kernel: the unit stays where it can.
  show({ svg, rows, code, error, title, effective }) {
    const stayed = this.chosen && this.unit; // only what a learner chose; else the new middle
    this.stage.innerHTML = themed(svg);
    const drawn = this.stage.firstElementChild;
    drawn.querySelector("title").remove(); // the browser would show it over every map
    this.picture = new Picture(drawn);
    this.effective = effective;
    this.hovered = null;
    this.table.replaceChildren(...rows.map((row, index) => rowOf(row, index + 1, this.picture)));
    this.fields.hidden = !rows.length;
    this.code.firstElementChild.textContent = code;
    const last = this.layers;
    this.layers = this.picture.sizes.length - 1;
    // A stack that grew is looked at from its new end.
    const keep = stayed && last === this.layers && this.picture.holds(stayed) && !this.picture.heat;
    this.chosen = Boolean(keep);
    this.unit = keep ? stayed : this.picture.start;
    this["sight-line"].style.minHeight = "";
    this.paint();
    this.status.textContent = error ? `No output: ${error}` : `${title}. ${this.line.textContent}`;
  }

  under(event) {
    const element = event.target.closest("[data-map]");
    const map = element && this.picture.maps.find((each) => each.element === element);
    return map?.number ? map.under(event) : null;
  }

  hover(unit) {
    if (unit === this.hovered || same(unit, this.hovered)) return;
    this.hovered = unit;
    this.paint();
  }

  hold(unit) {
    if (!unit || !this.picture.holds(unit)) return;
    this.unit = unit;
    this.hovered = null;
    this.chosen = true;
    this.paint();
    this.status.textContent = this.line.textContent;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const unit = this.picture.next(this.unit, event.key);
    if (!unit) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would go to the next cell
    this.hold(unit);
  }

  paint() {
    const unit = this.hovered ?? this.unit;
    const { maps, reach, labels, told, heat, heated, sizes } = this.picture;
    for (const map of maps) {
      const [first, , , gaps] = reach[unit[0]][map.number] ?? [];
      const spans = map.number <= unit[0] ? this.picture.spans(unit, map.number) : null;
      map.show(spans, (gaps ?? []).map((gap) => gap.map((at) => at - first)), map.number > 0 && map.number === unit[0]);
    }
    for (const label of labels.slice(1, sizes.length)) {
      label.setAttribute("fill", themed(Number(label.dataset.name) === unit[0] ? INKS.output : INKS.ink));
    }
    for (const row of this.table.rows) row.classList.toggle("chosen", Number(row.dataset.layer) === unit[0]);
    if (told) told.textContent = this.picture.short(unit);
    heat?.setAttribute("display", same(unit, heated) ? "inline" : "none");
    this.line.textContent = this.picture.sentence(unit) + (heat && same(unit, heated) ? ` ${this.effective}` : "");
    // What follows must not jump when a short sentence takes the place of a long one.
    const box = this["sight-line"];
    box.style.minHeight = `${Math.max(parseFloat(box.style.minHeight) || 0, box.offsetHeight)}px`;
  }
}

function rowOf(cells, layer, { sizes, reach }) {
  const row = document.createElement("tr");
  row.dataset.layer = layer;
  row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
  const [first, last] = reach[layer][0];
  row.cells[2].classList.toggle("beyond", last - first + 1 > sizes[0]);
  if (last - first + 1 > sizes[0]) row.cells[2].title = "larger than the input";
  return row;
}

export default {
  render({ model, el }) {
    const page = new Page(el);
    return follow(model, el, (picture) => page.show(picture));
  },
};
