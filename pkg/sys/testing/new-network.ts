/** A network namespace of a test's own, for tests that meet the kernel. */

import { attempt, call } from "../syscall.ts";

/** CLONE_NEWNET, linux/sched.h */
const cloneNewNet = 0x40000000;

/** A test's `skip`. */
export const skipUnlessRoot =
  attempt("geteuid") === 0 ? false : "needs root, to make network namespaces";

/** Takes this thread into a new network namespace: what it starts or opens from now on is there. */
export function enterNewNetwork(): void {
  call("unshare", cloneNewNet);
}

/** Takes this thread into the network namespace of a descriptor. */
export function enterNetwork(fd: number): void {
  call("setns", fd, cloneNewNet);
}
