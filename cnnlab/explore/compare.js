// Shows two stacks side by side, and the code of each to copy.

const CODE = `<figure><figcaption></figcaption><div class="code"><code></code>
  <button type="button" class="copy">Copy</button></div></figure>`;
const PAGE = `<div class="stage"></div><div class="codes">${CODE}${CODE}</div>
  <div class="status" role="status" aria-live="polite"></div>`;

class Page {
  constructor(el) {
    el.classList.add("cnnlab");
    el.innerHTML = PAGE;
    [this.stage, this.status] = [".stage", ".status"].map((name) => el.querySelector(name));
    this.figures = [...el.querySelectorAll("figure")];
    for (const figure of this.figures) figure.querySelector("button").addEventListener("click", () => copy(figure));
  }

  show({ svg, codes, names, title }) {
    this.stage.innerHTML = svg;
    this.figures.forEach((figure, index) => {
      figure.querySelector("figcaption").textContent = names[index];
      figure.querySelector("code").textContent = codes[index];
    });
    this.status.textContent = title;
  }
}

async function copy(figure) {
  const [code, button] = [figure.querySelector("code"), figure.querySelector("button")];
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code); // no permission: Ctrl+C is one key away
    button.textContent = "Selected";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 1200);
}

export default {
  render({ model, el }) {
    const page = new Page(el);
    const update = () => page.show(model.get("picture"));
    model.on("change:picture", update);
    update();
    return () => model.off("change:picture", update);
  },
};
