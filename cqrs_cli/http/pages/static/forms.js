"use strict";
// What makes a form quicker: a kind is shown when it is chosen, an id is made here, a button is not pressed twice.
for (const one of $$("select[data-chooses]")) {
  const button = document.getElementById(one.dataset.chooses);
  button.hidden = true;
  one.onchange = () => one.form.requestSubmit(button);
}
for (const button of $$("button.uuid")) if (crypto.randomUUID) {
  button.hidden = false;
  button.onclick = () => { document.getElementById(button.dataset.for).value = crypto.randomUUID(); };
}
let sent = false;
$("#command")?.addEventListener("submit", event => { if (sent) event.preventDefault(); sent = true; });
addEventListener("pageshow", () => { sent = false; });
