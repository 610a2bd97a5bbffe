// SPDX-License-Identifier: BSL-1.0
// Loaded before the theme's script, whose search worker is given the query by postMessage.
(() => {
  "use strict";
  let Base = window.Worker;

  // Opened from a folder, a page may neither fetch the index nor start a worker: the index comes as a script, and the worker runs in a
  // hidden frame.
  if (location.protocol === "file:") {
    document.write(`<script src="${new URL("../../search/search_index.js", document.currentScript.src)}"><\/script>`);
    Base = window.Worker = class extends EventTarget {
      constructor(address) {
        super();
        const frame = document.createElement("iframe");
        frame.hidden = true;
        document.body.append(frame);
        this.inner = frame.contentWindow;
        this.inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        const script = this.inner.document.createElement("script");
        script.src = address;
        this.ready = new Promise((done) => { script.onload = done; });
        this.inner.document.body.append(script);
      }
      postMessage(data) {
        this.ready.then(() => this.inner.dispatchEvent(new MessageEvent("message", { data })));
      }
    };
  }

  // Found texts end with the other spellings, behind a mark: the reader does not need to see them. Numbers are those of the language.
  addEventListener("DOMContentLoaded", () => {
    const found = document.querySelector(".md-search-result");
    if (!found) return;
    const persian = document.documentElement.lang === "fa";
    const tidy = () => {
      for (const text of found.querySelectorAll(".md-search-result__teaser, .md-search-result__title, .md-search-result__article :is(h1, h2)")) {
        const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
        let cut = false;
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          const at = node.data.indexOf("\u2063");
          if (cut || at >= 0) node.data = cut ? "" : node.data.slice(0, at);
          cut ||= at >= 0;
        }
      }
      if (!persian) return;
      for (const text of found.querySelectorAll(".md-search-result__meta, .md-search-result__more summary")) {
        const digits = text.textContent.replace(/[0-9]/g, (d) => "۰۱۲۳۴۵۶۷۸۹"[d]);
        if (text.childElementCount === 0 && digits !== text.textContent) text.textContent = digits;
      }
    };
    new MutationObserver(tidy).observe(found, { childList: true, subtree: true });
  });

  // What the reader types is folded as site/tools/nakh_site/search.py folded the index, so that Persian is found as people type it.
  const QUERY = 2;
  const from = "يكةۀأإٱ۰۱۲۳۴۵۶۷۸۹٠١٢٣٤٥٦٧٨٩";
  const to = "یکههااا01234567890123456789";
  const leftOut = /[\u0640\u064b-\u0652\u0654\u0670\u200c-\u200f]/g;
  const fold = (text) => [...text.replace(leftOut, "").replace(/\b(?:nakh|sl)::/g, "").replace(/[:+~^*./-]+/g, " ")]  // every page has nakh::; signs of C++ and of commands would be operators
    .map((c) => to[from.indexOf(c)] ?? c).join("");
  const send = Base.prototype.postMessage;
  Base.prototype.postMessage = function (message, ...rest) {
    const query = message?.type === QUERY && typeof message.data === "string";
    return send.call(this, query ? { ...message, data: fold(message.data) } : message, ...rest);
  };
})();
