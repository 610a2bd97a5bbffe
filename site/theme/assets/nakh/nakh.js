// SPDX-License-Identifier: BSL-1.0
// What the theme leaves out: names and keyboard reach, and tabs that remember the reader's choice.
(() => {
  "use strict";
  const words = document.currentScript.dataset;

  document.querySelector('[data-md-component="search"]')?.setAttribute("aria-label", words.searchDialog);

  // Whatever scrolls sideways can be reached and scrolled from the keyboard, whenever it comes to: in a tab that is chosen or a
  // box that is opened, in a window made smaller.
  const reach = (box, name) => {
    if (box.scrollWidth > box.clientWidth + 1) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", name);
    } else {
      for (const attribute of ["tabindex", "role", "aria-label"]) box.removeAttribute(attribute);
    }
  };
  const watchWidths = () => {
    const names = new Map();
    for (const [selector, name] of [
      [".md-typeset pre > code", words.scrollableCode],
      [".md-typeset__table", words.scrollableTable],
      [".md-typeset__scrollwrap", words.scrollableTable],
      [".tabbed-labels", words.scrollableTabs],
    ]) {
      for (const box of document.querySelectorAll(selector)) names.set(box, name);
    }
    const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => reach(target, names.get(target))));
    for (const box of names.keys()) sizes.observe(box);
  };

  // One choice of language or model for the whole site, in both of its languages: what is kept is not the label but what the tab
  // holds, by the name of its file without a suffix ("stackful"), or else the tab's place.
  const key = "nakh.tab";
  const stored = (() => {
    try { return localStorage.getItem(key) || ""; } catch { return ""; }  // a browser may refuse storage
  })();
  const sets = [...document.querySelectorAll(".tabbed-set")].map((set) => ({
    inputs: [...set.querySelectorAll(":scope > input")],
    labels: [...set.querySelectorAll(":scope > .tabbed-labels > label")],
    blocks: [...set.querySelectorAll(":scope > .tabbed-content > .tabbed-block")],
  }));
  for (const set of sets) {
    set.names = set.blocks.map((block, i) =>
      block.querySelector(".filename")?.textContent.trim().match(/([^/]+)\.[a-z]+$/)?.[1] ?? String(i));
  }
  const choose = (name) => {
    for (const { inputs, names } of sets) {
      const at = names.indexOf(name);
      if (at >= 0 && !inputs[at].checked) {
        inputs[at].checked = true;
        inputs[at].dispatchEvent(new Event("change"));  // the theme moves the line below the label then
      }
    }
  };
  for (const { inputs, labels, blocks, names } of sets) {
    labels.forEach((label, i) => {
      blocks[i]?.setAttribute("data-nakh-label", label.textContent.trim());
      inputs[i].addEventListener("change", () => {
        const name = names[i];
        const before = label.getBoundingClientRect().top;
        choose(name);
        window.scrollBy(0, label.getBoundingClientRect().top - before);  // other sets change height; the reader's place stays
        try { localStorage.setItem(key, name); } catch { /* not remembered, then */ }
      });
    });
  }
  if (stored) {
    choose(stored);
    addEventListener("load", () => {  // once more for the theme, which listens only by now
      for (const { inputs, names } of sets) {
        const at = names.indexOf(stored);
        if (at >= 0) inputs[at].dispatchEvent(new Event("change"));
      }
    });
  }
  // Only then has the theme put boxes around tables, and are widths known.
  addEventListener("load", () => document.fonts.ready.then(watchWidths));
  document.querySelector(".md-search__scrollwrap")?.setAttribute("tabindex", "0");
})();
