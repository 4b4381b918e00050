// SPDX-License-Identifier: GPL-3.0-or-later
// node figures.js OUT_DIR CHART.vl.json... - draw chart specifications as SVG files, with the runtime that lies beside this
// script. Prints each file it writes.
"use strict";

const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

// The bundles are made for a page: run as plain scripts they leave `vega` and `vegaLite` among the globals.
for (const name of ["vega.min.js", "vega-lite.min.js"]) {
	const file = path.join(__dirname, name);
	vm.runInThisContext(fs.readFileSync(file, "utf8"), { filename: file });
}
const { vega, vegaLite } = globalThis;

// A chart fetches nothing: its data is inline, and no address in it is followed.
const loader = vega.loader();
loader.load = (address) => Promise.reject(new Error(`a chart may not load ${address}`));

async function draw(file, out) {
	const spec = JSON.parse(fs.readFileSync(file, "utf8"));
	const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: "none", loader });
	const svg = await view.toSVG();
	const escape = (text) => text.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
	const head = `<title>${escape(spec.title)}</title><desc>${escape(spec.description)}</desc>`;
	const target = path.join(out, path.basename(file).replace(/\.vl\.json$/, ".svg"));
	fs.writeFileSync(target, svg.replace(/^(<svg[^>]*>)/, (tag) => tag + head));
	console.log(target);
}

async function main() {
	const [out, ...files] = process.argv.slice(2);
	for (const file of files) await draw(file, out);
}
main().catch((error) => {
	console.error(`figures: ${error.message}`);
	process.exit(1);
});
