// What a page does besides showing: the assessment follows the form, a file can be dropped in, text can be copied.
// Everything works without it, by the buttons.
"use strict";

for (const form of document.querySelectorAll("form[data-live]")) {
  let running = null;
  const status = document.getElementById("live-status");
  form.addEventListener("change", async () => {
    if (running) running.abort();
    running = new AbortController();
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: new URLSearchParams(new FormData(form)),
        headers: { "X-Part": "1" }, signal: running.signal,
      });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const said = page.querySelector("[data-said]")?.dataset.said, wrong = page.querySelector("[data-wrong]")?.textContent;
      show(page, "result");
      if (!wrong) show(page, "questions");
      for (const id of ["content", "result"]) sameRole(page, id);
      status.textContent = wrong || said || "";
    } catch (error) {
      if (error.name !== "AbortError") status.textContent = form.dataset.failed;
    }
  });
}

// The main part of a page is the answer once there is one.
function sameRole(page, id) {
  const role = page.getElementById(id)?.getAttribute("role"), element = document.getElementById(id);
  if (role) element?.setAttribute("role", role); else element?.removeAttribute("role");
}

// The new part takes the place of the old; what had the focus, what was being typed and what was open stays.
function show(page, id) {
  const old = document.getElementById(id), part = page.getElementById(id);
  if (!old || !part) return;
  const focused = document.activeElement, at = old.contains(focused) ? focused.id : "";
  const open = [...old.querySelectorAll("details[open][id]")].map((element) => element.id);
  old.replaceChildren(...part.childNodes);
  for (const one of open) document.getElementById(one)?.setAttribute("open", "");
  const again = at && document.getElementById(at);
  if (!again) return;
  if ("value" in focused && again.type !== "radio") again.value = focused.value;
  again.closest("details")?.setAttribute("open", "");
  again.focus({ preventScroll: true });
}

for (const form of document.querySelectorAll("form[data-drop]")) {
  const area = form.closest(".drop") || form;
  area.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", (event) => {
    event.preventDefault();
    area.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    form.elements.file.files = event.dataTransfer.files;
    form.submit();
  });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  document.getElementById(button.dataset.copy + "-status").textContent = button.dataset.copied;
});

// A link into something folded opens it, where the browser does not do so by itself.
function unfold() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  if (target) target.scrollIntoView();
}
addEventListener("hashchange", unfold);
