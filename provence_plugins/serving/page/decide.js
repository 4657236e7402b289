// Decides which sentences are kept, given their scores: provence_plugins/engine/decisions.py, step by step, but for the
// fields `deduplicate`, which compares the words of all passages, and `omission`, whose marks take room.
// Only a sentence that is longer than the whole budget needs the tokenizer, which the server has: then the answer says
// which cut is wanted, and the caller decides again with it.

const FRAMES = new Set(["heading", "table_header", "structure"]);
// Probability from which on a sentence counts against those of other passages, and the least that has finite log-odds.
const SURE = 0.1;
const LEAST_PROBABILITY = 1e-7;
const ALWAYS = new Set(["inside", "closing", "separator"]);

// One line break parts lines and items of a list, two part paragraphs. More of them part no better.
const PARAGRAPH = 2;

// The white space of Python's str.isspace, which is not that of \s.
const SPACE = "\\t-\\r\\x1c- \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const SPACE_AT_END = new RegExp(`[${SPACE}]+$`, "u");
const IS_SPACE = new RegExp(`[${SPACE}]`, "u");

/**
 * Decide which sentences of the passages are kept.
 *
 * @param {object[]} passages Scored passages in input order, as the server describes them.
 * @param {object} policy The fields of PruningPolicy; threshold must be a number.
 * @param {Map<string, object>} cuts Answers to cuts that were wanted, by their key.
 * @returns {{kept: object[], dropped: object[], wanted: object | null}} A row of each list has the position of its
 *   passage in the input (`row`), the numbers of its kept sentences (`numbers`), and the kept parts of sentences that
 *   are cut (`parts`). `wanted` is a cut that only the server can make; without it the decision is not final.
 */
export function decide(passages, policy, cuts = new Map()) {
  const budget = spendBudget(passages, policy, cuts);
  const kept = [];
  const dropped = [];
  passages.forEach((passage, row) => {
    const numbers = budget.kept[row];
    const hasTokens = [...numbers].some((number) => passage.sentences[number].tokens > 0);
    if (!countTokens(passage) || hasTokens) kept.push({ row, numbers, parts: budget.parts[row] });
    else dropped.push({ row, numbers: new Set(), parts: new Map() });
  });
  if (policy.order === "relevance") {
    kept.sort((one, other) => passages[other.row].relevance - passages[one.row].relevance);
  }
  return { kept, dropped, wanted: budget.wanted };
}

function spendBudget(passages, policy, cuts) {
  const compared = comparePassages(passages, policy.passage_comparison);
  let chosen = passages.map((passage, row) => chooseSentences(passage, compared[row], policy));
  if (policy.when_empty === "keep_one") chosen = chooseInOne(passages, chosen, policy);
  chosen = dropIrrelevant(passages, chosen, policy);
  const pinned = passages.map((passage) => units(passage).filter((number) => passage.sentences[number].pinned));
  const budget = new Budget(passages, policy, cuts);
  budget.spend(pinned);
  budget.spend(chosen);
  const anchors = budget.kept.map((kept, row) => {
    const own = new Set([...pinned[row], ...chosen[row]]);
    return [...kept].filter((number) => own.has(number));
  });
  for (const ring of neighbors(passages, anchors, policy.keep_neighbors)) budget.spend(ring);
  for (const wanted of [pinned, chosen]) if (!budget.hasContent()) budget.cutBest(wanted);
  passages.forEach((passage, row) => {
    for (const number of looseSeparators(passage.sentences, budget.kept[row])) budget.kept[row].delete(number);
  });
  return budget;
}

// engine/pooling.py: the probabilities of each passage after a comparison with the surest of them.
function comparePassages(passages, weight) {
  const probabilities = passages.map((passage) => passage.sentences.map((sentence) => sentence.probability));
  if (!weight) return probabilities;
  const sureness = probabilities.map((own, row) => {
    const { is_legible, relevance_probability } = passages[row];
    const best = own.reduce((one, other) => Math.max(one, other), 0);
    return is_legible ? limitedLogOdds(best) + limitedLogOdds(relevance_probability) : null;
  });
  const surest = Math.max(...sureness.filter((each) => each !== null));
  return probabilities.map((own, row) => {
    const fall = sureness[row] === null ? 0 : weight * (surest - sureness[row]);
    return fall ? own.map((each) => Math.min(each, 1 / (1 + Math.exp(fall - logOdds(each))))) : own;
  });
}

function limitedLogOdds(probability) {
  return logOdds(Math.min(Math.max(probability, SURE), 1 - SURE));
}

