"use strict";
// The log as it grows. Rows are built of nodes and texts, never of markup.
const tail = $("#tail");
let stop = null, held = [], frame = 0, missed = 0;
const isId = value => typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);
const seen = text => text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
  one => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0"));
function short(value) {
  if (isId(value)) return value.slice(0, 8) + "…";
  if (typeof value === "string") return seen(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const count = Object.keys(value).length, word = Array.isArray(value) ? "item" : "field";
  return count ? `${count} ${word}${count > 1 ? "s" : ""}` : JSON.stringify(value);
}
function preview(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return [short(data)];
  return Object.entries(data).sort((a, b) => isId(a[1]) - isId(b[1])).flatMap(([name, value]) => {
    const part = marked("", "p");
    part.append(marked(seen(name), "faint"), " ", short(value));
    return [part, " "];
  });
}
function colour(type) {
  const known = $$("#log .type").find(one => one.textContent === type);
  return known ? $("i", known).className : "";
}
function row(event) {
  const made = $("#row").content.firstElementChild.cloneNode(true);
  const [position, time, type, stream, data, user] = made.children;
  made.dataset.href = position.firstChild.href = `${ROOT}/ui/events/${event.position}`;
  position.firstChild.textContent = "@" + thin(event.position);
  time.firstChild.setAttribute("datetime", event.recorded_at);
  time.firstChild.title = event.recorded_at;
  $("i", type).className = colour(event.type);
  type.firstChild.append(seen(event.type));
  const link = stream.firstChild, [name, version] = link.children;
  if (!("masked" in tail.dataset)) link.href = `${ROOT}/ui/streams/${encodeURIComponent(event.stream)}?at=${event.version}`;
  link.title = name.textContent = seen(event.stream);
  version.textContent = "@" + event.version;
  data.append(...preview(event.data));
  user.textContent = seen(event.user_id ?? "");
  times(made);
  return made;
}
function paint() {
  frame = 0;
  const body = $("#log tbody"), most = +tail.dataset.most, now = held.splice(0);
  if (now.length > most) missed += now.splice(0, now.length - most).length;
  for (const event of now) body.prepend(row(event));
  while (body.rows.length > most) { body.lastElementChild.remove(); missed += 1; }
  tail.textContent = missed ? `Following (${thin(missed)} not shown)` : "Following";
}
function follow() {
  if (stop) { stop(); stop = null; tail.ariaPressed = "false"; tail.textContent = "Follow"; return; }
  tail.ariaPressed = "true"; tail.textContent = "Following"; missed = 0;
  const newest = $("#log tbody a");
  const from = new URL(tail.dataset.live, location);
  if (newest && held.length === 0 && follow.last) from.searchParams.set("after", "@" + follow.last);
  stop = live(from, event => { follow.last = event.position; held.push(event); frame ||= requestAnimationFrame(paint); });
}
if (tail) {
  tail.onclick = follow;
  KEYS[" "] = () => isFree() && (follow(), true);
}
