// Feature maps and training runs: rounding, the unit under the pointer, the walk over the map, sentences.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pretended.js";

const { three, unitAt, walked, MOVES } = load(["features/view.js"], ["three", "unitAt", "walked", "MOVES"]);
const { capitalised } = load(["training/view.js"], ["capitalised"]);

const MAP = { x: 20, y: 40, cell: 10, height: 3, width: 5 };

test("an activation has three digits, from 1,000 on all its whole ones", () => {
  assert.deepEqual([0.123456, -2.5, 999.4, 1234.5, -1e6, 0, 0.5, 1e-9].map(three),
    ["0.123", "−2.5", "999", "1,235", "−1,000,000", "0", "0.5", "1e−9"]);
});

test("the unit under a point: cells of 10 px that begin at (20, 40)", () => {
  assert.deepEqual(unitAt(MAP, 20, 40), [0, 0]);
  assert.deepEqual(unitAt(MAP, 69.9, 69.9), [2, 4]);
  assert.deepEqual(unitAt(MAP, 45, 55), [1, 2]);
});

test("beside the map there is no unit", () => {
  for (const [across, down] of [[19.9, 45], [25, 39.9], [70, 45], [25, 70]]) assert.equal(unitAt(MAP, across, down), null);
});

test("arrow keys walk over the map and stop at its edge", () => {
  const from = (unit) => ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].map((key) => walked(unit, MOVES[key], MAP));
  assert.deepEqual(from([1, 2]), [[1, 1], [1, 3], [0, 2], [2, 2]]);
  assert.deepEqual(from([2, 4]), [[2, 3], [2, 4], [1, 4], [2, 4]]);
});

test("the first key finds the middle, whichever it is", () => {
  for (const move of Object.values(MOVES)) assert.deepEqual(walked(null, move, MAP), [1, 2]);
});

test("a sentence begins with a capital, a setting keeps its small letter", () => {
  assert.equal(capitalised("run 2 is ahead"), "Run 2 is ahead");
  assert.equal(capitalised("lr=0.1 reached 0.91"), "lr=0.1 reached 0.91");
  assert.equal(capitalised("the best has lr=0.1"), "The best has lr=0.1");
  assert.equal(capitalised(""), "");
});
