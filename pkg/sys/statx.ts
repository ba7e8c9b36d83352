/** What a file is, as statx tells it: its layout is the same on every architecture, that of struct stat is not. */

import { Fd } from "./fd.ts";
import { directoryFd } from "./file.ts";
import { attempt, check } from "./syscall.ts";

/** What is known about a file. */
export interface Stat {
  /** The device, as a number of our own: equal for equal devices. */
  readonly dev: number;
  readonly ino: bigint;
  /** Type and permission bits. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly isDirectory: boolean;
  readonly isFile: boolean;
  readonly isLink: boolean;
}

/** Bytes in struct statx */
const statxSize = 256;

/** STATX_BASIC_STATS, linux/stat.h */
const statxBasic = 0x7ff;

/** S_IF*, linux/stat.h */
const fileTypes = { mask: 0o170000, directory: 0o040000, file: 0o100000, link: 0o120000 } as const;

/** AT_*, linux/fcntl.h */
const At = { currentDirectory: -100, symlinkNoFollow: 0x100, emptyPath: 0x1000 } as const;

/** What a file is. A path's last link is followed unless told otherwise, or unless it is relative to `dir`. */
export function stat(target: string | Fd, options: { follow?: boolean; dir?: Fd } = {}): Stat {
  const bytes = new Uint8Array(statxSize);
  const isFd = target instanceof Fd;
  const start = isFd ? target.fd : directoryFd(options.dir);
  const follow = options.follow ?? options.dir === undefined;
  const flags = (isFd ? At.emptyPath : 0) | (follow ? 0 : At.symlinkNoFollow);
  const path = isFd ? "" : target;
  const result = attempt("statx", start, path, flags, statxBasic, bytes);
  check(result, "stat", isFd ? target.subject : path);
  return readStatx(bytes);
}

/** What a path leads to; undefined for nothing, or whatever keeps this process from knowing. */
export function tryStat(path: string): Stat | undefined {
  const bytes = new Uint8Array(statxSize);
  const result = attempt("statx", At.currentDirectory, path, 0, statxBasic, bytes);
  return result < 0 ? undefined : readStatx(bytes);
}

/** Reads a filled struct statx. */
function readStatx(bytes: Uint8Array): Stat {
  return new Statx(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** A field is decoded when it is looked at: nobody wants more than three, and half of them are bigints. */
class Statx implements Stat {
  readonly #view: DataView;

  constructor(view: DataView) {
    this.#view = view;
  }

  get links() {
    return this.#view.getUint32(16, true);
  }

  get uid() {
    return this.#view.getUint32(20, true);
  }

  get gid() {
    return this.#view.getUint32(24, true);
  }

  get mode() {
    return this.#view.getUint16(28, true);
  }

  get ino() {
    return this.#view.getBigUint64(32, true);
  }

  get size() {
    return Number(this.#view.getBigUint64(40, true));
  }

  get ctimeNs() {
    return this.#timeAt(96);
  }

  get mtimeNs() {
    return this.#timeAt(112);
  }

  get dev() {
    return this.#view.getUint32(136, true) * 0x10_0000 + this.#view.getUint32(140, true);
  }

  get isDirectory() {
    return (this.mode & fileTypes.mask) === fileTypes.directory;
  }

  get isFile() {
    return (this.mode & fileTypes.mask) === fileTypes.file;
  }

  get isLink() {
    return (this.mode & fileTypes.mask) === fileTypes.link;
  }

  #timeAt(offset: number): bigint {
    const nanoseconds = BigInt(this.#view.getUint32(offset + 8, true));
    return this.#view.getBigInt64(offset, true) * 1_000_000_000n + nanoseconds;
  }
}

/** Which file it is, in a form that two files of one machine do not share. */
export interface Identity {
  readonly dev: number;
  /** Exact below 2^53; of namespaces it has 32 bits. */
  readonly ino: number;
}

/** One record for all calls of `identify`, which reads it at once. */
const record = new Uint8Array(statxSize);
const words = new Uint32Array(record.buffer);

/** Which file a descriptor is of: at a tenth of what a `Stat` costs, which outlives the next one. */
export function identify({ fd, subject }: Fd): Identity {
  check(attempt("statx", fd, "", At.emptyPath, statxBasic, record), "stat", subject);
  const major = words[136 >> 2] as number;
  const minor = words[140 >> 2] as number;
  // Written out: a power would be computed by each call.
  const ino = (words[36 >> 2] as number) * 0x1_0000_0000 + (words[32 >> 2] as number);
  return { dev: major * 0x10_0000 + minor, ino };
}
