/** DNS settings out of a file like /etc/resolv.conf. */

import type { Dns } from "../../pkg/cni/result.ts";

/** Reads the four settings CNI knows, by resolv.conf(5); everything else is skipped. */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain: string | undefined;
  for (const line of text.split("\n")) {
    const [keyword = "", ...values] = line.trim().split(/\s+/);
    const [first] = values;
    if (first === undefined || keyword.startsWith("#") || keyword.startsWith(";")) continue;
    if (keyword === "nameserver") nameservers.push(first);
    else if (keyword === "domain") domain = first;
    else if (keyword === "search") search.push(...values);
    else if (keyword === "options") options.push(...values);
  }
  return {
    nameservers: orAbsent(nameservers),
    domain,
    search: orAbsent(search),
    options: orAbsent(options),
  };
}

function orAbsent(list: string[]): string[] | undefined {
  return list.length > 0 ? list : undefined;
}
