// The complaint works without a script; this prints a receipt and takes a double press once.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => globalThis.print());
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}

// A file that is too large is told so before it is sent.
for (const form of document.querySelectorAll("form[data-largest]")) {
  const wrong = form.querySelector("[data-too-large]");
  form.elements.file.addEventListener("change", ({ target }) => {
    const tooLarge = [...target.files].some((file) => file.size > Number(form.dataset.largest));
    wrong.hidden = !tooLarge;
    target.setCustomValidity(tooLarge ? wrong.textContent : "");
  });
}

// A page that comes back from memory may be sent again.
globalThis.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-once]")) delete form.dataset.sent;
});
