/** The socket the daemon listens on: systemd's, or its own. */

import { Errno, errnoText, SysError } from "../../../pkg/sys/errno.ts";
import { Fd } from "../../../pkg/sys/fd.ts";
import { makeDirectories, unlink } from "../../../pkg/sys/file.ts";
import { environment, processId } from "../../../pkg/sys/process.ts";
import {
  bindSocket,
  connectSocket,
  listenOn,
  openSocket,
  SocketFamily,
  SocketType,
  unixAddress,
} from "../../../pkg/sys/socket.ts";
import { call } from "../../../pkg/sys/syscall.ts";

/** Where systemd's descriptors begin, sd_listen_fds(3) */
const firstPassed = 3;
const backlog = 512;
/** F_SETFL, F_SETFD, O_NONBLOCK and FD_CLOEXEC, asm-generic/fcntl.h */
const setFlags = 4;
const setDescriptorFlags = 2;
const nonBlocking = 0o4000;
const closeOnExec = 1;

/** A socket that takes connections. */
export interface Listener {
  readonly fd: Fd;
  /** Removes its file, where that is ours to remove. */
  remove(): void;
}

/** systemd's socket where it passed one, else a socket of our own at the path, which only root may connect to. */
export function openListener(path: string): Listener {
  const passed = passedSocket();
  if (passed !== undefined) return { fd: passed, remove: () => {} };
  makeDirectories(path.replace(/\/[^/]*$/, "") || "/", 0o700);
  const address = unixAddress(path);
  if (address === undefined) throw new SysError("listen", Errno.ENAMETOOLONG, path);
  removeStale(path, address);
  const socket = openSocket(SocketFamily.unix, SocketType.stream, 0);
  // Its file's mode is what the umask leaves: changed afterwards, there would be a moment in between.
  const mask = call("umask", 0o177);
  try {
    bindSocket(socket, address, path);
  } finally {
    call("umask", mask);
  }
  listenOn(socket, backlog);
  return { fd: socket, remove: () => void unlink(path) };
}

function passedSocket(): Fd | undefined {
  const { LISTEN_PID, LISTEN_FDS = "" } = environment();
  if (LISTEN_PID !== String(processId()) || !/^\d+$/.test(LISTEN_FDS)) return undefined;
  const count = Number(LISTEN_FDS);
  if (count === 0) return undefined;
  if (count > 1) throw new Error(`Too many (${count}) FDs passed through socket activation`);
  call("fcntl", firstPassed, setFlags, nonBlocking);
  call("fcntl", firstPassed, setDescriptorFlags, closeOnExec);
  return new Fd(firstPassed, "systemd's socket");
}

/** A socket's file outlives who listened on it; one that somebody answers at is not ours to take. */
function removeStale(path: string, address: Uint8Array): void {
  using probe = openSocket(SocketFamily.unix, SocketType.stream, 0);
  const result = connectSocket(probe, address);
  if (result === -Errno.ENOENT) return;
  if (result === -Errno.ECONNREFUSED) {
    unlink(path);
    return;
  }
  if (result >= 0 || result === -Errno.EAGAIN) {
    throw new Error(`listen unix ${path}: another daemon answers there`);
  }
  throw new Error(`listen unix ${path}: ${errnoText(-result)}`);
}
