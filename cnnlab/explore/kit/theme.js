// Light and dark. Pictures come in light colours; on a dark page each is replaced by its twin before it is shown.
// A style sheet could do the same, but the browser would try its sixty rules on every cell of every new picture.
// The lines before these give TWINS and DARK_PAGES.

function themed(svg) {
  return document.querySelector(DARK_PAGES) ? darkened(svg) : svg;
}

// A picture, or one colour, with every light colour replaced by its twin.
function darkened(svg) {
  return svg.replace(/#[0-9a-f]{6}\b/g, (light) => TWINS[light] ?? light);
}

// Calls `update` for every new picture and whenever the page changes its theme, and greys what Python does not answer
// for; returns what ends that.
function follow(model, el, update) {
  const theme = new MutationObserver(() => {
    if (isDark() !== wasDark) show();
  });
  const isDark = () => Boolean(document.querySelector(DARK_PAGES));
  let wasDark;
  const show = () => {
    wasDark = isDark();
    update(model.get("picture"));
  };
  const attributes = { attributes: true, attributeFilter: ["class", "data-jp-theme-light", "theme"] };
  for (const part of [document.documentElement, document.body]) theme.observe(part, attributes);
  model.on("change:picture", show);
  show();
  const silence = asks(model, el);
  return () => { silence(); theme.disconnect(); model.off("change:picture", show); };
}
