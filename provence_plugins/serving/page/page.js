// The page: asks the server for scores once, and decides again in the browser whenever a setting changes.

import { countKept, countTokens, decide, keptText } from "./decide.js";
import { element, general, passageView, summarize, top } from "./view.js";
import { LONGEST_LINK, readState, writeState } from "./state.js";

const byId = (id) => document.getElementById(id);

// The slider is finer where most probabilities are: it moves along the square root, like the shading.
const SLIDER_STEPS = 1000;

// How long a screen reader is left alone while a slider moves.
const QUIET_MILLISECONDS = 500;

/** What the server said of the last question; null before. */
let scored = null;
let policy = {};
let cuts = new Map();
let frame = 0;
let quiet = 0;
let files = 0;

/** The request that runs for each path; a new one ends it. */
const running = new Map();

/* The question and the passages. */

function addPassage({ text = "", name = "" } = {}) {
  files += 1;
  const id = `passage-${files}`;
  const area = element("textarea", { id, spellcheck: "false", placeholder: "Paste a text" });
  area.value = text;
  const label = element("label", { for: id });
  const remove = element("button", { type: "button" }, "Remove");
  const box = element(
    "div",
    { class: "passage" },
    element("div", { class: "passage-head" }, label, remove),
    area,
  );
  box.dataset.name = name;
  remove.addEventListener("click", () => {
    box.remove();
    if (!byId("passages").children.length) addPassage();
    nameBoxes();
    byId("passages").querySelector("textarea").focus();
  });
  byId("passages").append(box);
  nameBoxes();
  return area;
}

function nameBoxes() {
  [...byId("passages").children].forEach((box, number) => {
    const name = box.dataset.name || `Passage ${number}`;
    box.querySelector("label").textContent = name;
    box.querySelector("button").setAttribute("aria-label", `Remove ${name}`);
  });
}

function readPassages() {
  const boxes = [...byId("passages").children];
  return boxes.map((box) => ({ text: box.querySelector("textarea").value, name: box.dataset.name }));
}

async function addFiles(list) {
  const skipped = [];
  for (const file of list) {
    try {
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
      dropEmptyBoxes();
      addPassage({ text, name: file.name });
    } catch {
      skipped.push(file.name);
    }
  }
  if (skipped.length) tell(`Not UTF-8 text, so not added: ${skipped.join(", ")}.`, true);
  else if (list.length) tell(`Added ${list.length} ${list.length === 1 ? "file" : "files"}.`);
}

function dropEmptyBoxes() {
  for (const box of [...byId("passages").children]) {
    if (!box.dataset.name && !box.querySelector("textarea").value.trim()) box.remove();
  }
}

/* The server. */

async function ask(path, body) {
  const headers = { "Content-Type": "application/json" };
  if (byId("key").value) headers.Authorization = `Bearer ${byId("key").value}`;
  running.get(path)?.abort();
  const controller = new AbortController();
  running.set(path, controller);
  const { signal } = controller;
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  if (answer.ok) return answer.json();
  if (answer.status === 401) {
    byId("key-field").hidden = false;
    byId("key").focus();
  }
  const { error } = await answer.json().catch(() => ({}));
  throw new Error(error || `The server answered with status ${answer.status}.`);
}

async function prune(wishes = {}) {
  dropEmptyBoxes();
  if (!byId("passages").children.length) addPassage();
  const passages = readPassages();
  const query = byId("query").value;
  const button = byId("prune");
  button.disabled = true;
  tell("Pruning…");
  try {
    const answer = await ask("page/scores", { query, passages: passages.map(({ text }) => ({ text })) });
    scored = { ...answer, query, texts: passages, characters: passages.map(({ text }) => Array.from(text)) };
    policy = { ...answer.policy, ...checkPolicy(wishes, answer.policy) };
    cuts = new Map();
    shown.clear();
    byId("budget").max = scored.passages.reduce((sum, passage) => sum + countTokens(passage), 0);
    showPolicy();
    byId("policy").hidden = false;
    byId("view").hidden = false;
    announce("");
    await update();
    // On a narrow screen the result lies below the form.
    if (byId("result").getBoundingClientRect().top > innerHeight / 2) byId("result").scrollIntoView();
  } catch (error) {
    if (error.name !== "AbortError") tell(error instanceof TypeError ? "The server cannot be reached. Check that it is running." : error.message, true);
  } finally {
    button.disabled = false;
  }
}

