/** The leases as files: one for each attachment, whole or not there, so that whoever reads them after a crash can go on. */

import { Errno, isSysError } from "../../../pkg/sys/errno.ts";
import type { Fd } from "../../../pkg/sys/fd.ts";
import { listDirectory, openDirectory, readText, unlink } from "../../../pkg/sys/file.ts";
import { lock } from "../../../pkg/sys/lock.ts";
import { sha512 } from "../../../pkg/sys/sha512.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { replaceFile, temporaryPrefix } from "../../../pkg/sys/whole-file.ts";
import type { Key, Order } from "../order.ts";
import type { Leaving } from "./changes.ts";
import type { Place } from "./place.ts";

/** What a file says. */
export interface Saved {
  readonly version: 1;
  /** The boot that the namespace and all times are of. */
  readonly boot: string;
  readonly order: Order;
  readonly place: Place;
  /** By family, what each client saved. */
  readonly clients: Readonly<Record<string, unknown>>;
  /** What is to be taken from the interface yet. */
  readonly leaving?: Leaving;
}

const longestName = 200;
const longestFile = 256 << 10;
/** The kernel makes it anew at each boot. */
const bootIdPath = "/proc/sys/kernel/random/boot_id";

export class Store implements Disposable {
  readonly #directory: Fd;
  readonly boot: string;

  private constructor(directory: Fd, boot: string) {
    this.#directory = directory;
    this.boot = boot;
  }

  /** Opens the directory, making it if need be, and holds it alone. Undefined where somebody else does. */
  static open(path: string): Store | undefined {
    const directory = openDirectory(path, 0o700);
    try {
      lock(directory, 0);
    } catch (error) {
      directory[Symbol.dispose]();
      if (isSysError(error, Errno.ETIMEDOUT, Errno.EWOULDBLOCK)) return undefined;
      throw error;
    }
    return new Store(directory, readText(bootIdPath).trim());
  }

  /** Lets go of the directory. */
  [Symbol.dispose](): void {
    this.#directory[Symbol.dispose]();
  }

  write(saved: Omit<Saved, "version" | "boot">): void {
    const content: Saved = { version: 1, boot: this.boot, ...saved };
    replaceFile(this.#directory, fileOf(saved.order), encode(JSON.stringify(content)));
  }

  remove(key: Key): void {
    unlink(fileOf(key), this.#directory);
  }

  /** What is saved of one attachment, if it is of this boot. */
  find(key: Key, log: (text: string) => void): Saved | undefined {
    const name = fileOf(key);
    return listDirectory(this.#directory).includes(name) ? this.#read(name, log) : undefined;
  }

  /** All that is of this boot; what is not, or is no lease file of ours, is removed and told. */
  readAll(log: (text: string) => void): Saved[] {
    const found: Saved[] = [];
    for (const name of listDirectory(this.#directory)) {
      const saved = name.startsWith(temporaryPrefix) ? undefined : this.#read(name, log);
      if (saved !== undefined) found.push(saved);
      else unlink(name, this.#directory);
    }
    return found;
  }

  #read(name: string, log: (text: string) => void): Saved | undefined {
    try {
      const text = readText(name, { dir: this.#directory, limit: longestFile });
      const saved = JSON.parse(text) as Partial<Saved> | null;
      if (saved?.version !== 1 || saved.order === undefined || saved.place === undefined) {
        log(`removed ${name}: it is no lease of this version`);
        return undefined;
      }
      return saved.boot === this.boot ? (saved as Saved) : undefined;
    } catch (error) {
      if (!(error instanceof SyntaxError) && !isSysError(error)) throw error;
      log(`removed ${name}: ${error.message}`);
      return undefined;
    }
  }
}

/** `<network>@<container id>@<ifname>`: a network's name begins with a letter or digit, and none has a slash. */
function fileOf({ network, containerId, ifName }: Key): string {
  const name = `${network}@${containerId}@${ifName}`;
  if (encode(name).length <= longestName) return name;
  return `hash-${sha512(name).slice(0, 64)}`;
}
