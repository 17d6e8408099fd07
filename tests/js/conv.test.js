// What a picture of a convolution, or of a transposed one, lights and says. All sums are done by hand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { drawn, load, places, said } from "./pretended.js";

const { Picture, story, invert, plural } = load(["kit/cells.js", "conv/view.js"], ["Picture", "story", "invert", "plural"]);

const inks = (r, c) => `#0000${r}${c}`;

// 3 × 3 input, 2 × 2 kernel, bias 1. First output: 1·1 − 1·2 + 2·4 + 0·5 + 1 = 8.
const plain = () => new Picture(drawn({
  windowsY: "[[0,1],[1,2]]", windowsX: "[[0,1],[1,2]]", divisor: "1", bias: "1", size: "3,3", outShape: "2,2", defaultPin: "0,0",
}, {
  input: { values: [[1, 2, 3], [4, 5, 6], [7, 8, 9]] }, kernel: { values: [[1, -1], [2, 0]], fill: inks },
  output: { values: [[8, 10], [14, 16]] },
}));

// 2 × 2 input with padding 1, a 2 × 2 kernel of ones over 4, stride 2, bias −1. Last output: 4 / 4 − 1 = 0.
const padded = () => new Picture(drawn({
  windowsY: "[[-1,0],[1,2]]", windowsX: "[[-1,0],[1,2]]", divisor: "4", bias: "-1", size: "2,2", outShape: "2,2", defaultPin: "0,0",
}, {
  input: { values: [[0, 0, 0, 0], [0, 1, 2, 0], [0, 3, 4, 0], [0, 0, 0, 0]], top: -1, left: -1 },
  kernel: { values: [[1, 1], [1, 1]], fill: inks },
  output: { values: [[1 - 4, 2 - 4], [3 - 4, 4 - 4]] }, // times the divisor
}));

// Transposed: each pixel of a 2 × 2 input writes 2 × 2 outputs, of 3 × 3 in all; padding 1 crops all but the middle.
const transposed = (crop) => new Picture(drawn({
  windowsY: JSON.stringify([[0, 1], [1, 2]].map((w) => w.map((at) => at - crop))),
  windowsX: JSON.stringify([[0, 1], [1, 2]].map((w) => w.map((at) => at - crop))),
  divisor: "1", bias: "0", size: "2,2", outShape: crop ? "1,1" : "3,3", transposed: "true", defaultPin: "0,0",
}, {
  input: { values: [[1, 2], [3, 4]] }, kernel: { values: [[1, 0], [0, 2]], fill: inks },
  output: { values: [[1, 2, 0], [3, 6, 4], [0, 6, 8]], top: -crop, left: -crop },
}));

test("numbers of things", () => {
  assert.deepEqual([0, 1, 1234].map((n) => plural(n, "output")), ["0 outputs", "1 output", "1,234 outputs"]);
});

test("who reads a position, and with which tap", () => {
  assert.deepEqual([...invert([[0, 1], [1, 2]])], [[0, [[0, 0]]], [1, [[0, 1], [1, 0]]], [2, [[1, 1]]]]);
});

test("an output lights its window and writes its sum out", () => {
  const picture = plain();
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "1·1 −1·2 +2·4 +0·5");
  assert.deepEqual(told.total, { open: "", close: " + bias\u00a01 ", result: "= 8" });
  assert.deepEqual(places(told.lit.map(([pixel]) => pixel)), [[0, 0], [0, 1], [1, 0], [1, 1]]);
  assert.deepEqual(told.lit.map(([, ink]) => ink), ["#000000", "#000001", "#000010", "#000011"]);
  assert.deepEqual(told.terms.map(({ pad }) => pad), [false, false, false, false]);
  assert.equal(told.title, "output (0, 0)");
  assert.equal(told.spoken, "Output row 0, column 0 is 8; it reads input rows 0 to 1 and columns 0 to 1.");
});

test("outputs are in order and begin at the pin", () => {
  const picture = plain();
  assert.deepEqual(places(picture.order), [[0, 0], [0, 1], [1, 0], [1, 1]]);
  assert.equal(picture.start, picture.order[0]);
});

test("a term of padding is marked and counted", () => {
  const picture = padded();
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "1·0 +1·0 +1·0 +1·1");
  assert.deepEqual(told.terms.map(({ pad }) => pad), [true, true, true, false]);
  assert.equal(told.title, "output (0, 0) · 3 of 4 terms are padding");
});

test("a kernel with a divisor shows the sum before it is divided", () => {
  const picture = padded();
  const told = story(picture, picture.find("output", 1, 1));
  assert.deepEqual(told.total, { open: "(", close: ") / 4 − bias\u00a01 = 4/4 − bias\u00a01 ", result: "= 0.00" });
  const corner = story(picture, picture.find("output", 0, 0)); // 1/4 − 1
  assert.equal(corner.total.result, "= −0.75");
});

test("a pixel lights the outputs that read it and their weights", () => {
  const picture = plain();
  const told = story(picture, picture.find("input", 1, 1));
  assert.deepEqual(places(told.frames.output), [[0, 0], [0, 1], [1, 0], [1, 1]]);
  const weights = told.lit.filter(([cell]) => cell.part === "kernel").map(([cell]) => cell);
  assert.deepEqual(places(weights), [[1, 1], [1, 0], [0, 1], [0, 0]]); // the last tap of the first output, and so on
  assert.equal(told.spoken, "input (1, 1) = 5 is used by 4 outputs, each time with another weight.");
  assert.equal(story(picture, picture.find("input", 0, 0)).says, "is used by 1 output");
  assert.equal(story(picture, picture.find("input", 0, 1)).says, "is used by 2 outputs, each time with another weight");
});