/* What is kept. */

// What a link may hold: values of the types that the server's own policy has.
function checkPolicy(wishes, known) {
  const isCount = (value, least) => Number.isInteger(value) && value >= least;
  const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;
  const checks = {
    threshold: isShare,
    passage_comparison: (value) => typeof value === "number" && value >= 0 && value <= 10,
    max_tokens: (value) => value === null || isCount(value, 0),
    top_n: (value) => value === null || isCount(value, 1),
    min_relevance: (value) => value === null || isShare(value),
    min_sentences: (value) => isCount(value, 1),
    when_empty: (value) => [...byId("when-empty").options].some((option) => option.value === value),
    order: (value) => [...byId("order").options].some((option) => option.value === value),
    keep_neighbors: (value) => Array.isArray(value) && value.length === 2 && value.every((each) => isCount(each, 0)),
    keep_headings: (value) => typeof value === "boolean",
    keep_title: (value) => typeof value === "boolean",
  };
  const entries = Object.entries(wishes).filter(([name, value]) => name in known && checks[name]?.(value));
  return Object.fromEntries(entries);
}

const numberOf = (id, otherwise) => {
  const field = byId(id);
  return field.value === "" || !field.validity.valid ? otherwise : Number(field.value);
};

function readPolicy() {
  policy = {
    ...policy,
    top_n: numberOf("top-n", null),
    min_relevance: numberOf("min-relevance", null),
    passage_comparison: numberOf("passage-comparison", policy.passage_comparison),
    min_sentences: numberOf("min-sentences", 1),
    when_empty: byId("when-empty").value,
    order: byId("order").value,
    keep_neighbors: [numberOf("before", 0), numberOf("after", 0)],
    keep_headings: byId("keep-headings").checked,
    keep_title: byId("keep-title").checked,
  };
}

function showPolicy() {
  showThreshold();
  showBudget();
  byId("top-n").value = policy.top_n ?? "";
  byId("min-relevance").value = policy.min_relevance ?? "";
  byId("passage-comparison").value = policy.passage_comparison;
  byId("min-sentences").value = policy.min_sentences;
  byId("when-empty").value = policy.when_empty;
  byId("order").value = policy.order;
  [byId("before").value, byId("after").value] = policy.keep_neighbors;
  byId("keep-headings").checked = policy.keep_headings;
  byId("keep-title").checked = policy.keep_title;
}

function showThreshold(except) {
  const text = general(policy.threshold);
  if (except !== "threshold") byId("threshold").value = Math.round(Math.sqrt(policy.threshold) * SLIDER_STEPS);
  if (except !== "threshold-number") byId("threshold-number").value = text;
  byId("threshold").setAttribute("aria-valuetext", text);
}

function showBudget(except) {
  const slider = byId("budget");
  if (except !== "budget") slider.value = policy.max_tokens ?? slider.max;
  if (except !== "budget-number") byId("budget-number").value = policy.max_tokens ?? "";
  slider.setAttribute("aria-valuetext", policy.max_tokens === null ? "no limit" : `${policy.max_tokens} tokens`);
}

function decideNow() {
  const decision = decide(scored.passages, policy, cuts);
  const describe = (row, isDropped) => ({
    ...scored.passages[row.row],
    name: scored.texts[row.row].name,
    characters: scored.characters[row.row],
    tokensBefore: countTokens(scored.passages[row.row]),
    tokensAfter: countKept(scored.passages[row.row], row),
    numbers: row.numbers,
    parts: row.parts,
    isDropped,
  });
  const rows = [
    ...decision.kept.map((row) => describe(row, false)),
    ...decision.dropped.map((row) => describe(row, true)),
  ];
  return { ...decision, view: { query: scored.query, threshold: policy.threshold, passageComparison: policy.passage_comparison, rows } };
}

async function update() {
  if (!scored) return;
  let decision = decideNow();
  while (decision.wanted) {
    const { key, row, number, room, is_json } = decision.wanted;
    const { start, end } = scored.passages[row].sentences[number];
    const text = scored.characters[row].slice(start, end).join("");
    try {
      cuts.set(key, await ask("page/cut", { text, room, is_json }));
    } catch (error) {
      if (error.name !== "AbortError") tell(error.message, true);
      return;
    }
    decision = decideNow();
  }
  show(decision.view);
}

