/** What ADD has done so far and how to take it back. */

/** The steps that take back what an ADD did; run in reverse when it fails or is interrupted. */
export class Undo {
  readonly #steps: (() => void)[] = [];

  /** Remembers how to take back what was just done (or is about to be). */
  push(step: () => void): void {
    this.#steps.push(step);
  }

  /** Runs every step, the latest first, and returns what failed. A second call has nothing left to do. */
  run(): unknown[] {
    const failures: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        step();
      } catch (error) {
        failures.push(error);
      }
    }
    return failures;
  }
}
