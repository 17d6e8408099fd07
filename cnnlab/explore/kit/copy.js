// A button that copies the code beside it and says so.

function copies(copier, code) {
  copier.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copier.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code); // no permission: Ctrl+C is one key away
      copier.textContent = "Selected";
    }
    setTimeout(() => { copier.textContent = "Copy"; }, 1200);
  });
}
