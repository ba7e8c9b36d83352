/** The one interface to the machine. Two ports implement it: the engine's (port-engine.ts) and Node's (port-node.ts). */

/**
 * One system call argument: a number, or memory. An array is passed as its address, null as 0, and a text as the address
 * of its UTF-8 form with a NUL behind it; one that cannot have it (a NUL inside, half of a pair) is EINVAL.
 */
export type SyscallArgument = number | bigint | null | Uint8Array | string;

/** A program to run to its end. */
export interface SpawnRequest {
  /** The file itself: PATH is not searched. */
  path: string;
  /** The whole argument vector, the program's own name first. */
  argv: string[];
  env: Record<string, string>;
  stdin: Uint8Array;
  /** Milliseconds after which the process group is killed; 0 means never. */
  deadlineMs: number;
  /** A descriptor that, once readable, has the process group killed; -1 means none. */
  cancelFd: number;
  /** What it gets as its descriptors 0 to 2, in place of pipes: then neither input, output, deadline nor cancelFd counts. */
  descriptors?: readonly [number, number, number];
  /** A descriptor above 2 that it keeps open: what is locked by it stays so until it ends, whatever becomes of us. */
  heldFd?: number;
}

/** How a program ended. */
export interface SpawnResult {
  /** Why it did not start, as an errno; 0 when it did. */
  error: number;
  /** The exit code; -1 when a signal ended it. */
  status: number;
  /** The signal that ended it; 0 when it exited. */
  signal: number;
  timedOut: boolean;
  cancelled: boolean;
  stdout: Uint8Array;
  stderr: Uint8Array;
}

/** What an engine offers. Only pkg/sys calls it; everything else goes by pkg/sys. */
export interface Port {
  /** Bundle lines in a stack as source lines; where the sources run themselves there is nothing to map. */
  mapStack?(stack: string): string;
  /** The kernel's answer: a value, or minus the errno. Never throws for what the kernel says. Undefined is 0. */
  syscall(nr: number, ...args: (SyscallArgument | undefined)[]): number;
  /** Where an array's bytes are, for structures that hold pointers. Valid while the array lives. */
  addressOf(bytes: Uint8Array): number;
  spawn(request: SpawnRequest): SpawnResult;
  utf8Encode(text: string): Uint8Array;
  /** Ill-formed bytes become U+FFFD; a byte order mark stays. */
  utf8Decode(bytes: Uint8Array): string;
  /** The digest of the text's UTF-8 form, in lower-case hexadecimal. */
  sha512(text: string): string;
  /** The argument vector; the first is the name this program was called by. */
  args(): string[];
  env(): Record<string, string>;
  exit(code: number): never;
  /** Looks for garbage cycles once the heap has grown by so many bytes. */
  gcThreshold(bytes: number): void;
  /** Has the processor fetch what most calls touch of the program, while nothing waits for it yet. */
  fetchAhead(): void;
  readonly arch: "x64" | "arm64";
  /** Names this build of the whole suite, in hex; empty under Node and in development. */
  readonly build: string;
}
