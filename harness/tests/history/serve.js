// SPDX-License-Identifier: GPL-3.0-or-later
// node serve.js HOTBED MAKE_NIGHTS MAKE_HISTORY MODULES_DIR [SHOT.png] - `hotbed serve`: with a client that asks for what it must not
// get, then in headless Chromium. HB_NIGHTLY=1: with 5,000 series of 365 nights and 10,000 runs.
// Exit: 0 passed, 1 failed, 77 a part is missing (named).
"use strict";

const { execFileSync, spawn } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");

const [hotbed, makeNights, makeHistory, modules, shot] = process.argv.slice(2).map((name) => path.resolve(name));
const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((p) => fs.existsSync(p));

let failures = 0;
function check(holds, text) {
	if (!holds) failures++;
	console.log(`${holds ? "ok" : "NOT OK"}: ${text}`);
}

/* A server on a free port: its first line is its URL. */
function serve(...more) {
	const child = spawn(hotbed, ["serve", "--port", "0", ...more], { stdio: ["ignore", "pipe", "inherit"] });
	return new Promise((resolve, reject) => {
		let text = "";
		child.on("exit", (code) => reject(new Error(`serve ended with ${code}`)));
		child.stdout.on("data", (data) => {
			text += data;
			const end = text.indexOf("\n");
			if (end >= 0) resolve({ child, url: text.slice(0, end), port: Number(new URL(text.slice(0, end)).port) });
		});
	});
}

function stop(server, signal) {
	return new Promise((resolve) => {
		server.child.removeAllListeners("exit");
		server.child.on("exit", (code) => resolve(code));
		server.child.kill(signal);
	});
}

/* Bytes as they are: no client library tidies the path or the Host up. */
function ask(port, lines) {
	return new Promise((resolve) => {
		const socket = net.connect(port, "127.0.0.1");
		let text = "";
		socket.on("data", (data) => { text += data; });
		socket.on("error", () => {});
		socket.on("close", () => resolve({ status: Number((/^HTTP\/1\.[01] (\d+)/.exec(text) || [])[1]), text }));
		socket.write(lines.join("\r\n") + "\r\n\r\n");
	});
}

function get(port, target, host = `127.0.0.1:${port}`, method = "GET") {
	return ask(port, [`${method} ${target} HTTP/1.1`, `Host: ${host}`, "Connection: close"]);
}

function residentKiB(pid, key) {
	return Number(new RegExp(`${key}:\\s+(\\d+)`).exec(fs.readFileSync(`/proc/${pid}/status`, "utf8"))[1]);
}

async function status(port, target, wanted, what, host, method) {
	const answer = await get(port, target, host, method);
	check(answer.status === wanted, `${what}: ${answer.status}`);
	return answer.text;
}

