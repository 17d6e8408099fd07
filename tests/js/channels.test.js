// What a picture of several channels lights and says. All sums are done by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, load, places, said } from "./pretended.js";

const { Picture, story, signOf } = load(["kit/cells.js", "channels/view.js"], ["Picture", "story", "signOf"]);

const inks = (r, c) => `#0000${r}${c}`;
const WINDOWS = { windowsY: "[[0,1]]", windowsX: "[[0,1],[1,2]]", size: "2,3", outShape: "1,2", defaultPin: "0,0" };
const FIRST = { values: [[1, 2, 3], [4, 5, 6]] }, SECOND = { values: [[1, 0, 1], [0, 1, 0]] };

// Two channels, bias 2. Channel 0: 1·1 + 0·2 − 1·4 + 2·5 = 7; channel 1: −3·1 + 0 + 0 + 1·1 = −2; 7 − 2 + 2 = 7.
const both = () => new Picture(drawn({ ...WINDOWS, bias: "2", shown: "[0,1]", members: "[0,1]", channel: "3" }, {
  "input-0": FIRST, "kernel-0": { values: [[1, 0], [-1, 2]], fill: inks }, "product-0": { values: [[7, 9]] },
  "input-1": SECOND, "kernel-1": { values: [[-3, 0], [0, 1]], fill: inks }, "product-1": { values: [[-2, 0]] },
  output: { values: [[7, 11]] },
}));

// Two groups: output 0 reads channel 0 alone.
const groups = () => new Picture(drawn({ ...WINDOWS, bias: "0", shown: "[0,1]", members: "[0]", channel: "0" }, {
  "input-0": FIRST, "kernel-0": { values: [[1, 0], [-1, 2]], fill: inks }, "product-0": { values: [[7, 9]] },
  "input-1": SECOND, output: { values: [[7, 9]] },
}));

test("the first term has a sign only where it is negative", () => {
  assert.deepEqual([[3, true], [-3, true], [3, false], [-3, false]].map(([value, first]) => signOf(value, first)), ["", "−", "+", "−"]);
});

test("an output is the sum over channels", () => {
  const picture = both();
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "7 −2");
  assert.deepEqual(told.total, { open: "", close: " + bias\u00a02 ", result: "= 7" });
  assert.equal(told.title, "output 3 (0, 0), the sum over 2 channels");
  assert.match(told.spoken, /is 7, the sum over 2 channels of input rows 0 to 1 and columns 0 to 1\.$/);
  assert.deepEqual(places(told.frames["input-1"]), [[0, 0], [0, 1], [1, 0], [1, 1]]);
  assert.equal(told.lit.length, 2 * (4 + 1)); // the window and its product, in both channels
});

test("a product is one channel's part, term by term", () => {
  const picture = both();
  const told = story(picture, picture.find("product-0", 0, 0));
  assert.equal(said(told.terms), "1·1 +0·2 −1·4 +2·5");
  assert.equal(told.total.result, "= 7");
  assert.equal(told.title, "product 0 (0, 0), what input 0 adds");
  assert.deepEqual(places(told.frames.output), [[0, 0]]);
});

test("channels that are not drawn stand as one term", () => {
  // Six channels give 1 + 2 + (10 for three of them) − 4 = 9.
  const product = (value) => ({ values: [[value]] });
  const picture = new Picture(drawn({
    windowsY: "[[0]]", windowsX: "[[0]]", size: "1,1", outShape: "1,1", defaultPin: "0,0", bias: "0",
    shown: "[0,1,5]", members: "[0,1,2,3,4,5]", hidden: "[10]", channel: "0",
  }, { "product-0": product(1), "product-1": product(2), "product-2": product(-4), output: product(9) }));
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "1 +2 +others 10 −4");
  assert.equal(told.total.result, "= 9");
});

test("a weight meets one place of its own input for each output", () => {
  const picture = both();
  const told = story(picture, picture.find("kernel-1", 1, 0));
  assert.deepEqual(places(told.lit.slice(0, -1).map(([cell]) => cell)), [[1, 0], [1, 1]]);
  assert.equal(told.spoken, "weight of input 1 (1, 0) = 0 meets 2 places of input 1, one for each output, and no other input.");
});

test("a pixel lights the outputs and products that use it, in the colours of its weights", () => {
  const picture = both();
  const told = story(picture, picture.find("input-0", 0, 1)); // right tap of the first output, left tap of the second
  assert.deepEqual(told.lit.map(([cell, ink]) => [cell.part, cell.c, ink]), [
    ["output", 0, "#000001"], ["product-0", 0, "#000001"], ["output", 1, "#000000"], ["product-0", 1, "#000000"],
  ]);
  assert.equal(told.says, "is used by 2 cells of output 3");
});

test("a pixel of another group is not read", () => {
  const picture = groups();
  assert.deepEqual(picture.read, [0]);
  const told = story(picture, picture.find("input-1", 0, 1));
  assert.deepEqual(told.lit, []);
  assert.equal(told.says, "is not read by output 0: it belongs to another group");
});

test("a wide input has rows 0 and 1 and columns 0 to 2", () => {
  const at = [[1, 2], [0, 0], [2, 0], [0, 3], [-1, 0], [0, -1]].map(([r, c]) => ({ r, c }));
  assert.deepEqual(at.map((place) => both().inside(place)), [true, true, false, false, false, false]);
});

test("a term of padding is marked", () => {
  const picture = new Picture(drawn({
    windowsY: "[[0]]", windowsX: "[[-1,0]]", size: "1,1", outShape: "1,1", bias: "0", shown: "[0]", members: "[0]", channel: "0",
  }, { "input-0": { values: [[0, 7]], left: -1 }, "kernel-0": { values: [[2, -1]] }, "product-0": { values: [[-7]] }, output: { values: [[-7]] } }));
  const told = story(picture, picture.find("product-0", 0, 0));
  assert.deepEqual(told.terms.map(({ sign, text, pad }) => [sign, text, pad]), [["", "2·0", true], ["−", "1·7", false]]);
  assert.equal(story(picture, picture.find("input-0", 0, -1)).title, "padding of input 0 (0, -1) = 0");
});
