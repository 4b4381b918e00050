// SPDX-License-Identifier: GPL-3.0-or-later
// node browser.js MAKE_RUN WRITE_REPORT MODULES_DIR [SHOTS_DIR] - opens generated reports in headless Chromium from
// file:// and checks what a reader sees. Exit: 0 passed, 1 failed, 77 a part is missing (named).
"use strict";

const { execFileSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");

const [makeRun, writeReport, modules, shots] = process.argv.slice(2);
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => fs.existsSync(p));

function skip(part) {
	console.log(`skip: ${part} is missing; ./hotbed setup --all installs it`);
	process.exit(77);
}
if (!chromium) skip("chromium");
for (const name of ["playwright-core", "html-validate", "vega", "vega-lite", "vega-embed"]) {
	if (!fs.existsSync(path.join(modules, name))) skip(`the npm package ${name}`);
}
const { chromium: launcher } = require(path.join(modules, "playwright-core"));
const { HtmlValidate } = require(path.join(modules, "html-validate"));

let failures = 0;
function check(holds, text) {
	if (!holds) failures++;
	console.log(`${holds ? "ok" : "NOT OK"}: ${text}`);
}

async function open(browser, file, options, script) {
	const context = await browser.newContext(options);
	const page = await context.newPage();
	const errors = [], requests = [];
	page.on("console", (message) => { if (["error", "warning"].includes(message.type())) errors.push(message.text()); });
	page.on("pageerror", (error) => errors.push(String(error)));
	page.on("request", (request) => { if (!/^(file|data|blob):/.test(request.url())) requests.push(request.url()); });
	await page.goto("file://" + file);
	await script(page);
	await context.close();
	return { errors, requests };
}

// Scroll through the page so that every chart comes near the screen, then wait for the last one.
async function drawAll(page) {
	const height = await page.evaluate(() => document.documentElement.scrollHeight);
	for (let y = 0; y < height + 4000; y += 700) {
		await page.evaluate((top) => window.scrollTo(0, top), y);
		await page.waitForTimeout(20);
	}
	await page.waitForFunction(() => Array.from(document.querySelectorAll(".chart[data-spec]"))
		.every((element) => ["drawn", "failed"].includes(element.dataset.state)), null, { timeout: 120000 });
	await page.evaluate(() => window.scrollTo(0, 0));
}

function chartsOf(page) {
	return page.evaluate(() => Array.from(document.querySelectorAll(".chart[data-spec]")).map((element) => ({
		id: element.dataset.spec,
		state: element.dataset.state,
		marks: element.querySelectorAll("svg .role-mark path, svg .role-mark line, svg .role-mark rect").length,
		title: !!element.querySelector("svg > title") && !!element.querySelector("svg > desc"),
		table: element.closest("figure").querySelectorAll("table tbody tr").length,
	})));
}

async function checkWide(page, name, colors, shot) {
	const top = await page.evaluate(() => {
		const section = document.querySelector("#claims"), row = section.querySelector("tbody tr");
		return { section: section.getBoundingClientRect().top, row: row ? row.getBoundingClientRect().bottom : 1e9 };
	});
	const header = page.viewportSize().width < 720 ? 420 : 300;
	check(top.section < header && top.row < page.viewportSize().height,
		`${name}: the claims table is on the first screen (at ${Math.round(top.section)} px, its first row ends at ${Math.round(top.row)})`);
	const subject = await page.evaluate(() => [document.querySelector("h1").textContent, document.title]);
	check(subject.every((text) => text.includes("spork: spawn-latency")), `${name}: the title says what was run (${subject[0]})`);
	const facts = await page.evaluate(() => Array.from(document.querySelectorAll(".glance dt"), (dt) => dt.textContent));
	check(["Run", "Noise", "Machine"].every((fact) => facts.includes(fact)), `${name}: run, noise and machine are above the claims`);
	const others = await page.evaluate(() => Array.from(document.querySelectorAll("#claims tr"))
		.filter((row) => row.textContent.startsWith("not run") && !row.closest("details:not([open])")).length);
	check(others === 0, `${name}: claims that were not run are folded up`);
	await drawAll(page);
	const charts = await chartsOf(page);
	check(charts.length >= 3, `${name}: has charts (${charts.length})`);
	for (const chart of charts) {
		check(chart.state === "drawn" && chart.marks > 0, `${name}: ${chart.id} is drawn with ${chart.marks} marks`);
		check(chart.marks <= 2000, `${name}: ${chart.id} has at most 2,000 marks`);
		check(chart.title, `${name}: ${chart.id} has a title and a description`);
		check(chart.table > 0, `${name}: ${chart.id} has its numbers as a table (${chart.table} rows)`);
	}
	const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
	const light = background.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) > 380;
	check(light === (colors === "light"), `${name}: the ${colors} page is ${background}`);
	check(!(await page.evaluate(() => window.broken)), `${name}: nothing from outside ran as a script`);
	const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
	check(overflow <= 0, `${name}: no horizontal scrolling (${overflow} px)`);
	if (shots) await page.screenshot({ path: path.join(shots, shot + ".png"), fullPage: true });
}

