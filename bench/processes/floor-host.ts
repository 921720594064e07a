/** The host of the floor: each notification makes it run one job. */
import { argument, serve } from "../support/serve.js";
import { floorHost } from "../support/floor.js";

const { url } = argument() as { url: string };
serve({}, await floorHost(url));
