// A button that copies the code beside it and says so.

function copies(button, code) {
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // no permission: Ctrl+C is one key away
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  });
}
