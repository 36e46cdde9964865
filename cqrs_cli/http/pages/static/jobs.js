"use strict";
// A job as it goes on: the part of the page that tells of it, asked for until it has ended.
const part = $("#job");
async function look() {
  if (!$("[data-state=running]", part)) return;
  if (!document.hidden) try {
    const answer = await fetch(part.dataset.part, { redirect: "error" });
    if (answer.ok) { part.innerHTML = await answer.text(); times(part); }
    if (answer.status === 404) return;
  } catch { /* the server is away: it may come back */ }
  $("#again", part)?.remove();
  setTimeout(look, 500);
}
look();
