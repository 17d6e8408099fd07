// What linting a whole module finds, told for one of its files.

import assert from "node:assert/strict";
import { test } from "node:test";
import { merged, own } from "./bundles.js";

const at = (line, ruleId = "no-undef", more = {}) => ({ ruleId, line, column: 3, endLine: line, message: "m", ...more });

test("a file of 10 lines after 100 others has what was found in lines 101 to 110, by its own lines", () => {
  const found = own([at(100), at(101), at(110), at(111)], 100, 10);
  assert.deepEqual(found.map(({ line, endLine }) => [line, endLine]), [[1, 1], [10, 10]]);
});

test("no fix and no line of the module is told", () => {
  const [found] = own([at(5, "no-shadow", { message: "'a' is declared on line 4 column 7.", fix: {}, suggestions: [] })], 2, 10);
  assert.deepEqual(found, { ruleId: "no-shadow", line: 3, column: 3, endLine: 3, message: "'a' is declared." });
});

test("what several modules show is told once, and what one shows is told", () => {
  assert.deepEqual(merged([[at(3)], [at(3), at(4)]]).map(({ line }) => line), [3, 4]);
});

test("a name is unused where no module uses it", () => {
  assert.deepEqual(merged([[at(3, "no-unused-vars"), at(5, "no-unused-vars")], [at(5, "no-unused-vars")]]).map(({ line }) => line), [5]);
});
