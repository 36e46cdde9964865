"use strict";
// The scrubber of a stream: what moves with the version is fetched and put in its place.
const range = $("#at"), view = $("#view");
let asked = 0;
const address = version => {
  const to = new URL(location);
  to.searchParams.set("at", version);
  return to;
};
function mark(version) {
  range.value = version;
  $("#at-text").value = `version ${thin(version)} of ${thin(range.max)}`;
  for (const row of $$("#timeline li")) +row.dataset.version === version ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current");
}
// The chosen version is brought into sight within its own box: the page itself stays where it is.
function reveal() {
  const box = $("#timeline"), row = $("li[aria-current]", box);
  const top = row ? row.getBoundingClientRect().top - box.getBoundingClientRect().top : 0;
  if (row && (top < 0 || top + row.offsetHeight > box.clientHeight)) box.scrollTop += top - box.clientHeight / 2;
  const state = $("#state .json.blamed"), line = state && $(".l.add, .l.edit", state);
  const down = line ? line.getBoundingClientRect().top - state.getBoundingClientRect().top : 0;
  if (line && down + line.offsetHeight > state.clientHeight) state.scrollTop += down - state.clientHeight / 3;
}
function put(text) {
  const made = document.createElement("template"), old = $("#timeline");
  made.innerHTML = text;  // of our own server, escaped there
  const now = $("#timeline", made.content);
  if (now.dataset.first === old.dataset.first && now.dataset.end === old.dataset.end) {
    const at = old.scrollTop;
    now.replaceWith(old);
    view.replaceChildren(made.content);
    old.scrollTop = at;
  } else view.replaceChildren(made.content);
  for (const copy of $$(".copy", view)) copy.hidden = false;
  if (local) times(view);
}
async function show(version) {
  const mine = ++asked, last = +range.max;
  version = Math.max(1, Math.min(last, version));
  const to = address(version), from = new URL(to);
  from.searchParams.set("fragment", "true");
  mark(version);
  try {
    const answer = await fetch(from, { redirect: "error" });
    if (mine !== asked) return;
    if (!answer.ok) { location = to; return; }
    put(await answer.text());
  } catch { if (mine === asked) location = to; return; }
  range.max = $(".history", view).dataset.last;  // others may have come meanwhile
  history.replaceState(null, "", to);
  $("#before").href = address(Math.max(1, version - 1));
  $("#after").href = address(Math.min(+range.max, version + 1));
  mark(version);
  reveal();
  goOn();
}
// A long stream is folded a part at a time: until it is, ask again.
function goOn() { if ($("#folding")) setTimeout(() => show(+range.value), 200); }
range.oninput = () => show(+range.value);
range.form.onsubmit = event => { event.preventDefault(); show(+range.value); };
document.addEventListener("click", event => {
  const link = event.target.closest("#timeline a, #before, #after, .json .by a, #folding a, #snapshot a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  show(+new URL(link.href).searchParams.get("at"));
});
KEYS.ArrowLeft = () => { show(+range.value - 1); return true; };
KEYS.ArrowRight = () => { show(+range.value + 1); return true; };
reveal();
goOn();
