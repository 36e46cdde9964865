"use strict";
// What makes the pages quicker. Without it they work all the same.
const $ = (query, at = document) => at.querySelector(query);
const $$ = (query, at = document) => [...at.querySelectorAll(query)];
const thin = number => String(number).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
const ROOT = document.documentElement.dataset.root;
// Whether no input has the focus: a click into the page gives it to what the content is in.
const isFree = () => [document.body, $("main")].includes(document.activeElement);
const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };
const kept = name => { try { return localStorage.getItem(name); } catch { return null; } };
const marked = (text, cls) => { const made = document.createElement("span"); made.className = cls; made.textContent = text; return made; };

// ── theme, time zone, help ──
$("#theme").onclick = () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keep("theme", root.dataset.theme);
};
let local = kept("zone") === "local";
function times(at = document) {
  $("#zone").textContent = local ? "local" : "UTC";
  const two = number => String(number).padStart(2, "0");
  for (const time of $$("time[datetime]", at)) {
    const iso = time.getAttribute("datetime"), d = new Date(iso);
    const text = !local ? iso.slice(0, 19).replace("T", " ")
      : `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
    time.replaceChildren(text, marked("." + (iso[19] === "." ? iso.slice(20, 23).replace(/\D.*/, "") : "").padEnd(3, "0"), "faint"));
  }
}
$("#zone").onclick = () => { local = !local; keep("zone", local ? "local" : "utc"); times(); };
if (local) times();
$("#keys").onclick = () => $("#help").showModal();
for (const one of $$("#theme, #zone, #keys, #link, #tail, .copy")) one.hidden = false;

// ── a live connection, where somebody follows: a browser has six for a host, and a hidden tab gives its own back ──
function live(url, onEvent) {
  let source = null, last = null, again = 0;
  const open = () => {
    const from = new URL(url, location);
    if (last !== null) from.searchParams.set("after", "@" + last);
    source = new EventSource(from);
    source.onerror = () => {  // after an answer that is no stream (503), a browser does not try again by itself
      if (source?.readyState === EventSource.CLOSED) { source = null; again = setTimeout(turn, 2000); }
    };
    source.addEventListener("event", e => { last = e.lastEventId || last; onEvent(JSON.parse(e.data)); });
  };
  const close = () => { clearTimeout(again); source?.close(); source = null; };
  const turn = () => document.hidden ? close() : source || open();
  document.addEventListener("visibilitychange", turn);
  addEventListener("pagehide", close);
  turn();
  return () => { document.removeEventListener("visibilitychange", turn); close(); };
}

// ── what moves in the frame ──
async function pulse() {
  if (!document.hidden) try {
    const answer = await fetch(ROOT + "/ui/pulse", { redirect: "error" });
    if (!answer.ok) throw answer.status;
    const now = await answer.json();
    $("#link").classList.add("on"); $("#link").title = "connected";
    $("#head").textContent = "@" + thin(now.head);
    if ($("#tile-head")) $("#tile-head").textContent = thin(now.head);
    for (const cell of $$("[data-lag]")) if (cell.dataset.lag in now.lag) cell.textContent = thin(now.lag[cell.dataset.lag]);
    for (const badge of $$(".badge")) {
      const behind = badge.dataset.of.split(" ").filter(name => now.lag[name] || now.letters[name]).length;
      badge.hidden = !behind; badge.textContent = behind; badge.title = behind + " behind, or with dead letters";
    }
  } catch { $("#link").classList.remove("on"); $("#link").title = "not connected"; }
  setTimeout(pulse, 2000);
}
pulse();

// ── rows: a click anywhere, j and k ──
document.addEventListener("click", event => {
  const copy = event.target.closest(".copy");
  if (copy) { navigator.clipboard?.writeText(copy.dataset.copy).then(() => copy.textContent = "copied", () => {}); return; }
  const row = event.target.closest("tr[data-href]");
  if (row && !event.target.closest("a, button, input") && !getSelection().toString()) location = row.dataset.href;
});
let chosen = -1;
function move(by) {
  const rows = $$("main tr[data-href]");
  if (!rows.length) return;
  rows[chosen]?.classList.remove("on");
  chosen = Math.max(0, Math.min(rows.length - 1, chosen + by));
  rows[chosen].classList.add("on");
  rows[chosen].scrollIntoView({ block: "nearest" });
}

// ── keys; a page adds its own to KEYS: name → what it does, true if that is all ──
const KEYS = {};
let going = false;
document.addEventListener("keydown", event => {
  const typing = event.target.closest("input:not([type=range]), textarea, select");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) typing.form?.requestSubmit();
    return;
  }
  if (event.ctrlKey && event.key === "k") { event.preventDefault(); $("#jump").focus(); return; }
  if (event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  if (going) {
    going = false;
    const link = $(`nav [data-key="${CSS.escape(event.key)}"]`);
    if (link) { location = link.href; return; }
  }
  if (KEYS[event.key]?.(event)) { event.preventDefault(); return; }
  switch (event.key) {
    case "/": event.preventDefault(); $("#jump").focus(); break;
    case "g": going = true; setTimeout(() => going = false, 1200); break;
    case "j": move(1); break;
    case "k": move(-1); break;
    case "Enter": if (chosen >= 0 && isFree()) location = $$("main tr[data-href]")[chosen].dataset.href; break;
    case "?": $("#help").showModal(); break;
    case "ArrowLeft": $("#newer")?.click(); break;
    case "ArrowRight": $("#older")?.click(); break;
  }
});
