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
