/** `dhcp daemon`: the process. */

import { toCniError } from "../../../pkg/cni/error.ts";
import { isSysError } from "../../../pkg/sys/errno.ts";
import { EventLoop, Readiness } from "../../../pkg/sys/event-loop.ts";
import { Fd } from "../../../pkg/sys/fd.ts";
import { OpenFlag, openFile, unlink, writeAll } from "../../../pkg/sys/file.ts";
import { collectEvery, exit, processId, stackOf } from "../../../pkg/sys/process.ts";
import { blockSignals } from "../../../pkg/sys/signal.ts";
import { encode } from "../../../pkg/sys/text.ts";
import { confine, raiseOpenFiles } from "./confine.ts";
import { Daemon } from "./daemon.ts";
import { openListener } from "./listener.ts";
import { Server } from "./server.ts";
import { readSettings, type Settings, usage } from "./settings.ts";
import { Store } from "./store.ts";

/** How much the heap may grow before garbage cycles are looked for. */
const garbage = 512 << 10;

/** Runs the daemon until a signal ends it. */
export function runDaemon(args: readonly string[], version: string): never {
  const settings = readSettings(args);
  if (typeof settings === "string") {
    log(settings === "" ? usage : `${settings}\n${usage}`);
    exit(settings === "" ? 0 : 2);
  }
  try {
    serve(settings, version);
  } catch (error) {
    log(toCniError(error).message);
    exit(1);
  }
  exit(0);
}

function serve(settings: Settings, version: string): void {
  const { pidfile, leasedir, socketpath } = settings;
  collectEvery(garbage);
  const signals = blockSignals(["SIGTERM", "SIGINT"]);
  const store = Store.open(leasedir);
  if (store === undefined) throw new Error(`another daemon keeps the leases in ${leasedir}`);
  writePid(pidfile);
  const listener = told("Error getting listener", () => openListener(socketpath));
  using loop = new EventLoop(tellBug);
  raiseOpenFiles();
  confine(log);
  const daemon = new Daemon({ loop, settings, store, version, log });
  loop.watch(signals.fd, Readiness.in, () => {
    if (signals.pending() !== 0) loop.stop();
  });
  daemon.resume();
  new Server(loop, listener.fd, (question) => daemon.handle(question), log);
  log(`tscni ${version}: DHCP daemon listening on ${socketpath}`);
  loop.run();
  // The leases stay as they are, in their files: whoever is started next goes on with them.
  listener.remove();
  if (pidfile !== "") unlink(pidfile);
}

function writePid(path: string): void {
  if (path === "") return;
  told(`Error writing pidfile "${path}"`, () => {
    if (!path.startsWith("/")) throw new Error("path not absolute");
    using file = openFile(path, OpenFlag.writeOnly | OpenFlag.create | OpenFlag.truncate, 0o644);
    writeAll(file, encode(String(processId())));
    file.close();
  });
}

function told<T>(act: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw new Error(`${act}: ${toCniError(error).message}`);
  }
}

/** What nobody expected to be thrown: it has a stack worth keeping, and the others' leases go on. */
function tellBug(error: unknown): void {
  log(toCniError(error).message);
  if (error instanceof Error) log(stackOf(error));
}

/** A line for the journal; where nobody takes it, it is lost. */
function log(text: string): void {
  try {
    writeAll(new Fd(2), encode(`${text.trimEnd()}\n`));
  } catch (error) {
    if (!isSysError(error)) throw error;
  }
}
