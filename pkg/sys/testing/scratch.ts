/** A directory for one test, gone after it. */

import type { Fd } from "../fd.ts";
import { listDirectory, openDirectory, removeDirectory, unlink } from "../file.ts";
import { randomBytes } from "../random.ts";
import { stat } from "../statx.ts";

/** A new directory under /tmp; `using` removes it with all that is in it. */
export class Scratch implements Disposable {
  readonly path: string;
  readonly dir: Fd;

  constructor() {
    this.path = `/tmp/scratch-${randomBytes(8).join("")}`;
    this.dir = openDirectory(this.path, 0o700);
  }

  [Symbol.dispose](): void {
    this.dir.close();
    removeTree(this.path);
  }
}

/** Removes a directory with all that is in it. */
export function removeTree(path: string): void {
  for (const name of listDirectory(path)) {
    const inside = `${path}/${name}`;
    if (stat(inside, { follow: false }).isDirectory) removeTree(inside);
    else unlink(inside);
  }
  removeDirectory(path);
}
