/** Times at which something is to be done, the earliest found without looking at all. */

/** One such time; it may be changed whenever. */
export interface Timer {
  /** On whatever clock its owner goes by; null for not at all. */
  at: number | null;
}

interface Entry {
  readonly at: number;
  readonly timer: Appointment;
}

class Appointment implements Timer {
  readonly run: () => void;
  readonly #set: (entry: Entry) => void;
  #at: number | null = null;

  constructor(run: () => void, set: (entry: Entry) => void) {
    this.run = run;
    this.#set = set;
  }

  get at(): number | null {
    return this.#at;
  }

  set at(at: number | null) {
    if (at === this.#at) return;
    this.#at = at;
    if (at !== null) this.#set({ at, timer: this });
  }
}

/** A heap by time. What a timer was set to before stays in it until its time, or until there is too much of it. */
export class Timers {
  #heap: Entry[] = [];
  /** How many entries were good when outdated ones were last sorted out. */
  #good = 16;

  /** A timer that is not set yet. */
  add(run: () => void): Timer {
    return new Appointment(run, (entry) => this.#push(entry));
  }

  /** The earliest time that is set; null for none. */
  next(): number | null {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (first.timer.at === first.at) return first.at;
      this.#pop();
    }
    return null;
  }

  /** Unsets the earliest timer if its time has come, and tells what it is to run. */
  takeDue(now: number): (() => void) | undefined {
    const next = this.next();
    if (next === null || next > now) return undefined;
    const { timer } = this.#pop();
    timer.at = null;
    return timer.run;
  }

  #push(entry: Entry): void {
    if (this.#heap.length > 4 * this.#good) this.#sortOut();
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as Entry;
      if (parent.at <= entry.at) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const first = heap[0] as Entry;
    const last = heap.pop() as Entry;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Puts an entry where the first was, and further down as long as one below is earlier. */
  #sink(entry: Entry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = heap[below + 1];
      if (right !== undefined && right.at < (heap[below] as Entry).at) below++;
      const child = heap[below] as Entry;
      if (child.at >= entry.at) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = entry;
  }

  /** A list in order of time is a heap, too. */
  #sortOut(): void {
    this.#heap = this.#heap.filter(({ at, timer }) => timer.at === at).sort((a, b) => a.at - b.at);
    this.#good = Math.max(16, this.#heap.length);
  }
}
