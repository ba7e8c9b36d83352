/**
 * What a client of either family is: a state, and a function of it and of what happened that gives the next state and what
 * is to be done. It reads no clock, draws no random number and sends nothing: whoever calls it does.
 */

/** When something happens, and 32 random bits to go with it. */
export interface Moment {
  readonly now: number;
  readonly random: number;
}

/** A state, as far as it is the same for both families. */
interface State {
  readonly phase: string;
  /** When it wants to be woken; null for never. */
  readonly wakeAt: number | null;
  /** How many messages of others, and of no use, came. */
  readonly ignored: number;
}

/** What can happen; `Taken` is what a probe finds out. */
export type MachineEvent<Message, Taken> =
  /** Begin, or go on with a lease from before. */
  | { readonly type: "start" }
  | { readonly type: "timer" }
  | { readonly type: "message"; readonly message: Message }
  /** The outcome of a probe. */
  | { readonly type: "probed"; readonly taken: Taken }
  | { readonly type: "release" };

/** A client and what it wants done. */
export interface MachineStep<Client, Action> {
  readonly client: Client;
  readonly actions: readonly Action[];
}

/** What each event leads to. */
export interface Handlers<Client, Message, Taken, Step> {
  start(client: Client, at: Moment): Step;
  timer(client: Client, at: Moment): Step;
  message(client: Client, message: Message, at: Moment): Step;
  probed(client: Client, taken: Taken, at: Moment): Step;
  release(client: Client, at: Moment): Step;
}

/** The machine of these handlers. Nothing happens to one that has stopped, nor by a timer that was set for an earlier state. */
export function machine<Client extends State, Message, Taken, Action>(
  handlers: Handlers<Client, Message, Taken, MachineStep<Client, Action>>,
) {
  return (
    client: Client,
    event: MachineEvent<Message, Taken>,
    at: Moment,
  ): MachineStep<Client, Action> => {
    if (client.phase === "stopped") return stay(client);
    switch (event.type) {
      case "start":
        return handlers.start(client, at);
      case "timer":
        if (client.wakeAt === null || at.now < client.wakeAt) return stay(client);
        return handlers.timer(client, at);
      case "message":
        return handlers.message(client, event.message, at);
      case "probed":
        return handlers.probed(client, event.taken, at);
      case "release":
        return handlers.release(client, at);
    }
  };
}

/** Nothing follows. */
export function stay<Client>(client: Client) {
  return { client, actions: [] };
}

/** Nothing follows but that it is counted. */
export function ignore<Client extends State>(client: Client) {
  return stay({ ...client, ignored: client.ignored + 1 });
}

/** As `ignore`, and it is told. */
export function refuse<Client extends State>(client: Client, text: string) {
  return { ...ignore(client), actions: [{ do: "log" as const, text }] };
}
