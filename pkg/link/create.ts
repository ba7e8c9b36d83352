/** Makes a container's interface, where the container has it: directly in its namespace, under its own name. */

import { isNetlinkError } from "../netlink/error.ts";
import {
  getLink,
  type Link,
  type LinkSettings,
  newLink,
  setLink,
} from "../netlink/rtnetlink/link.ts";
import type { Namespace } from "../ns/namespace.ts";
import { Errno } from "../sys/errno.ts";
import { randomBytes } from "../sys/random.ts";
import { findLink, removeLink } from "./find.ts";

/** A link to be: its kind and name are needed, the rest is as `newLink` has it. */
export type NewInterface = LinkSettings & { readonly kind: string; readonly name: string };

/** Where a link is made, and from where. */
export interface CreatePlace {
  readonly container: Namespace;
  /** The namespace whose numbers `parent` is one of; the container's own if left out. */
  readonly from?: Namespace;
  /** Given the way to remove the link, before it is made. */
  readonly rollback: (step: () => void) => void;
}

/**
 * Makes the link, down, and reads it back. Throws in the reference's words where the container has one of
 * that name; whatever goes wrong later, the link of that name is then this call's to remove.
 */
export function createInterface(settings: NewInterface, place: CreatePlace): Link {
  const { container, from = container, rollback } = place;
  const { name } = settings;
  claimName(settings, place);
  if (from === container) return container.send(newLink(settings), getLink({ name }))[1];
  try {
    from.send(newLink({ ...settings, netnsFd: container.fd }));
  } catch (error) {
    // Before 6.14 the kernel looks for the name in the namespace of the request too, where "eth0" is no rarity.
    const isNameTaken = isNetlinkError(error, Errno.EEXIST);
    if (!isNameTaken || findLink(from, { name }) === undefined) throw error;
    return createAndRename(settings, { container, from, rollback });
  }
  return container.send(getLink({ name }))[0];
}

/** What is made under a name that `claimName` found free. */
export interface Claim {
  /** As the kernel calls it. */
  readonly kind: string;
  readonly name: string;
  /** As messages call it, if otherwise. */
  readonly title?: string;
}

/** Throws where the container has an interface of that name; from then on a link of it is this call's to remove. */
export function claimName({ kind, name, title = kind }: Claim, place: CreatePlace): void {
  const { container, rollback } = place;
  if (findLink(container, { name }) !== undefined) {
    throw new Error(
      `failed to create ${title}: file exists: the container has an interface "${name}"`,
    );
  }
  rollback(() => removeOfKind(container, { kind, name }));
}

function createAndRename(settings: NewInterface, place: Required<CreatePlace>): Link {
  const { container, from, rollback } = place;
  const temporary = { ...settings, name: temporaryName() };
  rollback(() => removeOfKind(container, temporary));
  from.send(newLink({ ...temporary, netnsFd: container.fd }));
  const [{ index }] = container.send(getLink({ name: temporary.name }));
  const { name } = settings;
  return container.send(setLink({ index, name }, `rename ${name}`), getLink({ index }))[1];
}

/** A name nobody has. */
function temporaryName(): string {
  const digits = Array.from(randomBytes(4), (byte) => byte.toString(16).padStart(2, "0"));
  return `cni${digits.join("")}`;
}

function removeOfKind(container: Namespace, { kind, name }: Claim): void {
  const link = findLink(container, { name });
  if (link?.kind === kind) removeLink(container, { index: link.index });
}
