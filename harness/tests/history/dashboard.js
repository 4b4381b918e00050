// SPDX-License-Identifier: GPL-3.0-or-later
// node dashboard.js HOTBED MAKE_NIGHTS MAKE_HISTORY MODULES_DIR [SHOT.png] - the page of `hotbed report --history` in headless Chromium:
// list, filter, keyboard, charts, links, no errors, nothing loaded. HB_NIGHTLY=1: its size with 5,000 series of 365 nights.
// Exit: 0 passed, 1 failed, 77 a part is missing (named).
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const [hotbed, makeNights, makeHistory, modules, shot] = process.argv.slice(2).map((name) => path.resolve(name));
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => fs.existsSync(p));
if (!chromium || !fs.existsSync(path.join(modules, "playwright-core"))) {
	console.log("skip: needs chromium and the npm package playwright-core; ./hotbed setup --all installs them");
	process.exit(77);
}
const { chromium: launcher } = require(path.join(modules, "playwright-core"));

let failures = 0;
function check(holds, text) {
	if (!holds) failures++;
	console.log(`${holds ? "ok" : "NOT OK"}: ${text}`);
}

async function open(browser, file, options, script) {
	const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
	const page = await context.newPage();
	const errors = [], requests = [];
	page.on("console", (message) => { if (["error", "warning"].includes(message.type())) errors.push(message.text()); });
	page.on("pageerror", (error) => errors.push(String(error)));
	page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) requests.push(request.url()); });
	await page.goto("file://" + file);
	await script(page);
	check(errors.length === 0, `the console is clean ${errors.join(" | ")}`);
	check(requests.length === 0, `nothing is loaded ${requests.join(" ")}`);
	await context.close();
}

async function browse(page) {
	const rows = page.locator("#list > li");
	check(await rows.count() === 6, `six series are listed (${await rows.count()})`);
	check(await page.locator("#changes + table tbody tr").count() === 6, "six changes are in the table");
	await page.fill("#search", "call_1 n=2");
	check(await rows.count() === 1, "two words leave one series");
	check((await page.locator("#count").textContent()) === "1 of 6 series", "the count says so");
	await page.fill("#search", "");
	await page.selectOption("#sub", "spork");
	check(await rows.count() === 6, "all are of the subproject");
	await page.check("#changed");
	check(await rows.count() === 6, "all have changes");
	// By keyboard alone: from the check box to the first series, open it, close it, open it.
	await page.focus("#changed");
	await page.keyboard.press("Tab");
	check(await page.evaluate(() => document.activeElement.matches("#list button.row")), "Tab leads to the first series");
	await page.keyboard.press("Enter");
	const first = rows.first();
	check(await first.locator(".detail").isVisible(), "Enter opens it");
	check(await first.locator("path.values").getAttribute("d").then((d) => d.split(/[ML]/).length - 1) === 30, "its line has 30 nights");
	check(await first.locator("line.change.worse").count() === 1, "its change is marked");
	check(await first.locator(".environment rect").count() === 2, "the strip shows two settings of the machine");
	check((await first.locator(".detail > p").textContent()).includes("worse"), "the change is told in words");
	await page.keyboard.press("Enter");
	check(!await first.locator(".detail").isVisible(), "Enter closes it");
	await page.keyboard.press("Enter");
	await first.locator("summary").click();
	const link = await first.locator(".detail a").first().getAttribute("href");
	check(/^019.*\/report\.html$/.test(link), `the newest night links to its report (${link})`);
	const value = await first.locator(".detail tbody tr").first().locator("td").nth(1).textContent();
	check(/^×0\.6/.test(value), `the newest ratio is some 0.6 (${value})`);
	await page.locator("#changes + table a").nth(3).click();
	check(await rows.count() === 1 && await rows.first().locator(".detail").isVisible(), "a change leads to its series, opened");
}

async function large(browser, folder) {
	const db = path.join(folder, "large.db"), file = path.join(folder, "large.html");
	execFileSync(makeHistory, [db, "5000", "365"]);
	execFileSync(hotbed, ["report", "--history", "--db", db, "--out", file]);
	check(fs.statSync(file).size <= 5 << 20, `5,000 series of 365 nights take ${fs.statSync(file).size} bytes, at most 5 MiB`);
	await open(browser, file, {}, async (page) => {
		const ready = await page.evaluate(() => performance.now());
		check(await page.locator("#list > li").count() === 100, "the first hundred are listed");
		console.log(`interactive after ${Math.round(ready)} ms`);
		await page.click("#more");
		check(await page.locator("#list > li").count() === 200, "the second hundred is a click away");
	});
}

(async () => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hotbed-dashboard-"));
	const browser = await launcher.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
	try {
		const runs = path.join(folder, "runs"), db = path.join(folder, "h.db"), file = path.join(folder, "history.html");
		fs.mkdirSync(runs);
		execFileSync(makeNights, [runs, "count=30", "points=3", "metrics=2", "step=24,1.2", "env=10"]);
		execFileSync(hotbed, ["history", "import", "--db", db, runs]);
		execFileSync(hotbed, ["report", "--history", "--db", db, "--out", file]);
		await open(browser, file, {}, async (page) => {
			await browse(page);
			if (shot) await page.screenshot({ path: shot });
		});
		await open(browser, file, { javaScriptEnabled: false }, async (page) => {
			check(await page.locator("table tbody tr").count() === 6, "without JavaScript the changes are there");
		});
		if (process.env.HB_NIGHTLY) await large(browser, folder);
	} finally {
		await browser.close();
		fs.rmSync(folder, { recursive: true, force: true });
	}
	console.log(`${failures} failed`);
	process.exit(failures ? 1 : 0);
})();
