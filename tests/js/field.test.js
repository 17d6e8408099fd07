// What a stack of layers says about a unit, where keys lead, and what is drawn. All fields are worked out by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pretended.js";

const { Picture, sightOf, seen, shadePath, gapsPath, same } = load(
  ["field/view.js"], ["Picture", "sightOf", "seen", "shadePath", "gapsPath", "same"],
);

// 8 × 8 input, conv 3 × 3 with padding 1 (8 × 8), pool 2 with stride 2 (4 × 4). What unit 0 sees: [first, last, step, gaps].
// Unit i of the pool sees rows 2i and 2i + 1 of layer 1, so rows 2i − 1 to 2i + 2 of the input.
const svg = {
  dataset: {
    sizes: "[8,8,4]", names: '["input","conv 3×3","pool 2"]', unit: "2,1,1",
    reach: "[[[0,0,1,[]]],[[-1,1,1,[]],[0,0,1,[]]],[[-1,2,2,[]],[0,1,2,[]],[0,0,1,[]]]]",
  },
  querySelectorAll: () => [], querySelector: () => null,
};
const picture = new Picture(svg);

test("the span of a unit in every map before it", () => {
  assert.deepEqual(picture.spans([2, 1, 3], 0), [[1, 4], [5, 8]]);
  assert.deepEqual(picture.spans([2, 1, 3], 1), [[2, 3], [6, 7]]);
  assert.deepEqual(picture.spans([2, 1, 3], 2), [[1, 1], [3, 3]]);
});

test("a unit's field in a sentence", () => {
  assert.equal(picture.sentence([2, 1, 1]), "Unit (1, 1) of layer 2, pool 2, sees 4 × 4 px: rows 1 to 4, columns 1 to 4.");
  assert.equal(picture.sentence([1, 0, 7]), "Unit (0, 7) of layer 1, conv 3×3, sees 3 × 3 px: rows −1 to 1, columns 6 to 8, padding included.");
  assert.match(picture.sentence([1, 1, 6]), /rows 0 to 2, columns 5 to 7\.$/); // from edge to edge, and no padding
  assert.match(picture.sentence([1, 1, 7]), /columns 6 to 8, padding included\.$/);
  assert.equal(picture.sentence([0, 0, 0]), "There is no layer: a pixel of the 8 × 8 input sees itself.");
});

test("a field larger than the input says so", () => {
  const large = new Picture({ ...svg, dataset: { ...svg.dataset, sizes: "[3,3,4]" } });
  assert.match(large.sentence([2, 0, 0]), /sees 4 × 4 px: .*, larger than the 3 × 3 input, padding included\.$/);
  assert.equal(large.short([2, 0, 0]), "4 × 4 field, beyond the input");
  assert.equal(picture.short([2, 0, 0]), "4 × 4 field");
});

test("the middle of an even map is the upper left one of four", () => {
  assert.deepEqual([0, 2].map((layer) => picture.middle(layer)), [[0, 3, 3], [2, 1, 1]]);
});

test("a unit is in its map or is not", () => {
  assert.deepEqual([[1, 7, 7], [2, 3, 3], [1, 8, 0], [2, 0, 4], [0, 0, 0], [3, 0, 0]].map((unit) => picture.holds(unit)),
    [true, true, false, false, false, false]);
});

test("arrow keys move the unit and stop at the edge", () => {
  assert.deepEqual(["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => picture.next([2, 1, 3], key)),
    [[2, 1, 2], [2, 1, 3], [2, 0, 3], [2, 2, 3]]);
  assert.deepEqual(picture.next([2, 0, 0], "ArrowUp"), [2, 0, 0]);
});

test("Page Up and Page Down change the layer, Escape goes back, other keys lead nowhere", () => {
  assert.deepEqual(["PageUp", "PageDown", "Escape", "a"].map((key) => picture.next([1, 5, 5], key)),
    [[1, 3, 3], [2, 1, 1], [2, 1, 1], undefined]);
  assert.deepEqual([[1, "PageUp"], [2, "PageUp"], [2, "PageDown"]].map(([layer, key]) => picture.next([layer, 0, 0], key)),
    [[1, 3, 3], [1, 3, 3], [2, 1, 1]]);
});

test("units are the same by their numbers", () => {
  assert.ok(same([1, 2, 3], [1, 2, 3]));
  assert.ok(!same([1, 2, 3], [1, 2, 4]));
  assert.ok(!same(null, [1, 2, 3]));
});

test("a field is drawn by the size of a unit, and never thinner than 3 px", () => {
  assert.deepEqual(sightOf([[1, 4], [5, 8]], { edge: 0, cell: 10 }), { x: 50, y: 10, width: 40 });
  assert.deepEqual(sightOf([[2, 2], [6, 6]], { edge: 4, cell: 1 }), { x: 9, y: 5, width: 3 }); // 1 px grows by 1 on each side
});

test("a field within the map is shown whole", () => {
  assert.deepEqual(seen({ x: 50, y: 10, width: 30 }, 80), { box: { x: 50, y: 10, width: 30, height: 30 }, cut: false });
});

test("a field that goes on is cut 6 px beyond the map", () => {
  assert.deepEqual(seen({ x: -20, y: 10, width: 40 }, 80), { box: { x: -6, y: 10, width: 26, height: 40 }, cut: true });
  assert.deepEqual(seen({ x: 70, y: 70, width: 40 }, 80), { box: { x: 70, y: 70, width: 16, height: 16 }, cut: true });
  assert.equal(seen({ x: 100, y: 0, width: 10 }, 80).box.width, 0); // nothing of it
  const places = [[-7, 10], [10, -7], [57, 10], [10, 57], [-6, -6], [56, 56]]; // 30 px wide: up to 86 px is within the rim
  assert.deepEqual(places.map(([x, y]) => seen({ x, y, width: 30 }, 80).cut), [true, true, true, true, false, false]);
});

test("all but the field is shaded", () => {
  assert.equal(shadePath({ x: 50, y: -10, width: 40 }, 80), "M0 0h80v80h-80zM50 0H80V30H50z");
  assert.equal(shadePath({ x: 90, y: 0, width: 10 }, 80), "M0 0h80v80h-80z");
});

test("the rows and columns between dilated taps are shaded", () => {
  assert.equal(gapsPath([[1, 1]], { x: 10, y: 20, width: 30 }, 10), "M20 20h10v30h-10zM10 30v10h30v-10z");
  assert.equal(gapsPath([], { x: 10, y: 20, width: 30 }, 10), "");
});
