// What the server calls: the interface `delivery` of wit/v1, in terms of policy.js.

import { manifest, merge, same } from './policy.js';

class Policy {
  // The server has checked the parameters against the schema, which allows none.
  static create(_params) {
    return new Policy();
  }

  merge(window) {
    return told(() => merge(window));
  }

  same(a, b, _features) {
    return told(() => same(a, b));
  }
}

/** Errors as the ABI wants them: anything else that is thrown ends the call without its message. */
function told(work) {
  try {
    return work();
  } catch (error) {
    throw { tag: 'internal', val: `${error}` };
  }
}

export const delivery = { describe: () => manifest, Policy };
