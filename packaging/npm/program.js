// Where the program is: in the package for this platform, which npm has chosen.
import { createRequire } from "node:module";

const NAME = "@NAME@";

/** The path of the program. */
export function program() {
  const platform = `${NAME}-${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${platform}/bin/${NAME}`);
  } catch {
    throw new Error(
      `${NAME} has no program for ${process.platform} on ${process.arch}, or ${platform} was left ` +
        "out: install without --omit=optional, or build it from source with cargo",
    );
  }
}
