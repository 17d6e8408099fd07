// By how many ways a pixel reaches a unit, in numbers and in words. All are counted by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { element, load } from "./pretended.js";

const { Field, sums, written, told, targetOf, neighbour, corners, ways, minus, same } = load(
  ["compare/view.js"], ["Field", "sums", "written", "told", "targetOf", "neighbour", "corners", "ways", "minus", "same"],
);

// A field of 5 × 5 pixels around the unit, drawn in a grid of 7 × 7: for two 3 × 3 layers one axis has 1, 2, 3, 2, 1 ways.
function field(axis, kernels, side = 0) {
  const cells = axis.flatMap((down) => axis.map((right) => element({ ways: down * right })));
  const dataset = { side, extent: axis.length, cell: 10, x: 100, y: 20, kernels, size: axis.filter(Boolean).length };
  return new Field({ ...element(dataset), querySelectorAll: () => cells });
}
const twice = field([0, 1, 2, 3, 2, 1, 0], "3,3");
const once = field([0, 0, 1, 1, 1, 0, 0], "3", 1);

test("taps of two 3 × 3 layers add up to an offset", () => {
  assert.deepEqual(sums([3, 3], 0), { count: 3, shown: ["−1 + 1", "0 + 0", "1 − 1"] });
  assert.deepEqual(sums([3, 3], -1), { count: 2, shown: ["−1 + 0", "0 − 1"] });
  assert.deepEqual(sums([3, 3], 2), { count: 1, shown: ["1 + 1"] });
  assert.deepEqual(sums([3, 3], 3), { count: 0, shown: [] });
});

test("of many sums the first four are shown, and all are counted", () => {
  // Three 3 × 3 layers: 1, 3, 6, 7, 6, 3, 1 ways.
  assert.equal(sums([3, 3, 3], 0).count, 7);
  assert.deepEqual(sums([3, 3, 3], 0).shown, ["−1 + 0 + 1", "−1 + 1 + 0", "0 − 1 + 1", "0 + 0 + 0"]);
  assert.deepEqual([-3, -2, -1, 1, 2, 3].map((offset) => sums([3, 3, 3], offset).count), [1, 3, 6, 6, 3, 1]);
});

test("kernels of two sizes", () => {
  assert.deepEqual(sums([5, 3], 2), { count: 2, shown: ["1 + 1", "2 + 0"] });
});

test("a sum has signs between its terms", () => {
  assert.equal(written([-1, 0, 1, -2]), "−1 + 0 + 1 − 2");
  assert.equal(written([2]), "2");
});

test("all combinations of taps: 3 · 3 of one layer, 81 of two", () => {
  assert.deepEqual([once.total, twice.total], [9, 81]);
});

test("the ways of a pixel, and the pixel of a cell", () => {
  assert.deepEqual([[0, 0], [-2, 1], [3, 0]].map((pixel) => twice.ways(pixel)), [9, 2, 0]);
  assert.deepEqual([0, 24, 48].map((n) => twice.offset(twice.cells[n])), [[-3, -3], [0, 0], [3, 3]]);
  assert.equal(twice.by([0, 0]), "by 9 ways of 81");
  assert.equal(twice.by([-2, 2]), "by 1 way of 81");
});

test("the box of pixels in the picture", () => {
  assert.deepEqual(twice.box([0, 0]), { x: 130, y: 50, width: 10, height: 10 });
  assert.deepEqual(twice.box(...corners(5)), { x: 110, y: 30, width: 50, height: 50 });
  assert.deepEqual(corners(1), [[-0, -0], [0, 0]]);
});

test("which taps lead to a pixel, in words", () => {
  assert.equal(twice.taps([0, -2]), "rows: 0 = −1 + 1 = 0 + 0 = 1 − 1, 3 ways; columns: −2 = −1 − 1, 1 way; 3 × 1 = 3");
  assert.equal(once.taps([-1, 1]), "one tap, (−1, 1)");
  assert.equal(once.taps([2, 0]), "not in its field");
});

test("more sums than are shown end in dots", () => {
  const thrice = field([1, 3, 6, 7, 6, 3, 1], "3,3,3");
  assert.match(thrice.taps([0, 3]), /^rows: 0 = −1 \+ 0 \+ 1 = .* = …, 7 ways; columns: 3 = 1 \+ 1 \+ 1, 1 way; 7 × 1 = 7$/);
});

test("a 1 × 1 layer adds no way", () => {
  assert.equal(field([0, 0, 1, 1, 1, 0, 0], "3,1").taps([-1, 0]), "one tap, (−1, 0)");
});

test("what both sides say of a pixel", () => {
  assert.equal(told([twice, once], [1, 0]), "reaches the left unit by 6 ways of 81 and the right unit by 1 way of 9");
  assert.equal(told([twice, once], [2, 0]), "reaches the left unit by 3 ways of 81 and does not reach the right unit");
  assert.equal(told([once, twice], [2, 0]), "does not reach the left unit and reaches the right unit by 3 ways of 81");
  assert.equal(told([twice, once], [3, 3]), "reaches neither unit");
});

test("arrow keys stop at the edge of the grid, and the first finds the middle", () => {
  assert.deepEqual(neighbour([2, 3], [0, 1], 3), [2, 3]);
  assert.deepEqual(neighbour([-3, 0], [-1, 0], 3), [-3, 0]);
  assert.deepEqual(neighbour([1, 1], [0, -1], 3), [1, 0]);
  assert.deepEqual(neighbour(undefined, [0, 1], 3).map(Math.abs), [0, 0]);
});

test("a bar is known by its measure, a layer by its side and number", () => {
  assert.deepEqual(targetOf(element({ measure: 2 })), { measure: 2 });
  assert.deepEqual(targetOf(element({ measure: 0 })), { measure: 0 });
  assert.deepEqual(targetOf(element({ side: 1, layer: 3 })), { layer: [1, 3] });
});

test("numbers and targets", () => {
  assert.deepEqual([1, 2, 1234].map(ways), ["1 way", "2 ways", "1,234 ways"]);
  assert.equal(minus(-7), "−7");
  assert.ok(same({ pixel: [1, 2] }, { pixel: [1, 2] }));
  assert.ok(!same({ pixel: [1, 2] }, null));
});
