/** Takes back an attachment that must not stay, also when a signal has ended the command that made it. */

import type { Attachment } from "../libcni/attachment.ts";
import { type NetworkList, reasonOf } from "../libcni/config.ts";
import type { Session } from "./command.ts";

const cleanUpTimeoutMs = 30_000;

/** Deletes an attachment. A signal that came before does not end this, nor does the first that comes meanwhile. */
export async function cleanUp(
  { cni, interruption, wasInterrupted }: Session,
  list: NetworkList,
  attachment: Attachment,
): Promise<void> {
  const del = () => cni.del(list, attachment, { timeoutMs: cleanUpTimeoutMs });
  interruption.pending();
  try {
    await del();
  } catch (error) {
    if (!wasInterrupted()) throw error;
    await del();
  }
}

/** The same after a failure, which stays the one that is told first. */
export async function cleanUpAfterFailure(
  session: Session,
  list: NetworkList,
  attachment: Attachment,
): Promise<void> {
  try {
    await cleanUp(session, list, attachment);
  } catch (error) {
    session.machine.writeStderr(`cannot delete it either: ${reasonOf(error)}\n`);
  }
}
