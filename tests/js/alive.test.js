// Whether Python answers: the question after a move of a control, the grey picture after a silence, and its end.

import assert from "node:assert/strict";
import { test } from "node:test";
import { load } from "./pretended.js";

// A view in its explorer, with a slider beside it, on a page whose clock stands still until `pass` moves it.
function page({ dead = false } = {}) {
  const asked = [], heard = new Map(), timers = new Map();
  let now = 0;
  const note = { isConnected: false, textContent: "", setAttribute() {} };
  const listening = new Map();
  const slider = {}, picture = {}, elsewhere = {};
  const explorer = { contains: (target) => target === slider || target === picture };
  const classes = new Set();
  const el = {
    closest: () => explorer,
    contains: (target) => target === picture,
    classList: { toggle: (name, on) => (on ? classes.add(name) : classes.delete(name)) },
    prepend: () => { note.isConnected = true; },
  };
  const model = {
    send: (content) => { if (dead) throw new Error("no kernel"); asked.push(content); },
    on: (name, callback) => heard.set(name, callback),
    off: (name) => heard.delete(name),
  };
  const given = {
    document: {
      createElement: () => note,
      addEventListener: (name, callback) => listening.set(name, callback),
      removeEventListener: (name) => listening.delete(name),
    },
    setTimeout: (callback, delay) => { timers.set(timers.size + 1, [now + delay, callback]); return timers.size; },
    clearTimeout: (timer) => timers.delete(timer),
  };
  const { asks } = load(["kit/alive.js"], ["asks"], given);
  const stop = asks(model, el);
  return {
    asked, classes, note, slider, picture, elsewhere, listening, heard, stop,
    event: (type, target, buttons = 0) => listening.get(type)?.({ type, target, buttons }),
    answer: (content = { answer: true }) => heard.get("msg:custom")?.(content),
    pass: (ms) => {
      now += ms;
      for (const [timer, [due, callback]] of [...timers]) if (due <= now) { timers.delete(timer); callback(); }
    },
  };
}

test("a move of a control asks once until an answer comes", () => {
  const { asked, event, slider, answer } = page();
  event("pointerdown", slider);
  event("pointermove", slider, 1);
  assert.deepEqual(asked, [{ ask: true }]);
  answer();
  event("pointermove", slider, 1);
  assert.equal(asked.length, 2);
});

test("a pointer that only passes, the picture itself and the rest of the page ask nothing", () => {
  const { asked, event, slider, picture, elsewhere } = page();
  event("pointermove", slider);
  event("pointerdown", picture);
  event("click", elsewhere);
  assert.deepEqual(asked, []);
});

test("half a second without an answer greys the picture and says what to do, and an answer ends it", () => {
  const { event, slider, pass, answer, classes, note } = page();
  event("keydown", slider);
  assert.equal(classes.size, 0);
  pass(500);
  assert.deepEqual([...classes], ["unanswered"]);
  assert.match(note.textContent, /run this cell again/);
  assert.ok(note.isConnected);
  answer();
  assert.equal(classes.size, 0);
  assert.equal(note.textContent, "");
});

test("an answer in time leaves the picture as it is", () => {
  const { event, slider, pass, answer, classes } = page();
  event("change", slider);
  pass(300);
  answer({ other: 1 });
  answer();
  pass(10_000);
  assert.equal(classes.size, 0);
});

test("a saved picture, which has nobody to ask, is greyed too", () => {
  const { event, slider, pass, classes } = page({ dead: true });
  event("click", slider);
  pass(500);
  assert.deepEqual([...classes], ["unanswered"]);
});

test("a view that is taken away listens no longer and greys nothing", () => {
  const { event, slider, pass, stop, classes, listening, heard } = page();
  event("click", slider);
  stop();
  pass(10_000);
  assert.equal(classes.size + listening.size + heard.size, 0);
});
