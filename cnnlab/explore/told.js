// Shows a picture whose parts say something about themselves (data-said), under a pointer or by the keyboard.

const PAGE = `
  <div class="stage" tabindex="0" role="application" data-lm-suppress-shortcuts="true"
    aria-label="Picture. Arrow keys go from part to part, Escape lets go."></div>
  <div class="told"><span></span><small>Point at a part to see how its numbers come about; arrow keys go from one to the next.</small></div>
  <div class="code"><code></code><button type="button" class="copy">Copy</button></div>
  <div class="status" role="status" aria-live="polite"></div>`;

class Page {
  constructor(el) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    this.stage = el.querySelector(".stage");
    this.words = el.querySelector(".told span");
    this.code = el.querySelector("code");
    this.status = el.querySelector(".status");
    this.at = null;
    copies(el.querySelector(".copy"), this.code);
    const part = (event) => this.parts.indexOf(event.target.closest?.("[data-said]"));
    this.stage.addEventListener("pointermove", (event) => this.light(part(event) < 0 ? this.at : part(event)));
    this.stage.addEventListener("pointerleave", () => this.light(this.at));
    this.stage.addEventListener("click", (event) => this.hold(part(event) < 0 ? null : part(event)));
    this.stage.addEventListener("keydown", (event) => this.key(event));
  }

  show({ svg, title, error, code }) {
    this.stage.innerHTML = themed(svg);
    this.stage.querySelector("title")?.remove(); // the browser would show it over every part
    this.parts = [...this.stage.querySelectorAll("[data-said]")];
    if (this.at >= this.parts.length) this.at = null;
    this.code.textContent = code;
    this.light(this.at);
    this.status.textContent = error ? `${title}. ${error}` : title;
  }

  light(at) {
    for (const before of this.stage.querySelectorAll(".here")) before.classList.remove("here");
    const part = at === null ? null : this.parts[at];
    this.words.textContent = part ? part.dataset.said : "";
    part?.classList.add("here");
  }

  hold(at) {
    this.at = at;
    this.light(at);
    if (at !== null) this.status.textContent = this.parts[at].dataset.said;
  }

  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step && this.parts.length) {
      const count = this.parts.length;
      this.hold(this.at === null ? (step > 0 ? 0 : count - 1) : (this.at + step + count) % count);
    } else if (event.key === "Escape") this.hold(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

export default {
  render({ model, el }) {
    const page = new Page(el);
    return follow(model, (picture) => page.show(picture));
  },
};
