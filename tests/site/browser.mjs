// SPDX-License-Identifier: BSL-1.0
// Looks at the built site as a reader does, in Chromium: every page of both languages, wide and narrow, light and dark.
//
//   node tests/site/browser.mjs SITE [--only=pages,search,links,parts] [--pages=REGEX] [--pictures=DIR]
//
// Ends with 1 when something is wrong, with 77 when what it needs is not here (`./dev setup` installs it).
import { createServer } from "node:http";
import { existsSync, readFileSync, readdirSync, mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { extname, join, relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const options = Object.fromEntries(process.argv.slice(3).map((word) => word.replace(/^--/, "").split("=")));
const only = options.only?.split(",") ?? ["pages", "parts", "search", "links"];
const site = resolve(process.argv[2] ?? "build/site");

const skip = (why) => {
  console.log(`skipped: ${why}; ./dev setup installs what the browser tests need`);
  process.exit(77);
};
const browserPath = [process.env.NAKH_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
  .find((path) => path && existsSync(path));
if (!browserPath) skip("there is no Chromium here");
const { chromium } = await import("playwright-core").catch(() => skip("the packages of tests/site/package.json are not installed"));
const { LinkChecker } = await import("linkinator").catch(() => skip("linkinator is not installed"));
const axe = readFileSync(join(here, "node_modules/axe-core/axe.min.js"), "utf-8");
if (!existsSync(join(site, "index.html"))) {
  console.error(`${site} holds no site; build it first`);
  process.exit(1);
}

const problems = [];
const wrong = (where, what) => problems.push(`${where}: ${what}`);

// --- The site, at an address of its own ---

const kinds = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json",
  ".woff2": "font/woff2", ".xml": "application/xml", ".txt": "text/plain; charset=utf-8", ".png": "image/png" };
const server = createServer((request, response) => {
  const path = decodeURIComponent(new URL(request.url, "http://x").pathname);
  let file = join(site, path);
  if (path.endsWith("/")) file = join(file, "index.html");
  const found = (file === site || file.startsWith(site + sep)) && existsSync(file) && extname(file) !== "";
  const answered = found ? file : join(site, path.startsWith("/en/") ? "en/404.html" : "404.html");
  response.writeHead(found ? 200 : 404, { "content-type": kinds[extname(answered)] ?? "application/octet-stream",
    "cache-control": extname(answered) === ".html" ? "no-store" : "max-age=600" });
  response.end(existsSync(answered) ? readFileSync(answered) : "");
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const origin = `http://127.0.0.1:${server.address().port}`;

const pagesBelow = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? pagesBelow(join(folder, entry.name)) : entry.name.endsWith(".html") ? [relative(site, join(folder, entry.name))] : []);
// Doxygen's own pages, which are there beside ours, are its own affair.
const pages = pagesBelow(site).filter((page) => !page.startsWith(`doxygen${sep}`) && new RegExp(options.pages ?? "").test(page)).sort();

const root = process.getuid?.() === 0 ? ["--no-sandbox"] : [];  // which Chromium refuses as root
const browser = await chromium.launch({ executablePath: browserPath, args: [...root, "--disable-gpu"] });

/// A tab whose requests are watched: none fails, none leaves the site.
const open = async (name, settings = {}) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, reducedMotion: "reduce", ...settings });
  const page = await context.newPage();
  page.setDefaultTimeout(10000);
  const where = () => `${name} ${decodeURIComponent(page.url().replace(origin, ""))}`;
  page.on("pageerror", (error) => wrong(where(), `a script fails: ${error.message}`));
  page.on("requestfailed", (request) => wrong(where(), `a request fails: ${request.url()}`));
  page.on("response", (answer) => {
    if (answer.status() >= 400 && !answer.url().includes("no-such-page")) wrong(where(), `${answer.status()} for ${answer.url()}`);
  });
  await context.route("**", (route) => {
    const url = route.request().url();
    if (url.startsWith(origin) || /^(data|blob|file):/.test(url)) return route.continue();
    wrong(where(), `asks another host: ${url}`);
    return route.abort();
  });
  return page;
};
const narrow = { width: 390, height: 844 };
const wide = { width: 1280, height: 900 };
const each = async (items, work) => {
  const left = [...items];
  await Promise.all(Array.from({ length: Math.min(3, cpus().length + 1) }, async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  }));
};

