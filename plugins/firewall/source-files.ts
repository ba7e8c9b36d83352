/** Which sources firewalld was given, and for whom: it does not say, so a file for each attachment does. */

import * as v from "valibot";
import { goJson } from "../../pkg/cni/json.ts";
import type { Fd } from "../../pkg/sys/fd.ts";
import { findText, ifPresent, listDirectory, openDirectory, unlink } from "../../pkg/sys/file.ts";
import { encode } from "../../pkg/sys/text.ts";
import { createExclusive, replaceFile } from "../../pkg/sys/whole-file.ts";

/** Gone after a boot, as is what firewalld was told. */
export const directory = "/run/cni/firewall";
/** More than any file has. */
const limit = 1 << 16;

/** Sources of a zone. */
export interface Sources {
  readonly zone: string;
  readonly sources: readonly string[];
}

/** Those of an attachment. */
export interface OwnedSources extends Sources {
  readonly owner: string;
}

const fileFormat = v.object({ zone: v.string(), sources: v.array(v.string()) });
const name = /^([0-9a-f]{16}-[0-9a-f]{16})\.json$/;

/** The directory, made if need be. */
export class SourceFiles implements Disposable {
  readonly #dir: Fd = openDirectory(directory, 0o700);

  write({ owner, zone, sources }: OwnedSources): void {
    const text = encode(goJson({ zone, sources }));
    if (createExclusive(this.#dir, `${owner}.json`, text)) return;
    replaceFile(this.#dir, `${owner}.json`, text);
  }

  remove(owner: string): void {
    unlink(`${owner}.json`, this.#dir);
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

/** Everything that was recorded. A file that is torn says nothing: firewalld was not asked yet when it was written. */
export function listSources(): OwnedSources[] {
  return (ifPresent(() => listDirectory(directory)) ?? []).flatMap((file) => {
    const owner = name.exec(file)?.[1];
    const text = findText(`${directory}/${file}`, { limit });
    if (owner === undefined || text === undefined) return [];
    return [{ owner, ...read(text) }];
  });
}

function read(text: string): Sources {
  try {
    const { success, output } = v.safeParse(fileFormat, JSON.parse(text));
    if (success) return output;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return { zone: "", sources: [] };
}
