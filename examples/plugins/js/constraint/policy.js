// Policy `my_policy`: replies do not hold certain words.
//
// A word is found whatever the case of its ASCII letters. One that begins or ends with an ASCII
// letter or digit is found only where it stands alone: `AI` is not in `said`, but it is in `用AI写`.

export const manifest = {
  name: 'my_policy',
  version: '0.1.0',
  doc: 'Finds forbidden words.',
  paramsSchema: JSON.stringify({
    type: 'object',
    properties: {
      words: {
        description: 'The words that a reply must not hold.',
        type: 'array',
        items: { type: 'string', minLength: 1, maxLength: 64 },
        minItems: 1,
        maxItems: 100,
      },
    },
    required: ['words'],
    additionalProperties: false,
  }),
  streaming: true,
  isolation: 'call',
};

const encoder = new TextEncoder();

/** A parameter that cannot be used. */
export class BadParam extends Error {
  constructor(param, message) {
    super(message);
    this.param = param;
  }
}

/** Reads the parameters, a JSON text: the words, prepared. */
export function readWords(params) {
  const { words } = JSON.parse(params);
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string' && word !== '')) {
    throw new BadParam('words', 'words that are not empty are needed');
  }
  return words.map((said) => ({ said, folded: fold(said) }));
}

/** One growing reply. */
export class Reply {
  #words;
  /** UTF-16 units of the longest word. */
  #longest;
  /** The end of the reply, folded: what the next delta may make a word of. */
  #tail = '';
  /** Bytes of the reply before the tail. */
  #base = 0;
  /** Bytes of the reply so far. */
  #length = 0;

  constructor(words) {
    this.#words = words;
    this.#longest = Math.max(0, ...words.map((word) => word.folded.length));
  }

  /** The next piece; returns the violations that it makes certain. */
  push(delta) {
    const before = this.#length;
    this.#length += byteLength(delta);
    this.#tail += fold(delta);
    const found = this.#decided(before + 1, this.#length);
    // Kept: the longest word that is not yet decided, and the character before it.
    let done = Math.max(0, this.#tail.length - this.#longest - 1);
    // Two units may be one character, which has no bytes in halves.
    done -= isSecondHalf(this.#tail[done]) ? 1 : 0;
    this.#base += byteLength(this.#tail.slice(0, done));
    this.#tail = this.#tail.slice(done);
    return found;
  }

  /** The end of the reply. */
  finish() {
    return this.#decided(this.#length + 1, this.#length + 1);
  }

  /**
   * The words that are certain once the reply has between `from` and `to` bytes, by where they end.
   *
   * A word is certain at its own end, or one byte later if more letters could make it another word.
   * This depends on the text alone, so every cut of the stream gives the same.
   */
  #decided(from, to) {
    const found = [];
    for (const { said, folded } of this.#words) {
      for (const { at, start } of this.#places(folded)) {
        const end = start + byteLength(folded);
        const certain = end + (isLetter(folded.at(-1)) ? 1 : 0);
        if (from <= certain && certain <= to && this.#alone(at, folded)) {
          found.push({ said, start, end });
        }
      }
    }
    found.sort((a, b) => a.end - b.end || a.start - b.start);
    return found.map(({ said, start, end }) => ({
      rule: 'forbidden_word',
      message: `“${said}” is forbidden`,
      severity: 'error',
      spans: [{ start, end }],
    }));
  }

  /** Where a word is in the tail (`at`, UTF-16 units), and in the reply (`start`, bytes). */
  *#places(folded) {
    let start = this.#base;
    let counted = 0;
    for (let at = this.#tail.indexOf(folded); at >= 0; at = this.#tail.indexOf(folded, at + 1)) {
      start += byteLength(this.#tail.slice(counted, at));
      counted = at;
      yield { at, start };
    }
  }

  /** Whether the word at this place of the tail is no part of a longer one. */
  #alone(at, folded) {
    const before = isLetter(folded[0]) && isLetter(this.#tail[at - 1]);
    const after = isLetter(folded.at(-1)) && isLetter(this.#tail[at + folded.length]);
    return !before && !after;
  }
}

/** Makes ASCII letters small; folding no others keeps every byte in its place. */
function fold(text) {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether there is a unit, and it is an ASCII letter or digit. */
function isLetter(unit) {
  return unit !== undefined && /[0-9A-Za-z]/.test(unit);
}

/** Whether there is a unit, and it is the second one of a character. */
function isSecondHalf(unit) {
  return unit !== undefined && /[\udc00-\udfff]/.test(unit);
}

/** Bytes of a text in UTF-8, which is what spans count: a JavaScript string has UTF-16 units. */
function byteLength(text) {
  return encoder.encode(text).length;
}
