// Whether Python answers. After each move of a control the view asks; where no answer comes in time the picture is
// greyed and says what to do, until one comes.

const ANSWER_WITHIN = 400; // ms
const NO_ANSWER = "Python does not answer: another cell is running, or the kernel has stopped. If it has, run this cell again.";
const OCCASIONS = ["pointerdown", "pointermove", "keydown", "change", "click"];

function asks(model, el) {
  let timer = 0;
  const note = document.createElement("div");
  note.className = "no-answer";
  note.setAttribute("role", "status");
  const grey = (on) => {
    el.classList.toggle("unanswered", on);
    note.textContent = on ? NO_ANSWER : "";
    if (!note.isConnected) el.prepend(note);
  };
  const late = () => { timer = 0; grey(true); };
  const ask = () => {
    if (timer) return; // one question at a time
    timer = setTimeout(late, ANSWER_WITHIN);
    try { model.send({ ask: true }); } catch { /* a saved picture has nobody to ask */ }
  };
  const moved = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const explorer = el.closest(".cnnlab-explorer");
    if (explorer?.contains(event.target) && !el.contains(event.target)) ask();
  };
  const heard = (content) => {
    if (!content?.answer) return;
    clearTimeout(timer);
    timer = 0;
    grey(false);
  };
  model.on("msg:custom", heard);
  for (const name of OCCASIONS) document.addEventListener(name, moved, true);
  return () => {
    clearTimeout(timer);
    model.off("msg:custom", heard);
    for (const name of OCCASIONS) document.removeEventListener(name, moved, true);
  };
}
