"use strict";
// Pointing at a name lights what leads to it and what hears of it.
const map = $("svg.map");
function light(id) {
  map.classList.toggle("lit", Boolean(id));
  for (const one of $$(".lit", map)) one.classList.remove("lit");
  if (!id) return;
  const near = new Set($(`.node[data-id="${CSS.escape(id)}"]`, map)?.dataset.near.split(" "));
  for (const one of $$("[data-id]", map)) one.classList.toggle("lit", near.has(one.dataset.id) && (!one.dataset.from || near.has(one.dataset.from)));
  for (const edge of $$(".edge", map)) edge.classList.toggle("lit", near.has(edge.dataset.from) && near.has(edge.dataset.to));
}
const id = event => event.target.closest(".node, .sent")?.dataset.id;
map.addEventListener("pointerover", event => light(id(event)));
map.addEventListener("pointerleave", () => light(null));
map.addEventListener("focusin", event => light(id(event)));
map.addEventListener("focusout", () => light(null));
