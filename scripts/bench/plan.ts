/** What the measuring program is asked for, and what it answers: JSON both ways. */

/** One executable to run. */
export interface Step {
  /** Times are gathered under it. */
  readonly label: string;
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
  /** Goes to stdin as JSON. */
  readonly config?: object;
  /** Puts into the configuration, as prevResult, what the step of this label printed last. */
  readonly prevResultOf?: string;
}

/** Alternatives in turn, one after the other: what disturbs the machine disturbs all of them alike. */
export interface Rounds {
  readonly kind: "rounds";
  readonly alternatives: readonly (readonly Step[])[];
  /** Rounds that are not measured. */
  readonly warmUp: number;
  readonly rounds: number;
  /** After this time no further round begins, but for the first few. */
  readonly limitMs: number;
}

/** All steps of a phase at once; the next phase begins when the last of them has ended. */
export interface Storm {
  readonly kind: "storm";
  readonly phases: readonly { readonly label: string; readonly steps: readonly Step[] }[];
}

export type Plan = Rounds | Storm;

export interface Answer {
  /** Milliseconds from before the start of the process to after its end, by label. */
  readonly times: Readonly<Record<string, readonly number[]>>;
  /** Milliseconds that processors spent on it, the whole process tree and the kernel's part of it; not of a storm. */
  readonly processor: Readonly<Record<string, readonly number[]>>;
  /** What was printed, by label: the last output, or every one of a storm. */
  readonly outputs: Readonly<Record<string, readonly string[]>>;
  /** The largest peak of resident memory among all processes that were run. */
  readonly peakKb: number;
  /** The measuring program's own peak: the kernel can't report less for a process that it started. */
  readonly floorKb: number;
}
