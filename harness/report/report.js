// SPDX-License-Identifier: GPL-3.0-or-later
// Draws each chart when it comes near the screen, in the page's colours; the tables need none of this.
(function () {
	"use strict";

	const dark = window.matchMedia("(prefers-color-scheme: dark)");
	const charts = Array.from(document.querySelectorAll(".chart[data-spec]"));
	const views = new Map();

	function specOf(element) {
		const spec = JSON.parse(document.getElementById(element.dataset.spec).textContent);
		// The heading and the text above the chart say the same.
		delete spec.title;
		const config = spec.config || {};
		config.background = "transparent";
		if (dark.matches) {
			for (const part of ["axis", "header", "legend"]) {
				config[part] = Object.assign({}, config[part], { labelColor: "#a3acb7", titleColor: "#a3acb7" });
			}
			Object.assign(config.axis, { domainColor: "#39414b", tickColor: "#39414b", gridColor: "#262c34" });
			config.range = { category: ["#98a2ae", "#6da2ff", "#f0a062", "#45c79b", "#bb8cf5", "#ee7f9a", "#62c3e0", "#d0ad54"] };
		}
		spec.config = config;
		fit(spec, element.clientWidth);
		return spec;
	}

	// Panels side by side where there is room, one below the other on a phone.
	function fit(spec, width) {
		const axis = 84;
		if (!spec.facet) {
			spec.width = Math.max(240, width - 2);
			const rows = spec.encoding && spec.encoding.y && spec.encoding.y.axis;
			if (!rows) return;
			// Rows are told apart by their last word: the plot gives way, not the label.
			rows.labelLimit = Math.round(width * (width < 520 ? 0.6 : 0.45));
			if (width < 520) rows.labelFontSize = 10;
			return;
		}
		const panels = new Set(spec.data.values.map((value) => value[spec.facet.field])).size;
		const columns = Math.max(1, Math.min(panels, 3, Math.floor(width / 330)));
		spec.columns = columns;
		spec.spec.width = Math.max(180, Math.min(panels > 1 ? 460 : 860, columns > 1 ? Math.floor((width - axis) / columns) - 20 : width - axis));
		if (width < 520) {
			spec.config.legend = Object.assign({}, spec.config.legend, { columns: 2 });
		}
	}

	function label(element) {
		const svg = element.querySelector("svg");
		const figure = element.closest("figure");
		if (!svg || !figure) return;
		const add = (name, text) => {
			const node = document.createElementNS("http://www.w3.org/2000/svg", name);
			node.textContent = text;
			svg.insertBefore(node, svg.firstChild);
		};
		add("desc", figure.querySelector("figcaption p").textContent);
		add("title", figure.querySelector("figcaption h4").textContent);
	}

	async function draw(element) {
		if (element.dataset.state === "drawing") return;
		element.dataset.state = "drawing";
		try {
			const old = views.get(element);
			if (old) old.finalize();
			const result = await vegaEmbed(element, specOf(element), {
				mode: "vega-lite",
				renderer: "svg",
				tooltip: { theme: dark.matches ? "dark" : "light" },
				actions: { export: { svg: true, png: true }, source: false, compiled: false, editor: false },
				downloadFileName: element.dataset.spec,
			});
			views.set(element, result);
			label(element);
			element.dataset.state = "drawn";
			element.dataset.width = element.clientWidth;
		} catch (error) {
			element.dataset.state = "failed";
			element.textContent = "This chart could not be drawn: " + error.message + ". Its numbers are in the table below.";
			console.error(error);
		}
	}

	function redraw(isNeeded) {
		for (const element of views.keys()) if (isNeeded(element)) draw(element);
	}

	if (typeof vegaEmbed !== "function") return;
	const near = new IntersectionObserver((entries) => {
		for (const entry of entries) {
			if (!entry.isIntersecting) continue;
			near.unobserve(entry.target);
			draw(entry.target);
		}
	}, { rootMargin: "600px 0px" });
	charts.forEach((element) => near.observe(element));

	dark.addEventListener("change", () => redraw(() => true));
	let timer = 0;
	window.addEventListener("resize", () => {
		clearTimeout(timer);
		timer = setTimeout(() => redraw((element) => Math.abs(element.clientWidth - element.dataset.width) > 24), 200);
	});
	window.addEventListener("beforeprint", () => {
		document.querySelectorAll("details").forEach((details) => { details.open = true; });
	});
})();