function updateSoon() {
  cancelAnimationFrame(frame);
  frame = requestAnimationFrame(update);
}

/* What is seen. */

/** The passages as they are on the page, by their position in the input; equal decisions are not drawn again. */
const shown = new Map();

function show(view) {
  const box = byId("view");
  const showsNumbers = box.querySelector(".provence-legend input")?.checked ?? false;
  const passages = view.rows.map((row) => {
    const key = JSON.stringify([row.isDropped, [...row.numbers].sort((a, b) => a - b), [...row.parts]]);
    const before = shown.get(row.index);
    if (before?.key === key) return before.made;
    const made = passageView(row);
    if (before?.isDropped === row.isDropped) made.open = before.made.open;
    shown.set(row.index, { key, made, isDropped: row.isDropped });
    return made;
  });
  const above = top(view, showsNumbers);
  const isSame = [...box.children].slice(above.length).every((child, at) => child === passages[at]);
  if (isSame && box.children.length === above.length + passages.length) {
    above.forEach((made, at) => box.children[at].replaceWith(made));
  } else {
    box.replaceChildren(...above, ...passages);
  }
  clearTimeout(quiet);
  quiet = setTimeout(() => {
    if (byId("status").className !== "error") announce(`${summarize(view)}.`);
    remember();
  }, QUIET_MILLISECONDS);
}

function tell(message, isError = false) {
  const status = byId("status");
  status.textContent = message;
  status.className = isError ? "error" : "";
}

/** Tell screen readers alone; everybody else sees it in the view. */
function announce(message) {
  tell(message);
  byId("status").className = "heard";
}

/* Links. */

async function makeLink() {
  const kept = Object.fromEntries(Object.entries(policy).filter(([name]) => name !== "ties"));
  const passages = readPassages().map(({ text, name }) => (name ? { text, name } : { text }));
  const fragment = await writeState({ query: byId("query").value, passages, policy: kept });
  return fragment.length > LONGEST_LINK ? null : fragment;
}

async function remember() {
  const fragment = await makeLink();
  history.replaceState(null, "", fragment ?? location.pathname + location.search);
}

async function restore() {
  const state = await readState(location.hash);
  if (!state) return false;
  byId("query").value = state.query;
  byId("passages").replaceChildren();
  state.passages.forEach(addPassage);
  if (!state.passages.length) addPassage();
  if (state.query.trim()) await prune(state.policy);
  return true;
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    tell(`Copied ${what}.`);
  } catch {
    tell("The browser did not allow copying. Select the text and copy it yourself.", true);
  }
}

/* What a person does. */

byId("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  prune(policy);
});
byId("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("ask").requestSubmit();
});
byId("add").addEventListener("click", () => addPassage().focus());
byId("files").addEventListener("change", async ({ target }) => {
  await addFiles([...target.files]);
  target.value = "";
});
byId("policy").addEventListener("submit", (event) => event.preventDefault());
byId("policy").addEventListener("input", ({ target }) => {
  if (target.id === "threshold") policy.threshold = (target.value / SLIDER_STEPS) ** 2;
  else if (target.id === "threshold-number") policy.threshold = numberOf(target.id, policy.threshold);
  else if (target.id === "budget") policy.max_tokens = target.value === target.max ? null : Number(target.value);
  else if (target.id === "budget-number") policy.max_tokens = numberOf(target.id, null);
  else readPolicy();
  showThreshold(target.id);
  showBudget(target.id);
  updateSoon();
});
byId("reset").addEventListener("click", () => {
  policy = { ...scored.policy };
  showPolicy();
  updateSoon();
});
byId("copy-text").addEventListener("click", () => {
  const { kept } = decideNow();
  copy(keptText(kept, scored.passages, scored.characters), "the kept text");
});
byId("copy-link").addEventListener("click", async () => {
  const fragment = await makeLink();
  if (fragment) copy(new URL(fragment, location.href).href, "a link to this question, these texts and settings");
  else tell("The texts are too long for a link. Remove or shorten some.", true);
});

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    byId("drop").hidden = false;
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) byId("drop").hidden = true;
});
addEventListener("drop", (event) => {
  byId("drop").hidden = true;
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  addFiles([...event.dataTransfer.files]);
});
addEventListener("hashchange", restore);

if (!(await restore())) addPassage();
