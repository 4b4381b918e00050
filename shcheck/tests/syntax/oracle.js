// SPDX-License-Identifier: GPL-3.0-or-later
//
// Compares the ranges of words, redirections and substitutions with those of npm mvdan-sh, script by script.
// Usage: node oracle.js NODE_MODULES RANGES_PROGRAM, the paths of scripts on standard input, one a line.
// Exit 0 when at least 99.5 % of the scripts that mvdan-sh accepts agree; the others are listed.
'use strict';

const fs = require('fs');
const path = require('path');
const { execFileSync } = require('child_process');

const [modules, program] = process.argv.slice(2);
const { syntax } = require(path.join(path.resolve(modules), 'mvdan-sh'));
const AGREEMENT_MIN = 0.995;
const LISTED_MAX = 5;
const FILES_PER_CALL = 100;

const ARITHMETIC = new Set(['ArithmExp', 'ArithmCmd', 'BinaryArithm', 'UnaryArithm', 'ParenArithm', 'CStyleLoop', 'LetClause']);

const start = (node) => node.Pos().Offset();
const end = (node) => node.End().Offset();

// A pointer of Go that is nil has no usable methods.
function exists(node) {
	try {
		return node !== null && node !== undefined && node.Pos().IsValid();
	} catch {
		return false;
	}
}

// The words that are no words of the shell: subscripts, slices, bodies of here-documents. "start end" of each.
function hiddenBy(node, type) {
	const hidden = [];
	const hide = (inner) => {
		if (exists(inner)) {
			hidden.push(`${start(inner)} ${end(inner)}`);
		}
	};

	if (type === 'ParamExp') {
		hide(node.Index);
		if (node.Slice) {
			hide(node.Slice.Offset);
			hide(node.Slice.Length);
		}
	} else if (type === 'Assign' || type === 'ArrayElem') {
		hide(node.Index);
	} else if (type === 'Redirect') {
		hide(node.Hdoc);
	}
	return hidden;
}

function rangesOf(file) {
	const ranges = [];
	const stack = [];

	const visit = (node) => {
		if (node === null) {
			stack.pop();
			return true;
		}
		const type = syntax.NodeType(node);
		const parent = stack[stack.length - 1];
		const place = `${start(node)} ${end(node)}`;
		const arithmetic = ARITHMETIC.has(type);

		stack.push({ type, arithmetic, hidden: hiddenBy(node, type) });
		if (type === 'Word') {
			if (!(parent && (parent.arithmetic || parent.hidden.includes(place))) && start(node) < end(node)) {
				ranges.push(`W ${place}`);
			}
		} else if (type === 'Redirect') {
			ranges.push(`R ${start(node)} ${end(node.Word)}`);
		} else if (type === 'CmdSubst' || type === 'ProcSubst') {
			ranges.push(`S ${place}`);
		} else if (type === 'DeclClause') {
			ranges.push(`W ${start(node.Variant)} ${end(node.Variant)}`);
		} else if (type === 'LetClause') {
			ranges.push(`W ${start(node)} ${start(node) + 3}`);
		} else if (type === 'Assign' && node.Naked && exists(node.Name)) {
			ranges.push(`W ${place}`);
		}
		return true;
	};

	syntax.Walk(file, visit);
	return ranges;
}

// Inside backquotes mvdan-sh counts the backslash of \" as part of a word, that of \` at its beginning not, and that of
// the \` after a word as part of it. Here a backslash belongs to the character that it escapes.
function withEscapes(range, bytes) {
	const [kind, from, to] = range.split(' ');
	let first = Number(from);
	let last = Number(to);

	if (bytes[first] === 0x60 && bytes[first - 1] === 0x5c) {
		first--;
	}
	if (bytes[last] === 0x60 && bytes[last - 1] === 0x5c && last - first > 1) {
		last--;
	}
	return `${kind} ${first} ${last}`;
}

function ours(paths) {
	const lines = [];

	for (let at = 0; at < paths.length; at += FILES_PER_CALL) {
		const text = execFileSync(program, paths.slice(at, at + FILES_PER_CALL), { maxBuffer: 1 << 30 });

		lines.push(...text.toString().split('\n').slice(0, -1));
	}
	return lines.map((line) => (line === 'E' ? null : line.match(/[WRS] \d+ \d+/g) || []));
}

function difference(left, right) {
	const other = new Set(right);

	return [...new Set(left)].filter((range) => !other.has(range));
}

function main() {
	const paths = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean);
	const parser = syntax.NewParser();
	const all = ours(paths);
	let accepted = 0;
	let agreeing = 0;
	let compared = 0;

	paths.forEach((file, i) => {
		const bytes = fs.readFileSync(file);
		const text = bytes.toString('utf8');
		let tree;

		if (Buffer.compare(Buffer.from(text, 'utf8'), bytes) !== 0) {
			return; // its offsets would be those of another text
		}
		try {
			tree = parser.Parse(text, file);
		} catch {
			return;
		}
		accepted++;
		const theirs = rangesOf(tree).map((range) => withEscapes(range, bytes));
		const mine = all[i] || [];
		const missing = difference(theirs, mine);
		const extra = difference(mine, theirs);

		compared += mine.length;
		if (all[i] && missing.length === 0 && extra.length === 0) {
			agreeing++;
			return;
		}
		console.log(`${file}: ${all[i] ? '' : 'refused here; '}only mvdan-sh: ${missing.length}, only shcheck: ${extra.length}`);
		const shown = (name, list) => list.slice(0, LISTED_MAX).forEach((range) => {
			const [, from, to] = range.split(' ').map(Number);

			console.log(`  ${name} ${range} ${JSON.stringify(bytes.subarray(from, Math.min(to, from + 60)).toString())}`);
		});
		shown('mvdan-sh', missing);
		shown('shcheck ', extra);
	});
	if (accepted === 0 || compared === 0) {
		console.log('nothing was compared');
		process.exit(1);
	}
	console.log(`${agreeing} of ${accepted} scripts agree (${(100 * agreeing / accepted).toFixed(2)} %), ${compared} ranges`);
	process.exit(agreeing / accepted >= AGREEMENT_MIN ? 0 : 1);
}

main();
