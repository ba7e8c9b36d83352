/** Work that must not run side by side, by key. */

export class Queues {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs the work when all earlier work of the same key has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    }
  }
}
