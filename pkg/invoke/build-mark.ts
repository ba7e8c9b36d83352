/** Whether an executable is of the same build of this suite as the running one. */

import { OpenFlag, openFile, readAt } from "../sys/file.ts";
import { buildId } from "../sys/process.ts";
import { stat } from "../sys/statx.ts";
import { decode } from "../sys/text.ts";

/** The last bytes of every executable of the suite: `tscni 1 <build> ...`, padded with blanks. */
const markLength = 64;

/** True if the file carries the mark of the running build; false under Node, which is no build. */
export function isOfThisBuild(path: string): boolean {
  const own = buildId();
  if (own === "") return false;
  using file = openFile(path, OpenFlag.readOnly);
  const { size } = stat(file);
  if (size < markLength) return false;
  const mark = decode(readAt(file, markLength, size - markLength));
  return mark.startsWith(`tscni 1 ${own} `);
}