test("a pixel that a stride jumps over is used by no output", () => {
  const picture = new Picture(drawn({
    windowsY: "[[0]]", windowsX: "[[0],[2]]", divisor: "1", bias: "0", size: "1,3", outShape: "1,2", defaultPin: "0,0",
  }, { input: { values: [[4, 5, 6]] }, kernel: { values: [[1]] }, output: { values: [[4, 6]] } }));
  const told = story(picture, picture.find("input", 0, 1));
  assert.deepEqual([told.lit, told.says], [[], "is used by no output"]);
});

test("a wide input has rows 0 and 1 and columns 0 to 2", () => {
  const picture = new Picture(drawn({
    windowsY: "[[0]]", windowsX: "[[0]]", divisor: "1", bias: "0", size: "2,3", outShape: "1,2", defaultPin: "0,0",
  }, { output: { values: [[1]] } }));
  const at = [[1, 2], [0, 0], [2, 0], [0, 3], [-1, 0], [0, -1]].map(([r, c]) => ({ r, c }));
  assert.deepEqual(at.map((place) => picture.inside(place)), [true, true, false, false, false, false]);
  assert.deepEqual([[0, 1], [1, 1], [0, 2]].map(([r, c]) => picture.cropped({ r, c })), [false, true, true]);
});

test("a weight touches one position for each output", () => {
  assert.equal(story(plain(), plain().find("kernel", 0, 1)).title, "weight (0, 1) = −1");
  const picture = padded();
  const told = story(picture, picture.find("kernel", 0, 0));
  assert.deepEqual(places(told.lit.slice(0, -1).map(([cell]) => cell)), [[-1, -1], [-1, 1], [1, -1], [1, 1]]);
  assert.equal(told.title, "weight (0, 0) = 1/4");
  assert.equal(told.says, "touches 4 input positions, one for each output; 3 of them are padding");
});

test("a pixel of a transposed convolution writes a stamp", () => {
  const picture = transposed(0);
  const told = story(picture, picture.find("input", 0, 1));
  assert.deepEqual(places(told.frames.output), [[0, 1], [0, 2], [1, 1], [1, 2]]);
  assert.equal(told.says, "writes a stamp of 4 outputs: each weight times 2");
});

test("an output of a transposed convolution adds what was written on it", () => {
  const picture = transposed(0);
  const told = story(picture, picture.find("output", 1, 1)); // 2·1 + 0·2 + 0·3 + 1·4 = 6
  assert.equal(said(told.terms), "2·1 +0·2 +0·3 +1·4");
  assert.equal(told.title, "output (1, 1) · 4 inputs write it");
  assert.equal(story(picture, picture.find("output", 0, 0)).title, "output (0, 0) · 1 input writes it");
});

test("what padding crops is no part of the output", () => {
  const picture = transposed(1);
  assert.deepEqual(places(picture.order), [[0, 0]]);
  const told = story(picture, picture.find("output", -1, 0)); // 0·1 + 1·2 = 2
  assert.equal(told.title, "cropped (−1, 0) · 2 inputs write it, but it is no part of the output");
  assert.equal(told.total.result, "= 2");
  assert.equal(story(picture, picture.find("input", 0, 0)).says, "writes a stamp of 4 outputs: each weight times 1; 3 of them are cropped");
  const weight = story(picture, picture.find("kernel", 0, 1)); // one column further than each input
  assert.deepEqual(places(weight.lit.slice(0, -1).map(([cell]) => cell)), [[-1, 0], [-1, 1], [0, 0], [0, 1]]);
  assert.ok(weight.lit.slice(0, -1).every(([cell, ink]) => cell.part === "output" && ink === "#000001"));
  assert.equal(story(picture, picture.find("kernel", 1, 1)).says, "writes 4 output positions, one for each input; 3 of them are cropped");
});

test("an output that nothing is written on has the bias alone", () => {
  const picture = new Picture(drawn({ // stride 2 and a 1 × 1 kernel leave a gap
    windowsY: "[[0]]", windowsX: "[[0],[2]]", divisor: "1", bias: "-3", size: "1,2", outShape: "1,3", transposed: "true", defaultPin: "0,0",
  }, { input: { values: [[4, 5]] }, kernel: { values: [[1]] }, output: { values: [[1, -3, 2]] } }));
  const told = story(picture, picture.find("output", 0, 1));
  assert.deepEqual(told.terms, []);
  assert.deepEqual(told.total, { open: "", close: "bias\u00a0−3 ", result: "= −3" });
  assert.equal(told.spoken, "Output row 0, column 1 is −3; only the bias reaches it.");
});

test("what a large map leaves out stands as dots", () => {
  const picture = new Picture(drawn({
    windowsY: "[[0]]", windowsX: "[[0,1,2]]", divisor: "1", bias: "0", size: "1,3", outShape: "1,1", defaultPin: "0,0",
  }, { input: { values: [[7, 8]] }, kernel: { values: [[1, 1, 1]] }, output: { values: [[24]] } }));
  const told = story(picture, picture.find("output", 0, 0));
  assert.equal(said(told.terms), "1·7 +1·8 +…");
  assert.equal(told.lit.length, 2);
});
