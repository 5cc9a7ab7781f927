// Makes the component: the engine, the ABI and the policy in one file.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { componentize } from '@bytecodealliance/componentize-js';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const { component } = await componentize({
  sourcePath: here('component.js'),
  witPath: here('wit/v1'),
  worldName: 'delivery-policy',
  // The server gives a policy no output, no clock and no network; without these the engine asks for none.
  disableFeatures: ['stdio', 'random', 'clocks', 'http', 'fetch-event'],
});
await writeFile(here('my_policy.wasm'), component);
