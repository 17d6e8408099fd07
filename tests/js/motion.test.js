// Where things move from, how fast, and what a stroke or a dragging pointer takes hold of. All numbers are done by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, load, places } from "./pretended.js";

const { pace, kept, backTo, same } = load(["kit/motion.js", "kit/view.js"], ["pace", "kept", "backTo", "same"], {
  matchMedia: () => ({ matches: false }),
});
const { Picture, outputAt } = load(["kit/cells.js", "conv/view.js"], ["Picture", "outputAt"]);

test("a step moves for 200 ms where there is time, and for four fifths of its turn where there is less", () => {
  assert.deepEqual([1000, 250, 125, 62.5].map(pace), [200, 200, 100, 50]);
});

test("what both pictures have moves; what only one has does not count", () => {
  const before = new Map([["0,0", { box: [0, 0, 10, 10] }], ["0,1", { box: [10, 0, 10, 10] }], ["9,9", { box: [90, 90, 10, 10] }]]);
  const now = new Map([["-1,0", { box: [50, 0, 20, 20] }], ["0,0", { box: [50, 20, 20, 20] }], ["0,1", { box: [70, 20, 20, 20] }]]);
  assert.deepEqual(kept(before, now), [{ x: 0, y: 0, width: 20, height: 10 }, { x: 50, y: 20, width: 40, height: 20 }]);
  assert.equal(kept(before, new Map([["5,5", { box: [0, 0, 1, 1] }]])), null);
});

test("a box is shown where another one was", () => {
  // 40 wide at 50 is halved to 20 and starts at 25: 25 to the left of it is 0.
  assert.equal(backTo({ x: 0, y: 0, width: 20, height: 10 }, { x: 50, y: 20, width: 40, height: 20 }), "translate(-25px, -10px) scale(0.5, 0.5)");
  assert.ok(same({ x: 1, y: 2, width: 3, height: 4 }, { x: 1.2, y: 2, width: 3, height: 4 }));
  assert.ok(!same({ x: 1, y: 2, width: 3, height: 4 }, { x: 2, y: 2, width: 3, height: 4 }));
});

// 1 × 5 pixels, a kernel of 1 × 3 with weights 2, −1, 3, stride 2: windows 0..2 and 2..4.
const picture = (more = {}) => new Picture(drawn(
  { windowsY: "[[0]]", windowsX: "[[0,1,2],[2,3,4]]", divisor: 1, bias: 0, size: "1,5", outShape: "1,2", defaultPin: "0,0", ...more },
  { input: { values: [[1, 2, 3, 4, 5]] }, kernel: { values: [[2, -1, 3]] }, output: { values: [[9, 17]] } },
));

test("a pointer over the input takes hold of the window whose middle is nearest", () => {
  assert.deepEqual([0, 1, 2, 3, 4].map((c) => outputAt(picture(), { r: 0, c }).c), [0, 0, 0, 1, 1]);
});

test("a stroke changes the outputs that read its pixel, each by its own weight", () => {
  // Pixel 2 meets weight 3 in the first window and weight 2 in the second; 6 more there is 18 and 12 more.
  const one = picture();
  const changed = one.changes(one.find("input", 0, 2), 6);
  assert.deepEqual(places(changed.map(([cell]) => cell)), [[0, 0], [0, 1]]);
  assert.deepEqual(changed.map(([, value]) => value), [27, 29]);
  assert.deepEqual(one.changes(one.find("input", 0, 3), -4).map(([, value]) => value), [21]);
});

test("a value is written as in the picture", () => {
  assert.equal(picture().written(-12), "−12");
  assert.equal(picture({ divisor: 9 }).written(-12), "−1.3");
});
