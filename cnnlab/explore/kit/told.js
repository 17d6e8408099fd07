// Shows a picture whose parts say something about themselves (data-said), under a pointer or by the keyboard.
// A part may stand in a second place (data-block with the part's data-line), and may be pressed, where Python listens.

const PAGE = `
  <div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"
    aria-label="Picture. Arrow keys go from part to part, Enter presses, Escape lets go."></div>
  <div class="tells line two"><span></span><small></small></div>
  <div class="code block"><code></code><button type="button" class="copy">Copy</button></div>
  <div class="status" role="status" aria-live="polite"></div>`;

const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

// Where the part in hand stands in a new picture: by its key, or without one by its number. null: it is gone.
function standing(keys, key, at) {
  if (!key) return at >= keys.length ? null : at;
  const found = keys.indexOf(key);
  return found < 0 ? null : found;
}

// The next part, or the one before; after the last comes the first. With none in hand, an end.
function stepped(at, step, count) {
  if (at === null) return step > 0 ? 0 : count - 1;
  return (at + step + count) % count;
}

class Page {
  constructor(el, press) {
    this.press = press;
    this.el = el;
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    this.stage = el.querySelector(".stage");
    this.words = el.querySelector(".tells span");
    this.code = el.querySelector("code");
    this.status = el.querySelector(".status");
    this.at = null;
    copies(el.querySelector(".copy"), this.code);
    const part = (event) => this.parts.indexOf(this.whole(event.target.closest?.("[data-said], [data-block]")));
    this.stage.addEventListener("pointermove", (event) => this.light(part(event) < 0 ? this.at : part(event)));
    this.stage.addEventListener("pointerleave", () => this.light(this.at));
    this.stage.addEventListener("click", (event) => {
      this.hold(part(event) < 0 ? null : part(event));
      this.act();
    });
    this.stage.addEventListener("keydown", (event) => this.pressed(event));
  }

  // The part itself, or the one that a second place belongs to.
  whole(found) {
    return found?.dataset.block ? this.stage.querySelector(`[data-line="${found.dataset.block}"]`) : found;
  }

  show({ svg, title, error, code, hint }) {
    this.el.querySelector(".tells small").textContent = hint;
    this.stage.innerHTML = themed(svg);
    this.stage.querySelector("title")?.remove(); // the browser would show it over every part
    this.parts = [...this.stage.querySelectorAll("[data-said]")];
    this.at = standing(this.parts.map((part) => part.dataset.key), this.key, this.at);
    this.code.textContent = code;
    this.light(this.at);
    this.status.textContent = error ? `${title}. ${error}` : title;
  }

  light(at) {
    for (const before of this.stage.querySelectorAll(".here")) before.classList.remove("here");
    const part = at === null ? null : this.parts[at];
    this.words.textContent = part ? part.dataset.said : "";
    part?.classList.add("here");
    const line = part?.dataset.line;
    if (line) for (const block of this.stage.querySelectorAll(`[data-block="${line}"]`)) block.classList.add("here");
  }

  hold(at) {
    this.at = at;
    this.key = at === null ? null : this.parts[at].dataset.key;
    this.light(at);
    if (at !== null) this.status.textContent = this.parts[at].dataset.said;
  }

  act() {
    if (this.at !== null) this.press?.({ ...this.parts[this.at].dataset });
  }

  pressed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = STEPS[event.key];
    if (step && this.parts.length) this.hold(stepped(this.at, step, this.parts.length));
    else if (event.key === "Escape") this.hold(null);
    else if (event.key === "Enter" || event.key === " ") this.act();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export default {
  render({ model, el }) {
    let count = 0;
    const press = (part) => {
      model.set("pressed", { ...part, count: ++count }); // the count makes a second press a change
      model.save_changes();
    };
    const page = new Page(el, model.get("pressed") && press);
    return follow(model, el, (picture) => page.show(picture));
  },
};
