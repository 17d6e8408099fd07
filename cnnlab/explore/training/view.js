// Shows training runs and brings one of them out: Python is never asked. While a run trains, pictures come by
// themselves; what is in hand stays in hand.

const AT_REST = "Point at a row or a curve to bring a run out; click to keep it so.";
const KEYS = "Tab goes from run to run, Enter keeps one, Escape lets go.";
const PAGE = `<div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"></div>
  <div class="tells line"></div>
  <div class="code block"><code></code><button type="button" class="copy">Copy</button></div>
  <div class="status" role="status" aria-live="polite"></div>`;

// A sentence with a capital; a setting's name, as in lr=0.1, keeps its small letter.
function capitalised(words) {
  const named = words.split(" ", 1)[0].includes("=");
  return named ? words : words.slice(0, 1).toUpperCase() + words.slice(1);
}

class Page {
  constructor(el) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    for (const name of ["stage", "tells", "status", "code"]) this[name] = el.querySelector(`.${name}`);
    copies(this.code.querySelector("button"), this.code.firstElementChild);
    const run = (event) => event.target.closest("[data-run]")?.dataset.run ?? null;
    this.stage.addEventListener("pointerover", (event) => this.hover(run(event)));
    this.stage.addEventListener("pointerleave", () => this.hover(null));
    this.stage.addEventListener("click", (event) => this.hold(run(event)));
    this.stage.addEventListener("focusin", (event) => this.hover(run(event)));
    this.stage.addEventListener("keydown", (event) => this.press(event, run(event)));
  }

  show(state) {
    const focused = this.stage.contains(document.activeElement) ? document.activeElement.dataset?.run : null;
    this.state = state;
    this.stage.innerHTML = themed(state.svg);
    const drawn = this.stage.firstElementChild;
    this.stage.setAttribute("aria-label", `${drawn.getAttribute("aria-label")}. ${KEYS}`);
    drawn.querySelector("title").remove(); // the browser would show it over everything
    if (!(this.pin in state.says)) this.pin = null;
    if (!(this.hovered in state.says)) this.hovered = null;
    this.code.firstElementChild.textContent = state.code;
    if (this.status.textContent !== state.title) this.status.textContent = state.title; // or it would be read anew
    if (focused) this.stage.querySelector(`.hit[data-run="${focused}"]`)?.focus({ preventScroll: true });
    this.paint();
  }

  hover(run) {
    if (run === this.hovered) return;
    this.hovered = run;
    this.paint();
  }

  hold(run) {
    this.pin = run === this.pin ? null : run;
    this.paint();
    this.status.textContent = this.pin ? `Kept: ${this.state.says[this.pin]}` : "Nothing is kept.";
  }

  press(event, run) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = { Escape: () => { this.hovered = null; this.hold(null); } };
    if (run) for (const key of ["Enter", " "]) acts[key] = () => this.hold(run);
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation(); // or the notebook would go to the next cell
    acts[event.key]();
  }

  paint() {
    const run = this.hovered ?? this.pin;
    for (const part of this.stage.querySelectorAll(".run")) part.classList.toggle("dim", Boolean(run) && part.dataset.run !== run);
    for (const hit of this.stage.querySelectorAll(".hit")) hit.classList.toggle("chosen", hit.dataset.run === run);
    const words = run ? this.state.says[run] : this.state.error ?? AT_REST;
    this.tells.textContent = capitalised(words);
    this.tells.classList.toggle("rest", !run);
  }
}

export default {
  render({ model, el }) {
    const page = new Page(el);
    return follow(model, el, (picture) => page.show(picture));
  },
};