async function checkReport(browser, kind) {
	const dir = execFileSync(makeRun, [kind], { encoding: "utf8" }).trim();
	const file = path.join(dir, "report.html");
	try {
		execFileSync(writeReport, [dir], { stdio: "inherit" });
		const html = fs.readFileSync(file, "utf8");
		check(Buffer.byteLength(html) <= 3 << 20, `${kind}: ${Buffer.byteLength(html)} bytes are at most 3 MiB`);
		await checkMarkup(kind, html);
		const views = [
			["desktop", "light", { width: 1200, height: 800 }],
			["desktop", "dark", { width: 1200, height: 800 }],
			["phone", "light", { width: 375, height: 740 }],
			["phone", "dark", { width: 375, height: 740 }],
		];
		// What the hostile run adds is text; both layouts and both colours once are enough for it.
		for (const [device, colors, viewport] of kind === "hostile" ? [views[0], views[3]] : views) {
			const name = `${kind}, ${device}, ${colors}`;
			const seen = await open(browser, file, { viewport, colorScheme: colors, isMobile: device === "phone", hasTouch: device === "phone" },
				(page) => checkWide(page, name, colors, `${kind}-${device}-${colors}`));
			check(seen.errors.length === 0, `${name}: the console is clean${seen.errors.length ? ": " + seen.errors.join(" | ") : ""}`);
			check(seen.requests.length === 0, `${name}: no request left the page ${seen.requests.join(" ")}`);
		}
		await open(browser, file, { javaScriptEnabled: false, viewport: { width: 1200, height: 800 } }, async (page) => {
			const rows = await page.locator("table tbody tr").count();
			check(rows > 10, `${kind}: without JavaScript there are tables (${rows} rows)`);
		});
	} finally {
		fs.rmSync(dir, { recursive: true, force: true });
	}
}

// Scripts and specifications are not what a validator is for, and make it slow: only the markup around them is checked.
async function checkMarkup(kind, html) {
	const markup = html.replace(/(<script\b[^>]*>)[\s\S]*?(<\/script>)/g, "$1$2").replace(/(<style>)[\s\S]*?(<\/style>)/g, "$1$2");
	const validator = new HtmlValidate({
		extends: ["html-validate:standard"],
		rules: { "long-title": "off", "no-inline-style": "off", "require-sri": "off", "void-style": "off", "no-trailing-whitespace": "off", "no-raw-characters": "off" },
	});
	const report = await validator.validateString(markup);
	const found = report.results.flatMap((result) => result.messages).filter((message) => message.severity === 2);
	check(found.length === 0, `${kind}: the markup is valid${found.slice(0, 5).map((m) => ` | ${m.line}:${m.column} ${m.message}`).join("")}`);
}

async function main() {
	const browser = await launcher.launch({
		executablePath: chromium,
		headless: true,
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync"],
	});
	try {
		await checkReport(browser, "spawn");
		await checkReport(browser, "hostile");
	} finally {
		await browser.close();
	}
	console.log(failures ? `${failures} checks failed` : "all checks passed");
	process.exit(failures ? 1 : 0);
}
main().catch((error) => { console.error(error); process.exit(1); });
