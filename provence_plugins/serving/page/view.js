// Shows a result: the same elements as provence_plugins/engine/rendering.py writes for notebooks and --html.
// Everything from outside becomes a text node or the value of an attribute, never markup.

const DEEPEST_SHADE = 0.5;
const SCALE_STOPS = [0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0];
const MONOSPACE = new Set(["code", "table_header", "table_row"]);
const HEADING = /^([ \t]*#{0,6}[ \t]*)([\s\S]*)$/;
const BAR = /(?<!\\)\|/;

/** Make an element; the key "style" holds CSS properties, children that are strings become text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "style") for (const [property, text] of Object.entries(value)) made.style.setProperty(property, text);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Return what stands above the passages: the question, the summary and the legend. */
export function top(view, showsNumbers = false) {
  const heading = { class: "provence-query", role: "heading", "aria-level": "2" };
  return [
    element("p", heading, element("bdi", {}, view.query)),
    element("p", {}, summarize(view)),
    legend(view.threshold, showsNumbers),
  ];
}

/** Return the line that says how many passages and tokens are kept. */
export function summarize(view) {
  const before = sum(view.rows.map((row) => row.tokensBefore));
  const after = sum(view.rows.map((row) => row.tokensAfter));
  const kept = view.rows.filter((row) => !row.isDropped).length;
  const savings = describeSavings(before, after);
  const compared = view.passageComparison && view.rows.length > 1 ? ", passages compared" : "";
  return `${kept} of ${view.rows.length} passages kept · ${savings} · threshold ${general(view.threshold)}${compared}`;
}

function legend(threshold, showsNumbers) {
  const stops = SCALE_STOPS.map((stop) => `rgb(var(--hue) / ${fixed(shade(stop), 3)}) ${fixed(stop * 100, 0)}%`);
  const shown = general(threshold);
  const label = `Shading from probability 0, clear, to 1, full. The threshold is ${shown}.`;
  const mark = element("i", { style: { left: `${fixed(threshold * 100, 1)}%` } });
  const bar = { class: "provence-bar", style: { background: `linear-gradient(to right, ${stops.join(", ")})` } };
  const numbers = element("input", { type: "checkbox" });
  numbers.checked = showsNumbers;
  return element(
    "div",
    { class: "provence-legend" },
    element(
      "span",
      { class: "provence-scale", role: "img", "aria-label": label },
      "probability 0",
      element("span", bar, mark),
      "1",
    ),
    element("span", {}, `line: threshold ${shown}`),
    element("span", {}, "kept text"),
    element("del", {}, "removed text"),
    element("label", {}, numbers, " show probabilities"),
  );
}

/** Return a passage: its header, and its text with kept and removed sentences. */
export function passageView(row) {
  const details = element("details", row.isDropped ? {} : { open: "" });
  const text = element("div", { class: "provence-text", dir: "auto" });
  for (const block of blocks(row)) {
    const runs = block.flatMap((sentence, at) => {
      if (at && block[at - 1].kept === sentence.kept) return [];
      let end = at;
      while (end < block.length && block[end].kept === sentence.kept) end += 1;
      const shown = block.slice(at, end).map(sentenceView);
      return sentence.kept ? shown : [element("del", {}, ...shown)];
    });
    if (isRow(block[0])) text.append(element("span", { class: "provence-table", role: "table" }, ...runs));
    else text.append(...runs);
  }
  details.append(element("summary", {}, element("bdi", {}, header(row))), text);
  return details;
}

function header(row) {
  const parts = [row.name || `[${row.index}]`];
  if (row.title) parts.push(row.title);
  parts.push(`relevance ${fixed(row.relevance, 3)}`, describeSavings(row.tokensBefore, row.tokensAfter));
  if (row.isDropped) {
    const best = Math.max(0, ...row.sentences.map((sentence) => sentence.probability));
    parts.push(`dropped, best probability ${fixed(best, 3)}`);
  }
  return parts.join(" · ");
}

function* blocks(row) {
  let block = [];
  for (const sentence of withCuts(row)) {
    const last = block.at(-1);
    const beginsTable = last && isRow(sentence) && sentence.kind === "table_header" && last.kind === "table_row";
    if (last && (beginsTable || isRow(sentence) !== isRow(last))) {
      yield block;
      block = [];
    }
    block.push(sentence);
  }
  if (block.length) yield block;
}

function* withCuts(row) {
  for (const [number, sentence] of row.sentences.entries()) {
    const part = row.parts.get(number);
    const text = (start, end) => row.characters.slice(start, end).join("");
    const { start, end } = sentence;
    if (part) {
      yield { ...sentence, kept: true, text: text(start, part.end) };
      yield { ...sentence, kept: false, text: text(part.end, end) };
    } else {
      yield { ...sentence, kept: row.numbers.has(number), text: text(start, end) };
    }
  }
}

function isRow({ kind, text }) {
  if (kind !== "table_header" && kind !== "table_row") return false;
  const [line, below] = partition(text);
  return line.includes("|") && /^[ \t\r\n|:+-]*$/.test(below);
}

function sentenceView(sentence) {
  const { probability, kind, tokens, text } = sentence;
  const about = {
    style: { "--shade": fixed(shade(probability), 3) },
    "data-probability": fixed(probability, 2),
    title: `probability ${fixed(probability, 3)} · ${kind} · ${tokens} tokens`,
  };
  if (isRow(sentence)) return element("span", { class: "provence-row", role: "row", ...about }, ...cells(text, kind));
  if (kind === "heading") {
    const [, marks, rest] = HEADING.exec(text);
    const level = Math.min(6, 2 + (marks.split("#").length - 1 || 1));
    const shown = marks ? [element("span", { class: "provence-mark" }, marks)] : [];
    const own = { class: "provence-heading", role: "heading", "aria-level": level };
    return element("span", { ...own, ...about }, ...shown, rest);
  }
  return element("span", MONOSPACE.has(kind) ? { class: "provence-code", ...about } : about, text);
}

function cells(text, kind) {
  const own =
    kind === "table_header"
      ? { class: "provence-head", role: "columnheader" }
      : { class: "provence-cell", role: "cell" };
  return splitRow(text).flatMap((part, number) => {
    if (number % 2) return [element("span", own, part)];
    return part ? [element("span", { class: "provence-separator", "aria-hidden": "true" }, part)] : [];
  });
}

function splitRow(text) {
  const [line, below] = partition(text);
  const pieces = line.split(BAR);
  const isBlank = (piece) => /^[ \t\r]*$/.test(piece);
  const first = pieces.length > 1 && isBlank(pieces[0]) ? 1 : 0;
  const last = pieces.length - (pieces.length > first + 1 && isBlank(pieces.at(-1)) ? 1 : 0);
  const parts = [first ? `${pieces[0]}|` : ""];
  for (let number = first; number < last; number += 1) {
    const bare = pieces[number].replace(/^[ \t\r]+/, "");
    parts[parts.length - 1] += pieces[number].slice(0, pieces[number].length - bare.length);
    const cell = trimEnd(bare);
    parts.push(cell, bare.slice(cell.length) + (number < pieces.length - 1 ? "|" : ""));
  }
  parts[parts.length - 1] += pieces.slice(last).join("|") + text.slice(line.length);
  return parts;
}

// Character by character: an expression for white space at the end tries every run of it.
function trimEnd(text) {
  let end = text.length;
  while (end && " \t\r".includes(text[end - 1])) end -= 1;
  return text.slice(0, end);
}

function partition(text) {
  const end = text.indexOf("\n");
  return end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end + 1)];
}