// --- Every page: accessible, no wider than the screen ---

const anchors = new Map();  // page -> its ids
const fragments = [];  // [page, target page, id]

const checkPage = async (page, name, scheme) => {
  await page.setViewportSize(wide);
  await page.goto(`${origin}/${name}`);
  await page.evaluate(() => document.fonts.ready);
  await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  const dark = await page.evaluate(() => document.body.dataset.mdColorScheme === "slate");
  if (dark !== (scheme === "dark")) wrong(`${scheme} ${name}`, "is not shown in the colours that the reader's system wants");
  await page.evaluate(axe);
  for (const [width, viewport] of [["wide", wide], ["narrow", narrow]]) {
    await page.setViewportSize(viewport);
    const where = `${scheme} ${width} ${name}`;
    // What a page is built of does not depend on its colours.
    const rules = scheme === "dark" ? { runOnly: ["color-contrast", "link-in-text-block"] } : {};
    const found = await page.evaluate((settings) => window.axe.run(document, { resultTypes: ["violations"], ...settings }), rules);
    for (const { id, help, nodes } of found.violations) {
      const first = nodes[0];
      wrong(where, `${id}: ${help}, ${nodes.length} times: ${first.target} ${first.html.slice(0, 120)} ${first.any[0]?.message ?? ""}`);
    }
    const tooWide = await page.evaluate(() => {
      const page = document.scrollingElement;
      if (page.scrollWidth <= page.clientWidth) return "";
      const one = [...document.querySelectorAll(".md-content *")].find((e) => e.getBoundingClientRect().right > page.clientWidth + 1);
      return `${page.scrollWidth} of ${page.clientWidth} pixels ${one ? one.tagName + "." + one.className : ""}`;
    });
    if (tooWide) wrong(where, `the page scrolls sideways: ${tooWide}`);
    if (options.pictures) {
      mkdirSync(options.pictures, { recursive: true });
      await page.screenshot({ path: join(options.pictures, `${name.replaceAll("/", "-").replace(".html", "")}-${width}-${scheme}.png`), fullPage: true });
    }
  }
  if (scheme === "light") {
    const seen = await page.evaluate(() => ({
      ids: [...document.querySelectorAll("[id], a[name]")].map((e) => e.id || e.name),
      links: [...document.querySelectorAll("a[href]")].map((a) => a.href),
    }));
    anchors.set(name, new Set(seen.ids));
    for (const link of seen.links) {
      const url = new URL(link);
      if (url.origin !== origin || url.hash.length < 2) continue;
      fragments.push([name, decodeURIComponent(url.pathname).slice(1).replace(/(^|\/)$/, "$1index.html"), decodeURIComponent(url.hash.slice(1))]);
    }
  }
};

const texts = new Map();
/// Of a page that was not looked at.
const namesPlace = (page, id) => {
  if (!texts.has(page)) texts.set(page, existsSync(join(site, page)) ? readFileSync(join(site, page), "utf-8") : "");
  return ["id", "name"].some((attribute) => texts.get(page).includes(` ${attribute}="${id}"`));
};

const checkPages = async () => {
  const left = { light: [...pages], dark: [...pages] };
  await each(["light", "light", "dark"], async (scheme) => {  // one tab for many pages: it has the scripts and fonts already
    const page = await open(scheme, { colorScheme: scheme });
    for (let name = left[scheme].shift(); name !== undefined; name = left[scheme].shift()) await checkPage(page, name, scheme);
    await page.context().close();
  });
  for (const [from, to, id] of fragments) {
    const seen = anchors.get(to)?.has(id) ?? namesPlace(to, id);
    if (!seen) wrong(from, `a link leads to ${to}#${id}, which is not there`);
  }
};