function logOdds(probability) {
  const limited = Math.min(Math.max(probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY);
  return Math.log(limited) - Math.log1p(-limited);
}

function chooseSentences(passage, probabilities, policy) {
  if (!countTokens(passage)) return passage.sentences.map((_, number) => number);
  const numbers = units(passage);
  const passing = numbers.filter((number) => probabilities[number] >= policy.threshold);
  if (passing.length || policy.when_empty === "keep_best") {
    return [...new Set([...passing, ...bestSentences(passage, policy)])];
  }
  return policy.when_empty === "keep_all" ? numbers : [];
}

function bestSentences(passage, policy) {
  const probability = (number) => passage.sentences[number].probability;
  return units(passage).sort((one, other) => probability(other) - probability(one)).slice(0, policy.min_sentences);
}

function units(passage) {
  const numbers = [];
  passage.sentences.forEach((sentence, number) => {
    if (sentence.kind !== "structure") numbers.push(number);
  });
  return numbers;
}

function chooseInOne(passages, chosen, policy) {
  const rows = passages.map((_, row) => row).filter((row) => countTokens(passages[row]));
  if (!rows.length || rows.some((row) => chosen[row].length)) return chosen;
  const best = rows.reduce((one, row) => (passages[row].relevance > passages[one].relevance ? row : one));
  return chosen.map((numbers, row) => (row === best ? bestSentences(passages[best], policy) : numbers));
}

function dropIrrelevant(passages, chosen, policy) {
  const competing = passages
    .map((_, row) => row)
    .filter((row) => chosen[row].length && countTokens(passages[row]) && passages[row].is_legible);
  const least = policy.min_relevance ?? -Infinity;
  const winning = competing
    .filter((row) => passages[row].relevance_probability >= least)
    .sort((one, other) => passages[other].relevance - passages[one].relevance)
    .slice(0, policy.top_n ?? undefined);
  const losing = new Set(competing.filter((row) => !winning.includes(row)));
  return chosen.map((numbers, row) => (losing.has(row) ? [] : numbers));
}

function* neighbors(passages, anchors, [before, after]) {
  const longest = Math.max(0, ...passages.map((passage) => passage.sentences.length));
  const own = passages.map((passage) => new Set(units(passage)));
  for (let distance = 1; distance <= Math.min(Math.max(before, after), longest); distance += 1) {
    const steps = [];
    if (distance <= before) steps.push(-distance);
    if (distance <= after) steps.push(distance);
    yield anchors.map((numbers, row) => {
      const around = new Set(numbers.flatMap((number) => steps.map((step) => number + step)));
      return [...around].filter((number) => own[row].has(number));
    });
  }
}

/** The room that is left, and the sentences of each passage that have got some of it: engine/spending.py. */
class Budget {
  constructor(passages, policy, cuts) {
    this.passages = passages;
    this.policy = policy;
    this.cuts = cuts;
    this.room = policy.max_tokens ?? Infinity;
    this.kept = passages.map(() => new Set());
    this.parts = passages.map(() => new Map());
    this.wanted = null;
    const hasBudget = this.room < Infinity;
    this.countsSpace = passages.map(({ sentences }) => hasBudget && sentences.some(({ space }) => space?.cost > 0));
  }

  hasContent() {
    return this.passages.some((passage, row) => [...this.kept[row]].some((number) => isContent(passage, number)));
  }

  hasTokens() {
    const isKept = (row) => [...this.kept[row]].some((number) => this.passages[row].sentences[number].tokens > 0);
    return this.passages.some((_, row) => isKept(row));
  }

  spend(wanted) {
    for (const [row, number] of mostProbableFirst(this.passages, wanted)) {
      if (this.keepWithBrought(row, number, true) || this.keepWithBrought(row, number, false)) {
        if (this.policy.keep_title) this.keep(row, [0]);
      } else if (this.passages[row].sentences[number].kind === "table_row") {
        this.keep(row, [number]);
      }
    }
  }

  cutBest(wanted) {
    if (this.room <= 0) return;
    const ranked = mostProbableFirst(this.passages, wanted);
    let places = ranked.filter(([row, number]) => isContent(this.passages[row], number));
    if (!places.length && !this.hasTokens()) places = ranked.filter(([row, number]) => isTitle(this.passages[row], number));
    for (const [row, number] of places) {
      const sentence = this.passages[row].sentences[number];
      if (isJson(sentence) && sentence.kind !== "sentence") continue;
      const headings = this.broughtBy(row, number, false);
      if (headings && this.keepPart(row, number, headings)) return;
      if (this.wanted) return;
      if (!isJson(sentence)) break;
    }
    if (!places.length) return;
    const [row, number] = places[0];
    const isPartOfJson = isJson(this.passages[row].sentences[number]);
    // A cut outside of strings breaks JSON. It is made only where nothing would be kept otherwise.
    if (isPartOfJson && (this.keepFrame(row, number) || this.hasTokens())) return;
    this.keepPart(row, number, new Set());
  }

  keepFrame(row, number) {
    const { sentences } = this.passages[row];
    const tied = (from, kind) => sentences[from].ties.filter(([tie]) => tie === kind).map(([, to]) => to);
    let opener = number;
    const passed = new Set([number]);
    for (;;) {
      const outer = tied(opener, "inside").find((to) => !passed.has(to));
      if (outer === undefined) break;
      passed.add(outer);
      opener = outer;
    }
    return opener !== number && this.keep(row, new Set([opener, ...tied(opener, "closing")]));
  }

  keepPart(row, number, headings) {
    const cost =
      this.cost(row, headings) + this.addedBreaks(row, [number, ...headings]) + this.breakBehind(row, number, headings);
    if (this.room <= cost) return false;
    const sentence = this.passages[row].sentences[number];
    const key = `${row}:${number}:${this.room - cost}`;
    const cut = this.cuts.get(key);
    if (!cut) {
      this.wanted ??= { key, row, number, room: this.room - cost, is_json: isJson(sentence) };
      return false;
    }
    if (!cut.characters || (cut.skipped && (this.kept[row].size || headings.size))) return false;
    const start = sentence.start + cut.skipped;
    this.parts[row].set(number, { start, end: start + cut.characters, tokens: cut.tokens, space: cut.space });
    for (const kept of [number, ...headings]) this.kept[row].add(kept);
    this.room -= cost + cut.cost;
    return true;
  }

  keep(row, numbers) {
    const added = [...numbers].filter((number) => !this.kept[row].has(number));
    const cost = this.cost(row, added) + this.addedBreaks(row, added);
    if (cost > this.room) return false;
    for (const number of added) this.kept[row].add(number);
    this.room -= cost;
    return true;
  }

  cost(row, numbers) {
    let cost = 0;
    for (const number of numbers) cost += this.passages[row].sentences[number].cost;
    return cost;
  }

  /** What the white space takes between sentences that are kept in addition and those around them. */
  addedBreaks(row, numbers) {
    if (!this.countsSpace[row]) return 0;
    return this.breaks(row, new Set([...this.kept[row], ...numbers])) - this.breaks(row, this.kept[row]);
  }

  /** What the white space takes between a sentence that is cut and the next kept one. */
  breakBehind(row, number, brought) {
    const behind = [...this.kept[row], ...brought].filter((other) => other > number);
    if (!behind.length || !this.countsSpace[row]) return 0;
    return this.breakCost(row, null, number, Math.min(...behind));
  }

  /**
   * What the white space takes that stays between a kept part, which ends with the white space `own`, and the next
   * kept sentence; `first` is the first sentence between the two of which something is left out.
   */
  breakCost(row, own, first, number) {
    let space = this.spaceBefore(row, number, first);
    let breaks = lineBreaks(space);
    for (let at = number - 1; at >= first; at -= 1) {
      const found = lineBreaks(this.passages[row].sentences[at].space);
      if (found > breaks) [space, breaks] = [this.spaceBefore(row, at + 1, first), found];
    }
    return own && lineBreaks(own) >= breaks ? 0 : (space?.cost ?? 0);
  }

  /** The white space in front of a sentence, no further than the first one that is given; null if there is none. */
  spaceBefore(row, number, first) {
    let before = null;
    for (let at = number - 1; at >= first; at -= 1) {
      const { space } = this.passages[row].sentences[at];
      if (!space) break;
      before = { cost: (before?.cost ?? 0) + space.cost, breaks: (before?.breaks ?? 0) + space.breaks };
      if (!space.whole) break;
    }
    return before;
  }

  /** What the white space takes that parts kept sentences which do not follow each other in the text. */
  breaks(row, kept) {
    const { sentences } = this.passages[row];
    const numbers = [...kept].sort((a, b) => a - b);
    let cost = 0;
    for (let place = 1; place < numbers.length; place += 1) {
      const [before, number] = [numbers[place - 1], numbers[place]];
      const part = this.parts[row].get(before);
      if (before + 1 === number && !part) continue;
      cost += this.breakCost(row, (part ?? sentences[before]).space, part ? before : before + 1, number);
    }
    return cost;
  }

  keepWithBrought(row, number, wholeAnswer) {
    const brought = this.broughtBy(row, number, wholeAnswer);
    return brought !== null && this.keep(row, [number, ...brought]);
  }

  broughtBy(row, number, wholeAnswer) {
    const { sentences } = this.passages[row];
    const brought = new Set();
    const waiting = tiedTo(sentences[number], this.policy, wholeAnswer);
    while (waiting.length) {
      const member = waiting.pop();
      if (this.kept[row].has(member) || brought.has(member) || member === number) continue;
      brought.add(member);
      waiting.push(...tiedTo(sentences[member], this.policy, false));
    }
    return this.cost(row, brought) > this.room ? null : brought;
  }
}

function tiedTo(sentence, policy, wholeAnswer) {
  const tied = policy.keep_headings && sentence.heading !== null ? [sentence.heading] : [];
  let isAnswered = false;
  for (const [kind, to] of sentence.ties) {
    if (!ALWAYS.has(kind) && !policy.ties.includes(kind)) continue;
    if (kind === "question" && isAnswered && !wholeAnswer) continue;
    if (kind === "question") isAnswered = true;
    tied.push(to);
  }
  return tied;
}

function isJson({ kind, ties }) {
  return kind === "structure" || ties.some(([tie]) => ALWAYS.has(tie));
}

function lineBreaks(space) {
  return Math.min(space?.breaks ?? 0, PARAGRAPH);
}

function looseSeparators(sentences, kept) {
  const numbers = [...kept].sort((one, other) => other - one);
  const loose = new Set();
  const followed = new Set();
  if (!numbers.some((number) => sentences[number].kind === "structure")) return loose;
  for (const number of numbers) {
    const { kind, ties } = sentences[number];
    const opener = ties.find(([tie]) => tie === "inside");
    if (!opener) continue;
    const isSeparator = kind === "structure" && ties.length === 1;
    if (isSeparator && !followed.has(opener[1])) loose.add(number);
    else if (!isSeparator) followed.add(opener[1]);
  }
  return loose;
}

function isContent(passage, number) {
  const { tokens, kind } = passage.sentences[number];
  return tokens > 0 && !FRAMES.has(kind);
}

function isTitle(passage, number) {
  const { tokens, kind } = passage.sentences[number];
  return tokens > 0 && (kind === "heading" || kind === "table_header");
}

function mostProbableFirst(passages, wanted) {
  const places = wanted.flatMap((numbers, row) => [...numbers].sort((a, b) => a - b).map((number) => [row, number]));
  const probability = ([row, number]) => passages[row].sentences[number].probability;
  const legible = ([row]) => Number(passages[row].is_legible);
  return places.sort(
    (one, other) => legible(other) - legible(one) || probability(other) - probability(one),
  );
}

export function countTokens(passage) {
  return passage.sentences.reduce((sum, sentence) => sum + sentence.tokens, 0);
}

/** Return how many tokens of a passage are kept. */
export function countKept(passage, decision) {
  let sum = 0;
  for (const number of decision.numbers) {
    sum += decision.parts.get(number)?.tokens ?? passage.sentences[number].tokens;
  }
  return sum;
}

/**
 * Return all kept text, passages separated by a blank line: PruneResult.text of a policy without an omission mark.
 *
 * @param {object[]} kept Rows of the decision.
 * @param {object[]} passages Scored passages.
 * @param {string[][]} characters The characters (code points) of each passage.
 */
export function keptText(kept, passages, characters) {
  const texts = kept.map(({ row, numbers, parts }) => {
    const spans = keptSpans(passages[row].sentences, numbers, parts, characters[row]);
    return spans.map(([start, end]) => characters[row].slice(start, end).join("")).join("");
  });
  return texts
    .map((text) => text.replace(/^[\r\n]+/u, "").replace(SPACE_AT_END, ""))
    .filter((text) => text)
    .join("\n\n");
}

function keptSpans(sentences, numbers, parts, characters) {
  const spans = [];
  const append = (start, end) => {
    if (start === end) return;
    if (spans.length && spans.at(-1)[1] === start) spans.at(-1)[1] = end;
    else spans.push([start, end]);
  };
  let before = null;
  sentences.forEach((sentence, number) => {
    if (!numbers.has(number)) return;
    const kept = parts.get(number) ?? sentence;
    if (before !== null) {
      append(...separator(characters, spans.at(-1), sentences.slice(before, number), kept.start));
    }
    append(kept.start, kept.end);
    before = number;
  });
  return spans;
}

// engine/kept_text.py: the white space that stays between a kept part and the next one.
function separator(characters, kept, between, start) {
  const spaceBefore = (end) => {
    let first = end;
    while (first > kept[1] && IS_SPACE.test(characters[first - 1])) first -= 1;
    return [first, end];
  };
  let space = spaceBefore(start);
  let breaks = breaksAtEnd(characters, space);
  for (const sentence of between.reverse()) {
    const found = breaksAtEnd(characters, [sentence.start, sentence.end]);
    if (found > breaks) [space, breaks] = [spaceBefore(sentence.end), found];
  }
  const hasSpace = kept[1] > kept[0] && IS_SPACE.test(characters[kept[1] - 1]);
  return hasSpace && breaksAtEnd(characters, kept) >= breaks ? [start, start] : space;
}

function breaksAtEnd(characters, [start, end]) {
  let breaks = 0;
  for (let at = end - 1; at >= start && IS_SPACE.test(characters[at]); at -= 1) {
    if (characters[at] === "\n") breaks += 1;
  }
  return Math.min(breaks, PARAGRAPH);
}
