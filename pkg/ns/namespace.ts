/** Network namespaces as objects: a descriptor, and a netlink socket that was opened inside. */

import { CniError, ErrorCode } from "../cni/error.ts";
import { goQuote } from "../cni/quote.ts";
import { tryOpenSocket } from "../netlink/channel.ts";
import type { Replies, Request } from "../netlink/message.ts";
import { NetlinkSocket, Protocol } from "../netlink/socket.ts";
import { Errno, isSysError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { OpenFlag, openFile } from "../sys/file.ts";
import { fileSystemType } from "../sys/file-system.ts";
import { lock, lockShared, unlock } from "../sys/lock.ts";
import type { Patience } from "../sys/poll.ts";
import { identify } from "../sys/statx.ts";
import { attempt, call } from "../sys/syscall.ts";

/** CLONE_NEWNET, linux/sched.h */
const cloneNewNet = 0x40000000;
/** The calling thread's own namespace: the process's would be the wrong one once a thread has moved. */
const ownPath = "/proc/thread-self/ns/net";
/** SIOCGSKNS, linux/sockios.h: opens the namespace that a socket is in. */
const siocgskns = 0x894c;

/** How long to wait for a turn at the packet filter before going on without. */
const turnMs = 30_000;

/** A path that leads to no network namespace: nothing is there, or something else. */
export class NoNamespaceError extends Error {
  override readonly name = "NoNamespaceError";
}

/** A network namespace held open. Its socket lives inside it whatever namespace the process is in. */
export class Namespace implements Disposable {
  /** As the runtime gave it; results repeat it as `sandbox`. */
  readonly path: string;
  readonly #fd: Fd;
  readonly #dev: number;
  readonly #ino: number;
  /** Where to return to; the process's own namespace has none. */
  readonly #home: Namespace | undefined;
  /** A socket that was opened inside and has not been used yet; -1 for none. */
  #unused = -1;
  #socket: NetlinkSocket | undefined;
  #filterSocket: NetlinkSocket | undefined;
  /** Readable means: wait for no turn any more; -1 for never. */
  cancelFd = -1;
  /** Of the process's own namespace: the one that the process is in meanwhile. */
  #visiting: Namespace | undefined;

  private constructor(path: string, fd: Fd, home: Namespace | undefined) {
    this.path = path;
    this.#home = home;
    this.#fd = fd;
    try {
      const { dev, ino } = identify(fd);
      this.#dev = dev;
      this.#ino = ino;
    } catch (error) {
      fd[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * The namespace that the thread is in. By way of the socket that nearly everybody wants later, as the kernel would have
   * to make half a dozen files that lead to it in /proc; by way of those where it will not (before Linux 4.10, or without
   * CAP_NET_ADMIN).
   */
  static own(): Namespace {
    const socket = tryOpenSocket(Protocol.route);
    try {
      const fd = socket < 0 ? -1 : attempt("ioctl", socket, siocgskns, 0);
      const file = fd < 0 ? openFile(ownPath, OpenFlag.readOnly) : new Fd(fd, ownPath);
      const own = new Namespace(ownPath, file, undefined);
      own.#unused = socket;
      return own;
    } catch (error) {
      if (socket >= 0) attempt("close", socket);
      throw error;
    }
  }

  /** Opens the namespace at a path. Throws NoNamespaceError, in the reference's words, where there is none. */
  static open(path: string, home: Namespace): Namespace {
    // Whatever else the path leads to must not keep us waiting: a pipe would, for a writer.
    const flags = OpenFlag.readOnly | OpenFlag.nonBlocking;
    const opened = openOrExplain(path, () => new Namespace(path, openFile(path, flags), home));
    // All namespaces are inodes of one file system, so the device tells without another call.
    if (opened.#dev === home.#dev) return opened;
    opened[Symbol.dispose]();
    throw new NoNamespaceError(
      `unknown FS magic on ${goQuote(path)}: ${fileSystemType(path).toString(16)}`,
    );
  }

  /** As `open`, but undefined where there is no namespace: for DEL, which it must not stop. */
  static find(path: string, home: Namespace): Namespace | undefined {
    try {
      return Namespace.open(path, home);
    } catch (error) {
      if (error instanceof NoNamespaceError) return undefined;
      throw error;
    }
  }

  isSame(other: Namespace): boolean {
    return this.#dev === other.#dev && this.#ino === other.#ino;
  }

  /** The descriptor, for IFLA_NET_NS_FD. */
  get fd(): number {
    return this.#fd.fd;
  }

  /**
   * Runs the work inside the namespace and returns home after it, whatever happens. From within another one it
   * refuses: the way back would lead home, not there.
   */
  run<T>(work: () => T): T {
    const home = this.#home ?? this;
    const current = home.#visiting ?? home;
    if (this.isSame(current)) return work();
    if (current !== home) throw new Error(`cannot enter ${this.path} from within ${current.path}`);
    call("setns", this.#fd.fd, cloneNewNet);
    home.#visiting = this;
    try {
      return work();
    } finally {
      home.#visiting = undefined;
      home.#return();
    }
  }

  /** Comes home. Tried twice: programs that undo starts would work in the wrong namespace. */
  #return(): void {
    if (attempt("setns", this.#fd.fd, cloneNewNet) < 0) call("setns", this.#fd.fd, cloneNewNet);
  }

  /** A rtnetlink socket opened inside, at the first use. */
  get socket(): NetlinkSocket {
    this.#socket ??= this.#openSocket();
    return this.#socket;
  }

  #openSocket(): NetlinkSocket {
    const unused = this.#unused;
    if (unused < 0) return this.run(() => NetlinkSocket.open(Protocol.route));
    this.#unused = -1;
    return NetlinkSocket.over(unused);
  }

  /** A socket to netfilter opened inside, at the first use. */
  get filterSocket(): NetlinkSocket {
    if (this.#filterSocket === undefined) {
      this.#filterSocket = this.run(() => NetlinkSocket.open(Protocol.netfilter));
      this.#filterSocket.inTurn = (work) => this.#inTurn(work);
    }
    return this.#filterSocket;
  }

  /** Under the lock where it can be had; for work that is right without it, and only faster with it. */
  #inTurn<T>(work: () => T): T {
    try {
      lock(this.#fd, turnMs, this.cancelFd);
    } catch (error) {
      if (!isSysError(error, Errno.ETIMEDOUT, Errno.EINTR)) throw error;
      return work();
    }
    try {
      return work();
    } finally {
      unlock(this.#fd);
    }
  }

  /** Sends the requests in one batch and returns their replies; throws the first failure. */
  send<R extends Request<unknown>[]>(...requests: R): Replies<R> {
    return this.socket.sendAll(requests);
  }

  /**
   * Runs the work while nobody of this suite runs any `exclusively` in this namespace. The lock is on the
   * namespace's own inode: it needs no file, and the kernel drops it with the process. Throws code 11 past
   * `timeoutMs`, and when `cancelFd` becomes readable. Not to be nested.
   */
  shared<T>(patience: Patience, work: () => T): T {
    return this.#locked(lockShared, patience, work);
  }

  /** Runs the work while nobody runs any `shared` or `exclusively`; else as `shared`. */
  exclusively<T>(patience: Patience, work: () => T): T {
    return this.#locked(lock, patience, work);
  }

  #locked<T>(take: typeof lock, { timeoutMs, cancelFd }: Patience, work: () => T): T {
    try {
      take(this.#fd, timeoutMs, cancelFd);
    } catch (error) {
      if (!isSysError(error, Errno.ETIMEDOUT, Errno.EINTR)) throw error;
      throw new CniError(ErrorCode.tryAgainLater, error.message);
    }
    try {
      return work();
    } finally {
      unlock(this.#fd);
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    if (this.#unused >= 0) attempt("close", this.#unused);
    this.#unused = -1;
    this.#filterSocket?.[Symbol.dispose]();
    this.#fd[Symbol.dispose]();
  }
}

function openOrExplain<T>(path: string, open: () => T): T {
  if (path === "") throw new NoNamespaceError(`failed to Statfs "": no such file or directory`);
  try {
    return open();
  } catch (error) {
    if (!isSysError(error, Errno.ENOENT, Errno.ENOTDIR)) throw error;
    throw new NoNamespaceError(`failed to Statfs ${goQuote(path)}: ${error.text}`);
  }
}
