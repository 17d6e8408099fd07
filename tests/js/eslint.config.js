// Faults only, no style. What the scripts may use of the browser is listed, so that a slip like a bare `event` or `name`,
// which every page has, is found.

import js from "@eslint/js";
import bundled from "./bundles.js";

const PAGE = [
  "document", "navigator", "getSelection", "setTimeout", "clearTimeout", "setInterval", "clearInterval",
  "requestAnimationFrame", "cancelAnimationFrame", "MutationObserver", "DOMPoint", "matchMedia",
];
const NODE = ["URL", "process"];
const readonly = (names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

const RULES = {
  ...js.configs.recommended.rules,
  "array-callback-return": "error",
  eqeqeq: "error",
  "no-constructor-return": "error",
  "no-self-compare": "error",
  "no-shadow": ["error", { hoist: "all" }],
  "no-template-curly-in-string": "error",
  "no-throw-literal": "error",
  "no-unmodified-loop-condition": "error",
  "no-unreachable-loop": "error",
  "no-unused-expressions": "error",
  "no-unused-vars": ["error", { ignoreRestSiblings: true }],
  "no-use-before-define": ["error", { functions: false, classes: false, variables: false }],
  "no-var": "error",
  "prefer-const": "error",
};

export default [
  { linterOptions: { reportUnusedDisableDirectives: "error" }, rules: RULES },
  {
    files: ["cnnlab/explore/**/*.js"],
    plugins: { explorers: { processors: { bundled } } },
    processor: "explorers/bundled",
    languageOptions: { globals: readonly(PAGE) },
  },
  { files: ["tests/js/*.js"], languageOptions: { globals: readonly(NODE) } },
];