// --- Links ---

const checkLinks = async () => {
  const found = await new LinkChecker().check({ path: `${origin}/`, recurse: true, timeout: 20000,
    linksToSkip: async (link) => !link.startsWith(origin) });
  for (const link of found.links.filter((l) => l.state === "BROKEN")) wrong(link.parent ?? "", `leads nowhere: ${link.url}`);
  const seen = new Set(found.links.map((l) => decodeURIComponent(new URL(l.url).pathname)));
  for (const page of pages) {
    if (!page.endsWith("404.html") && page !== "index.html" && !seen.has(`/${page}`)) wrong(page, "no link leads to it");
  }
};

// --- Search ---

const checkSearch = async () => {
  const queries = JSON.parse(readFileSync(join(here, "search_queries.json"), "utf-8"));
  const search = async (language, base) => {
    const page = await open(`search ${base.startsWith("file") ? "from a folder" : ""}`);
    const top = `${base}/${language === "en" ? "en/" : ""}`;
    await page.goto(`${top}index.html`);
    const box = page.locator('[data-md-component="search-query"]');
    await page.locator('label[for="__search"].md-header__button, .md-search__input').first().waitFor({ state: "attached" });
    await box.focus();
    const type = async (text) => {
      await box.fill(text);
      await box.dispatchEvent("keyup");  // at which the theme looks
    };
    const results = () => page.locator(".md-search-result__item").evaluateAll(
      (items) => items.slice(0, 3).map((item) => item.querySelector("a").href.replace(/[?#].*/, "")));
    const list = base.startsWith("file") ? queries[language].slice(0, 3) : queries[language];
    for (const [query, ...expected] of list) {
      await type("");
      await page.waitForFunction(() => !document.querySelector(".md-search-result__item"));
      await type(query);
      await page.waitForFunction(() => document.querySelector(".md-search-result__item"), undefined, { timeout: 8000 }).catch(() => {});
      const found = (await results()).map((address) => decodeURIComponent(address).replace(top, ""));
      if (!expected.some((name) => found.includes(name))) {
        wrong(`search ${language}`, `«${query}» finds ${found.join(", ") || "nothing"}; wanted ${expected.join(" or ")}`);
      }
    }
    await page.context().close();
  };
  await Promise.all([search("fa", origin), search("en", origin)]);
  await search("fa", pathToFileURL(site).href);
};

// --- Parts that scripts make ---

const expect = (where, what, have, want) => {
  if (JSON.stringify(have) !== JSON.stringify(want)) wrong(where, `${what}: ${JSON.stringify(have)}, not ${JSON.stringify(want)}`);
};

const checkTabs = async () => {
  const page = await open("tabs");
  const shown = () => page.locator(".tabbed-set").first().evaluate((set) => [...set.querySelectorAll(":scope > input")].findIndex((i) => i.checked));
  await page.goto(`${origin}/tutorial/gather.html`);
  await page.locator(".tabbed-labels label").nth(1).click();
  expect("tabs", "the chosen one", await shown(), 1);
  await page.locator("[data-nakh-twin]").click();
  expect("tabs", "the chosen one in the other language", [await page.evaluate(() => document.documentElement.lang), await shown()], ["en", 1]);
  await page.goto(`${origin}/tutorial/downloads.html`);
  expect("tabs", "the chosen one on another page", await shown(), 1);
  await page.context().close();
};

const checkSteps = async (base, name) => {
  const where = `steps ${base.startsWith("file") ? "from a folder " : ""}${name}`;
  const page = await open("steps");
  await page.goto(`${base}/${name}`);
  for (const box of await page.locator(".nakh-steps").all()) {
    const seen = () => box.evaluate((b) => [...b.querySelectorAll(":scope > ol > li")].flatMap((li, i) => (li.checkVisibility() ? [i] : [])));
    const count = await box.locator(":scope > ol > li").count();
    if (count < 5) wrong(where, `only ${count} steps`);
    const cursor = () => box.locator(".cursor").evaluate((line) => line.getAttribute("x1"));
    expect(where, "what is seen at first", await seen(), [0]);
    const next = box.locator("button").nth(1);
    await next.focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Space");
    expect(where, "after two steps", await seen(), [2]);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    expect(where, "before the first", await seen(), [0]);
    await page.keyboard.press("End");
    expect(where, "at the end", [await seen(), await cursor()], [[count - 1], "100%"]);
    await page.keyboard.press("Enter");
    expect(where, "after the last", await seen(), [0]);
  }
  await page.context().close();
};

const checkWithoutScript = async () => {
  const page = await open("without scripts", { javaScriptEnabled: false });
  await page.goto(`${origin}/explanation/step-through.html`);
  const steps = page.locator(".nakh-steps > ol > li");
  for (const step of await steps.all()) if (!(await step.isVisible())) wrong("without scripts", "a step cannot be seen");
  expect("without scripts", "buttons", await page.locator(".nakh-step-bar").count(), 0);
  await page.context().close();
};

const checkDrawings = async () => {
  for (const name of ["index", "tutorial/gather", "tutorial/await", "tutorial/cancellation", "tutorial/downloads"]) {
    for (const [language, letters] of [["", /[آ-ی]/], ["en/", /^[\x20-\x7e]+$/]]) {
      const page = await open("drawings", { viewport: narrow });
      const where = `${language}${name}`;
      await page.goto(`${origin}/${where}.html`);
      await page.evaluate(() => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
      const drawings = page.locator(".nakh-timeline > svg");
      if ((await drawings.count()) === 0) wrong(where, "has no drawing");
      for (const drawing of await drawings.all()) {
        const said = await drawing.evaluate((svg) => {
          const frame = svg.parentElement.getBoundingClientRect();
          const outside = [...svg.querySelectorAll("text")].filter((t) => {
            const box = t.getBoundingClientRect();
            return box.width > 0 && (box.left < frame.left || box.right > frame.right);
          });
          return { role: svg.getAttribute("role"), words: svg.querySelector("desc").textContent, outside: outside.map((t) => t.textContent),
            small: [...svg.querySelectorAll("text")].filter((t) => parseFloat(getComputedStyle(t).fontSize) < 10).length };
        });
        expect(where, "a drawing's role, letters outside of it, small letters", [said.role, said.outside, said.small], ["img", [], 0]);
        if (!letters.test(said.words) || said.words.length < 60) wrong(where, `a drawing is described as: ${said.words}`);
      }
      await page.context().close();
    }
  }
};

const checkNotFound = async () => {
  for (const path of ["no-such-page", "en/no-such-page/deeper/"]) {
    const page = await open("404");
    await page.goto(`${origin}/${path}`);
    await page.locator(".nakh-404 a").first().click();
    expect(`404 ${path}`, "the way home", /^\/(en\/)?index\.html$/.test(new URL(page.url()).pathname), true);
    await page.context().close();
  }
};

const parts = async () => {
  await each([checkTabs, checkWithoutScript, checkDrawings, checkNotFound,
    () => checkSteps(origin, "explanation/step-through.html"), () => checkSteps(pathToFileURL(site).href, "en/explanation/step-through.html")],
  (check) => check());
};

const began = Date.now();
try {
  for (const [name, check] of Object.entries({ pages: checkPages, parts, search: checkSearch, links: checkLinks })) {
    if (!only.includes(name)) continue;
    const start = Date.now();
    await check();
    console.log(`${name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  }
} catch (error) {
  wrong("the test itself", error.stack);
} finally {
  await browser.close();
  server.close();
  server.closeAllConnections?.();
}
for (const line of [...new Set(problems)].sort()) console.error(line);
console.log(`${pages.length} pages, ${problems.length} problems, ${((Date.now() - began) / 1000).toFixed(0)} s`);
process.exit(problems.length === 0 ? 0 : 1);
