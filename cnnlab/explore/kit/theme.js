// Light and dark. Pictures come in light colours; on a dark page each is replaced by its twin before it is shown.
// A style sheet could do the same, but the browser would try its sixty rules on every cell of every new picture.
// The lines before these give TWINS and DARK_PAGES.

function themed(svg) {
  const dark = document.querySelector(DARK_PAGES);
  return dark ? svg.replace(/#[0-9a-f]{6}\b/g, (light) => TWINS[light] ?? light) : svg;
}

// Calls `update` for every new picture and whenever the page changes its theme, and greys what Python does not answer
// for; returns what ends that.
function follow(model, el, update) {
  const theme = new MutationObserver(() => {
    const dark = Boolean(document.querySelector(DARK_PAGES));
    if (dark !== shown) show();
  });
  let shown;
  const show = () => {
    shown = Boolean(document.querySelector(DARK_PAGES));
    update(model.get("picture"));
  };
  const attributes = { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "theme"] };
  for (const part of [document.documentElement, document.body]) theme.observe(part, attributes);
  model.on("change:picture", show);
  show();
  const silence = asks(model, el);
  return () => { silence(); theme.disconnect(); model.off("change:picture", show); };
}
