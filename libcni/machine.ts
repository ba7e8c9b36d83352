/**
 * What libcni needs of the machine it runs on. Two implementations: node.ts on Node's own modules, engine.ts on
 * pkg/sys. Whatever fails throws a SysError, whose message is in the reference's words.
 */

/** The part of the web's AbortSignal that is used; the engine has none of its own. */
export interface Cancellation {
  readonly aborted: boolean;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** One run of a plugin's executable. */
export interface ExecRequest {
  readonly path: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Milliseconds after which the plugin and what it started are killed; Infinity for never. */
  readonly timeoutMs: number;
  readonly signal?: Cancellation | undefined;
}

/** How the run ended. */
export interface ExecOutcome {
  /** Why it did not start, as an errno; 0 when it did. */
  readonly error: number;
  /** The exit code; -1 when a signal ended it. */
  readonly status: number;
  /** The signal that ended it; 0 when it exited. */
  readonly signal: number;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one plugin to its end; replaceable, for tests and for runtimes that run plugins their own way. */
export type Executor = (request: ExecRequest) => Promise<ExecOutcome>;

/** What a file is, as far as libcni asks. */
export interface FileState {
  readonly isFile: boolean;
  /** Changes when the file is replaced or rewritten. */
  readonly identity: string;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** A held lock; `waited` says whether somebody else had it first. */
export interface Lock {
  readonly waited: boolean;
  release(): void;
}

/** How long to wait; whoever waits longer gets a SysError: ETIMEDOUT, or EINTR for the signal. */
export interface Patience {
  readonly timeoutMs: number;
  readonly signal?: Cancellation | undefined;
}

export interface LockRequest extends Patience {
  /** Any number of shared holders, or one that is not. */
  readonly shared: boolean;
}

export interface Machine {
  readonly exec: Executor;
  environment(): Readonly<Record<string, string>>;
  encode(text: string): Uint8Array;
  decode(bytes: Uint8Array): string;
  /** Since some moment; never steps. */
  monotonicMs(): number;
  /** Since 1970. */
  realtimeMs(): number;
  sleep(ms: number): Promise<void>;
  /** Waits for a promise that never fails. */
  waitFor(promise: Promise<void>, patience: Patience): Promise<void>;
  writeStderr(text: string): void;
  readText(path: string): Promise<string>;
  /** The names in a directory that are no directories, in no order. */
  listFiles(directory: string): Promise<string[]>;
  /** What a file is, links followed; undefined where there is none, or none that can be looked at. */
  stat(path: string): Promise<FileState | undefined>;
  /** Gives a file its content, whole or not at all; makes the directory (0700) where it is missing. */
  replaceFile(directory: string, name: string, text: string): Promise<void>;
  /** Removes a file; one that is gone already is no error. */
  removeFile(path: string): Promise<void>;
  /** Locks a directory, made (0700) where it is missing, among the processes that ask this machine. */
  lock(directory: string, request: LockRequest): Promise<Lock>;
}
