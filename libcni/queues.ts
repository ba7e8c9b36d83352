/** Work that must not run side by side, by key. */

export class Queues {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Runs the work when all earlier work of the same key has ended. `patience` waits for that, or throws where it has
   * waited long enough: the work is not run then.
   */
  async run<T>(
    key: string,
    patience: (before: Promise<void>) => Promise<void>,
    work: () => Promise<T>,
  ): Promise<T> {
    const before = this.#last.get(key);
    let end = () => {};
    const mine = new Promise<void>((resolve) => {
      end = resolve;
    });
    // Whoever gives up lets nobody pass those before it.
    const last = before === undefined ? mine : before.then(() => mine);
    this.#last.set(key, last);
    try {
      if (before !== undefined) await patience(before);
      return await work();
    } finally {
      end();
      void last.then(() => this.#forget(key, last));
    }
  }

  #forget(key: string, last: Promise<void>): void {
    if (this.#last.get(key) === last) this.#last.delete(key);
  }
}
