// What a picture of a pooling layer lights and says. All numbers are done by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, load, places, said } from "./pretended.js";

const { Picture, story, shown, WON, SEEN } = load(["kit/cells.js", "pool/view.js"], ["Picture", "story", "shown", "WON", "SEEN"]);

const INPUT = { values: [[1, 5, 2], [4, 3, 6]] };
const BASE = {
  windowsY: "[[0,1]]", windowsX: "[[0,1],[1,2]]", countsY: "[2]", countsX: "[2,2]", size: "2,3", padding: "0,0",
  outShape: "1,2", defaultPin: "0,0",
};

const largest = (more = {}) => new Picture(drawn({
  ...BASE, mode: "max", winners: '{"0,0":[0,1],"0,1":[1,2]}', ...more,
}, { input: INPUT, output: { values: [[5, 6]] } }));

// (1 + 5 + 4 + 3) / 4 = 3.25 and (5 + 2 + 3 + 6) / 4 = 4
const mean = (more = {}) => new Picture(drawn({ ...BASE, mode: "avg", ...more }, { input: INPUT, output: { values: [[3.25, 4]] } }));

// One row, padding 1, stride 2, windows of 2: the first has padding and 7, the last 8 and what no padding reaches.
const edge = (mode, more = {}) => new Picture(drawn({
  windowsY: "[[0]]", windowsX: "[[-1,0],[1,2],[3,4]]", countsY: "[1]", countsX: "[2,2,1]", size: "1,3", padding: "0,1",
  outShape: "1,3", defaultPin: "0,0", mode, ...more,
}, { input: { values: [[0, 7, 8, 9, 0]], left: -1 }, output: { values: [[7, 9, 0]] } }));

test("a value has at most two decimals", () => {
  assert.deepEqual([3.25, 2, -1 / 3, 0.999].map(shown), ["3.25", "2", "−0.33", "1"]);
});

test("outputs are in order and begin at the pin", () => {
  const picture = largest();
  assert.deepEqual(places(picture.order), [[0, 0], [0, 1]]);
  assert.equal(largest({ defaultPin: "0,1" }).start.value, 6);
  assert.equal(largest({ defaultPin: undefined }).start, null);
});

test("an output of a max pool lights its window and its winner", () => {
  const picture = largest();
  const told = story(picture, picture.find("output", 0, 0));
  assert.deepEqual(told.lit.map(([cell, ink]) => [cell.value, ink === WON]), [[1, false], [5, true], [4, false], [3, false]]);
  assert.ok(told.lit.every(([, ink]) => ink === WON || ink === SEEN));
  assert.equal(said(told.terms), "1 5 4 3");
  assert.deepEqual(told.terms.map(({ tap }) => tap), [SEEN, WON, SEEN, SEEN]);
  assert.deepEqual(told.total, { open: "largest of", close: "", result: "= 5" });
  assert.equal(told.title, "output (0, 0), taken from input (0, 1)");
});

test("an output of an average pool is a sum divided by its count", () => {
  const picture = mean();
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "1 +5 +4 +3");
  assert.deepEqual(told.total, { open: "(", close: ") / 4", result: "= 3.25" });
  assert.equal(told.title, "output (0, 0), shared by the whole window");
});

test("a shift says what it changed", () => {
  const picture = largest({ before: '{"0,0":5,"0,1":4}' });
  const [same, other] = [0, 1].map((c) => story(picture, picture.find("output", 0, c)).title);
  assert.match(same, /, unchanged by the shift$/);
  assert.match(other, /, changed by the shift: it was 4$/);
});

test("a pixel says how many windows read it and how many it wins", () => {
  const picture = largest();
  const told = story(picture, picture.find("input", 0, 1));
  assert.equal(told.spoken, "input (0, 1) = 5 is read by 2 outputs and wins 1.");
  assert.deepEqual(places(told.frames.output), [[0, 0], [0, 1]]);
  assert.deepEqual(told.lit.map(([, ink]) => ink === WON), [true, false]);
});

test("the gradient of a max goes to the winner, that of a mean is shared", () => {
  const won = largest({ gradients: '{"0,1":"1","0,0":"0"}' });
  assert.match(story(won, won.find("input", 0, 1)).says, /; its gradient is 1$/);
  assert.match(story(won, won.find("output", 0, 0)).spoken, / Its gradient of 1 goes to that pixel alone\.$/);
  const shared = mean({ gradients: '{"0,0":"1/4","0,1":"1/2"}' }); // the middle column is in both windows: 1/4 + 1/4
  assert.equal(story(shared, shared.find("input", 0, 1)).says, "is read by 2 outputs; its gradient is 1/4 + 1/4 = 1/2");
  assert.equal(story(shared, shared.find("input", 0, 0)).says, "is read by 1 output; its gradient is 1/4");
  assert.match(story(shared, shared.find("output", 0, 0)).spoken, / Its gradient of 1 is shared: 1\/4 for each position\.$/);
});

test("padding is −∞ to a max, ∞ to a min and 0 to a mean", () => {
  for (const [mode, text] of [["max", "−∞"], ["min", "∞"], ["avg", "0"]]) {
    const picture = edge(mode);
    const { terms } = story(picture, picture.find("output", 0, 0));
    assert.deepEqual(terms.map((term) => [term.text, term.pad]), [[text, true], ["7", false]]);
  }
});

test("padding never wins, and what lies beyond it is left out", () => {
  const picture = edge("max", { winners: '{"0,0":[0,0],"0,1":[0,2],"0,2":[0,3]}' });
  assert.equal(story(picture, picture.find("input", 0, -1)).spoken, "padding (0, -1) is read by 1 output; it never wins.");
  assert.deepEqual([3, 4].map((c) => picture.padded({ r: 0, c })), [true, false]);
  assert.equal(said(story(picture, picture.find("output", 0, 2)).terms), "−∞"); // position 4 is no term
  const average = edge("avg");
  assert.equal(story(average, average.find("input", 0, -1)).says, "is read by 1 output; it counts as zero in the mean");
  const counts = [0, 1, 2].map((c) => story(average, average.find("output", 0, c)).total.close);
  assert.deepEqual(counts, [") / 2", ") / 2", ") / 1"]); // 1 row of 2, 2 and 1
});

test("a wide input has rows 0 and 1 and columns 0 to 2", () => {
  const at = [[1, 2], [0, 0], [2, 0], [0, 3], [-1, 0], [0, -1]].map(([r, c]) => ({ r, c }));
  assert.deepEqual(at.map((place) => largest().inside(place)), [true, true, false, false, false, false]);
});

test("a pixel that no window covers is read by no output", () => {
  const picture = new Picture(drawn({
    ...BASE, windowsY: "[[0]]", windowsX: "[[0]]", countsY: "[1]", countsX: "[1]", outShape: "1,1", mode: "max", winners: '{"0,0":[0,0]}',
  }, { input: INPUT, output: { values: [[1]] } }));
  assert.equal(story(picture, picture.find("input", 1, 2)).says, "is read by no output");
});
