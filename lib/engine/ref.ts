/** A job's ref: 22 characters of base64url in this process, a uuid in the table. */

/** The ref as the `ref` column takes it. */
export function uuidFromRef(ref: string): string {
  return Buffer.from(ref, "base64url").toString("hex");
}

/** The ref that the `ref` column holds. */
export function refFromUuid(uuid: string): string {
  return Buffer.from(uuid.replaceAll("-", ""), "hex").toString("base64url");
}
