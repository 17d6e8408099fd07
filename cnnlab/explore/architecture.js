// Shows a network line by line; points from a line to its block and back; tells Python which line was pressed.

const PAGE = `
  <div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"
    aria-label="Network. Up and down arrows go from line to line, Enter opens or folds a block or chooses a layer to change."></div>
  <div class="told"><span></span><small>Point at a line or a block. Click, or Enter: open or fold a block, choose a layer to change.</small></div>
  <div class="status" role="status" aria-live="polite"></div>`;

class Page {
  constructor(el, press) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    this.press = press;
    this.stage = el.querySelector(".stage");
    this.words = el.querySelector(".told span");
    this.status = el.querySelector(".status");
    this.held = null; // key of the line the keyboard is on
    const at = (event) => event.target.closest?.("[data-line], [data-block]");
    const number = (found) => (found ? Number(found.dataset.line ?? found.dataset.block) : null);
    this.stage.addEventListener("pointermove", (event) => this.light(number(at(event))));
    this.stage.addEventListener("pointerleave", () => this.light(this.place()));
    this.stage.addEventListener("click", (event) => {
      const found = number(at(event));
      if (this.lines[found]) this.go(found, true);
    });
    this.stage.addEventListener("keydown", (event) => this.key(event));
  }

  show({ svg, title, error }) {
    this.stage.innerHTML = themed(svg);
    this.stage.querySelector("title")?.remove(); // the browser would show it over every line
    this.lines = [...this.stage.querySelectorAll("[data-line]")];
    this.light(this.place());
    this.status.textContent = error ? `${title}. ${error}` : title;
  }

  place() {
    const found = this.lines.findIndex((line) => line.dataset.key === this.held);
    return found < 0 ? null : found;
  }

  light(number) {
    for (const before of this.stage.querySelectorAll(".here")) before.classList.remove("here");
    const line = this.lines[number];
    this.words.textContent = line ? line.dataset.said : "";
    if (!line) return;
    line.classList.add("here");
    for (const block of this.stage.querySelectorAll(`[data-block="${number}"]`)) block.classList.add("here");
  }

  go(number, act) {
    const line = this.lines[number];
    this.held = line.dataset.key;
    this.light(number);
    this.status.textContent = line.dataset.said;
    if (!act) return;
    if (line.dataset.fold) this.press({ fold: line.dataset.key });
    else this.press({ layer: line.dataset.path });
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      const now = this.place();
      const next = now === null ? (step > 0 ? 0 : this.lines.length - 1) : now + step;
      if (next >= 0 && next < this.lines.length) this.go(next, false);
    } else if (event.key === "Enter" || event.key === " ") {
      if (this.place() !== null) this.go(this.place(), true);
    } else if (event.key === "Escape") {
      this.held = null;
      this.light(null);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export default {
  render({ model, el }) {
    let count = 0;
    const page = new Page(el, (what) => {
      model.set("pressed", { ...what, count: ++count }); // the count makes a second press a change
      model.save_changes();
    });
    return follow(model, (picture) => page.show(picture));
  },
};
