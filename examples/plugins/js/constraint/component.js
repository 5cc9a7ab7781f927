// What the server calls: the interface `constraint` of wit/v1, in terms of policy.js.

import { BadParam, Reply, manifest, readWords } from './policy.js';

class Policy {
  #words;

  constructor(words) {
    this.#words = words;
  }

  static create(params) {
    return told(() => new Policy(readWords(params)));
  }

  // Judging the whole by the stream makes both agree by construction.
  check(reply, context) {
    const stream = this.openStream(context);
    return [...stream.push(reply), ...stream.finish()];
  }

  openStream(_context) {
    return new StreamCheck(this.#words);
  }
}

class StreamCheck {
  #reply;

  constructor(words) {
    this.#reply = new Reply(words);
  }

  push(delta) {
    return told(() => this.#reply.push(delta));
  }

  finish() {
    return told(() => this.#reply.finish());
  }
}

/** Errors as the ABI wants them: anything else that is thrown ends the call without its message. */
function told(work) {
  try {
    return work();
  } catch (error) {
    if (error instanceof BadParam) {
      throw { tag: 'bad-params', val: { param: error.param, message: error.message } };
    }
    throw { tag: 'internal', val: `${error}` };
  }
}

export const constraint = { describe: () => manifest, Policy, StreamCheck };