async function refuses(server, run, folder) {
	const { port } = server;
	const page = await status(port, "/", 200, "the list of runs");
	check(page.includes(`/runs/${run}/`), "the run is in the list");
	check(/Content-Security-Policy: default-src 'none'/.test(page) && page.includes("nosniff"), "a page says what a browser may do");
	await status(port, `/runs/${run}/`, 200, "a run");
	const csv = await status(port, `/runs/${run}/trials.csv`, 200, "its trials");
	check(csv.split("\r\n\r\n").slice(1).join("\r\n\r\n") === fs.readFileSync(path.join(folder, run, "trials.csv"), "latin1"), "byte for byte");
	const head = await status(port, `/runs/${run}/trials.csv`, 200, "HEAD", undefined, "HEAD");
	check(head.endsWith("\r\n\r\n"), "HEAD has no body");
	for (const target of ["/runs/../secret.txt", "/runs/%2e%2e/secret.txt", "/runs/%2e%2e%2fsecret.txt", `/runs/${run}/../../secret.txt`,
		`/runs/${run}/..%2f..%2fsecret.txt`, "//etc/passwd", "/runs//etc/passwd", "/runs/%2fetc%2fpasswd", `/runs/${run}/out.txt`,
		`/runs/${run}/out/secret.txt`, "/runs/escape/plan.json", `/runs/${run}/logs/../../../secret.txt`, "/runs/history.db", "/runs/.hidden/plan.json",
		`/runs/${run}/.secret.txt`, `/runs/${run}/pipe.txt`, `/runs/${run}/logs`, "/runs/", "/runs/../", "/runs/%2e%2e/", "/runs/none/", "/runs/./",
		`/runs/${run}/trials.csv%00.html`.replace("trials", "none"), "/history/series/999999", "/history/series/-1", "/history/series/1'--", "/nothing"]) {
		const answer = await get(port, target);
		check(answer.status >= 400 && answer.status < 500 && !answer.text.includes("top secret") && !answer.text.includes("root:"),
			`${target}: ${answer.status}`);
	}
	for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "", "10.0.0.1"])
		await status(port, "/", 403, `Host '${host}'`, host);
	check((await ask(port, ["GET / HTTP/1.1", "Connection: close"])).status >= 400, "no Host");
	await status(port, "/", 200, "Host localhost", `LOCALHOST:${port}`);
	for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
		await status(port, "/", 405, method, undefined, method);
	check((await ask(port, ["POST / HTTP/1.1", `Host: 127.0.0.1:${port}`, "Content-Length: 5", "Connection: close", "", "abcde"])).status === 405, "POST with a body");
	await status(port, "/history?search=%3Cscript%3E%22'%25_", 200, "a search for markup");
	check(!(await get(port, "/history?search=%3Cscript%3Ealert(1)")).text.includes("<script>alert"), "which is not run");
	await status(port, "/?first=99999999999999999999", 200, "a number that is none");
	const long = await get(port, "/" + "a".repeat(100000));
	check(!(long.status < 400), `a line of 100 kB: ${long.status}`);
	await ask(port, ["\x00\xff garbage", "more"]);
	await status(port, "/", 200, "it goes on after garbage");
}

