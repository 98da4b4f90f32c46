// Looks at pages in a real Chromium, one start for all: node look.mjs TOOLS PICTURES PAGE...
// Each line of its output is something that is wrong; pictures are for people.
import { createRequire } from "node:module";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";

const [tools, pictures, ...pages] = process.argv.slice(2);
const require = createRequire(join(tools, "package.json"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const WIDE = { width: 1100, height: 900 };
const NARROW = { width: 375, height: 720 };
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

const wrong = [];
const profile = mkdtempSync(join(tmpdir(), "report-chromium-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  args: FLAGS,
  viewport: WIDE,
  permissions: [],
});

async function look(file) {
  const name = basename(file, ".html");
  const page = await browser.newPage();
  const say = (text) => wrong.push(`${name}: ${text}`);
  const asked = [];
  page.on("console", (it) => say(`console ${it.type()}: ${it.text()}`));
  page.on("pageerror", (it) => say(`error: ${it.message}`));
  page.on("dialog", (it) => { say(`dialog: ${it.message()}`); it.dismiss(); });
  page.on("request", (it) => asked.push(it.url()));
  await page.goto(pathToFileURL(file).href);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [shape, size] of [["wide", WIDE], ["narrow", NARROW]]) {
      await page.setViewportSize(size);
      await accessible(page, `${colorScheme}, ${shape}`, say);
      await fits(page, `${colorScheme}, ${shape}`, say);
      await page.screenshot({ path: join(pictures, `${name}-${colorScheme}-${shape}.png`), fullPage: true });
    }
  }
  await page.setViewportSize(WIDE);
  await copies(page, say);
  await prints(page, name, say);
  if (await page.evaluate(() => "pwned" in window)) say("a name ran as a script");
  if (asked.length !== 1) say(`requests: ${asked.join(" ")}`);
  await page.close();
}

// axe-core runs beside the page's own scripts, by way of the debugger: its policy stays in force.
async function accessible(page, where, say) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  for (const it of found.violations) {
    say(`${where}: axe ${it.id}: ${it.nodes.map((node) => node.html.slice(0, 120) + " " + node.failureSummary).join(" / ")}`);
  }
  if (found.passes.every((it) => it.id !== "color-contrast")) say(`${where}: no contrast was checked`);
}

// Nothing sticks out of the page, and every text of a drawing is within it.
async function fits(page, where, say) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  if (inner > outer) say(`${where}: ${inner} px wide on ${outer}`);
  const out = await page.evaluate(() => {
    const shown = [...document.querySelectorAll(".drawing svg")].filter((it) => it.getClientRects().length);
    const sticks = (text, frame) => {
      const box = text.getBoundingClientRect();
      return box.left < frame.left - 1 || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
    };
    return shown.flatMap((svg) => {
      const frame = svg.getBoundingClientRect();
      return [...svg.querySelectorAll("text")].filter((it) => sticks(it, frame)).map((it) => it.textContent);
    });
  });
  for (const text of out) say(`${where}: sticks out of the drawing: ${text}`);
}

// By keyboard; with the clipboard, and without it.
async function copies(page, say) {
  for (const allowed of [true, false]) {
    await page.evaluate((allowed) => {
      const kept = [];
      window.kept = kept;
      const writeText = (text) => allowed ? (kept.push(text), Promise.resolve()) : Promise.reject(new Error("no"));
      Object.defineProperty(navigator, "clipboard", { value: { writeText }, configurable: true });
    }, allowed);
    for (const button of await page.$$("button[data-copies]")) {
      await button.focus();
      await page.keyboard.press("Enter");
      const said = await button.evaluateHandle((it) => it.nextElementSibling);
      await page.waitForFunction((it) => it.textContent !== "", said);
      const command = await button.evaluate((it) => document.getElementById(it.dataset.copies).textContent);
      const got = await page.evaluate((allowed) => allowed ? window.kept.pop() : window.getSelection().toString(), allowed);
      if (got !== command) say(`copied ${JSON.stringify(got)} instead of ${JSON.stringify(command)}`);
      await said.evaluate((it) => { it.textContent = ""; });
    }
  }
  const tab = await page.evaluate(() => [...document.querySelectorAll("button[data-copies]")].every((it) => it.tabIndex === 0 && !it.hidden));
  if (!tab) say("a button cannot be reached by keyboard");
}

async function prints(page, name, say) {
  await page.emulateMedia({ colorScheme: "dark", media: "print" });
  const paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  if (paper !== "rgb(255, 255, 255)") say(`prints on ${paper}`);
  await page.setViewportSize({ width: 680, height: 960 });
  await fits(page, "print", say);
  const pdf = await page.pdf({ path: join(pictures, `${name}.pdf`), preferCSSPageSize: true });
  // Points of A4.
  if (!/\/MediaBox\s*\[\s*0 0 59[45](\.\d+)? 84[12]/.test(pdf.toString("latin1"))) say("the paper is not A4");
}

try {
  for (const page of pages) await look(page);
} finally {
  await browser.close();
  rmSync(profile, { recursive: true, force: true });
}
for (const it of wrong) console.log(it);
process.exit(wrong.length ? 1 : 0);
