// SPDX-License-Identifier: GPL-3.0-or-later
// The dashboard: a list of series that can be filtered, each with its nights, changes and the machine's settings. Everything is
// in the page; values are two characters a night (dashboard.c).
"use strict";
(() => {
	const data = JSON.parse(document.getElementById("history-data").textContent);
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const digit = new Map(Array.from(digits, (letter, i) => [letter, i]));
	const list = document.getElementById("list"), count = document.getElementById("count");
	const more = document.getElementById("more"), sub = document.getElementById("sub");
	const search = document.getElementById("search"), changed = document.getElementById("changed");
	const PAGE = 100;
	const changes = new Map();
	let shown = [], at = 0;

	for (const change of data.changes) {
		if (!changes.has(change.series)) changes.set(change.series, []);
		changes.get(change.series).push(change);
	}

	// Ratios of a series by run of its group; null where there is none.
	function values(series) {
		const result = [];
		for (let i = 0; i < series.d.length; i += 2) {
			const code = digit.get(series.d[i]) * 64 + digit.get(series.d[i + 1]);
			result.push(code ? Math.exp(series.lo + (series.hi - series.lo) * (code - 1) / 4094) : null);
		}
		return result;
	}

	function element(name, attributes, text) {
		const svg = ["svg", "path", "circle", "line", "rect", "title", "text", "g"].includes(name);
		const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
		for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
		if (text !== undefined) node.textContent = text;
		return node;
	}

	function format(ratio) {
		return ratio === null ? "–" : "×" + ratio.toPrecision(4);
	}

	function line(points, width, height) {
		const known = points.filter((value) => value !== null);
		if (!known.length) return { path: "", y: () => height / 2, x: () => 0, lo: 1, hi: 1 };
		let lo = Math.log(Math.min(...known)), hi = Math.log(Math.max(...known));
		if (hi - lo < 0.01) [lo, hi] = [(lo + hi) / 2 - 0.005, (lo + hi) / 2 + 0.005];
		const x = (i) => points.length < 2 ? width / 2 : i * width / (points.length - 1);
		const y = (value) => height - (Math.log(value) - lo) * height / (hi - lo);
		let path = "", pen = "M";
		points.forEach((value, i) => {
			if (value === null) return;
			path += `${pen}${x(i).toFixed(1)} ${y(value).toFixed(1)}`;
			pen = "L";
		});
		return { path, x, y, lo: Math.exp(lo), hi: Math.exp(hi) };
	}

	function chart(series, points) {
		const runs = data.groups[series.g], width = 900, height = 220;
		const svg = element("svg", { viewBox: `-60 -12 ${width + 80} ${height + 50}`, role: "img" });
		const drawn = line(points, width, height);
		svg.append(element("title", {}, `${series.n}: ratio to the baseline, ${points.length} nights, ${changes.get(series.id)?.length || 0} changes`));
		svg.append(element("text", { class: "axis", x: -58, y: 4 }, format(drawn.hi)));
		svg.append(element("text", { class: "axis", x: -58, y: height + 4 }, format(drawn.lo)));
		const strip = element("g", { class: "environment" });
		let from = 0, settings = 0;
		for (let i = 1; i <= runs.length; i++) {
			if (i < runs.length && runs[i][2] === runs[from][2]) continue;
			const left = drawn.x(from), right = i < runs.length ? drawn.x(i) : width;
			const box = element("rect", { class: `env${settings++ % 2}`, x: left, y: height + 14, width: Math.max(1, right - left), height: 8 });
			box.append(element("title", {}, `settings ${runs[from][2]} from ${runs[from][1].slice(0, 10)}`));
			strip.append(box);
			from = i;
		}
		svg.append(strip, element("path", { class: "values", d: drawn.path }));
		for (const change of changes.get(series.id) || []) {
			const i = runs.findIndex((run) => run[0] === change.run_id);
			const mark = element("line", { class: `change ${change.kind}`, x1: drawn.x(i), x2: drawn.x(i), y1: 0, y2: height });
			mark.append(element("title", {}, `${change.kind} (${change.state}) since ${change.utc.slice(0, 10)}`));
			svg.append(mark);
		}
		if (points.length <= 400) points.forEach((value, i) => {
			if (value === null) return;
			const dot = element("circle", { cx: drawn.x(i), cy: drawn.y(value), r: 2.5 });
			dot.append(element("title", {}, `${runs[i][1].slice(0, 10)} ${format(value)} settings ${runs[i][2]} build ${runs[i][3]}`));
			svg.append(dot);
		});
		return svg;
	}

	function nights(series, points) {
		const details = element("details"), table = element("table"), body = element("tbody");
		details.append(element("summary", {}, "Nights, newest first"));
		table.append(element("thead"), body);
		const head = element("tr");
		for (const title of ["Night", "Ratio", "Settings", "Build", "Commit", "Run"]) head.append(element("th", { scope: "col" }, title));
		table.tHead.append(head);
		data.groups[series.g].map((run, i) => [run, points[i]]).reverse().forEach(([run, value]) => {
			if (value === null || value === undefined) return;
			const row = element("tr"), link = element("td");
			for (const text of [run[1].slice(0, 16).replace("T", " "), format(value), run[2], run[3], run[4]]) row.append(element("td", {}, text));
			link.append(element("a", { href: `${run[0]}/report.html` }, run[0].slice(0, 13)));
			row.append(link);
			body.append(row);
		});
		details.append(table);
		return details;
	}

	function open(item, series, points) {
		const button = item.querySelector("button"), detail = item.querySelector(".detail");
		const opening = button.getAttribute("aria-expanded") !== "true";
		button.setAttribute("aria-expanded", String(opening));
		detail.hidden = !opening;
		if (!opening || detail.firstChild) return;
		for (const change of changes.get(series.id) || []) {
			const size = change.before ? `: ×${Number(change.before).toPrecision(4)} to ×${Number(change.after).toPrecision(4)}` : "";
			const suspects = change.same_build ? "same build" : `${change.commit_before.slice(0, 12)}..${change.commit_after.slice(0, 12)}`;
			detail.append(element("p", { class: change.kind }, `No. ${change.id} ${change.kind} (${change.state})${size}, since ${change.utc.slice(0, 10)}, ${suspects}${change.reason ? ", " + change.reason : ""}`));
		}
		detail.append(chart(series, points), nights(series, points));
	}

	function row(series) {
		const points = values(series), last = points.findLast ? points.findLast((v) => v !== null) : points[points.length - 1];
		const item = element("li", { "data-id": series.id }), button = element("button", { class: "row", type: "button", "aria-expanded": "false" });
		const spark = element("svg", { class: "spark", width: 160, height: 24, viewBox: "-2 -2 164 28", "aria-hidden": "true" });
		spark.append(element("path", { d: line(points, 160, 24).path }));
		button.append(element("span", { class: "name" }, series.n));
		for (const change of changes.get(series.id) || [])
			button.append(element("span", { class: change.kind }, change.state === "open" ? change.kind : change.state));
		button.append(element("span", { class: "ratio" }, format(last === undefined ? null : last)), spark);
		button.addEventListener("click", () => open(item, series, points));
		item.append(button, element("div", { class: "detail", hidden: "" }));
		return item;
	}

	function page() {
		const part = shown.slice(at, at + PAGE);
		list.append(...part.map(row));
		at += part.length;
		more.hidden = at >= shown.length;
		count.textContent = `${shown.length} of ${data.series.length} series`;
	}

	function filter() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		shown = data.series.filter((series) => (!sub.value || series.n.startsWith(sub.value + "/")) &&
			(!changed.checked || changes.has(series.id)) && words.every((word) => series.n.toLowerCase().includes(word)));
		list.replaceChildren();
		at = 0;
		page();
	}

	for (const name of [...new Set(data.series.map((series) => series.n.split("/")[0]))].sort()) sub.append(element("option", { value: name }, name));
	for (const control of [sub, search, changed]) control.addEventListener("input", filter);
	more.addEventListener("click", page);
	document.querySelectorAll("a[data-series]").forEach((link) => link.addEventListener("click", (event) => {
		const id = Number(link.dataset.series), series = data.series.find((one) => one.id === id);
		event.preventDefault();
		search.value = series.n;
		sub.value = "";
		changed.checked = false;
		filter();
		const item = list.querySelector(`[data-id="${id}"]`);
		item.querySelector("button").click();
		item.querySelector("button").focus();
		item.scrollIntoView();
	}));
	document.querySelector(".filters").hidden = false;
	filter();
})();
