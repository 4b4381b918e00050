// SPDX-License-Identifier: GPL-3.0-or-later
// The other program behind test_hist_js.c: hdr-histogram-js, an independent implementation of HdrHistogram.
//
//   node hist_check.js read FILE   for each line of FILE, a histogram in base64, print what it holds
//   node hist_check.js write       print what a few histograms of its own hold
//
// "Holds" is one line: total, min, max, mean, then the values at the percentiles below, then the histogram in base64.
"use strict";

const fs = require("fs");
const hdr = require("hdr-histogram-js");

const percentiles = [0, 1, 10, 25, 50, 75, 90, 99, 99.9, 99.99, 100];

function print(histogram) {
	const values = percentiles.map((p) => histogram.getValueAtPercentile(p));
	console.log([
		histogram.totalCount,
		histogram.minNonZeroValue,
		histogram.maxValue,
		histogram.mean,
		...values,
		hdr.encodeIntoCompressedBase64(histogram),
	].join(" "));
}

// Histograms differ in range, digits and shape; a linear congruential generator makes them the same every time.
function write() {
	let state = 12345;
	const next = (bound) => {
		state = (state * 1103515245 + 12345) % 2147483648;
		return state % bound;
	};
	for (const digits of [1, 2, 3, 4, 5]) {
		for (const highest of [2048, 1000000, 3600000000000]) {
			const histogram = hdr.build({
				bitBucketSize: 64,
				autoResize: false,
				lowestDiscernibleValue: 1,
				highestTrackableValue: highest,
				numberOfSignificantValueDigits: digits,
			});
			for (let i = 0; i < 500; i++)
				histogram.recordValueWithCount(1 + next(Math.min(highest, 1 << (1 + i % 30))), 1 + next(1000));
			print(histogram);
		}
	}
}

if (process.argv[2] === "read") {
	const lines = fs.readFileSync(process.argv[3], "utf8").split("\n").filter((line) => line);
	for (const line of lines)
		print(hdr.decodeFromCompressedBase64(line, 64));
} else {
	write();
}
