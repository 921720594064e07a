import { startEmbedded } from "pg-baton/embedded";

const postgres = await startEmbedded();
console.log(postgres.url);
process.stdin.resume(); // keeps the server running until Ctrl-C
