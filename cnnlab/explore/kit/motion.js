// What moves: what stays in a new picture goes to its new place, what is new grows in, and products lift from window and
// kernel into the sum. The true state is there at once and moves only lead to it; a new state ends the moves of the one
// before.

const GLIDE = 200; // ms
const LIFT = 320; // ms for products to reach the sum
const MOST_LIFTED = 25; // products at once; more would be a swarm
const SLOWEST_LIFTED = 250; // ms between two outputs, so that products have landed before the next are lifted
const calm = matchMedia("(prefers-reduced-motion: reduce)");

// How long a step of a series may move: all of GLIDE when there is time, and less so that it never lags.
const pace = (interval) => Math.min(GLIDE, Math.round(0.8 * interval));

// A box of the cells that both pictures draw of one part, in each of them: what moves is what stays. The cells of a grid
// are all of one size, so two of them tell how the whole moves, and no other has to be read off the drawing.
function kept(before, now) {
  const both = [...now.keys()].filter((at) => before.has(at));
  return both.length ? [before, now].map((cells) => bounds([both[0], both.at(-1)].map((at) => cells.get(at).box))) : null;
}

// The transform that shows a box where another one was.
function backTo(was, is) {
  const [x, y] = [was.width / is.width, was.height / is.height];
  return `translate(${was.x - is.x * x}px, ${was.y - is.y * y}px) scale(${x}, ${y})`;
}

const same = (one, other) => ["x", "y", "width", "height"].every((name) => Math.abs(one[name] - other[name]) < 0.5);

// What a picture leaves behind for the next one: its cells, and where its frames were.
function traceOf(picture, frames) {
  const boxes = Object.entries(frames).map(([part, rect]) => [part, rect.style.display === "none" ? null : boxOf(rect)]);
  return { cells: picture.cells, frames: Object.fromEntries(boxes) };
}

const boxOf = (rect) => Object.fromEntries(["x", "y", "width", "height"].map((name) => [name, Number(rect.getAttribute(name))]));

// From the places of the picture before to those of this one. Whole parts move, so a large grid costs no more.
function morph(before, svg, picture, frames) {
  if (calm.matches || !before) return;
  const timing = { duration: GLIDE, easing: "ease-out" };
  for (const [part, of] of Object.entries(picture.cells)) {
    const was = before.cells[part] ?? new Map(), boxes = kept(was, of);
    const group = svg.querySelector(`[data-part="${part}"]`);
    if (!group) continue;
    if (boxes && !same(...boxes)) {
      group.animate([{ transform: backTo(...boxes), transformOrigin: "0 0" }, { transform: "none", transformOrigin: "0 0" }], timing);
    }
    if (was.size) grow([...of.values()].filter((cell) => !was.has(key(cell.r, cell.c))));
  }
  for (const [part, rect] of Object.entries(frames)) {
    const [was, is] = [before.frames[part], boxOf(rect)];
    if (was && rect.style.display !== "none" && !same(was, is)) rect.animate([inCss(was), inCss(is)], timing);
  }
}

const inCss = (box) => Object.fromEntries(Object.entries(box).map(([name, value]) => [name, `${value}px`]));

// New padding, new rows and columns come in from nothing.
function grow(cells) {
  for (const { element, label } of cells) {
    element.animate([{ opacity: 0, transform: "scale(0.3)", transformBox: "fill-box", transformOrigin: "center" },
      { opacity: 1, transform: "none", transformBox: "fill-box", transformOrigin: "center" }], { duration: GLIDE, easing: "ease-out" });
    label?.animate([{ opacity: 0 }, { opacity: 1 }], GLIDE);
  }
}

// Products on their way into the sum. They fly above the page and take no part in it.
class Lift {
  constructor(el) {
    this.air = document.createElement("div");
    this.air.className = "air";
    this.air.setAttribute("aria-hidden", "true");
    el.append(this.air);
  }

  // `terms` are those of the sum, each with the cells that it comes from; `elements` show them, in the same order.
  start(terms, elements) {
    this.land();
    if (calm.matches || !terms?.length || terms.length > MOST_LIFTED) return;
    const ground = this.air.getBoundingClientRect();
    this.waiting = [...elements];
    terms.forEach(({ from, tap }, n) => {
      const goal = elements[n]?.getBoundingClientRect();
      for (const cell of goal ? from.filter(Boolean) : []) this.fly(cell, goal, ground, tap);
      elements[n]?.animate([{ opacity: 0 }, { opacity: 0, offset: 0.8 }, { opacity: 1 }], LIFT);
    });
  }

  fly(cell, goal, ground, tap) {
    const seed = document.createElement("span"), start = cell.element.getBoundingClientRect();
    seed.textContent = minus(cell.value);
    seed.style.setProperty("--tap", tap ?? "#f5a25d");
    this.air.append(seed);
    const at = (box) => `translate(${box.x + box.width / 2 - ground.x}px, ${box.y + box.height / 2 - ground.y}px) translate(-50%, -50%)`;
    const flight = seed.animate([{ transform: at(start), opacity: 1 }, { transform: at(goal), opacity: 0.9 }], { duration: LIFT, easing: "ease-in-out" });
    flight.onfinish = () => seed.remove();
  }

  // All of it is over at once.
  land() {
    this.air.replaceChildren();
    for (const term of this.waiting ?? []) for (const each of term.getAnimations?.() ?? []) each.cancel();
    this.waiting = null;
  }
}
