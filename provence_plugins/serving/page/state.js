// Puts what is on the page into a link and reads it again. The part of an address behind "#" is never sent to a server.

const PREFIX = "#s=";

/** Links that are longer are not offered: browsers and messengers cut them. */
export const LONGEST_LINK = 100_000;

// A link of a stranger may unpack to much more than its length.
const MOST_BYTES = 4_000_000;
const MOST_PASSAGES = 1000;

/** Return the fragment of the address for a state: a question, passages and a policy. */
export async function writeState(state) {
  const packed = new Blob([JSON.stringify(state)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(packed).arrayBuffer());
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return PREFIX + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Return the state that a fragment holds; null if it holds none, or anything but a state. */
export async function readState(fragment) {
  if (!fragment.startsWith(PREFIX)) return null;
  try {
    const coded = fragment.slice(PREFIX.length).replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(coded), (character) => character.charCodeAt(0));
    return checkState(JSON.parse(await unpack(bytes)));
  } catch {
    return null;
  }
}

async function unpack(bytes) {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    size += value.length;
    if (size > MOST_BYTES) {
      await reader.cancel();
      throw new RangeError("too long");
    }
    text += decoder.decode(value, { stream: true });
  }
}

function checkState({ query, passages, policy }) {
  const isText = (value) => typeof value === "string";
  if (!isText(query) || !Array.isArray(passages) || passages.length > MOST_PASSAGES) return null;
  const checked = passages.map(({ text, name }) => {
    if (!isText(text)) throw new TypeError("not a text");
    return { text, name: isText(name) ? name : "" };
  });
  return { query, passages: checked, policy: policy && typeof policy === "object" ? policy : {} };
}
