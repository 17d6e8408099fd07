// Lints the scripts as the browser gets them. Python joins several files into one module for each explorer, and a file
// may use what another one declares. So each file is linted as part of every module that has it, and what is found in
// it is told by its own lines.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, "..", "..");
const OWN = join(ROOT, ".venv", "bin", "python");

let known = null;

function modules() {
  const python = process.env.PYTHON ?? (existsSync(OWN) ? OWN : "python3");
  const options = { cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT }, maxBuffer: 2 ** 26 };
  known ??= JSON.parse(execFileSync(python, [join(HERE, "bundles.py")], options));
  return known;
}

const linesOf = (text) => text.split("\n").length;
const same = (a) => (b) => a.ruleId === b.ruleId && a.line === b.line && a.column === b.column;

// What a module's linting found in one file of it, by the file's own lines. A fix would go to the module's place.
export function own(messages, before, lines) {
  return messages.filter(({ line }) => line > before && line <= before + lines)
    .map(({ fix, suggestions, ...message }) => ({
      ...message, line: message.line - before, endLine: message.endLine && message.endLine - before,
      message: message.message.replace(/ on line \d+ column \d+/, ""),
    }));
}

// What is wrong with a file in one module at least. A name that one explorer leaves unused may be used in another.
export function merged(lists) {
  const all = lists.flat();
  return all.filter((message, n) => all.findIndex(same(message)) === n)
    .filter((message) => message.ruleId !== "no-unused-vars" || lists.every((list) => list.some(same(message))));
}

const places = new Map();

export default {
  preprocess(text, filename) {
    const having = modules().filter((module) => module.includes(text));
    if (!having.length) throw new Error(`${filename} is in no explorer's script`);
    const befores = having.map((module) => linesOf(module.slice(0, module.indexOf(text))) - 1);
    places.set(filename, { befores, lines: linesOf(text) });
    return having;
  },
  postprocess(messages, filename) {
    const { befores, lines } = places.get(filename);
    return merged(messages.map((list, n) => own(list, befores[n], lines)));
  },
};
