import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { BadParam, Reply, readWords } from './policy.js';

const golden = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'));

function judged(words, pieces) {
  const reply = new Reply(words);
  const found = [...pieces.flatMap((piece) => reply.push(piece)), ...reply.finish()];
  return found.map(({ rule, spans }) => ({ rule, spans: spans.map(({ start, end }) => [start, end]) }));
}

for (const { name, params = golden.params, reply, violations } of golden.cases) {
  test(name, () => {
    const words = readWords(JSON.stringify(params));
    assert.deepEqual(judged(words, [reply]), violations);
    // However it is cut.
    const characters = [...reply];
    assert.deepEqual(judged(words, characters), violations);
    for (let at = 0; at <= characters.length; at += 1) {
      const pieces = [characters.slice(0, at).join(''), characters.slice(at).join('')];
      assert.deepEqual(judged(words, pieces), violations, `cut at ${at}`);
    }
  });
}

test('an empty word is refused', () => {
  assert.throws(() => readWords('{ "words": ["AI", ""] }'), BadParam);
});
