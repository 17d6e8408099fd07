// What all views share: colours, cells, the sum in HTML, a box around cells, what a key or a typed number does.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, element, load, places } from "./pretended.js";

const page = (dark) => ({
  TWINS: { "#ffffff": "#111418", "#0b61a8": "#6cb6f5" }, DARK_PAGES: ".dark",
  document: { querySelector: (selector) => (dark && selector === ".dark" ? {} : null) },
});
const PICTURE = '<rect fill="#ffffff" stroke="#0b61a8"/><rect fill="#123456"/>';
const theme = (dark) => load(["kit/theme.js"], ["themed", "darkened"], page(dark));
const cells = load(["kit/cells.js"], ["key", "minus", "cellsOf"]);
const edit = load(["kit/edit.js"], ["entered", "startsNumber", "painted"]);
const view = load(["kit/view.js"], ["emphasised", "written", "bounds", "neighbour", "round", "countOf"]);
const told = load(["kit/told.js"], ["standing", "stepped", "STEPS"]);

test("a light page shows the picture as it is", () => {
  assert.equal(theme(false).themed(PICTURE), PICTURE);
});

test("a dark page shows every colour's twin, and a colour without one as it is", () => {
  const dark = '<rect fill="#111418" stroke="#6cb6f5"/><rect fill="#123456"/>';
  assert.equal(theme(true).themed(PICTURE), dark);
  assert.equal(theme(false).darkened("#0b61a8"), "#6cb6f5");
});

test("only six hexadecimal digits are a colour", () => {
  assert.equal(theme(true).themed("#ffffff0 #fff #ffffffff"), "#ffffff0 #fff #ffffffff");
});

test("a number has a true minus", () => {
  assert.deepEqual([-3, 0, 2.5].map(cells.minus), ["−3", "0", "2.5"]);
});

test("cells are found by their place, and read off the drawing", () => {
  const svg = drawn({}, {
    input: { values: [[1, 2], [3, -4]], top: -1, left: 0, fill: (r, c) => `#00000${c + 1}` }, output: { values: [[9]] },
  });
  const found = cells.cellsOf(svg, "input", { channel: 7 });
  assert.deepEqual([...found.keys()], ["-1,0", "-1,1", "0,0", "0,1"]);
  const last = found.get(cells.key(0, 1));
  assert.deepEqual([last.value, last.fill, last.index, last.place, last.channel, last.part], [-4, "#000002", 3, 3, 7, "input"]);
  assert.equal(last.label, null);
});

test("cells of a second group are counted anew, for their labels are", () => {
  const groups = [1, 2].map(() => ({ nextElementSibling: { matches: () => true, children: ["first", "second"] } }));
  const all = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([g, i]) => element({ r: g, c: i, v: 0 }, {}, { parentNode: groups[g] }));
  const found = [...cells.cellsOf({ querySelectorAll: () => all }, "input").values()];
  assert.deepEqual(found.map(({ place }) => place), [0, 1, 0, 1]);
  assert.deepEqual(found.map(({ label }) => label), ["first", "second", "first", "second"]);
  assert.deepEqual(found.map(({ index }) => index), [0, 1, 2, 3]);
});

test("a cell's box is four numbers", () => {
  const rect = element({ r: 0, c: 0, v: 1 }, { x: "10", y: "20.5", width: "24", height: "24" }, { parentNode: {} });
  const [cell] = cells.cellsOf({ querySelectorAll: () => [rect] }, "input").values();
  assert.deepEqual(cell.box, [10, 20.5, 24, 24]);
  assert.deepEqual(places([cell]), [[0, 0]]);
});

test("a typed number is rounded and kept within −99 and 99", () => {
  assert.deepEqual(["7", "2.6", "-2.6", "1e9", "-100"].map((text) => edit.entered(text, 1)), [7, 3, -3, 99, -99]);
});

test("what is no number, or the number that stands there, changes nothing", () => {
  assert.deepEqual(["", "x", "Infinity", "5", "5.4"].map((text) => edit.entered(text, 5)), [null, null, null, null, null]);
  assert.equal(edit.entered("0", 5), 0);
});