function shade(probability) {
  return DEEPEST_SHADE * Math.sqrt(Math.min(Math.max(probability, 0), 1));
}

function describeSavings(before, after) {
  const removed = before ? 1 - after / before : 0;
  return `${before} → ${after} tokens · ${fixed(removed * 100, 0)}% removed`;
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Format like Python's ".3f": of two numbers that are equally near, the even one. */
export function fixed(value, digits) {
  const exact = value.toFixed(Math.min(100, digits + 60));
  const cut = exact.length - 60;
  const isTie = /^50*$/.test(exact.slice(cut));
  if (!isTie) return value.toFixed(digits);
  const below = digits ? exact.slice(0, cut) : exact.slice(0, cut - 1);
  const lastDigit = Number(below.at(-1));
  return lastDigit % 2 ? value.toFixed(digits) : below;
}

/** Format like Python's "g": six digits, without zeros at the end. */
export function general(value) {
  if (!value) return "0";
  const [digits, exponent] = value.toExponential(5).split("e");
  const power = Number(exponent);
  const bare = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power >= -4 && power < 6) return bare(value.toFixed(Math.max(0, 5 - power)));
  const size = String(Math.abs(power)).padStart(2, "0");
  return `${bare(digits)}e${power < 0 ? "-" : "+"}${size}`;
}