/* More connections than it holds, all silent: it stays small, and answers when they have gone. */
async function crowd(server) {
	const sockets = Array.from({ length: 300 }, () => net.connect(server.port, "127.0.0.1").on("error", () => {}));
	await new Promise((resolve) => setTimeout(resolve, 200));
	check(fs.readdirSync(`/proc/${server.child.pid}/fd`).length <= 64 + 20, "it holds 64 connections at most");
	for (const socket of sockets) socket.destroy();
	for (let i = 0; i < 200; i++) {
		if ((await get(server.port, "/")).status === 200) break;
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	check((await get(server.port, "/")).status === 200, "it answers when the crowd has gone");
}

async function browse(server, run) {
	if (!chromium || !fs.existsSync(path.join(modules, "playwright-core"))) {
		console.log("the browser's part is left out: needs chromium and the npm package playwright-core; ./hotbed setup --all installs them");
		return;
	}
	const { chromium: launcher } = require(path.join(modules, "playwright-core"));
	const browser = await launcher.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
	try {
		const page = await (await browser.newContext({ viewport: { width: 1200, height: 900 } })).newPage();
		const errors = [], others = [];
		page.on("console", (message) => { if (["error", "warning"].includes(message.type())) errors.push(message.text()); });
		page.on("pageerror", (error) => errors.push(String(error)));
		page.on("request", (request) => { if (!request.url().startsWith(server.url) && !/^(data|blob):/.test(request.url())) others.push(request.url()); });
		await page.goto(server.url);
		check(await page.locator("#runs tbody tr").count() === 30, "thirty runs are listed");
		// By keyboard alone: to the history, there to the search.
		await page.keyboard.press("Tab");
		await page.keyboard.press("Tab");
		await page.keyboard.press("Enter");
		await page.waitForURL("**/history");
		check(await page.locator("#series tbody tr").count() === 6, "six series are listed");
		check(await page.locator("#changes tbody tr").count() === 6, "six changes are listed");
		if (shot) await page.screenshot({ path: shot });
		await page.fill("input[name=search]", "call_1 n=2");
		await page.keyboard.press("Enter");
		await page.waitForURL("**search=**");
		check(await page.locator("#series tbody tr").count() === 1, "a search leaves one");
		await page.locator("#series tbody a").click();
		await page.waitForURL("**/history/series/*");
		check(await page.locator("#nights tbody tr").count() === 30, "its thirty nights are a table");
		check((await page.locator("#line path").getAttribute("d")).split(/[ML]/).length - 1 === 30, "and a line");
		await page.locator("#nights tbody a").first().click();
		await page.waitForURL(`**/runs/${run}/`);
		await page.locator("a", { hasText: "report.html" }).click();
		await page.waitForURL(`**/runs/${run}/report.html`);
		check(await page.locator("table").count() > 0, "its report has tables");
		await page.goto(server.url + "runs/history.html");
		check(await page.locator("#list > li").count() === 6, "the dashboard works behind it");
		await page.locator("#changes + table a").first().click();
		check(await page.locator(".detail").first().isVisible(), "and its links do");
		check(errors.length === 0, `the console is clean ${errors.join(" | ")}`);
		check(others.length === 0, `nothing is asked of others ${others.join(" ")}`);
	} finally {
		await browser.close();
	}
}

async function large(folder) {
	const db = path.join(folder, "large.db"), many = path.join(folder, "many");
	execFileSync(makeHistory, [db, "5000", "365"]);
	fs.mkdirSync(many);
	for (let i = 0; i < 10000; i++) {
		const name = path.join(many, `019b0000-${String(i).padStart(4, "0")}-7000-8000-000000000000`);
		fs.mkdirSync(name);
		fs.writeFileSync(path.join(name, "plan.json"), "{}");
	}
	const server = await serve("--db", db, many);
	for (const target of ["/", "/?first=9900", "/history", "/history?search=1", "/history?first=4900", "/history/series/17"]) {
		const before = performance.now();
		await status(server.port, target, 200, target);
		console.log(`${target} took ${Math.round(performance.now() - before)} ms`);
	}
	const peak = residentKiB(server.child.pid, "VmHWM");
	check(peak <= 64 << 10, `at most 64 MiB: ${peak} KiB`);
	await stop(server, "SIGTERM");
}

(async () => {
	const folder = fs.mkdtempSync(path.join(os.tmpdir(), "hotbed-serve-")), runs = path.join(folder, "runs");
	let server;
	try {
		fs.mkdirSync(runs);
		execFileSync(makeNights, [runs, "count=30", "points=3", "metrics=2", "step=24,1.2", "env=10"]);
		const names = fs.readdirSync(runs).sort(), run = names[names.length - 1];
		execFileSync(hotbed, ["history", "import", "--quiet", "--db", path.join(runs, "history.db"), runs]);
		execFileSync(hotbed, ["report", "--history", "--quiet", "--db", path.join(runs, "history.db"), "--out", path.join(runs, "history.html")]);
		execFileSync(hotbed, ["report", "--quiet", path.join(runs, run)]);
		// What must not come out: a file beside the folder, links to it, a hidden folder, a pipe that would block.
		fs.writeFileSync(path.join(folder, "secret.txt"), "top secret");
		fs.symlinkSync("../../secret.txt", path.join(runs, run, "out.txt"));
		fs.symlinkSync("../..", path.join(runs, run, "out"));
		fs.symlinkSync(folder, path.join(runs, "escape"));
		fs.mkdirSync(path.join(runs, ".hidden"));
		fs.writeFileSync(path.join(runs, ".hidden", "plan.json"), "top secret");
		fs.writeFileSync(path.join(runs, run, ".secret.txt"), "top secret");
		execFileSync("mkfifo", [path.join(runs, run, "pipe.txt")]);
		const before = execFileSync("sh", ["-c", 'find . -type f ! -name "history.db-*" -exec sha256sum {} + | sort'], { cwd: runs }).toString();
		server = await serve(runs);
		check(new URL(server.url).hostname === "127.0.0.1", "it listens on loopback");
		await refuses(server, run, runs);
		await crowd(server);
		await browse(server, run);
		const peak = residentKiB(server.child.pid, "VmHWM");
		if (!process.env.ASAN_OPTIONS) check(peak <= 64 << 10, `at most 64 MiB: ${peak} KiB`);
		check(await stop(server, "SIGTERM") === 0, "SIGTERM ends it with exit code 0");
		server = null;
		const after = execFileSync("sh", ["-c", 'find . -type f ! -name "history.db-*" -exec sha256sum {} + | sort'], { cwd: runs }).toString();
		check(before === after, "no file has changed");
		if (process.env.HB_NIGHTLY) await large(folder);
	} finally {
		if (server) server.child.kill("SIGKILL");
		fs.rmSync(folder, { recursive: true, force: true });
	}
	console.log(`${failures} failed`);
	process.exit(failures ? 1 : 0);
})();
