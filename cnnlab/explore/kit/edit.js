// Other values, from the learner: a number typed for the pinned cell, or a stroke of the brush over the input.
// Python hears of each once: {"part", "cells": [[row, column, value], …]}.

const BRIGHT = { 0: "#fbfbfc", 9: "#9b9fa5" }; // ends of the grey shading
const LARGEST = 99;

// What a typed text makes of a value: a whole number within the limits, or null where it changes nothing.
function entered(text, now) {
  const value = Math.round(Number(text));
  if (text === "" || !Number.isFinite(value) || value === now) return null;
  return Math.max(-LARGEST, Math.min(LARGEST, value));
}

// Whether a key is the first of a number.
const startsNumber = (pressed) => /^[-\d]$/.test(pressed);

// A stroke that begins on a dark pixel paints bright ones, and the other way round.
const painted = (value) => (value > 4 ? 0 : 9);

class Editor {
  constructor(page, send) {
    this.page = page;
    this.send = send;
    this.button = page.transport.querySelector(".edit");
    this.button.addEventListener("click", () => this.paint(!this.painting));
    page.stage.addEventListener("pointerdown", (event) => this.touch(event));
    page.stage.addEventListener("pointerover", (event) => this.stroke && this.brush(page.under(event)));
    page.stage.addEventListener("pointerup", () => this.lift());
    page.stage.addEventListener("pointerleave", () => this.lift());
    page.terms.addEventListener("keydown", (event) => this.type(event));
    page.terms.addEventListener("change", (event) => this.write(event.target));
  }

  allow(allowed) {
    this.allowed = allowed;
    this.stroke = null;
    this.button.hidden = !allowed;
    this.paint(this.painting && allowed);
  }

  // While true, the pointer shall not change what is told.
  get busy() {
    return Boolean(this.stroke) || (this.field !== null && this.field === document.activeElement);
  }

  // ---- a number ----

  entry(cell) {
    const may = this.allowed && cell === this.page.pin && (cell.part === "kernel" || this.paintable(cell));
    const field = `<input type="number" step="1" min="${-LARGEST}" max="${LARGEST}" value="${cell.value}">`;
    return may ? `<label class="says">change it to ${field}</label>` : "";
  }

  get field() {
    return this.page.terms.querySelector("input");
  }

  // Whether a key begins a number for the pinned cell. The field takes the focus, and then the key itself.
  begins(pressed) {
    if (!startsNumber(pressed) || !this.field) return false;
    this.field.focus();
    this.field.select();
    return true;
  }

  type(event) {
    event.stopPropagation(); // the notebook has its own use for letters and Enter
    if (event.key === "Enter") this.page.stage.focus(); // that is a change, and so writes
    if (event.key === "Escape") {
      event.target.value = this.page.pin.value;
      this.page.stage.focus();
    }
  }

  write(field) {
    const { part, r, c, value: now } = this.page.pin;
    const value = entered(field.value, now);
    if (value !== null) this.send({ part, cells: [[r, c, value]] });
  }

  // ---- a brush ----

  paintable(cell) {
    return this.allowed && cell?.part === "input" && Boolean(this.page.picture.inside(cell));
  }

  paints(cell) {
    return this.painting && this.paintable(cell);
  }

  paint(on) {
    this.painting = Boolean(on);
    this.button.setAttribute("aria-pressed", this.painting);
    this.page.stage.classList.toggle("painting", this.painting);
  }

  touch(event) {
    const cell = this.page.under(event);
    if (!this.paints(cell)) return;
    event.preventDefault();
    event.target.releasePointerCapture?.(event.pointerId); // so that a finger, too, reaches other cells
    this.stroke = { value: painted(cell.value), cells: new Map() };
    this.brush(cell);
  }

  brush(cell) {
    if (!this.paintable(cell)) return;
    const { value, cells } = this.stroke;
    if (cells.has(cell)) return;
    cells.set(cell, [cell.r, cell.c, value]);
    this.page.painted(cell, value);
    cell.dim();
    cell.element.setAttribute("fill", themed(BRIGHT[value]));
    if (cell.label) cell.label.textContent = value;
  }

  lift() {
    const stroke = this.stroke;
    this.stroke = null;
    if (stroke) this.send({ part: "input", cells: [...stroke.cells.values()] });
  }
}
