// What the tests need in place of a browser: scripts joined as Python joins them, and drawn grids.

import { readFileSync } from "node:fs";

const EXPLORE = new URL("../../cnnlab/explore/", import.meta.url);

// What the scripts declare under these names. `given` are names that they use and Python or a browser declares.
export function load(files, names, given = {}) {
  const text = files.map((file) => readFileSync(new URL(file, EXPLORE), "utf-8")).join("\n");
  const body = text.replace("export default", "const view =");
  return new Function(...Object.keys(given), `${body}\nreturn { ${names.join(", ")} };`)(...Object.values(given));
}

// An element with data-… attributes, and others by name.
export function element(dataset, attributes = {}, more = {}) {
  const texts = Object.fromEntries(Object.entries(dataset).map(([name, value]) => [name, String(value)]));
  return { dataset: texts, getAttribute: (name) => attributes[name] ?? null, ...more };
}

// A picture of grids: {part: {values, top, left, fill}}. fill tells a cell's colour from its row and column.
export function drawn(dataset, grids) {
  const cells = new Map(Object.entries(grids).map(([part, { values, top = 0, left = 0, fill = () => "#ffffff" }]) => {
    const group = { nextElementSibling: null };
    return [part, values.flatMap((row, i) => row.map((v, j) => (
      element({ r: top + i, c: left + j, v }, { fill: fill(top + i, left + j) }, { parentNode: group })
    )))];
  }));
  const asked = (selector) => selector.match(/^\[data-part="(.+)"\] \[data-r\]$/)[1];
  return { dataset, querySelectorAll: (selector) => cells.get(asked(selector)) ?? [] };
}

// Cells as [row, column], to compare.
export const places = (cells) => cells.map(({ r, c }) => [r, c]);

// A sum as it is read: signs and terms.
export const said = (terms) => terms.map(({ sign, text }) => sign + text).join(" ");
