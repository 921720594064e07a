/**
 * Returns the place of a host among its peers, from 0, for calls of a sender. Every host computes
 * the same order, without asking the others. Pure.
 */
export function rankOf(host: string, peers: readonly string[], sender: number): number {
  const own = weight(host, sender);
  return peers.reduce((rank, peer) => {
    const other = weight(peer, sender);
    return other < own || (other === own && peer < host) ? rank + 1 : rank;
  }, 0);
}

/** How many hosts a wave calls, by rank, of those that are not known to be busy. Pure. */
export function calledBy(wave: number): number {
  return 2 ** wave;
}

/** FNV-1a, with a final mix so that neighbouring process ids lead to different orders. */
function weight(host: string, sender: number): number {
  let hash = 0x811c9dc5 ^ sender;
  for (let at = 0; at < host.length; at += 1) hash = Math.imul(hash ^ host.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
