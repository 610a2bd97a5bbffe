// SPDX-License-Identifier: BSL-1.0
// A list of steps becomes something to go through, one step at a time, with buttons and arrow keys. Without this script it is a list.
(() => {
  "use strict";
  for (const box of document.querySelectorAll(".nakh-steps")) {
    const words = box.dataset;
    const list = box.querySelector(":scope > ol");
    const steps = [...list.children];
    const cursor = box.querySelector(".cursor");
    const digits = document.documentElement.lang === "fa" ? (n) => n.toLocaleString("fa") : String;

    const bar = document.createElement("div");
    bar.className = "nakh-step-bar";
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", words.controls);
    const button = (text, act) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = "md-button";
      made.textContent = text;
      made.addEventListener("click", act);
      bar.append(made);
      return made;
    };
    let at = 0;
    const previous = button(words.previous, () => show(at - 1));
    const place = document.createElement("span");
    bar.append(place);
    const next = button(words.next, () => show(at === steps.length - 1 ? 0 : at + 1));

    list.setAttribute("aria-live", "polite");
    list.classList.add("one-at-a-time");
    const show = (n) => {
      at = Math.max(0, Math.min(steps.length - 1, n));
      steps.forEach((step, i) => { step.hidden = i !== at; });
      place.textContent = words.position.replace("{n}", digits(at + 1)).replace("{all}", digits(steps.length));
      previous.setAttribute("aria-disabled", String(at === 0));  // not `disabled`, which would lose the focus
      next.textContent = at === steps.length - 1 ? words.first : words.next;
      for (const end of ["x1", "x2"]) cursor?.setAttribute(end, steps[at].dataset.at);
    };
    bar.addEventListener("keydown", (event) => {
      // The arrows follow the drawing, in which time runs from left to right.
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: steps.length - 1 }[event.key];
      if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      show(to);
    });
    box.classList.add("is-live");
    list.before(bar);
    show(0);
    addEventListener("beforeprint", () => steps.forEach((step) => { step.hidden = false; }));
    addEventListener("afterprint", () => show(at));
  }
})();