test("a digit or a minus begins a number, other keys do not", () => {
  assert.deepEqual(["0", "9", "-", "e", "10", "", "F1", " "].map(edit.startsNumber),
    [true, true, true, false, false, false, false, false]);
});

test("the brush paints the other shade", () => {
  assert.deepEqual([0, 4, 5, 9].map(edit.painted), [9, 9, 0, 0]);
});

test("the result of a line is bold, with its thousands and without the comma after it", () => {
  assert.equal(view.emphasised("8 − 3 + 1 = 6"), "8 − 3 + 1 = <b>6</b>");
  assert.equal(view.emphasised("32 × 32 = 1,024, of each map"), "32 × 32 = <b>1,024</b>, of each map");
  assert.equal(view.emphasised("5 × 5"), "5 × 5");
});

test("a sum has one line for each kernel row, and every term the width of the widest", () => {
  const terms = [
    { sign: "", text: "1·2", tap: "#c4ecf7", row: 0 }, { sign: "−", text: "10·3", row: 0 }, { sign: "+", text: "2·0", pad: true, row: 1 },
  ];
  const html = view.written(terms, { open: "(", close: ") / 4", result: "= −7" });
  const rows = html.split('<span class="row">').slice(1);
  assert.equal(rows.length, 2);
  assert.deepEqual(rows.map((row) => row.match(/class="signed"/g).length), [2, 1]);
  assert.deepEqual(html.match(/min-width:\d+ch/g), Array(3).fill("min-width:5ch")); // four letters and one more
  assert.deepEqual(html.match(/--tap:#\w+/g), ["--tap:#c4ecf7", "--tap:#f5a25d", "--tap:#f5a25d"]);
  assert.equal(html.match(/class="term pad"/g).length, 1);
  assert.equal(html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ").trim(), "( 1·2 − 10·3 + 2·0 ) / 4 = −7");
});

test("a sum that nothing opens begins with its first term", () => {
  assert.ok(view.written([{ sign: "", text: "1", row: 0 }], { open: "", close: "", result: "= 1" }).startsWith('<span class="row">'));
});

test("the box around cells", () => {
  assert.deepEqual(view.bounds([[10, 40, 20, 20], [30, 40, 20, 20], [10, 60, 20, 25]]), { x: 10, y: 40, width: 40, height: 45 });
  assert.deepEqual(view.bounds([[-5, 2, 3, 4]]), { x: -5, y: 2, width: 3, height: 4 });
});

test("an arrow key stops at the last drawn row; rows left out are jumped over", () => {
  const rows = [-1, 0, 1, 58, 59];
  assert.deepEqual([[1, 1], [1, -1], [-1, -1], [59, 1]].map(([now, by]) => view.neighbour(rows, now, by)), [58, 0, -1, 59]);
});

test("after the last output comes the first, and before the first the last", () => {
  assert.deepEqual([[8, 1], [0, -1], [3, 1]].map(([index, by]) => view.round(index, by, 9)), [0, 8, 4]);
});

test("outputs are counted with thousands", () => {
  assert.equal(view.countOf(1025, 262144), "output 1,025 of 262,144");
});

test("a part in hand is found again by its key, wherever it stands now", () => {
  assert.equal(told.standing(["conv1", "pool", "conv2"], "conv2", 1), 2);
  assert.equal(told.standing(["conv2", "pool", "conv1"], "conv2", 1), 0);
  assert.equal(told.standing(["conv1", "pool"], "conv2", 1), null);
});

test("a part without a key keeps its number while there are so many", () => {
  assert.equal(told.standing([undefined, undefined, undefined], undefined, 2), 2);
  assert.equal(told.standing([undefined, undefined], undefined, 2), null);
  assert.equal(told.standing(["conv1"], null, null), null); // nothing is in hand
});

test("arrow keys go round the parts; the first key takes an end", () => {
  assert.deepEqual([[null, 1], [null, -1], [0, -1], [4, 1], [2, 1]].map(([at, step]) => told.stepped(at, step, 5)), [0, 4, 4, 0, 3]);
  assert.deepEqual(told.STEPS, { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 });
});
