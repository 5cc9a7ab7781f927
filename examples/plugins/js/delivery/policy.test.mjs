import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { MAX_TEXT_BYTES, merge, same } from './policy.js';

const golden = JSON.parse(readFileSync(new URL('cases.json', import.meta.url), 'utf8'));

for (const { name, window, groups } of golden.cases) {
  test(name, () => {
    const merged = merge(window).map(({ members, text = null }) => ({ members, text }));
    assert.deepEqual(merged, groups);
  });
}

test('a merged text has an end', () => {
  const long = { role: 'clerk', intent: 'order', text: '文'.repeat(10_000) };
  const groups = merge([long, long, long]);
  assert.deepEqual(groups.map(({ members }) => members), [[0, 1], [2]]);
  assert.ok(Buffer.byteLength(groups[0].text) <= MAX_TEXT_BYTES);
});

test('the same text is the same', () => {
  assert.equal(same({ text: 'It left.' }, { text: ' It left.\n' }), 'same');
  assert.equal(same({ text: 'It left.' }, { text: 'It leaves.' }), 'unsure');
});
